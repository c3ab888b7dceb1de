//! Files that are refused, each with its place and what to do.

use std::path::Path;

use clap::Parser as _;
use simulator::config::RunArgs;

use super::examples::is_valid;

/// Whether a schema can know that it is wrong.
#[derive(Clone, Copy, PartialEq)]
enum Schema {
    Refuses,
    Accepts,
}

use Schema::{Accepts, Refuses};

/// A phase in lines 1 to 4, with more in line 5.
fn phase(more: &str) -> String {
    format!("[[phases]]\nname = \"a\"\nduration = \"1s\"\nrate = 1\n{more}")
}

fn rate(rate: &str) -> String {
    format!("[[phases]]\nname = \"a\"\nduration = \"1s\"\nrate = {rate}\n")
}

/// What stands before a good phase.
fn before(text: &str) -> String {
    format!("{text}\n{}", phase(""))
}

fn error(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("w.toml");
    std::fs::write(&file, text).unwrap();
    let args = RunArgs::try_parse_from([Path::new("simulator"), Path::new("--workload"), &file]).unwrap();
    let error = args.convert().expect_err(text).to_string();
    error.replace(&format!("{}/", directory.path().display()), "")
}

/// The text of a file, whether its schema refuses it, and how it is refused.
fn check(cases: Vec<(String, Schema, &str)>) {
    for (text, schema, expected) in cases {
        let error = error(&text);
        assert!(error.starts_with(&format!("WORKLOAD: w.toml:{expected}")), "{text}\n{error}");
        assert_eq!(is_valid(&text), schema == Accepts, "{text}");
    }
}

