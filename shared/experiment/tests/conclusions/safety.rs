//! What nobody may do to a reader: change a bundle unseen, or put something into a report through its texts.

use crate::directories::write;
use crate::judging::paired;
use crate::synthetic::{NOTHING, PLACEMENTS, doubt, runs};
use experiment::bundle::{Bundle, BundleWriter, CAPACITY_FILE, Event, SUMS_FILE, pack};
use experiment::cell::Cell;
use experiment::plan::Plan;
use experiment::record::{RunRecord, Status};
use experiment::report::{Report, RunMaterial};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A sealed bundle with every kind of file that there is.
fn bundle() -> (TempDir, PathBuf) {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("bundle");
    let (plan, _, records) = runs(PLACEMENTS, &NOTHING, 1);
    write(&directory, PLACEMENTS, &plan, &records[..2]);
    let mut writer = BundleWriter::open(&directory).unwrap();
    writer.append(Event::Stopped { reason: "interrupted".to_owned() }).unwrap();
    fs::write(directory.join(CAPACITY_FILE), "{\"searches\":[]}").unwrap();
    let run = Bundle::open(&directory).unwrap().runs[0].directory.clone();
    fs::create_dir(run.join("logs")).unwrap();
    for file in ["logs/redis.log", "result.json", "ledger.json", "workload.toml"] {
        fs::write(run.join(file), "of another program").unwrap();
    }
    writer.seal().unwrap();
    (parent, directory)
}

