use crate::directories::{head, write};
use crate::synthetic::{NOTHING, PLACEMENTS, Truth, doubt, runs};
use experiment::bundle::{Bundle, BundleWriter, Event, SAMPLES_FILE, SUMS_FILE};
use experiment::cell::Cell;
use experiment::record::{RunRecord, Status};
use experiment::report::{Report, RunMaterial};
use std::path::Path;
use std::sync::LazyLock;

pub(crate) const TWO: &str = r#"
name = "two"
question = "Is <b>this</b> | slower & dearer?"
blocks = 6
[timing]
warm-up = "5s"
measure = "20s"
cool-down = "2s"
[[factors]]
name = "placement"
levels = ["amd64", "arm64"]
[[comparisons]]
factor = "placement"
metrics = ["accepted-to-queryable-p99"]
"#;

fn slower_arm64(cell: &Cell, metric: &str) -> f64 {
    if cell.levels["placement"] == "arm64" && metric.ends_with("p99") { 1.84 } else { 1.0 }
}

const SLOWER: Truth = Truth { effect: slower_arm64, ..NOTHING };

/// The report of a bundle that was written and read.
pub(crate) fn report(source: &str, change: impl FnOnce(&mut Vec<RunRecord>)) -> Report {
    let (plan, _, mut records) = runs(source, &SLOWER, 1);
    change(&mut records);
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("bundle");
    write(&directory, source, &plan, &records);
    Report::of(&Bundle::open(&directory).unwrap()).unwrap()
}

static TWO_REPORT: LazyLock<Report> = LazyLock::new(|| report(TWO, with_doubts));
static PLACEMENTS_REPORT: LazyLock<Report> = LazyLock::new(|| report(PLACEMENTS, with_doubts));

/// One attempt that is repeated, and one suspect run.
fn with_doubts(records: &mut Vec<RunRecord>) {
    let mut invalid = records[4].clone();
    doubt(&mut invalid, Status::Invalid, "audit", "3 events are lost: <lost> | twice");
    records[4].attempt = 2;
    records[4].started_at += jiff::SignedDuration::from_secs(600);
    records.insert(4, invalid);
    doubt(&mut records[7], Status::Suspect, "pressure-cpu", "31 %, at most 20 %");
}

#[test]
fn small_report_as_markdown() {
    insta::assert_snapshot!(TWO_REPORT.markdown());
}

#[test]
fn small_report_as_csv() {
    let csv = TWO_REPORT.csv().unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    // A claim, and each metric of three cells and of 19 attempts.
    assert_eq!(rows.len(), 1 + 1 + 22 * (3 + 19));
    let first_of = |kind: &str| rows.iter().find(|row| row.starts_with(kind)).copied().unwrap();
    insta::assert_snapshot!(["kind", "claim", "cell", "run", "unused-run"].map(first_of).join("\n"));
}

#[test]
fn small_report_as_html() {
    insta::assert_snapshot!(TWO_REPORT.html().replace("><", ">\n<"));
}

#[test]
fn report_is_the_same_whatever_the_order_of_its_runs() {
    let whole = &*TWO_REPORT;
    let turned = report(TWO, |records| {
        with_doubts(records);
        records.reverse();
    });
    assert_eq!(whole.html(), turned.html());
    assert_eq!(whole.csv().unwrap(), turned.csv().unwrap());
}