#[test]
fn faulty_rates_are_shown_where_they_stand() {
    check(vec![
        (rate("-5"), Refuses, "4:8: a rate must be 0 to 1e8 events a second, not -5"),
        (rate("nan"), Refuses, "4:8: a rate must be 0 to 1e8"),
        (rate("\"fast\""), Refuses, "4:8: expected a number or a table, found string"),
        (
            rate(r#"{ shape = "brst" }"#),
            Refuses,
            "4:18: unknown shape \"brst\", expected shape = one of burst, ramp",
        ),
        (rate("{ high = 5 }"), Refuses, "4:8: missing key `shape`"),
        (
            rate(r#"{ shape = "ramp", from = 5, too = 6 }"#),
            Refuses,
            "4:36: unknown key `too`, expected `from` or `to`",
        ),
        (rate(r#"{ shape = "ramp", from = 5 }"#), Refuses, "4:8: missing key `to`"),
        (rate(r#"{ shape = "ramp", from = 5, to = -6 }"#), Refuses, "4:41: a rate must be 0"),
        (rate(r#"{ shape = "step", rates = [1, -6] }"#), Refuses, "4:38: a rate must be 0"),
        (rate(r#"{ shape = "burst", high = 5, on = "1s", off = 0 }"#), Accepts, "4:54: must be above 0"),
        (
            rate(r#"{ shape = "sinusoid", mean = 5, amplitude = 6, period = 1 }"#),
            Accepts,
            "4:52: must be 0 to the mean",
        ),
    ]);
}

#[test]
fn faulty_phases_are_shown_where_they_stand() {
    check(vec![
        (phase("rte = 5"), Refuses, "5:1: unknown key `rte`, expected one of `name`, `duration`"),
        (phase("").replace("\"1s\"", "0"), Accepts, "3:12: must be above 0 and at most a year"),
        (phase("").replace("\"1s\"", "-1"), Refuses, "3:12: a time must not be negative"),
        (phase("").replace("1s", "1d"), Refuses, "3:12: \"1d\" is no duration, use a unit of ms, s, m or h"),
        (phase("").replace("duration = \"1s\"\n", ""), Accepts, "2:8: a phase needs a duration"),
        (phase("").replace("rate = 1\n", ""), Accepts, "2:8: a phase needs a rate, a replay, or arrivals"),
        (phase("").replace("\"a\"", "\"A\""), Refuses, "2:8: a name of a phase has 1 to 32 of a-z 0-9 -"),
        (phase("").replace("\"a\"", "\"drain\""), Accepts, "2:8: a name of a phase"),
        (phase("").repeat(2), Accepts, "6:8: two phases are called \"a\", rename one"),
        (phase("arrivals = \"often\""), Refuses, "5:12: unknown variant `often`, expected one of `constant`"),
        (phase("arrivals = \"closed\""), Accepts, "4:8: a closed loop has no rate, leave it out"),
        (phase("replay = { file = \"t.csv\" }"), Accepts, "5:10: a replay has neither rate nor arrivals"),
    ]);
}

#[test]
fn faulty_settings_are_shown_where_they_stand() {
    check(vec![
        (before("sed = 5"), Refuses, "1:1: unknown key `sed`"),
        (before("faults = { duplicate = 0.1 }"), Refuses, "1:12: unknown key `duplicate`"),
        ("seed = 1".to_owned(), Refuses, "1:1: missing key `phases`"),
        ("phases = []".to_owned(), Refuses, "1:10: a run has 1 to 32 [[phases]]"),
        (before("batch = 0"), Refuses, "1:9: must be 1 to 10000"),
        (before("batch = { min = 5, max = 2 }"), Accepts, "1:9: must be 1 to 10000, the least first"),
        (before("batch = { min = 5, mx = 2 }"), Refuses, "1:20: unknown key `mx`"),
        (
            before("connections = \"many\""),
            Refuses,
            "1:15: invalid type: string \"many\", expected a whole number",
        ),
        (before("queue = -1"), Refuses, "1:9: invalid value: integer `-1`, expected a whole number"),
        (before("connections = 0"), Refuses, "1:15: must be 1 to 10000"),
        (before("threads = 20"), Accepts, "1:11: must be 1 to 256, and not more than there are connections"),
        (before("timeout = 0"), Accepts, "1:11: must be above 0"),
        (before("batch = 2\ncontent-type = \"structured\""), Accepts, "2:16: structured carries one event"),
        (before("faults = { malformed = 1.5 }"), Refuses, "1:24: must be 0 to 1"),
        (before("events.payload = 3"), Accepts, "1:18: must be 53 to 61440"),
        (
            before("events.payload = { distribution = \"zipf\" }"),
            Refuses,
            "1:35: unknown distribution \"zipf\"",
        ),
        (before("events.payload = { file = \"none.txt\" }"), Accepts, "1:27: none.txt cannot be read"),
        (before("events.sources = { count = 0 }"), Refuses, "1:28: must be 1 to 2^32"),
        (
            before("events.sources = { popularity = \"uniform\", exponent = 1 }"),
            Accepts,
            "1:55: is for popularity",
        ),
        (before("events.types = [{ name = \"a b\" }]"), Accepts, "1:26: the name of a type has"),
        (before("events.types = [{ name = \"a\", weight = 0 }]"), Refuses, "1:40: a weight must be above 0"),
        (
            before("events.types = [{ name = \"a\", values = \"trace\" }]"),
            Accepts,
            "2:1: values = \"trace\" needs a replay",
        ),
        (rate("0"), Accepts, "1:1: no phase sends anything"),
    ]);
}

#[test]
fn what_is_no_toml_is_shown_where_it_breaks() {
    assert!(error("seed = 1\nbatch = \n").starts_with("WORKLOAD: w.toml:2:9: "));
    assert!(error("seed = 1\nseed = 2\n").starts_with("WORKLOAD: w.toml:2:1: duplicate key"));
}

#[test]
fn missing_file_is_named() {
    let args = RunArgs::try_parse_from(["simulator", "--workload", "/nowhere/w.toml"]).unwrap();
    let error = args.convert().unwrap_err().to_string();
    assert!(error.starts_with("WORKLOAD: /nowhere/w.toml: cannot be read: No such file"), "{error}");
}

#[test]
fn fault_of_a_trace_names_both_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("w.toml");
    std::fs::write(directory.path().join("t.csv"), "time\n2020-01-01T00:00:00Z\n2019-01-01T00:00:00Z\n")
        .unwrap();
    std::fs::write(&file, "[[phases]]\nname = \"a\"\nreplay = { file = \"t.csv\" }\n").unwrap();
    let args = RunArgs::try_parse_from([Path::new("simulator"), Path::new("--workload"), &file]).unwrap();
    let error = args.convert().unwrap_err().to_string();
    let at = directory.path().display();
    let expected =
        format!("WORKLOAD: {at}/w.toml:3:19: {at}/t.csv:3: time \"2019-01-01T00:00:00Z\" is before");
    assert!(error.starts_with(&expected), "{error}");
}
