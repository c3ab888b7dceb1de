//! The collector's configuration, as its pod gets it, and what the collector says of it.

use super::objects::{at, list, text, texts};
use super::run;
use crate::doctor::facts::{CollectorFacts, Validation, redact};
use anyhow::Context as _;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokio::process::Command;

const SERVICE: &str = "otel-collector";

/// Programs that read the same configuration; the first has all components.
const PROGRAMS: [&str; 2] = ["otelcol-contrib", "otelcol"];

/// Stands for the value of a variable that only its pod has: an address, as most of them are.
const ELSEWHERE: &str = "127.0.0.1";

/// What the collector says around what is wrong.
const FRAMES: [&str; 3] = [
    "failed to get config: ",
    "cannot unmarshal the configuration: ",
    "decoding failed due to the following error(s):",
];

/// What pipelines refer to, and where else than in the section of the same name it may be configured.
const REFERENCES: [(&str, Option<&str>); 3] =
    [("receivers", Some("connectors")), ("processors", None), ("exporters", Some("connectors"))];

/// What the collector is told by the objects.
///
/// # Errors
/// Where there is no collector among them, or its configuration cannot be read.
pub(super) async fn facts(objects: &[Value], program: Option<&Path>) -> anyhow::Result<CollectorFacts> {
    let deployment = objects.iter().find(|object| {
        text(object, "kind") == Some("Deployment") && text(object, "metadata.name") == Some(SERVICE)
    });
    let deployment = deployment.context("the manifests have no collector (component observability)")?;
    let pod = at(deployment, "spec.template.spec").context("the collector's Deployment has no pod")?;
    let container = list(pod, "containers").next().context("the collector's pod has no container")?;
    let files = files(container, pod, objects)?;
    let given = given(container);
    let mut merged = Value::Object(Map::new());
    let mut read = BTreeMap::new();
    for (name, file) in &files {
        let parsed = serde_saphyr::from_str(file).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        variables(&parsed, &mut read);
        merge(&mut merged, parsed);
    }
    let unset = read.iter().filter(|(name, has_default)| !**has_default && !given.contains_key(*name));
    Ok(CollectorFacts {
        image: text(container, "image").unwrap_or_default().to_owned(),
        components: components(&merged),
        undefined: undefined(&merged),
        unset: unset.map(|(name, _)| name.clone()).collect(),
        validation: validate(&files, &given, read.keys(), program).await?,
    })
}

/// The variables of its container. Those that come from the pod or from a ConfigMap have a value there only.
fn given(container: &Value) -> BTreeMap<String, String> {
    let variable = |variable: &Value| {
        let value = text(variable, "value").unwrap_or(ELSEWHERE);
        Some((text(variable, "name")?.to_owned(), value.to_owned()))
    };
    list(container, "env").filter_map(variable).collect()
}

/// The variables that it reads, `${env:NAME}`, and whether each has a default wherever it is read, `${env:NAME:-default}`.
fn variables(configuration: &Value, names: &mut BTreeMap<String, bool>) {
    match configuration {
        Value::Object(members) => members.values().for_each(|value| variables(value, names)),
        Value::Array(members) => members.iter().for_each(|value| variables(value, names)),
        Value::String(text) => {
            let references = text.split("${env:").skip(1).filter_map(|rest| rest.split('}').next());
            for reference in references {
                let (name, has_default) =
                    reference.split_once(":-").map_or((reference, false), |(name, _)| (name, true));
                *names.entry(name.to_owned()).or_insert(true) &= has_default;
            }
        }
        _ => {}
    }
}

/// Names and contents of the files that `--config` names, in their order.
fn files(container: &Value, pod: &Value, objects: &[Value]) -> anyhow::Result<Vec<(String, String)>> {
    let map = list(pod, "volumes").find_map(|volume| text(volume, "configMap.name"));
    let map = map.context("the collector's pod mounts no ConfigMap")?;
    let map = objects.iter().find(|object| {
        text(object, "kind") == Some("ConfigMap") && text(object, "metadata.name") == Some(map)
    });
    let map = map.context("the collector's ConfigMap is not among the manifests")?;
    let arguments = list(container, "args").filter_map(Value::as_str);
    let mut files = Vec::new();
    for path in arguments.filter_map(|argument| argument.strip_prefix("--config=")) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let file = texts(map, "data").find(|(key, _)| key == name);
        let (name, file) = file.with_context(|| format!("the collector's ConfigMap has no {name}"))?;
        files.push((name, file));
    }
    anyhow::ensure!(!files.is_empty(), "the collector is told no --config");
    Ok(files)
}

