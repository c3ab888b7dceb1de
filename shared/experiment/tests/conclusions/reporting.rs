use crate::directories::{head, write};
use crate::synthetic::{NOTHING, PLACEMENTS, Truth, doubt, runs};
use experiment::bundle::{Bundle, BundleWriter, CAPACITY_FILE, Event, SAMPLES_FILE, SUMS_FILE};
use experiment::capacity::{Answer, Judgement, Outcome as Trialled, Results, Search, Trial};
use experiment::cell::Cell;
use experiment::record::{RunRecord, Status};
use experiment::report::{Curve, Report, RunMaterial};
use std::path::Path;
use std::sync::LazyLock;

const TWO: &str = r#"
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
fn report(source: &str, change: impl FnOnce(&mut Vec<RunRecord>)) -> Report {
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
fn only_the_steady_part_is_in_a_curve() {
    let report = report(TWO, |_| {});
    let run = &report.runs[0];
    let (p50_us, curve) =
        (run.record.metrics["response-time-p50"].value, &run.series.curves["response-time"]);
    assert_eq!(curve.count, 6000);
    let middle = Curve::inverses().position(|inverse| inverse >= 1.99).unwrap();
    assert!((curve.quantiles_us[middle] / p50_us - 1.0).abs() < 0.1, "{curve:?}");
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
fn changed_bundle(source: &str, change: impl FnOnce(&Path, &mut BundleWriter)) -> Report {
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
fn search_for_a_capacity_is_reported_with_its_answers() {
    let between = Answer::Between { low: 800.0, high: 900.0, estimate: 850.0 };
    let report = search_report(between);
    let answer = &report.analysis.answer;
    assert!(
        answer.contains("Placement amd64: the highest rate that is sustained is 850 events a second"),
        "{answer}"
    );
    assert!(answer.contains("Placement arm64: the search was not finished (three runs)."), "{answer}");
    assert!(report.analysis.claims.is_empty());
    assert_eq!(report.analysis.cells.len(), 12);
    let text = report.markdown();
    assert!(text.contains("| placement amd64 | 700 | 0 | 0 | 1 |"), "{text}");
    for of_a_campaign in ["A/A", "Holm", "Each block"] {
        assert!(!text.contains(of_a_campaign), "{of_a_campaign}: {text}");
    }
    assert!(text.contains("isotonic regression"), "{text}");
    let csv = report.csv().unwrap();
    for row in [
        "capacity,amd64,,,,rate,850,800,900,3,,,between,\"850 events a second: 800 are sustained, 900 are not\"",
        "capacity,arm64,,,,rate,,,,3,,,not finished,",
        "trial,amd64,2,,,rate,1000,,,,,,not sustained,",
    ] {
        assert!(csv.lines().any(|line| line == row), "{row}: {csv}");
    }
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["capacity"]["searches"][0]["answer"]["low"], 800.0);
    assert_eq!(json["answer"], answer.as_str());
    assert!(
        report.html().contains("Rates that were tried: placement arm64")
            && !report.html().contains("Backlog")
    );
    let mut comparison = experiment::compare::compare(&report, &report);
    assert!(!comparison.is_contradicted());
    comparison.answers[0].outcome = experiment::compare::Outcome::Contradicted;
    assert!(comparison.is_contradicted());
}

#[test]
fn search_that_died_before_its_results_were_written_is_reported_from_its_journal() {
    let source = format!(
        "{TWO}[slos]\naccepted-to-queryable-p99 = \"60ms\"\n[capacity]\nfrom = 100\nto = 800\nprecision = 0.5\nconfirm = 1\n"
    );
    let judged = |number: u32, rate: f64| Event::Judged {
        number,
        cell: "amd64".to_owned(),
        rate,
        judgement: Judgement { outcome: Trialled::Sustained, reasons: Vec::new() },
    };
    let died = changed_bundle(&source, |directory, writer| {
        for (number, rate) in [(1, 100.0), (2, 200.0)] {
            writer.append(judged(number, rate)).unwrap();
        }
        // Of an earlier stop.
        let old = serde_json::to_vec(&Results::default()).unwrap();
        std::fs::write(directory.join(CAPACITY_FILE), old).unwrap();
    });
    let answer = &died.analysis.answer;
    let expected = "Placement amd64: the search was not finished (two runs). Placement arm64: the search was not finished (no runs).";
    assert_eq!(answer, expected);
    let nothing = changed_bundle(&source, |_, _| ());
    assert!(nothing.analysis.answer.contains("the search was not finished (no runs)"));
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

/// The report of a search of two cells, of which one has this answer and the other none.
pub(crate) fn search_report(answer: Answer) -> Report {
    let trial = |rate, outcome| Trial { rate, outcome };
    let trials = vec![
        trial(500.0, Trialled::Sustained),
        trial(1000.0, Trialled::Broken),
        trial(700.0, Trialled::Invalid),
    ];
    let search = |cell: &str, answer| Search {
        cell: cell.to_owned(),
        levels: [("placement".to_owned(), cell.to_owned())].into(),
        trials: trials.clone(),
        answer,
    };
    let results = Results { searches: vec![search("amd64", Some(answer)), search("arm64", None)] };
    changed_bundle(TWO, |directory, _| {
        for entry in std::fs::read_dir(directory.join("runs")).unwrap() {
            let path = entry.unwrap().path().join("run.json");
            let mut record: RunRecord = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            record.cell = format!("{}@{}", record.cell.trim_end_matches("#2"), 100 * record.block);
            std::fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        }
        std::fs::write(directory.join(CAPACITY_FILE), serde_json::to_vec(&results).unwrap()).unwrap();
    })
}

#[test]
fn percentiles_end_where_samples_do() {
    let last = |effective| Curve::inverses().take(Curve::known(effective)).last();
    assert_eq!(last(5.0), None);
    assert!(last(367.0).unwrap() < 99.0);
    assert!(last(368.0).unwrap() > 99.0 && last(368.0).unwrap() < 101.0);
    assert!(last(3688.0).unwrap() > 999.0);
}

#[test]
fn times_below_zero_are_part_of_a_curve() {
    let histogram = |times_us: std::ops::RangeInclusive<u64>| {
        let mut histogram = measurement::Histogram::new();
        times_us.for_each(|us| histogram.record(std::time::Duration::from_micros(us)));
        histogram
    };
    // −59 to −1 and 1 to 41 µs: the median is −10.
    let curve = Curve::of(&histogram(1..=41), &histogram(1..=59));
    let at = |inverse: f64| {
        let place = Curve::inverses().position(|known| known >= inverse).unwrap();
        curve.quantiles_us[place]
    };
    assert_eq!(curve.count, 100);
    for (inverse, us) in [(1.0, -59.0), (1.99, -10.0), (99.9, 40.0)] {
        assert!((at(inverse) - us).abs() < 0.1, "{inverse}: {curve:?}");
    }
}

#[test]
fn log_of_times_below_zero_is_read_with_its_distribution() {
    let report = changed_bundle(TWO, |directory, _| {
        for entry in std::fs::read_dir(directory.join("runs")).unwrap() {
            let log = |name: &str| entry.as_ref().unwrap().path().join(format!("{name}.hlog"));
            std::fs::copy(log("response-time"), log("response-time-negative")).unwrap();
        }
    });
    let curves = &report.runs[0].series.curves;
    assert_eq!(curves.keys().collect::<Vec<_>>(), ["accepted-to-queryable", "response-time"]);
    let curve = &curves["response-time"];
    assert!(curve.count == 12_000 && curve.quantiles_us[0] < 0.0, "{curve:?}");
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
fn run_with_few_samples_is_part_of_its_curve() {
    let described = |samples: f64| {
        let report = report(TWO, |records| {
            for run in records.iter_mut().filter(|run| run.cell == "arm64" && run.block <= 2) {
                for name in ["response-time-p50", "response-time-p99"] {
                    let measured = run.metrics.get_mut(name).unwrap();
                    (measured.value, measured.samples) = (10.0 * measured.value, samples);
                }
            }
        });
        let html = report.html();
        let bands = html.matches("class=\"band").count();
        let line =
            report.markdown().lines().find(|line| line.starts_with("- Response time:")).unwrap().to_owned();
        (line, bands)
    };
    assert_eq!(described(40.0), described(5000.0));
}

#[test]
fn curve_goes_as_far_as_the_middle_one_of_the_runs_can_tell() {
    let described = |few: u32| {
        let report = report(TWO, |records| {
            for run in records.iter_mut().filter(|run| run.cell == "arm64" && run.block <= few) {
                run.metrics.get_mut("response-time-p99").unwrap().samples = 40.0;
            }
        });
        let text = report.markdown();
        let line = text.lines().find(|line| line.starts_with("- Response time:")).unwrap();
        let of_arm64 = line.split_once("arm64:").unwrap().1;
        (of_arm64.contains("p90"), of_arm64.contains("p99 "))
    };
    assert_eq!(described(3), (true, true));
    assert_eq!(described(4), (true, false));
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