/// All files below a directory, by their paths in it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn one_byte_in_any_file_of_a_bundle_is_noticed() {
    let (_parent, directory) = bundle();
    let mut kinds = BTreeSet::new();
    for file in files(&directory) {
        let bytes = fs::read(&file).unwrap();
        let mut changed = bytes.clone();
        // A digit or a space within, so that what is changed is still text.
        let place = bytes.len() / 2;
        changed[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
        fs::write(&file, changed).unwrap();
        let name = file.strip_prefix(&directory).unwrap().to_str().unwrap();
        let error = Bundle::open(&directory).unwrap_err().to_string();
        // Of changed checksums the files are named that they are of.
        assert!(name == SUMS_FILE || error.contains(name), "{name}: {error}");
        fs::write(&file, bytes).unwrap();
        kinds.insert(file.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert!(Bundle::open(&directory).unwrap().is_sealed);
    let expected = [
        "SHA256SUMS",
        "accepted-to-queryable.hlog",
        "bundle.json",
        "capacity.json",
        "environment.json",
        "experiment.toml",
        "journal.ndjson",
        "ledger.json",
        "order.json",
        "plan.json",
        "redis.log",
        "response-time.hlog",
        "result.json",
        "run.json",
        "samples.csv",
        "timeseries.csv",
        "workload.toml",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
}

#[test]
fn archive_gives_the_report_of_its_directory() {
    let parent = TempDir::new().unwrap();
    let (directory, archive) = (parent.path().join("bundle"), parent.path().join("bundle.tar.gz"));
    let (plan, _, records) = runs(PLACEMENTS, &NOTHING, 1);
    write(&directory, PLACEMENTS, &plan, &records);
    pack(&directory, "bundle", &archive).unwrap();
    let of = |path: &Path| Report::of(&Bundle::open(path).unwrap()).unwrap();
    let (unpacked, packed) = (of(&directory), of(&archive));
    assert_eq!(unpacked.html(), packed.html());
    assert_eq!(unpacked.markdown(), packed.markdown());
    assert_eq!(unpacked.csv().unwrap(), packed.csv().unwrap());
    assert_eq!(unpacked.json().unwrap(), packed.json().unwrap());
    assert!(packed.html().contains("Backlog, rate 1000"));
}

/// What HTML, Markdown and CSV would each take for their own.
const HOSTILE: &str = "<x>&'\"|*`,\\_\n=1";

/// A report in which every name and text that a plan, a record or a node can bring is [`HOSTILE`].
fn hostile_report() -> Report {
    let (plan, cells, mut records) = runs(PLACEMENTS, &NOTHING, 1);
    doubt(&mut records[3], Status::Suspect, "steal", "amd64");
    let mut invalid = records[5].clone();
    (invalid.number, invalid.attempt) = (60, 2);
    doubt(&mut invalid, Status::Invalid, "amd64", "arm64");
    records.push(invalid);
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("bundle");
    write(&directory, PLACEMENTS, &plan, &records);
    let read = Bundle::open(&directory).unwrap();
    let material = |run: &experiment::bundle::StoredRun| {
        let material = RunMaterial::read(run.record.clone(), &run.directory).unwrap();
        RunMaterial {
            record: hostile(&material.record),
            environments: hostile(&material.environments),
            ..material
        }
    };
    let (plan, cells): (Plan, Vec<Cell>) = (hostile(&plan), hostile(&cells));
    Report::new(hostile(&read.head), plan, cells, read.runs.iter().map(material).collect())
}

/// The same value with other texts in it.
fn hostile<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let mut text = serde_json::to_string(value).unwrap();
    let mut quoted = serde_json::to_string(HOSTILE).unwrap();
    quoted = quoted[1..quoted.len() - 1].to_owned();
    for known in
        ["amd64", "arm64", "\"5000\"", "\"steal\"", "workbench", "5d1f0c2a9b3e", "6.12.47", "Cortex-A76"]
    {
        let is_whole = known.starts_with('"');
        let plain = known.trim_matches('"');
        let new = format!("{quoted}{plain}");
        text = text.replace(known, &if is_whole { format!("\"{new}\"") } else { new });
    }
    serde_json::from_str(&text).unwrap()
}

#[test]
fn texts_of_a_bundle_are_no_markup_of_the_page() {
    let page = hostile_report().html();
    assert!(!page.contains("<x>") && !page.contains("\"|*"), "{page}");
    assert!(page.contains("&lt;x&gt;&amp;'&quot;|*`,"));
    // Headings, drawings and tables all have such texts.
    for place in [
        "<title>",
        "<h1>",
        "<p class=\"answer\">",
        "<figcaption>",
        "<desc",
        "<caption",
        "<th scope=\"row\">",
        "<td>",
        "</svg>",
        "<text x=\"4\"",
    ] {
        let found = page.split(place).skip(1).any(|rest| rest[..rest.len().min(900)].contains("&lt;x&gt;"));
        assert!(found, "{place}");
    }
}

#[test]
fn texts_of_a_bundle_are_no_markup_of_the_document() {
    let text = hostile_report().markdown();
    assert!(!text.contains("<x>") && text.contains(r"\<x\>&'"), "{text}");
    let bars = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
    let mut columns = None;
    for line in text.lines() {
        // A table ends where a line does not begin like one: no text has broken a row.
        let expected = *columns.get_or_insert_with(|| bars(line));
        if line.starts_with('|') {
            assert_eq!(bars(line), expected, "{line}");
        } else {
            assert_eq!(bars(line), 0, "{line}");
            columns = None;
        }
    }
    assert!(!text.contains("\n=1"));
}

#[test]
fn texts_of_a_bundle_are_read_back_from_the_table() {
    let report = hostile_report();
    let csv = report.csv().unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!(rows.iter().all(|row| row.len() == 14));
    let has = |column: usize, text: &str| rows.iter().any(|row| row[column].contains(text));
    assert!(has(1, &format!("{HOSTILE}arm64/1000")) && has(13, &format!("{HOSTILE}arm64")));
    // Claims, each metric of cells, and of 51 attempts.
    assert_eq!(rows.len(), 4 + 22 * (5 + 51));
}

/// The bias of a control in one metric, from records to what a reader reads first.
#[test]
fn planted_bias_of_the_control_is_the_first_thing_said() {
    let (plan, cells, mut records) = paired("cpu-per-event", &[1.84; 10]);
    for run in records.iter_mut().filter(|run: &&mut RunRecord| run.cell.ends_with("#2")) {
        run.metrics.get_mut("cpu-per-event").unwrap().value *= 1.02;
    }
    let material = |record| RunMaterial { record, series: Default::default(), environments: None };
    let head = crate::directories::head(&plan);
    let report = Report::new(head, plan, cells, records.into_iter().map(material).collect());
    let first =
        report.analysis.answer.split_once(". ").map_or(report.analysis.answer.as_str(), |(first, _)| first);
    assert!(
        first.contains(" it is not known whether") && first.contains("the A/A control is biased"),
        "{first}"
    );
    assert!(report.html().contains(">inconclusive</strong>") && !report.html().contains(">worse<"));
    assert!(report.markdown().contains("Verdict: inconclusive"));
    let csv = report.csv().unwrap();
    let claims: Vec<&str> = csv.lines().filter(|line| line.starts_with("claim,")).collect();
    assert!(!claims.is_empty() && claims.iter().all(|line| line.contains(",inconclusive,")), "{claims:?}");
}
