//! The builder of docker buildx.

use super::{Sources, run};
use crate::doctor::facts::{BuilderFacts, MISSING};
use crate::http_client::HttpClient;
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

/// A registry on the same network answers within milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A label of the engine's own builder where the engine keeps images in containerd.
const CONTAINERD_LABEL: &str = "org.mobyproject.buildkit.worker.containerd.namespace";

pub(super) async fn facts(sources: &Sources) -> anyhow::Result<BuilderFacts> {
    let mut command = Command::new("docker");
    command.args(["buildx", "inspect", &sources.builder]);
    let output = run::output(&mut command, "install docker with its plugin buildx").await?;
    let mut builder = read(&sources.builder, &output)?;
    if let Some(registry) = &sources.registry {
        builder.registry_is_plain_http = speaks_http(registry).await;
    }
    Ok(builder)
}

fn read(name: &str, output: &Output) -> anyhow::Result<BuilderFacts> {
    let complaint = run::last_line(&output.stderr);
    let mut builder = parse(&String::from_utf8_lossy(&output.stdout));
    if complaint.contains("no builder") {
        (builder.name, builder.status) = (name.to_owned(), MISSING.to_owned());
    } else {
        anyhow::ensure!(output.status.success(), "docker says: {complaint}");
    }
    Ok(builder)
}

/// Reads what `docker buildx inspect` prints: fields of the builder, of its first node, and its configuration behind
/// `File#buildkitd.toml:`. A builder that does not run prints no platforms, and one without an engine no driver.
fn parse(printed: &str) -> BuilderFacts {
    let field = |key: &str| {
        let values = printed.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| *name == key);
        values.map(|(_, value)| value.trim()).find(|value| !value.is_empty()).unwrap_or_default().to_owned()
    };
    let platforms = field("Platforms");
    // A star marks those that were asked for.
    let platforms = platforms.split(',').map(|platform| platform.trim().trim_end_matches('*'));
    BuilderFacts {
        name: field("Name"),
        driver: field("Driver"),
        status: field("Status"),
        error: Some(field("Error")).filter(|error| !error.is_empty()),
        has_containerd_store: printed.contains(CONTAINERD_LABEL),
        platforms: platforms.filter_map(|platform| platform.parse().ok()).collect(),
        plain_http: plain_http(printed),
        registry_is_plain_http: None,
    }
}

/// The tables `[registry."HOST"]` with `http = true`.
fn plain_http(printed: &str) -> Vec<String> {
    let configuration = printed.lines().filter_map(|line| line.trim_start().strip_prefix('>')).map(str::trim);
    let mut table = None;
    let mut hosts = Vec::new();
    for line in configuration {
        if line.starts_with('[') {
            let host = line.strip_prefix("[registry.\"").and_then(|rest| rest.strip_suffix("\"]"));
            table = host.map(str::to_owned);
        } else if line.replace(' ', "") == "http=true" {
            hosts.extend(table.clone());
        }
    }
    hosts
}

/// Whether it answers as a registry without TLS; one with TLS answers such a question with 400. None where nothing answers.
async fn speaks_http(registry: &str) -> Option<bool> {
    let client = HttpClient::new(None, ANSWER_TIMEOUT);
    let (status, _) = client.get(&format!("http://{registry}/v2/")).await.ok()?;
    Some(matches!(status.as_u16(), 200 | 401))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::platform::Platform;

    /// What was printed, tests/doctor/printed/README.md.
    macro_rules! printed {
        ($name:literal) => {
            include_str!(concat!("../../../tests/doctor/printed/buildx/", $name))
        };
    }

    #[test]
    fn a_builder_is_read_with_its_plain_registries() {
        let builder = parse(printed!("running.txt"));
        assert_eq!(
            (builder.name.as_str(), builder.driver.as_str(), builder.status.as_str()),
            ("testbed", "docker-container", "running")
        );
        assert_eq!((builder.plain_http, builder.error), (vec!["192.168.0.35:5000".to_owned()], None));
        assert_eq!(builder.platforms[0], Platform::linux("amd64"));
        assert_eq!(builder.platforms.len(), 5);
    }

    #[test]
    fn a_stopped_builder_has_its_configuration_and_no_platforms() {
        let builder = parse(printed!("stopped.txt"));
        assert_eq!(
            (builder.driver.as_str(), builder.status.as_str(), builder.platforms.len()),
            ("docker-container", "stopped", 0)
        );
        assert_eq!(builder.plain_http, ["192.168.0.35:5000"]);
    }

    #[test]
    fn a_platform_that_was_asked_for_is_read_without_its_star() {
        let builder = parse(printed!("one-platform.txt"));
        assert_eq!(builder.platforms[0], Platform::linux("amd64"));
        assert!(builder.plain_http.is_empty() && !builder.has_containerd_store);
    }

    #[test]
    fn engines_that_keep_images_in_containerd_are_told_from_others() {
        let (containerd, classic) =
            (parse(printed!("docker-containerd.txt")), parse(printed!("docker-classic.txt")));
        assert_eq!((containerd.driver.as_str(), classic.driver.as_str()), ("docker", "docker"));
        assert!(containerd.has_containerd_store && !classic.has_containerd_store);
    }

    #[test]
    fn an_engine_that_is_away_is_told() {
        let builder = parse(printed!("no-engine.txt"));
        assert_eq!((builder.driver.as_str(), builder.status.as_str()), ("", ""));
        assert!(builder.error.unwrap().starts_with("Cannot connect to the Docker daemon at unix:///"));
    }

    fn failed(stderr: &str) -> Output {
        let status = std::os::unix::process::ExitStatusExt::from_raw(256);
        Output { status, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn a_builder_that_does_not_exist_is_known_as_such() {
        let builder = read("testbed", &failed(printed!("missing.txt"))).unwrap();
        assert_eq!((builder.name.as_str(), builder.status.as_str()), ("testbed", MISSING));
        let said =
            "ERROR: failed to initialize builder testbed (testbed0): Cannot connect to the Docker daemon";
        let error = read("testbed", &failed(said)).unwrap_err().to_string();
        assert_eq!(error, format!("docker says: {said}"));
    }

    #[test]
    fn a_registry_without_http_is_none_of_plain_http() {
        let printed = printed!("running.txt").replace("http = true", "insecure = true");
        assert!(parse(&printed).plain_http.is_empty());
    }
}