/// As the collector merges files: maps member by member, lists replaced.
fn merge(base: &mut Value, other: Value) {
    match (base, other) {
        (Value::Object(base), Value::Object(other)) => {
            for (key, value) in other {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        // An empty section adds nothing.
        (_, Value::Null) => {}
        (base, other) => *base = other,
    }
}

fn components(configuration: &Value) -> Vec<String> {
    let sections = ["receivers", "processors", "exporters", "connectors", "extensions"];
    let of_section = |section: &'static str| {
        keys(configuration, section)
            .into_iter()
            .map(move |key| format!("{section}/{}", key.split('/').next().unwrap_or(key)))
    };
    sections.into_iter().flat_map(of_section).collect::<BTreeSet<_>>().into_iter().collect()
}

fn undefined(configuration: &Value) -> Vec<String> {
    let mut undefined = Vec::new();
    let pipelines = at(configuration, "service.pipelines").and_then(Value::as_object);
    for (pipeline, members) in pipelines.into_iter().flatten() {
        for (section, also) in REFERENCES {
            let mut known = keys(configuration, section);
            known.extend(also.into_iter().flat_map(|also| keys(configuration, also)));
            let named = list(members, section).filter_map(Value::as_str);
            undefined.extend(
                named
                    .filter(|name| !known.contains(name))
                    .map(|name| format!("{pipeline}: {section}/{name}")),
            );
        }
    }
    undefined
}

fn keys<'a>(configuration: &'a Value, section: &str) -> Vec<&'a str> {
    let members = configuration.get(section).and_then(Value::as_object);
    members.into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// By the program that was named, else by the first on the PATH; none where there is none.
async fn validate(
    files: &[(String, String)],
    given: &BTreeMap<String, String>,
    read: impl Iterator<Item = &String>,
    program: Option<&Path>,
) -> anyhow::Result<Option<Validation>> {
    let programs: Vec<PathBuf> = match program {
        Some(program) => vec![program.to_owned()],
        None => PROGRAMS.map(PathBuf::from).into(),
    };
    let folder = tempfile::tempdir().context("cannot make a folder for the collector's configuration")?;
    for (name, file) in files {
        std::fs::write(folder.path().join(name), file)
            .context("cannot write the collector's configuration")?;
    }
    for path in programs {
        let Ok(version) = run::text(Command::new(&path).arg("--version"), "").await else { continue };
        let mut command = Command::new(&path);
        command.arg("validate").current_dir(folder.path());
        // What the pod is given and nothing else: a variable that is set here may not be there.
        for name in read {
            command.env_remove(name);
        }
        command.envs(given);
        // A folder that is there, for what is kept in files.
        command.env("TESTBED_COLLECTOR_DIRECTORY", folder.path());
        command.args(files.iter().map(|(name, _)| format!("--config={name}")));
        let ran = run::output(&mut command, "").await?;
        let error = (!ran.status.success()).then(|| redact(&refusal(&ran.stderr)));
        let version =
            version.split_ascii_whitespace().last().unwrap_or_default().trim_start_matches('v').to_owned();
        return Ok(Some(Validation { version, error }));
    }
    match program {
        Some(program) => anyhow::bail!("{} is no collector", program.display()),
        None => Ok(None),
    }
}

/// What it complains of, in one line: it nests what is wrong in lines of their own.
fn refusal(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let start = text.find("Error: ").unwrap_or(0);
    let lines = text[start..].lines().map(|line| {
        let line = line.trim().trim_start_matches("Error: ");
        FRAMES
            .into_iter()
            .fold(line, |line, frame| line.trim_start_matches(frame).trim_end_matches(frame).trim())
    });
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("; ").replace(":; ", ": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(files: &[&str]) -> Value {
        let mut merged = Value::Object(Map::new());
        files.iter().for_each(|file| merge(&mut merged, serde_saphyr::from_str(file).unwrap()));
        merged
    }

    #[test]
    fn files_are_merged_and_components_known_without_their_names() {
        let merged = configuration(&[
            "receivers: {otlp: }\nexporters: {otlp_grpc/tempo: , debug: }",
            "exporters: {otlp_grpc/other: {endpoint: x}}\nconnectors: {span_metrics: }",
        ]);
        assert_eq!(
            components(&merged),
            ["connectors/span_metrics", "exporters/debug", "exporters/otlp_grpc", "receivers/otlp"]
        );
    }

    #[test]
    fn a_pipeline_names_what_is_configured_or_is_told() {
        let merged = configuration(&[
            "receivers: {otlp: }\nconnectors: {span_metrics: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [span_metrics]}}}",
            "service: {pipelines: {metrics: {receivers: [span_metrics], exporters: [tempo]}}}",
        ]);
        assert_eq!(undefined(&merged), ["metrics: exporters/tempo"]);
    }

    #[test]
    fn a_refusal_is_one_line() {
        for (printed, told) in [
            (
                include_str!("../../../tests/doctor/printed/otelcol/logging.txt"),
                "'exporters' the logging exporter has been deprecated, use the debug exporter instead",
            ),
            (
                include_str!("../../../tests/doctor/printed/otelcol/key.txt"),
                "'processors' error reading configuration for \"memory_limiter\": 'memorylimiter.Config' has invalid keys: spike_limit_mb",
            ),
            (
                include_str!("../../../tests/doctor/printed/otelcol/unset.txt"),
                "exporters::otlp_grpc/tempo: requires a non-empty \"endpoint\"",
            ),
            ("", ""),
        ] {
            assert_eq!(refusal(printed.as_bytes()), told);
        }
    }

    #[test]
    fn variables_are_read_wherever_they_stand() {
        let merged = configuration(&[
            "exporters: {a: {endpoint: \"${env:HOST}:${env:PORT:-4317}${env:HOST:-x}\", headers: [{x: \"${env:TOKEN}\"}]}}",
        ]);
        let mut names = BTreeMap::new();
        variables(&merged, &mut names);
        let names: Vec<(&str, bool)> =
            names.iter().map(|(name, has_default)| (name.as_str(), *has_default)).collect();
        assert_eq!(names, [("HOST", false), ("PORT", true), ("TOKEN", false)]);
    }
}
