//! Runs `testbed images` and reads what it says.

use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// Of a command that hangs; a registry that is down is tried for seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `testbed images …` without this machine's settings and credentials.
pub(crate) async fn images(arguments: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    images_with(arguments, home.path(), &[]).await
}

/// The same with docker's configuration in a folder and variables of the environment.
pub(crate) async fn images_with(
    arguments: &[&str],
    docker_config: &Path,
    variables: &[(&str, &str)],
) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.arg("images").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    for name in [
        "REGISTRY",
        "REVISION",
        "REGISTRY_PLAIN_HTTP",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
    ] {
        command.env_remove(name);
    }
    command.env("DOCKER_CONFIG", docker_config).envs(variables.iter().copied());
    let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends in time").unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder as `docker login` leaves it.
pub(crate) fn docker_login(registry: &str, user: &str, password: &str) -> TempDir {
    use base64::Engine as _;
    let secret = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let config = serde_json::json!({ "auths": { registry: { "auth": secret } } });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

/// What `testbed images verify --json` found.
#[derive(Debug)]
pub(crate) struct Verified {
    code: i32,
    results: Vec<Value>,
}

/// Runs `testbed images verify --json …`.
pub(crate) async fn verify(arguments: &[&str]) -> Verified {
    Verified::read(images(&[&["verify", "--json"], arguments].concat()).await)
}

impl Verified {
    pub(crate) fn read(said: Said) -> Self {
        let report: Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        assert!(said.stderr.is_empty(), "{said:?}");
        Self { code: said.code, results: report["results"].as_array().unwrap().clone() }
    }

    /// # Panics
    /// Where something failed.
    pub(crate) fn assert_healthy(&self) {
        assert!(self.failures().is_empty() && self.code == 0, "{self:#?}");
    }

    /// Check and platform of all results of an outcome.
    pub(crate) fn of(&self, outcome: &str) -> Vec<(&str, Option<&str>)> {
        let name = |result: &'_ Value| result["outcome"] == outcome;
        let found = self.results.iter().filter(|result| name(result));
        found.map(|result| (result["check"].as_str().unwrap(), result["platform"].as_str())).collect()
    }

    /// The failures, each with a cause, with what was seen and with what to do.
    pub(crate) fn failures(&self) -> Vec<&Value> {
        let failures: Vec<&Value> =
            self.results.iter().filter(|result| result["outcome"] == "failed").collect();
        for failure in &failures {
            let is_said = |key: &str| failure[key].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_said("cause") && is_said("evidence") && is_said("remedy"), "{failure:#}");
        }
        failures
    }

    /// Asserts that exactly these checks fail, each on its platform, and that cause, evidence and remedy of each say what
    /// they should.
    pub(crate) fn assert_fails(&self, expected: &[Expected<'_>]) {
        assert_eq!(self.code, 2, "{self:#?}");
        let expected_names: Vec<_> =
            expected.iter().map(|expected| (expected.check, expected.platform)).collect();
        assert_eq!(self.of("failed"), expected_names, "{:#?}", self.failures());
        for (expected, failure) in expected.iter().zip(self.failures()) {
            let texts =
                [("cause", expected.cause), ("evidence", expected.evidence), ("remedy", expected.remedy)];
            for (key, text) in texts {
                assert!(
                    failure[key].as_str().unwrap().contains(text),
                    "{key} does not say {text:?}: {failure:#}"
                );
            }
        }
    }
}

/// A failure, and parts of what is said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) check: &'a str,
    pub(crate) platform: Option<&'a str>,
    pub(crate) cause: &'a str,
    pub(crate) evidence: &'a str,
    pub(crate) remedy: &'a str,
}

pub(crate) fn fails<'a>(
    check: &'a str,
    platform: Option<&'a str>,
    [cause, evidence, remedy]: [&'a str; 3],
) -> Expected<'a> {
    Expected { check, platform, cause, evidence, remedy }
}
