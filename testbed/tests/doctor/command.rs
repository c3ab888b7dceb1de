//! The program: exit codes, what it prints where.

use crate::facts::{healthy, probe, very_sick};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use testbed::doctor::facts::Facts;

fn doctor(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.arg("doctor").args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env_remove("KUBECONFIG").env("HOME", "/nonexistent").output().unwrap()
}

fn of_recording(facts: &Facts, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    facts.write(folder.path()).unwrap();
    let path = folder.path().to_str().unwrap();
    doctor(&[&["--from", path], arguments].concat())
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn exit_codes_tell_how_bad_it_is() {
    assert_eq!(of_recording(&healthy(), &[]).status.code(), Some(0));
    assert_eq!(of_recording(&very_sick(), &[]).status.code(), Some(2));
    let mut facts = healthy();
    probe(&mut facts, "r1-node").temperature_celsius = Some(80.0);
    assert_eq!(of_recording(&facts, &[]).status.code(), Some(3));
    assert_eq!(of_recording(&facts, &["--only", "memory"]).status.code(), Some(0));
}

#[test]
fn json_is_all_that_is_printed() {
    let output = of_recording(&very_sick(), &["--json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["version"], 1);
    assert!(report["results"].as_array().unwrap().len() > 50);
}

#[test]
fn a_folder_without_facts_is_told() {
    let output = doctor(&["--from", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nonexistent holds no recorded facts"), "{}", stderr(&output));
}

#[test]
fn an_unknown_check_is_a_bad_argument() {
    let output = doctor(&["--only", "disk"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("there is no check \"disk\": image-exists"), "{}", stderr(&output));
}

#[test]
fn without_a_kubeconfig_it_says_how_to_go_on() {
    let output = doctor(&[]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.contains("there is no kubeconfig at /nonexistent/.kube/config"), "{told}");
    assert!(told.contains("--kubeconfig FILE") && told.contains("--offline"), "{told}");
}

#[test]
fn what_is_not_there_is_recorded_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let output = doctor(&["--offline", "--kubernetes", "/nonexistent", "--record", path.to_str().unwrap()]);
    // Nothing was found, as nothing could be looked at.
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("not checked") && stdout(&output).contains("nothing found, 0 passed"),
        "{}",
        stdout(&output)
    );
    let recorded = Facts::read(&path).unwrap();
    assert_eq!(recorded.cluster.known().unwrap_err(), "no cluster was asked (--offline)");
    let reason = recorded.manifests.known().unwrap_err();
    assert!(reason.contains("there is no folder with manifests at /nonexistent"), "{reason}");
}

#[test]
fn images_that_are_not_pinned_are_found_and_all_else_is_looked_at() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes");
    let folder = tempfile::tempdir().unwrap();
    // Without the pins that somebody may have made.
    for part in ["base", "components"] {
        std::os::unix::fs::symlink(repository.join(part).canonicalize().unwrap(), folder.path().join(part))
            .unwrap();
    }
    let kubernetes = folder.path().to_str().unwrap();
    let output = doctor(&["--offline", "--json", "--kubernetes", kubernetes, "--component", "observability"]);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let results = report["results"].as_array().unwrap();
    let of = |check: &str, outcome: &str| -> Vec<String> {
        let is_it = |result: &&Value| result["check"] == check && result["outcome"] == outcome;
        results.iter().filter(is_it).map(Value::to_string).collect()
    };
    let found = of("placeholder", "found");
    assert!(found.len() == 3 && found.iter().any(|found| found.contains("ingest-api")), "{report:#}");
    assert!(!of("singletons", "passed").is_empty() && of("volumes", "unchecked").is_empty(), "{report:#}");
    assert!(of("image-exists", "unchecked")[0].contains("no images are pinned"), "{report:#}");
}

#[test]
fn a_placement_that_is_not_there_is_no_good_report() {
    let kubernetes = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes");
    let output = doctor(&["--offline", "--kubernetes", kubernetes, "--placement", "mips"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert!(stderr(&output).contains("there is no placement \"mips\""), "{}", stderr(&output));
}

#[test]
fn a_deployment_is_said_as_to_deploy() {
    let help = |command: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_testbed")).args([command, "--help"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (deploy, doctor) = (help("deploy"), help("doctor"));
    for option in
        ["--placement", "--component", "--revision", "--kubernetes", "--overlay", "--kubeconfig", "--context"]
    {
        let told = |help: &str| -> Vec<String> {
            let rest = help.split(&format!("      {option} ")).nth(1);
            let rest = rest.unwrap_or_else(|| panic!("{option}: {help}"));
            rest.split("\n      -").next().unwrap().split_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(told(&deploy), told(&doctor), "{option}");
    }
}
