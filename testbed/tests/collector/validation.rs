//! Configurations as the collector's own check sees them.

use std::process::Output;

use crate::process::{Configuration, command};

#[test]
fn every_combination_of_files_is_accepted() {
    let combinations: [Configuration; 7] = [
        &["base", "local"],
        &["base", "backends"],
        &["base", "backends", "cluster"],
        &["base", "external"],
        &["base", "local", "external"],
        &["base", "backends", "external"],
        &["base", "backends", "cluster", "external"],
    ];
    for combination in combinations {
        let output = validate(combination);
        assert!(output.status.success(), "{combination:?}: {}", said(&output));
    }
}

#[test]
fn base_alone_is_refused() {
    let output = validate(&["base"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("must have at least one exporter"), "{}", said(&output));
}

#[test]
fn exporter_that_no_longer_exists_is_refused() {
    let exporter = "yaml:exporters::logging::verbosity: detailed";
    let output = validate(&["base", "local", exporter]);
    assert!(!output.status.success());
    assert!(said(&output).contains("logging exporter"), "{}", said(&output));
}

#[test]
fn misspelled_setting_is_refused() {
    let setting = "yaml:exporters::prometheus::metric_expiry: 3m";
    let output = validate(&["base", "local", setting]);
    assert!(!output.status.success());
    assert!(said(&output).contains("metric_expiry"), "{}", said(&output));
}

/// Every variable has a default that is valid, so none is given here.
fn validate(configuration: Configuration) -> Output {
    command(configuration).arg("validate").output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
