//! Flags without a workload file.

use clap::{CommandFactory as _, Parser as _};

use super::run_id::is_run_id;
use super::*;
use crate::plan::{ContentType, Load, RateShape, Spacing};

fn convert(flags: &[&str]) -> Result<Config, ConfigError> {
    RunArgs::try_parse_from([&["simulator"], flags].concat()).unwrap().convert()
}

#[test]
fn defaults_are_valid() {
    let plan = convert(&[]).unwrap().plan;
    let rate = RateShape::Constant { rate_per_s: 200.0 };
    assert_eq!(plan.phases[0].load, Load::Open { rate, spacing: Spacing::Even });
    assert_eq!((&*plan.phases[0].name, plan.phases[0].duration_s), ("measure", 30.0));
    assert_eq!(plan.content_type, ContentType::Structured);
    assert!(is_run_id(&plan.run_id), "{}", plan.run_id);
}

#[test]
fn help_names_the_defaults() {
    let command = RunArgs::command();
    let mut flags = vec!["--run-id=x".to_owned()];
    for argument in command.get_arguments() {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        if let (Some((_, default)), Some(name)) = (help.split_once("[default: "), argument.get_long()) {
            flags.push(format!("--{name}={}", default.trim_end_matches(']')));
        }
    }
    // What it says of the instance id is not a value.
    flags.retain(|flag| !flag.contains(' '));
    assert!(flags.len() > 12, "{flags:?}");
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    assert_eq!(convert(&flags).unwrap().plan, convert(&["--run-id=x"]).unwrap().plan);
}

#[test]
fn command_line_is_consistent() {
    Cli::command().debug_assert();
    assert!(Cli::try_parse_from(["simulator", "schedule", "--csv", "--rate", "5"]).is_ok());
    assert!(Cli::try_parse_from(["simulator", "merge", "a", "b", "--out", "c"]).is_ok());
    assert!(Cli::try_parse_from(["simulator", "merge", "--out", "c"]).is_err());
    assert!(Cli::try_parse_from(["simulator", "run", "--forever", "--duration", "5s"]).is_err());
}

#[test]
fn batches_are_json_arrays_unless_told_otherwise() {
    assert_eq!(convert(&["--batch", "2"]).unwrap().plan.content_type, ContentType::Batch);
    let lines = convert(&["--batch", "1-2", "--content-type", "ndjson"]).unwrap();
    assert_eq!(lines.plan.content_type, ContentType::Ndjson);
}

#[test]
fn warm_up_comes_before_and_does_not_count() {
    let phases = convert(&["--warm-up", "5s", "--arrivals", "closed"]).unwrap().plan.phases;
    assert_eq!(phases.len(), 2);
    assert_eq!((&*phases[0].name, phases[0].duration_s, phases[0].is_measured), ("warm-up", 5.0, false));
    assert!(phases.iter().all(|phase| phase.is_closed()));
}

#[test]
fn endless_load_is_called_so() {
    let plan = convert(&["--forever"]).unwrap().plan;
    assert_eq!((&*plan.phases[0].name, plan.is_endless, plan.duration()), ("load", true, None));
}

#[test]
fn shards_meet_in_redis_under_one_run_id() {
    let config = convert(&["--shards=3", "--shard=2", "--run-id=r", "--threads=2"]).unwrap();
    assert_eq!((config.plan.shard.index, config.plan.lanes()), (2, 6));
    assert!(config.shards.is_some());
    let config = convert(&["--shards=3", "--job-completion-index=1", "--run-id=r"]).unwrap();
    assert_eq!(config.plan.shard.index, 1);
    assert!(convert(&[]).unwrap().shards.is_none());
    assert_eq!(convert(&["--shards=3", "--shard=1"]).unwrap_err().variable, "RUN_ID");
    assert_eq!(convert(&["--shards=3", "--run-id=r"]).unwrap_err().variable, "SHARD_INDEX");
}

#[test]
fn probes_are_off_without_an_address() {
    assert!(convert(&["--probes=5"]).unwrap().probes.is_none());
    let probes = convert(&["--query-url=http://127.0.0.1:8081/"]).unwrap().probes.unwrap();
    assert_eq!((&*probes.query_url, probes.per_second), ("http://127.0.0.1:8081", 10.0));
    let error = convert(&["--query-url=http://host", "--probes=0"]).unwrap_err();
    assert_eq!(error.variable, "PROBES");
}

#[test]
fn bad_values_name_their_variable() {
    let cases = [
        ("RATE", ["--rate", "0"]),
        ("RATE", ["--rate", "NaN"]),
        ("RATE", ["--rate", "inf"]),
        ("DURATION", ["--duration", "0s"]),
        ("WARM_UP", ["--warm-up", "0s"]),
        ("TIMEOUT", ["--timeout", "0"]),
        ("CONNECTIONS", ["--connections", "0"]),
        ("THREADS", ["--threads", "17"]),
        ("QUEUE", ["--queue", "0"]),
        ("RUN_ID", ["--run-id", "../up"]),
        ("RUN_ID", ["--run-id", ""]),
        ("RUN_ID", ["--run-id", "a\"b"]),
        ("SOURCES", ["--sources", "0"]),
        ("ZIPF", ["--zipf", "-0.1"]),
        ("PAYLOAD_BYTES", ["--payload-bytes", "1"]),
        ("PAYLOAD_SIGMA", ["--payload-sigma", "NaN"]),
        ("BATCH", ["--batch", "0"]),
        ("BATCH", ["--batch", "5-2"]),
        ("DUPLICATES", ["--duplicates", "1.1"]),
        ("MALFORMED", ["--malformed", "-1"]),
        ("VALUES", ["--values", "trace"]),
        ("SHARDS", ["--shards", "0"]),
        ("SHARD_INDEX", ["--shard", "1"]),
        ("QUERY_URL", ["--query-url", "https://host"]),
        ("TARGET_URL", ["--target", "https://host"]),
        ("AUTH_TOKEN_FILE", ["--auth-token-file", "/nowhere"]),
    ];
    for (variable, flags) in cases {
        let flags = [format!("{}={}", flags[0], flags[1])];
        let error = convert(&flags.each_ref().map(String::as_str)).unwrap_err();
        assert_eq!(error.variable, variable, "{flags:?}: {error}");
    }
    let error = convert(&["--batch", "2", "--content-type", "structured"]).unwrap_err();
    assert_eq!(error.variable, "CONTENT_TYPE");
}
