use super::*;
use crate::plan::{Plan, Service};
use serde_json::json;
use std::path::Path;

fn refusal(key: &str, value: Value) -> String {
    check(&key.parse().unwrap(), &value).unwrap_err()
}

fn accepted(key: &str, value: Value) {
    assert_eq!(check(&key.parse().unwrap(), &value), Ok(()), "{key}");
}

#[test]
fn what_services_know_is_accepted() {
    accepted("process-worker.WORK_KIND", json!("hash"));
    accepted("process-worker.WORK_AMOUNT", json!(100));
    accepted("process-worker.WORK_AMOUNT", json!("100"));
    accepted("query-api.READERS", json!(2));
    accepted("ingest-api.BODY_BYTES_MAX", json!(1_000_000));
    accepted("redis.appendfsync", json!("everysec"));
    accepted("redis.save", json!(""));
    accepted("redis.maxmemory", json!("64mb"));
    accepted("rate", json!(500));
    accepted("rate", json!({ "shape": "burst", "high": 900, "on": "1s", "off": "1s" }));
    accepted("arrivals", json!("poisson"));
    accepted("payload", json!({ "distribution": "lognormal", "median": 200, "sigma": 1 }));
    accepted("load.events.sources.count", json!(50));
    accepted("load.faults.duplicates", json!(0.1));
}

#[test]
fn variable_that_no_service_reads_is_refused_with_the_nearest() {
    let error = refusal("process-worker.WORK_KNID", json!("hash"));
    assert_eq!(error, "process-worker does not know WORK_KNID: did you mean \"WORK_KIND\"?");
    // Another service has it.
    assert!(refusal("ingest-api.WORK_KIND", json!("hash")).contains("there are "));
    assert!(refusal("redis.apendfsync", json!("no")).contains("did you mean \"appendfsync\"?"));
    assert!(refusal("load.event.payload", json!(1)).contains("did you mean \"events\"?"));
    assert!(refusal("load.events.paylod", json!(1)).contains("did you mean \"events.payload\"?"));
    assert!(refusal("load.replay", json!({ "file": "../a.csv" })).contains("copy or link it there"));
    assert!(refusal("load.replay", json!({ "fil": "a.csv" })).contains("does not fit"));
    for path in ["rate.high", "replay.file", "arrivals.kind", "events.payload.median"] {
        let error = refusal(&format!("load.{path}"), json!("a.csv"));
        let (table, _) = path.rsplit_once('.').unwrap();
        assert!(error.contains(&format!("nothing below {table:?}")), "{error}");
        assert!(error.contains(&format!("`load.{table} = {{ … }}`")), "{error}");
    }
}

#[test]
fn value_that_does_not_fit_is_refused_with_what_does() {
    let error = refusal("process-worker.WORK_KIND", json!("hsah"));
    assert!(error.contains("\"hsah\" does not fit") && error.contains("hash"), "{error}");
    assert!(refusal("process-worker.WORK_AMOUNT", json!("many")).contains("a whole number is needed"));
    assert!(refusal("batch", json!(0)).contains("0 does not fit: Events a request, 1 to 10000"));
    assert!(refusal("rate", json!("fast")).contains("\"fast\" does not fit: Events a second"));
    assert!(refusal("arrivals", json!("sometimes")).contains("does not fit"));
    assert!(refusal("redis.appendfsync", json!("often")).contains("one of always, everysec, no"));
    assert!(refusal("redis.io-threads", json!(0)).contains("from 1 to 128"));
    assert!(refusal("redis.maxmemory", json!("64 elephants")).contains("bytes"));
    assert!(refusal("redis.save", json!("60 1\nport 1")).contains("spaces between"));
}

#[test]
fn what_the_testbed_sets_cannot_be_set() {
    assert!(refusal("ingest-api.PARTITIONS", json!(2)).contains("use `partitions`"));
    assert!(refusal("ingest-api.TELEMETRY", json!("off")).contains("use `telemetry`"));
    assert!(refusal("query-api.REDIS_URL", json!("redis://elsewhere")).contains("a Redis of its own"));
    assert!(refusal("load.seed", json!(2)).contains("the plan's `seed`"));
    assert!(refusal("redis.port", json!(1)).contains("no directive that an experiment can vary"));
}

#[test]
fn plan_shows_where_the_unknown_setting_stands() {
    let text = "name = \"a\"\nquestion = \"Is it?\"\n[[factors]]\nname = \"ingest-api.BODY_BYTE_MAX\"\nlevels = [1, 2]\n";
    let error = Plan::parse(Path::new("a.toml"), text.to_owned()).unwrap_err().to_string();
    assert!(error.starts_with("a.toml:5:11: ") && error.contains("\"BODY_BYTES_MAX\""), "{error}");
}

#[test]
fn settings_beside_a_plan_are_those_that_the_service_reads() {
    let check = |variable: &str, value: &str| check_variable(Service::ProcessWorker, variable, value);
    assert_eq!(check("WORK_AMOUNT", "50"), Ok(()));
    assert_eq!(check("REDIS_URL", "redis://elsewhere"), Ok(()), "the testbed sets it only in runs");
    assert_eq!(check("OTEL_RESOURCE_ATTRIBUTES", "a=b"), Ok(()), "the SDK reads it");
    let error = check("WORK_AMUONT", "50").unwrap_err();
    assert_eq!(error, "process-worker does not know WORK_AMUONT: did you mean \"WORK_AMOUNT\"?");
    assert!(check("OTEL_TRACES_SAMPLR", "a").unwrap_err().contains("\"OTEL_TRACES_SAMPLER\""));
    assert!(check("WORK_AMOUNT", "many").unwrap_err().contains("a whole number is needed"));
    assert!(check("WORK_KIND", "hsah").unwrap_err().contains("one of "));
}

fn cell(settings: &[(&str, Value)]) -> Cell {
    Cell {
        id: "a".to_owned(),
        levels: Default::default(),
        settings: settings.iter().map(|(key, value)| (key.parse().unwrap(), value.clone())).collect(),
        is_control: false,
    }
}

#[test]
fn settings_that_contradict_each_other_are_an_impossible_cell() {
    let rate = ("rate", json!(500));
    let closed = ("arrivals", json!("closed"));
    let message =
        |settings: &[(&str, Value)], is_searched| check_cell(&cell(settings), is_searched).unwrap_err();
    assert_eq!(check_cell(&cell(std::slice::from_ref(&rate)), false), Ok(()));
    assert_eq!(check_cell(&cell(std::slice::from_ref(&closed)), false), Ok(()));
    assert_eq!(check_cell(&cell(&[]), true), Ok(()));
    assert!(message(&[], false).contains("the cell a is impossible: no rate is set"));
    assert!(message(&[rate.clone(), closed.clone()], false).contains("leave the rate out"));
    assert!(message(std::slice::from_ref(&rate), true).contains("leave the rate out"));
    assert!(message(&[closed], true).contains("closed arrivals have none"));
    let replay = ("load.replay", json!({ "file": "a.csv" }));
    assert_eq!(check_cell(&cell(std::slice::from_ref(&replay)), false), Ok(()));
    assert!(message(&[rate.clone(), replay.clone()], false).contains("leave rate and arrivals out"));
    assert!(message(&[replay], true).contains("a replay has none"));
    let fsync = ("redis.appendfsync", json!("always"));
    assert!(message(&[rate.clone(), fsync.clone()], false).contains("does nothing"));
    assert_eq!(check_cell(&cell(&[rate, fsync, ("redis.appendonly", json!("yes"))]), false), Ok(()));
}
