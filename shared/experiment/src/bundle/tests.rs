use super::*;
use crate::fixtures::{SOURCE, plan, record};
use crate::record::Status;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn driver() -> Driver {
    Driver { testbed: "0.1.0".to_owned(), host: "here".to_owned(), kernel: "6.1".to_owned() }
}

fn head() -> Head {
    Head {
        version: BUNDLE_VERSION,
        name: "small".to_owned(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        testbed: "0.1.0".to_owned(),
        target: TargetKind::Local,
        host: "here".to_owned(),
    }
}

/// A bundle of two runs, sealed.
fn bundle() -> (TempDir, PathBuf) {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("small");
    let mut writer = BundleWriter::create(&directory, &head(), SOURCE, &plan()).unwrap();
    writer.append(Event::Begun { driver: driver() }).unwrap();
    for run in &Order::of(&plan()).runs[..2] {
        let staged = writer.stage(run.number, &run.cell, 1).unwrap();
        fs::write(staged.directory().join("samples.csv"), "at-s\n1\n").unwrap();
        staged.publish(&record(run, 1, Status::Valid, 1000.0)).unwrap();
    }
    writer.seal().unwrap();
    (parent, directory)
}

fn message(path: &Path) -> String {
    Bundle::open(path).unwrap_err().to_string()
}

#[test]
fn bundle_is_read_as_it_was_written() {
    let (_parent, directory) = bundle();
    let read = Bundle::open(&directory).unwrap();
    assert_eq!((read.head, read.plan, read.source.as_str()), (head(), plan(), SOURCE));
    assert_eq!(read.order, Order::of(&read_plan(&directory)));
    assert_eq!(read.runs.iter().map(|run| run.record.number).collect::<Vec<_>>(), [1, 2]);
    assert!(read.runs[0].directory.join("samples.csv").exists());
    assert_eq!(read.journal.entries().len(), 1);
    assert!(read.is_sealed);
}

fn read_plan(directory: &Path) -> crate::plan::Plan {
    serde_json::from_str(&fs::read_to_string(directory.join(PLAN_FILE)).unwrap()).unwrap()
}

#[test]
fn file_that_was_tampered_with_is_named() {
    let (_parent, directory) = bundle();
    let run = Bundle::open(&directory).unwrap().runs[1].directory.clone();
    let name = run.file_name().unwrap().to_str().unwrap().to_owned();
    let samples = run.join("samples.csv");
    fs::write(&samples, "at-s\n2\n").unwrap();
    assert!(
        message(&directory).contains(&format!("runs/{name}/samples.csv differs")),
        "{}",
        message(&directory)
    );
    fs::remove_file(&samples).unwrap();
    assert!(message(&directory).contains(&format!("runs/{name}/samples.csv is missing")));
    fs::write(&samples, "at-s\n1\n").unwrap();
    assert!(Bundle::open(&directory).is_ok());
    fs::write(directory.join("extra"), "").unwrap();
    assert!(message(&directory).contains("extra was added"));
}

#[test]
fn bundle_of_another_version_says_what_to_do() {
    let (_parent, directory) = bundle();
    fs::remove_file(directory.join(SUMS_FILE)).unwrap();
    let text = fs::read_to_string(directory.join(HEAD_FILE)).unwrap();
    let with =
        |version: &str| text.replace("\"version\": 1", &format!("\"version\": {version}, \"later\": 1"));
    fs::write(directory.join(HEAD_FILE), with("2")).unwrap();
    assert!(message(&directory).contains("format 2, newer than 1"), "{}", message(&directory));
    fs::write(directory.join(HEAD_FILE), with("0")).unwrap();
    assert!(message(&directory).contains("nothing migrates it"), "{}", message(&directory));
    fs::remove_file(directory.join(HEAD_FILE)).unwrap();
    assert!(message(&directory).contains("is no bundle"));
    assert!(message(Path::new("/nonexistent")).contains("/nonexistent is no bundle"));
}

#[test]
fn plan_and_records_of_another_version_are_refused_at_their_place() {
    let (_parent, directory) = bundle();
    fs::remove_file(directory.join(SUMS_FILE)).unwrap();
    let record = Bundle::open(&directory).unwrap().runs[0].directory.join(RECORD_FILE);
    for (file, message_of) in [
        (directory.join(PLAN_FILE), "plan version 9, and this testbed reads 1"),
        (record, "record version 9, and this testbed reads 1"),
    ] {
        let text = fs::read_to_string(&file).unwrap();
        // Another version has other members.
        fs::write(&file, "{\"version\": 9, \"later\": 1}").unwrap();
        let found = message(&directory);
        assert!(found.contains(message_of) && found.contains(file.to_str().unwrap()), "{found}");
        fs::write(&file, text).unwrap();
    }
    assert!(Bundle::open(&directory).is_ok());
}

#[test]
fn archive_is_the_same_bytes_each_time_and_the_same_bundle() {
    let (parent, directory) = bundle();
    let (first, second) = (parent.path().join("a.tar.gz"), parent.path().join("b.tar.gz"));
    pack(&directory, "small", &first).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(100);
    fs::File::open(directory.join(HEAD_FILE)).unwrap().set_modified(later).unwrap();
    pack(&directory, "small", &second).unwrap();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    let (original, unpacked) = (Bundle::open(&directory).unwrap(), Bundle::open(&first).unwrap());
    assert_eq!(unpacked.records(), original.records());
    assert!(unpacked.is_sealed && unpacked.runs[0].directory.join("samples.csv").exists());
    let place = unpacked.directory().to_owned();
    drop(unpacked);
    assert!(!place.exists());
}

/// An archive with one entry of this name and type.
fn archive_with(parent: &Path, name: &str, kind: tar::EntryType) -> PathBuf {
    let path = parent.join("bad.tar.gz");
    let mut builder =
        tar::Builder::new(GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    // As an attacker would: the crate refuses to write such a name.
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(1);
    header.set_cksum();
    builder.append(&header, &b"x"[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap();
    path
}

#[test]
fn archive_that_leads_elsewhere_is_refused() {
    let parent = TempDir::new().unwrap();
    for name in ["small/../../escaped", "/tmp/escaped-from-a-bundle", "../escaped", "escaped"] {
        let error = message(&archive_with(parent.path(), name, tar::EntryType::Regular));
        assert!(error.contains("leads out of the bundle"), "{name}: {error}");
    }
    let error = message(&archive_with(parent.path(), "small/link", tar::EntryType::Symlink));
    assert!(error.contains("is a link"), "{error}");
    fs::write(parent.path().join("text"), "no archive").unwrap();
    assert!(message(&parent.path().join("text")).contains("cannot be unpacked"));
}

#[test]
fn run_has_its_name_only_when_it_is_whole() {
    let (_parent, directory) = bundle();
    let writer = BundleWriter::open(&directory).unwrap();
    let staged = writer.stage(3, "500", 2).unwrap();
    fs::write(staged.directory().join("half"), "").unwrap();
    assert_eq!(Bundle::open(&directory).unwrap().runs.len(), 2);
    let partial = staged.directory().to_owned();
    assert_eq!(writer.unfinished().unwrap(), std::slice::from_ref(&partial));
    drop(staged);
    assert!(!partial.exists());
}

#[test]
fn bundle_is_written_by_one_process_and_never_over_another() {
    let (_parent, directory) = bundle();
    let error = BundleWriter::create(&directory, &head(), SOURCE, &plan()).unwrap_err().to_string();
    assert!(error.contains("is there already") && error.contains("resume"), "{error}");
    let writer = BundleWriter::open(&directory).unwrap();
    assert!(BundleWriter::open(&directory).unwrap_err().to_string().contains("in use"));
    assert!(!Bundle::open(&directory).unwrap().is_sealed);
    drop(writer);
    BundleWriter::open(&directory).unwrap();
}

#[test]
fn journal_survives_a_line_that_was_cut_off() {
    let (_parent, directory) = bundle();
    let path = directory.join(JOURNAL_FILE);
    let whole = fs::read_to_string(&path).unwrap();
    // Torn within a letter of two bytes.
    fs::write(&path, [whole.as_bytes(), b"{\"at\":\"20 \xc2"].concat()).unwrap();
    let mut writer = BundleWriter::open(&directory).unwrap();
    assert_eq!(writer.journal().entries().len(), 1);
    writer.append(Event::Ended { reason: End::AllBlocks }).unwrap();
    assert_eq!(Journal::read(&directory).unwrap().end(), Some(End::AllBlocks));
    fs::write(&path, format!("{{}}\n{whole}")).unwrap();
    assert!(Journal::read(&directory).unwrap_err().to_string().contains("journal.ndjson:1: "));
}

#[test]
fn time_between_a_stop_and_a_resumption_is_not_spent() {
    let (_parent, directory) = bundle();
    let line = |at: &str, event: &str| format!("{{\"at\":\"2026-01-01T{at}Z\",{event}}}\n");
    let start = "\"driver\":{\"testbed\":\"a\",\"host\":\"b\",\"kernel\":\"c\"}";
    let text = line("00:00:00", &format!("\"event\":\"begun\",{start}"))
        + &line("00:01:00", "\"event\":\"stopped\",\"reason\":\"interrupted\"")
        + &line("10:00:00", &format!("\"event\":\"resumed\",{start},\"changes\":[]"))
        + &line("10:00:30", "\"event\":\"run-failed\",\"number\":3,\"attempt\":1,\"message\":\"no\"");
    fs::write(directory.join(JOURNAL_FILE), text).unwrap();
    let journal = Journal::read(&directory).unwrap();
    assert!((journal.spent_s() - 90.0).abs() < 1e-9);
    assert_eq!(journal.failed(), [(3, 1)].into());
    assert_eq!(journal.end(), None);
}

#[test]
fn names_of_runs_are_safe_and_in_order() {
    assert_eq!(run_name(7, "arm64/5000", 1), "0007-arm64-5000");
    assert_eq!(run_name(12, "a:b%/500#2", 3), "0012-a-b--500-copy-2-attempt-3");
}
