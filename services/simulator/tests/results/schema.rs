//! The committed schema is that of the types, and what is written conforms to it.

use std::path::Path;

use serde_json::Value;
use simulator::aggregate::Ending;
use simulator::plan::{Load, Plan};
use simulator::result::ShardClock;

use crate::fabricate::{ending, phase, plan, probes, run, shard_plan};

fn committed() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/simulator-result.schema.json");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn committed_schema_is_that_of_the_types() {
    assert!(
        committed() == simulator::result::schema(),
        "docs/schemas/simulator-result.schema.json is out of date: \
         cargo run -p simulator -- schema result > docs/schemas/simulator-result.schema.json"
    );
}

#[track_caller]
fn assert_conforms(plan: &Plan, ending: Ending) {
    let results = tempfile::tempdir().unwrap();
    let result = run(results.path(), plan, ending);
    let text = std::fs::read_to_string(result.directory.join("result.json")).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    let schema: Value = serde_json::from_str(&committed()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&written).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn results_conform_to_the_schema() {
    assert_conforms(&plan(), ending(&plan()));
    assert_conforms(&plan(), Ending { probes: vec![probes(); 2], ..ending(&plan()) });
    let closed = Plan { phases: vec![phase("maximum", true, Load::Closed)], ..plan() };
    assert_conforms(&closed, ending(&closed));
    let shard = shard_plan(1, 3);
    let mut report = ending(&shard);
    if let Some(shards) = &mut report.shards {
        shards.missing = vec![2];
        let clock = ShardClock { shard: 1, offset_us: -3.5, uncertainty_us: 80.0, drift_us: None };
        shards.clocks = vec![clock];
    }
    assert_conforms(&shard, report);
}

#[test]
fn schema_refuses_what_is_no_result() {
    let schema: Value = serde_json::from_str(&committed()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({ "version": 3, "run_id": "run-1" })));
}
