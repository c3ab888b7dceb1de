//! The OpenTelemetry Collector that testbed starts itself: finding one, its configuration, and waiting until it
//! answers.

use super::plan::loopback;
use super::ports;
use super::process::Process;
use super::programs::locate;
use crate::http_client::HttpClient;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Collectors that have all components of the configuration, in order of preference.
const PROGRAMS: [&str; 2] = ["otelcol-testbed", "otelcol-contrib"];

/// The configuration, as the collector merges it: the base, then what is special to one machine.
const CONFIGURATION: [(&str, &str); 2] = [
    ("base.yaml", include_str!("../../../kubernetes/components/observability/collector/base.yaml")),
    ("local.yaml", include_str!("../../../kubernetes/components/observability/collector/local.yaml")),
];

/// Between two looks at a collector that is starting.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// How often the services send their metrics, in milliseconds: a person is watching.
const EXPORT_INTERVAL_MS: &str = "5000";

/// A collector to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// Its program.
    pub program: PathBuf,
    /// Where it listens on 127.0.0.1.
    pub ports: Ports,
}

/// Ports of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// OTLP over gRPC.
    pub grpc: u16,
    /// OTLP over HTTP.
    pub http: u16,
    /// Its health.
    pub health: u16,
    /// Its own metrics, for Prometheus.
    pub own_metrics: u16,
    /// The metrics of the services, for Prometheus.
    pub metrics: u16,
}

/// There is no collector, although one is needed.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no otelcol-testbed or otelcol-contrib in {} or in PATH: run scripts/lib/collector, which gets one, name \
     one with --collector, set OTEL_EXPORTER_OTLP_ENDPOINT to send telemetry elsewhere, or use --telemetry off", beside.display()
)]
pub struct CollectorMissing {
    beside: PathBuf,
}

/// Looks for a collector in the directory `beside`, where a build of this project puts one, and in `search_path`.
///
/// # Errors
/// Where there is none.
pub fn find(beside: &Path, search_path: Option<&OsStr>) -> Result<PathBuf, CollectorMissing> {
    let built = beside.parent().unwrap_or(beside).join("collector");
    let found = PROGRAMS
        .iter()
        .find_map(|name| locate(name, beside, None).or_else(|| locate(name, &built, search_path)));
    found.ok_or_else(|| CollectorMissing { beside: beside.to_owned() })
}

impl Ports {
    /// Ports that nobody uses, but for the one of the services' metrics where that is given.
    ///
    /// # Errors
    /// Where there are not as many.
    pub fn unused(metrics: Option<u16>) -> io::Result<Self> {
        let ports = ports::unused(5)?;
        Ok(Self {
            grpc: ports[0],
            http: ports[1],
            health: ports[2],
            own_metrics: ports[3],
            metrics: metrics.unwrap_or(ports[4]),
        })
    }
}

impl Collector {
    /// Writes the configuration into `directory`; gives the collector's arguments.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn configure(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::create_dir_all(directory)?;
        let mut arguments = Vec::new();
        for (name, text) in CONFIGURATION {
            let path = directory.join(name);
            fs::write(&path, text)?;
            arguments.extend(["--config".into(), path.into()]);
        }
        Ok(arguments)
    }

    /// The variables that its configuration reads.
    #[must_use]
    pub fn environment(&self, directory: &Path) -> Vec<(&'static str, OsString)> {
        let Ports { grpc, http, health, own_metrics, metrics } = self.ports;
        let port = |port: u16| port.to_string().into();
        vec![
            ("TESTBED_COLLECTOR_HOST", "127.0.0.1".into()),
            ("TESTBED_COLLECTOR_DIRECTORY", directory.into()),
            ("TESTBED_COLLECTOR_GRPC_PORT", port(grpc)),
            ("TESTBED_COLLECTOR_HTTP_PORT", port(http)),
            ("TESTBED_COLLECTOR_HEALTH_PORT", port(health)),
            ("TESTBED_COLLECTOR_TELEMETRY_PORT", port(own_metrics)),
            ("TESTBED_COLLECTOR_PROMETHEUS_PORT", port(metrics)),
        ]
    }

    /// What the services need to send their telemetry here.
    #[must_use]
    pub fn environment_of_services(&self) -> [(&'static str, OsString); 3] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.otlp_url().into()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".into()),
            ("OTEL_METRIC_EXPORT_INTERVAL", EXPORT_INTERVAL_MS.into()),
        ]
    }

    /// Where it takes OTLP over gRPC.
    #[must_use]
    pub fn otlp_url(&self) -> String {
        loopback(self.ports.grpc)
    }

    /// Where Prometheus finds the metrics of the services.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!("{}/metrics", loopback(self.ports.metrics))
    }

    /// Where Prometheus finds its own metrics.
    #[must_use]
    pub fn own_metrics_url(&self) -> String {
        format!("{}/metrics", loopback(self.ports.own_metrics))
    }

    /// Waits until it is healthy or has ended.
    ///
    /// # Errors
    /// Why it is not healthy after `timeout`.
    pub async fn healthy(&self, process: &Process, timeout: Duration) -> Result<(), String> {
        let client = HttpClient::new(None, ANSWER_TIMEOUT);
        let deadline = Instant::now() + timeout;
        let url = loopback(self.ports.health);
        loop {
            let answer = client.get_json::<serde_json::Value>(&url, &[]).await;
            match answer {
                Ok(_) => return Ok(()),
                // Whoever waits sees that by itself.
                Err(_) if process.end().is_some() => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
                Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collector_of_this_build_comes_before_others() {
        let parent = tempfile::tempdir().unwrap();
        let (release, built, path) =
            (parent.path().join("release"), parent.path().join("collector"), parent.path().join("bin"));
        for directory in [&release, &built, &path] {
            fs::create_dir(directory).unwrap();
        }
        let install =
            |directory: &Path, name| std::os::unix::fs::symlink("/bin/sh", directory.join(name)).unwrap();
        let search = Some(path.as_os_str());
        let message = find(&release, search).unwrap_err().to_string();
        assert!(
            message.contains("scripts/lib/collector") && message.contains("--telemetry off"),
            "{message}"
        );
        install(&path, "otelcol-contrib");
        assert_eq!(find(&release, search).unwrap(), path.join("otelcol-contrib"));
        install(&built, "otelcol-testbed");
        assert_eq!(find(&release, search).unwrap(), built.join("otelcol-testbed"));
    }
}
