//! All that a plan can set and ask for, as a document.

use super::{load, redis, services};
use crate::metric::{REDIS, Unit, catalogue};
use crate::plan::{PARTITIONS_MAX, Service, WORKERS_MAX};
use services::Kind;
use std::fmt::Write as _;

const HEAD: &str = "\
# What a plan can set and ask for

<!-- Written by `testbed experiment settings`. -->

[experiments.md](experiments.md) shows how a plan is written. The [metrics](#metrics) stand at the end.

Each key can stand in `[settings]` of a plan, be the `key` of a factor, or be set by its levels. What is not here cannot be
set: the testbed chooses addresses and directories, and refuses names that nothing reads.

## The testbed

| key | value | without it | |
|---|---|---|---|
";

const HEAD_OF_METRICS: &str = "
## Metrics

They stand in the `metrics` of comparisons, and in `[slos]`. There a bound is a number in the metric's unit or, of a metric that is
a time, also a time such as `\"100ms\"`.

| metric | unit | what it is | known only |
|---|---|---|---|
";

/// The document, in Markdown.
///
/// # Errors
/// None that can be expected: what it lists was compiled in.
pub fn listing() -> Result<String, String> {
    let mut text = HEAD.to_owned();
    let row = |text: &mut String, key: &str, value: &str, default: &str, meaning: &str| {
        let meaning = meaning.replace('|', "\\|");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        // Writing to a text cannot fail.
        writeln!(text, "| `{key}` | {value} | {default} | {meaning} |").unwrap_or_default();
    };
    let own = [
        (
            "placement",
            "a name, or a table of services".to_owned(),
            "any",
            "nodes or architecture of the services",
        ),
        ("telemetry", choices(&crate::plan::TELEMETRY), "off", "how much is sent over OTLP"),
        ("workers", format!("1 to {WORKERS_MAX}"), "1", "process-workers"),
        ("partitions", format!("1 to {PARTITIONS_MAX}"), "1", "streams of events"),
    ];
    for (key, value, default, meaning) in own {
        row(&mut text, key, &value, default, meaning);
    }
    text.push_str("\n## The load\n\nWhat it means stands in [workload.md](workload.md). `rate`, `arrivals`, `batch` and `payload` are short for the \
         four that are used most.\n\n| key | value | without it | |\n|---|---|---|---|\n");
    for (path, value, meaning) in load::keys()? {
        row(&mut text, &format!("load.{path}"), &value, "", &meaning);
    }
    for service in Service::ALL {
        write!(text, "\n## {}\n\n| key | value | without it | |\n|---|---|---|---|\n", service.name())
            .unwrap_or_default();
        for (name, variable) in services::settable(service)? {
            let value = match &variable.kind {
                Kind::Whole => "whole number".to_owned(),
                Kind::Choice { values } => choices(values),
                Kind::Text => "text".to_owned(),
            };
            let default = variable.default.as_deref().unwrap_or_default();
            row(&mut text, &format!("{}.{name}", service.name()), &value, default, &variable.help);
        }
    }
    text.push_str("\n## Redis\n\n| key | value | without it | |\n|---|---|---|---|\n");
    for (name, form) in redis::directives() {
        row(&mut text, &format!("redis.{name}"), &form, "", "");
    }
    text.push_str(HEAD_OF_METRICS);
    for metric in catalogue() {
        let (unit, only) = (unit(metric.unit), known_only(&metric.name));
        writeln!(text, "| `{}` | {unit} | {} | {only} |", metric.name, metric.title).unwrap_or_default();
    }
    Ok(text)
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Microseconds => "µs",
        Unit::EventsPerSecond => "events a second",
        Unit::Share => "0 to 1",
        Unit::MicrosecondsPerEvent => "µs an event",
        Unit::Bytes => "bytes",
        Unit::BytesPerEvent => "bytes an event",
        Unit::MicrojoulesPerEvent => "µJ an event",
    }
}

/// Where alone a metric is known; empty for everywhere. Of pods nothing tells which bytes were theirs, but Redis counts its own.
fn known_only(metric: &str) -> &'static str {
    match metric.split_once("-per-event") {
        Some(("energy", _)) => "with a meter",
        Some(("network", part)) if part.trim_start_matches('-') == REDIS => "",
        Some(("network" | "disk", _)) => "on one machine",
        _ => "",
    }
}

fn choices(values: &[impl AsRef<str>]) -> String {
    let each: Vec<String> = values.iter().map(|value| format!("`{}`", value.as_ref())).collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_list_is_that_of_the_program() {
        let committed = include_str!("../../../../docs/experiments-settings.md");
        let how = "run `cargo run -p testbed -- experiment settings > docs/experiments-settings.md`";
        assert_eq!(listing().unwrap(), committed, "the list is not up to date: {how}");
    }
}
