//! The committed workloads and the committed schema.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::Value;
use simulator::config::RunArgs;
use simulator::plan::Load;
use simulator::schedule::{Schedule, write_csv, write_summary};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads")
}

fn committed_schema() -> Value {
    let path = directory().join("../../../docs/schemas/simulator-workload.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn examples() -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "toml")).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    examples
}

/// What is written in a workload as JSON.
pub(super) fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// Whether the committed schema takes a workload.
pub(super) fn is_valid(text: &str) -> bool {
    jsonschema::is_valid(&committed_schema(), &as_json(text))
}

#[test]
fn committed_schema_is_that_of_the_types() {
    let schema = serde_json::to_value(simulator::workload::schema()).unwrap();
    assert_eq!(
        committed_schema(),
        schema,
        "make it again: simulator schema workload > docs/schemas/simulator-workload.schema.json"
    );
}

#[test]
fn every_key_is_described() {
    fn check(name: &str, schema: &Value) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            // The tag of a variant is described with the variant.
            let is_described = property.get("description").is_some() || property.get("const").is_some();
            assert!(is_described, "{key} of {name}");
        }
    }
    let schema = committed_schema();
    check("the file", &schema);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        check(name, definition);
    }
}

#[test]
fn examples_can_be_run_and_fit_the_schema() {
    for file in examples() {
        let text = std::fs::read_to_string(&file).unwrap();
        let evaluation = jsonschema::validator_for(&committed_schema()).unwrap();
        let errors: Vec<_> = evaluation.iter_errors(&as_json(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        let args = RunArgs::try_parse_from([Path::new("simulator"), Path::new("--workload"), &file]).unwrap();
        let plan = args.convert().unwrap().plan;
        let has_schedule = plan.phases.iter().any(|phase| !phase.is_closed());
        assert_eq!(Schedule::new(&plan).next().is_some(), has_schedule);
    }
}

#[test]
fn plan_can_be_looked_at_before_the_run() {
    let file = directory().join("shapes.toml");
    let args = RunArgs::try_parse_from([Path::new("simulator"), Path::new("--workload"), &file]).unwrap();
    let plan = args.convert().unwrap().plan;
    let mut text = Vec::new();
    write_summary(&plan, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for (phase, table) in plan.phases.iter().zip(text.lines().skip(1)) {
        assert!(table.starts_with(&phase.name), "{text}");
        assert!(table.contains(&format!(" {:.0}  ", phase.expected_events().unwrap())), "{text}");
        assert!(matches!(phase.load, Load::Open { .. }));
    }
    let mut csv = Vec::new();
    write_csv(&plan, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(
        lines[..3],
        ["index,offset_ns,phase,kind,first,events", "0,0,constant,new,0,1", "1,1000000,constant,new,1,1"]
    );
    assert_eq!(lines.len() - 1, Schedule::new(&plan).count());
}
