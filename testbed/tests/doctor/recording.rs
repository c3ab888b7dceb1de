//! The folder that facts are recorded in.

use crate::facts::{container, folder, found, healthy, known, reasons, workload};
use std::fs;
use std::path::{Path, PathBuf};
use testbed::doctor::check::Check;
use testbed::doctor::facts::Facts;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn recorded(facts: &Facts) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    facts.write(folder.path()).unwrap();
    folder
}

#[test]
fn what_is_read_is_what_was_written() {
    let copy = recorded(&healthy());
    assert_eq!(Facts::read(copy.path()).unwrap(), healthy());
    let relative = |root: &Path| -> Vec<PathBuf> {
        files(root).iter().map(|path| path.strip_prefix(root).unwrap().to_owned()).collect()
    };
    assert_eq!(relative(copy.path()), relative(&folder()));
    for file in relative(copy.path()) {
        let (copy, original) = (copy.path().join(&file), folder().join(&file));
        assert_eq!(
            fs::read_to_string(copy).unwrap(),
            fs::read_to_string(original).unwrap(),
            "{}",
            file.display()
        );
    }
}

#[test]
fn passwords_are_not_written() {
    let mut facts = healthy();
    let url = "redis://user:hunter2@redis:6379".to_owned();
    workload(&mut facts, "ingest-api").containers[0].environment.insert("REDIS_URL".to_owned(), url.clone());
    container(&mut facts, "ingest-api").message = Some(format!("cannot reach {url}"));
    let folder = recorded(&facts);
    for file in files(folder.path()) {
        assert!(!fs::read_to_string(&file).unwrap().contains("hunter2"), "{}", file.display());
    }
    assert!(
        fs::read_to_string(folder.path().join("manifests.json")).unwrap().contains("redis://***@redis:6379")
    );
}

#[test]
fn a_file_that_is_not_there_is_a_fact_that_is_missing() {
    let folder = recorded(&healthy());
    fs::remove_file(folder.path().join("builder.json")).unwrap();
    let facts = Facts::read(folder.path()).unwrap();
    assert!(found(&facts).is_empty());
    assert_eq!(reasons(&facts, Check::Builder), ["builder.json is not in the recording"]);
}

#[test]
fn nodes_that_are_gone_are_not_kept_from_an_earlier_recording() {
    let folder = recorded(&healthy());
    let mut facts = healthy();
    facts.nodes.pop();
    known(&mut facts.cluster);
    facts.write(folder.path()).unwrap();
    assert_eq!(Facts::read(folder.path()).unwrap().nodes.len(), 2);
}

#[test]
fn folders_of_others_are_neither_read_nor_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let error = Facts::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("holds no recorded facts") && error.contains("--record"), "{error}");
    let error = healthy().write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("something else"), "{error}");
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn another_version_is_refused_with_the_program_that_wrote_it() {
    let mut facts = healthy();
    (facts.about.version, facts.about.testbed) = (2, "9.9.9".to_owned());
    let error = Facts::read(recorded(&facts).path()).unwrap_err().to_string();
    assert!(error.contains("version 2") && error.contains("9.9.9"), "{error}");
}

#[test]
fn a_broken_file_is_named() {
    let folder = recorded(&healthy());
    fs::write(folder.path().join("cluster.json"), "{").unwrap();
    let error = Facts::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("cluster.json is not what was recorded"), "{error}");
}
