//! Which ledger is found, and what is said where there is none.

use super::*;
use measurement::{Ledger, SequenceSet};

fn file(run: &str, ended_s: i64, accepted: impl IntoIterator<Item = u64>) -> LedgerFile {
    let mut ledger = Ledger::default();
    ledger.first.accepted = SequenceSet::from_iter(accepted);
    let at = |second| Timestamp::from_second(second).unwrap();
    LedgerFile::new(run, at(0), at(ended_s), ledger)
}

fn write(path: &Path, file: &LedgerFile) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    file.write(File::create(path).unwrap()).unwrap();
}

fn message(results: &Path, run: Option<&str>) -> String {
    format!("{:#}", find(results, run).unwrap_err())
}

#[test]
fn ledger_is_found_below_the_results_and_in_them() {
    let parent = tempfile::tempdir().unwrap();
    write(&parent.path().join("first/ledger.json"), &file("first", 1, [1]));
    for (results, run) in
        [(parent.path().to_owned(), Some("first")), (parent.path().join("first"), Some("first"))]
    {
        assert_eq!(find(&results, run).unwrap().file.runid, "first");
    }
    assert_eq!(find(&parent.path().join("first"), None).unwrap().file.runid, "first");
}

#[test]
fn newest_run_is_the_one_that_ended_last() {
    let parent = tempfile::tempdir().unwrap();
    // Neither the name nor the order of writing decides.
    for (run, ended_s) in [("b", 7), ("c", 9), ("a", 8)] {
        write(&parent.path().join(run).join(FILE), &file(run, ended_s, [1]));
    }
    std::fs::create_dir(parent.path().join("running")).unwrap();
    write(&parent.path().join("d/shard-0-of-2/ledger.json"), &file("d", 3, [1]));
    let found = find(parent.path(), None).unwrap();
    assert_eq!(found.file.runid, "c");
    let expected =
        format!("c is the newest run in {}, it ended at 1970-01-01T00:00:09Z", parent.path().display());
    assert_eq!(found.notes, [expected]);

    write(&parent.path().join("d/shard-1-of-2/ledger.json"), &file("d", 10, [2]));
    assert_eq!(find(parent.path(), None).unwrap().file, file("d", 10, [1, 2]));
}

#[test]
fn ledger_of_another_version_is_passed_over_and_told() {
    let parent = tempfile::tempdir().unwrap();
    write(&parent.path().join("new/ledger.json"), &file("new", 1, [1]));
    std::fs::create_dir(parent.path().join("old")).unwrap();
    let old = parent.path().join("old/ledger.json");
    std::fs::write(&old, r#"{"version":1,"runid":"old","ledger":{"sent":[]}}"#).unwrap();
    let found = find(parent.path(), None).unwrap();
    assert_eq!(found.file.runid, "new");
    assert!(
        found.notes[1].starts_with(&format!("passed over, cannot read {}: ", old.display())),
        "{found:?}"
    );
    assert!(
        message(parent.path(), Some("old")).contains("ledger has version 1, this program reads version 2")
    );
}

#[test]
fn shards_are_put_together_and_the_missing_ones_named() {
    let parent = tempfile::tempdir().unwrap();
    for shard in [0_u64, 3, 1] {
        let path = parent.path().join(format!("first/shard-{shard}-of-4/ledger.json"));
        write(&path, &file("first", 1, [shard]));
    }
    let found = find(parent.path(), Some("first")).unwrap().file;
    assert_eq!(found.ledger.first.accepted, SequenceSet::from_iter([0, 1, 3]));
    assert_eq!(found.missing_shards, ["2 of 4"]);
    write(&parent.path().join("first/shard-2-of-4/ledger.json"), &file("first", 1, [2]));
    assert!(find(parent.path(), Some("first")).unwrap().file.missing_shards.is_empty());
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let shard = |name: &str| parent.path().join("first").join(name).join(FILE);
    write(&shard("shard-0-of-2"), &file("first", 1, [1]));
    write(&shard("shard-1-of-2"), &file("other", 1, [2]));
    let other = message(parent.path(), Some("first"));
    assert!(other.ends_with("cannot be relied on: ledger is of run first, not of other"), "{other}");

    let mut contradicting = file("first", 1, []);
    contradicting.ledger.first.unknown.insert(1);
    write(&shard("shard-1-of-2"), &contradicting);
    let contradiction = message(parent.path(), Some("first"));
    assert!(contradiction.ends_with("accepted and unknown both hold {1}"), "{contradiction}");

    write(&shard("shard-1-of-2"), &file("first", 1, [2]));
    write(&shard("shard-1-of-3"), &file("first", 1, [3]));
    let counts = message(parent.path(), Some("first"));
    assert!(counts.contains("holds shards of 2 and of 3"), "{counts}");
}

#[test]
fn missing_ledger_names_the_flag() {
    let message_of_run = message(Path::new("/nowhere"), Some("first"));
    assert!(
        message_of_run.starts_with("there is neither /nowhere/first/ledger.json nor "),
        "{message_of_run}"
    );
    assert!(message_of_run.ends_with("--results"), "{message_of_run}");
    let message_of_newest = message(Path::new("/nowhere"), None);
    assert!(message_of_newest.starts_with("/nowhere holds no ledger.json: name "), "{message_of_newest}");
}

#[test]
fn run_that_has_not_ended_is_told() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::create_dir(parent.path().join("first")).unwrap();
    let message = message(parent.path(), Some("first"));
    assert!(message.ends_with("ledger.json yet: the simulator writes it when the run ends"), "{message}");
}

#[test]
fn ledger_of_another_run_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    write(&parent.path().join("ledger.json"), &file("other", 1, [1]));
    let message = message(parent.path(), Some("first"));
    assert!(message.ends_with(" is of run other, not of first"), "{message}");
}

#[test]
fn broken_ledger_is_named() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::write(parent.path().join("ledger.json"), "{").unwrap();
    for run in [Some("first"), None] {
        let message = message(parent.path(), run);
        assert!(message.contains("ledger.json: EOF"), "{message}");
    }
}
