//! All that a plan can set, as a document.

use super::{load, redis, services};
use crate::plan::{PARTITIONS_MAX, Service, WORKERS_MAX};
use services::Kind;
use std::fmt::Write as _;

const HEAD: &str = "\
# What a plan can set

<!-- Written by `testbed experiment settings`. -->

Each of these can stand in `[settings]` of a plan, be the `key` of a factor, or be set by its levels. What is not here cannot be
set: the testbed chooses addresses and directories, and refuses names that nothing reads.

## The testbed

| key | value | without it | |
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
    Ok(text)
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