#[test]
fn page_fetches_nothing_and_runs_nothing() {
    let page = PLACEMENTS_REPORT.html();
    for forbidden in ["<script", "http://", "https://", "src=", "url(", "@import", "<link", "onload"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn texts_of_a_plan_stay_texts() {
    let report = &*TWO_REPORT;
    assert!(report.html().contains("Is &lt;b&gt;this&lt;/b&gt; | slower &amp; dearer?"));
    assert!(report.html().contains("&lt;lost&gt; | twice"));
    assert!(report.markdown().contains(r"\<lost\> \| twice"));
}

#[test]
fn every_reference_within_the_page_has_its_one_target() {
    let page = PLACEMENTS_REPORT.html();
    let of = |attribute: &str| -> Vec<String> {
        let start = format!(" {attribute}=\"");
        let parts = page.split(&start).skip(1);
        parts
            .flat_map(|rest| {
                rest.split('"').next().unwrap().split(' ').map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    };
    let ids = of("id");
    let referred =
        of("aria-labelledby").into_iter().chain(of("href").into_iter().map(|link| link.replacen('#', "", 1)));
    for id in referred {
        assert_eq!(ids.iter().filter(|known| **known == id).count(), 1, "{id}");
    }
    assert!(ids.len() > 30);
}

#[test]
fn drawing_is_there_for_each_combination_and_kind() {
    let page = PLACEMENTS_REPORT.html();
    for title in [
        "Accepted to queryable, rate 1000",
        "Response time, rate 5000",
        "accepted-to-queryable-p99 of each run, rate 1000",
        "Throughput, rate 5000",
        "Backlog, rate 1000",
        "Where the time goes",
        "Processor time for an event",
        "Order of runs: accepted-to-queryable-p99",
        "Noise around the runs",
    ] {
        assert!(page.contains(&format!("<figcaption>{title}</figcaption>")), "{title}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn costs_are_shown_by_service_and_of_redis_where_they_were_measured() {
    let with = |names: &'static [&str]| {
        let report = report(TWO, |records| {
            for run in records {
                let cost = run.metrics["disk-per-event"];
                run.metrics.extend(names.iter().map(|name| ((*name).to_owned(), cost)));
            }
        });
        (report.html(), report.markdown())
    };
    let names =
        &["network-per-event-ingest-api", "disk-per-event-redis", "cpu-per-event-redis", "memory-peak-redis"];
    let (page, text) = with(names);
    assert!(
        page.contains("Bytes over the network for an event")
            && page.contains("Bytes to storage for an event")
    );
    assert!(names.iter().all(|name| text.contains(&format!("| {name} |"))), "{text}");
    let (page, text) = with(&[]);
    assert!(!page.contains("Bytes over the network for an event") && !text.contains("-redis |"));
}

#[test]
fn bundle_without_checksums_is_said_to_be_unfinished() {
    let (plan, _, records) = runs(TWO, &SLOWER, 1);
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("bundle");
    write(&directory, TWO, &plan, &records);
    let is_noted = || {
        let report = Report::of(&Bundle::open(&directory).unwrap()).unwrap();
        report.analysis.notes.iter().any(|note| note.contains("no checksums"))
    };
    assert!(!is_noted());
    std::fs::remove_file(directory.join(SUMS_FILE)).unwrap();
    assert!(is_noted());
}

/// The report of a bundle of which something is changed before it is sealed.
pub(crate) fn changed_bundle(source: &str, change: impl FnOnce(&Path, &mut BundleWriter)) -> Report {
    let (plan, _, records) = runs(source, &SLOWER, 1);
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("bundle");
    write(&directory, source, &plan, &records);
    let mut writer = BundleWriter::open(&directory).unwrap();
    change(&directory, &mut writer);
    writer.seal().unwrap();
    Report::of(&Bundle::open(&directory).unwrap()).unwrap()
}

#[test]
fn attempts_without_a_record_and_changes_are_said() {
    let report = changed_bundle(TWO, |_, writer| {
        let begun = Event::RunBegun { number: 40, attempt: 1, cell: "arm64".to_owned() };
        writer.append(begun).unwrap();
        let message = "redis did not start".to_owned();
        writer.append(Event::RunFailed { number: 40, attempt: 1, message }).unwrap();
        let changes = vec!["kernel of arm64-node: 6.12.47, now 6.12.48".to_owned()];
        writer.append(Event::EnvironmentChanged { number: 41, attempt: 1, changes }).unwrap();
        writer.append(Event::Stopped { reason: "interrupted".to_owned() }).unwrap();
    });
    let text = report.markdown();
    assert!(text.contains("| 40 | arm64 | – | 1 | redis did not start |"), "{text}");
    assert!(text.contains("before run 41 the environment changed: kernel of arm64-node"), "{text}");
    assert!(text.contains("the campaign was stopped and not resumed: interrupted"), "{text}");
}

#[test]
fn bounds_of_the_plan_are_held_against_each_run() {
    let report = report(&format!("{TWO}[slos]\naccepted-to-queryable-p99 = \"60ms\"\n"), |records| {
        let run = records.iter_mut().find(|run| run.cell == "amd64").unwrap();
        run.metrics.get_mut("accepted-to-queryable-p99").unwrap().value = 60_000.0;
    });
    let text = report.markdown();
    assert!(text.contains("| placement | accepted-to-queryable-p99 ≤ 60.0 ms |"), "{text}");
    assert!(text.contains("| amd64 | 6 of 6 |") && text.contains("| arm64 | 0 of 6 |"), "{text}");
}

#[test]
fn emulated_is_written_wherever_something_emulated_is_named() {
    let emulated = report(TWO, |records| {
        with_doubts(records);
        let services = records.iter_mut().flat_map(|run| &mut run.services);
        services.for_each(|service| service.is_emulated = true);
    });
    let text = emulated.markdown();
    for place in [
        "| arm64 ÷ amd64 (emulated) | accepted-to-queryable-p99 |",
        "2 (emulated) ÷ its original",
        "2 (emulated) (control) |",
    ] {
        assert!(text.contains(place), "{place}: {text}");
    }
    // Cells stand in rows of tables: none without its label, in a first or a second column. Nodes have none.
    let is_cell = |text: &str| ["amd64", "arm64", "amd64#2", "amd64\\#2"].contains(&text.trim());
    let rows = text.lines().filter(|line| {
        line.starts_with("| ") && !line.starts_with("| placement |") && !line.contains("-node |")
    });
    let bare: Vec<&str> = rows.filter(|row| row.split('|').skip(1).take(2).any(is_cell)).collect();
    assert!(bare.is_empty(), "{bare:#?}");
    let csv = emulated.csv().unwrap();
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    assert!(rows.records().all(|row| row.unwrap()[13].starts_with("emulated")));
}

#[test]
fn percentile_of_too_few_samples_is_nowhere() {
    let report = report(PLACEMENTS, |records| {
        for run in records.iter_mut().filter(|run| run.cell != "amd64/5000") {
            run.metrics.get_mut("accepted-to-queryable-p99").unwrap().samples = 100.0;
        }
    });
    let page = report.html();
    assert!(!page.contains("accepted-to-queryable-p99 of each run, rate 1000"));
    assert!(page.contains("accepted-to-queryable-p99 of each run, rate 5000"));
    // 40 attempts, a cell of the table for each of four cells.
    assert_eq!(page.matches("hidden: too few samples").count(), 40 + 4);
}

#[test]
fn error_of_clocks_is_drawn_at_the_end_of_stages() {
    let lines = |clock_error: f64| {
        let report = report(TWO, |records| {
            for run in records {
                run.metrics.get_mut("stage-process-mean").unwrap().clock_error = clock_error;
            }
        });
        assert_eq!(report.markdown().contains("±400 µs"), clock_error > 0.0);
        report.html().matches("<line class=\"error\"").count()
    };
    // Three for each bar.
    assert_eq!((lines(0.0), lines(400.0)), (0, 2 * 3));
}

#[test]
fn stages_that_do_not_add_up_are_said() {
    let note = |change: f64, clock_error: f64| {
        let report = report(TWO, |records| {
            let run = records.iter_mut().find(|run| run.cell == "arm64").unwrap();
            let whole = run.metrics["intended-to-queryable-mean"].value;
            let process = run.metrics.get_mut("stage-process-mean").unwrap();
            process.value += change * whole;
            process.clock_error = clock_error * whole;
        });
        let is_of_stages = |note: &&String| note.starts_with("the stages of arm64 add up to");
        report.analysis.notes.iter().find(is_of_stages).cloned()
    };
    assert_eq!(note(0.004, 0.0), None);
    assert_eq!(note(0.1, 0.1), None);
    for (change, clock_error) in [(0.006, 0.0), (-0.006, 0.0), (0.1, 0.09)] {
        assert!(note(change, clock_error).unwrap().contains("do not use them"), "{change}");
    }
}

#[test]
fn run_without_its_files_is_reported_without_drawings() {
    let (plan, cells, records) = runs(TWO, &SLOWER, 1);
    let empty = tempfile::tempdir().unwrap();
    let runs = records.into_iter().map(|record| RunMaterial::read(record, empty.path()).unwrap());
    let report = Report::new(head(&plan), plan, cells, runs.collect());
    assert!(report.html().contains("times that on amd64") && !report.html().contains("Throughput"));
    let (plan, cells, _) = self::runs(TWO, &SLOWER, 1);
    let nothing = Report::new(head(&plan), plan, cells, Vec::new());
    assert!(nothing.html().contains("no run was carried out"));
    assert!(nothing.markdown().contains("no run was carried out"));
}

#[test]
fn file_that_is_none_is_named() {
    let (_, _, records) = runs(TWO, &SLOWER, 1);
    let directory = tempfile::tempdir().unwrap();
    let refusal = |file: &str, content: &str| {
        let path = directory.path().join(file);
        std::fs::write(&path, content).unwrap();
        let error = RunMaterial::read(records[0].clone(), directory.path()).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains(file), "{error}");
    };
    refusal("response-time.hlog", "Tag=measure,0.000,1.000,0.000,nonsense\n");
    refusal("environment.json", "{");
    refusal(SAMPLES_FILE, "at-s,backlog\n1,-2\n");
    refusal("timeseries.csv", "second,accepted\n1,2,3\n");
    assert!(RunMaterial::read(records[0].clone(), Path::new("/no/such/run")).is_err());
}
