//! Arguments that several services share, and their conversion into checked settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use observability::TelemetryArgs;

/// Exit code of a bad configuration, `EX_USAGE` of sysexits.h.
pub const EXIT_USAGE: u8 = 64;

/// A setting that cannot be used; names its environment variable.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {message}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub message: String,
}

impl ConfigError {
    pub fn new(variable: &'static str, message: impl fmt::Display) -> Self {
        Self { variable, message: message.to_string() }
    }
}

/// Text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// What every service takes.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonArgs {
    /// Name of this instance: consumer name, `by` of entries, `service.instance.id` [default: the host name]
    #[arg(long, env = "INSTANCE_ID")]
    pub instance_id: Option<String>,
    /// Check the configuration and exit
    #[arg(long)]
    pub check_config: bool,
    /// Seconds between two statistics lines in the log
    #[arg(long, env = "STATISTICS_INTERVAL_S", default_value_t = 60)]
    pub statistics_interval_s: u64,
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

/// Settings that every service has.
#[derive(Clone, Debug)]
pub struct CommonConfig {
    pub instance: String,
    pub statistics_interval: Duration,
}

impl CommonArgs {
    /// # Errors
    /// An instance id that is empty or could not stand in a log line.
    pub fn convert(&self) -> Result<CommonConfig, ConfigError> {
        let instance = self.instance();
        let is_fine =
            !instance.is_empty() && instance.len() <= 128 && instance.chars().all(|c| c.is_ascii_graphic());
        if !is_fine {
            let message = "an instance id has 1 to 128 printable ASCII characters without spaces";
            return Err(ConfigError::new("INSTANCE_ID", message));
        }
        let statistics_interval = seconds("STATISTICS_INTERVAL_S", self.statistics_interval_s)?;
        Ok(CommonConfig { instance, statistics_interval })
    }

    pub(crate) fn instance(&self) -> String {
        let host = || {
            std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".to_owned())
        };
        self.instance_id.clone().unwrap_or_else(|| host().trim().to_owned())
    }
}

/// Where and how a service answers HTTP.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// A client that has not sent its request's head after this time is disconnected
    #[arg(long, env = "HEADER_TIMEOUT_MS", default_value_t = 10_000)]
    pub header_timeout_ms: u64,
    /// A client that has not sent its request's body after this time is answered with 408
    #[arg(long, env = "BODY_TIMEOUT_MS", default_value_t = 10_000)]
    pub body_timeout_ms: u64,
    /// Most connections at a time; further ones wait
    #[arg(long, env = "CONNECTIONS_MAX", default_value_t = 1024)]
    pub connections_max: usize,
    /// On SIGTERM, go on serving for this time while /readyz already answers 503
    #[arg(long, env = "DRAIN_DELAY_MS", default_value_t = 0)]
    pub drain_delay_ms: u64,
    /// Longest wait for requests in flight when stopping
    #[arg(long, env = "DRAIN_TIMEOUT_MS", default_value_t = 10_000)]
    pub drain_timeout_ms: u64,
}

/// Limits of HTTP serving.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub connections_max: usize,
    pub drain_delay: Duration,
    pub drain_timeout: Duration,
}

impl HttpArgs {
    /// # Errors
    /// A time or a limit of zero.
    pub fn convert(&self) -> Result<HttpConfig, ConfigError> {
        if self.connections_max == 0 {
            return Err(ConfigError::new("CONNECTIONS_MAX", "at least one connection is needed"));
        }
        Ok(HttpConfig {
            header_timeout: milliseconds("HEADER_TIMEOUT_MS", self.header_timeout_ms)?,
            body_timeout: milliseconds("BODY_TIMEOUT_MS", self.body_timeout_ms)?,
            connections_max: self.connections_max,
            drain_delay: Duration::from_millis(self.drain_delay_ms),
            drain_timeout: milliseconds("DRAIN_TIMEOUT_MS", self.drain_timeout_ms)?,
        })
    }
}

/// Number of partitions of the streams; all services of a testbed must agree.
#[derive(Clone, Debug, clap::Args)]
pub struct PartitionArgs {
    /// Number of partitions of the streams, 1 to 256, the same for all services
    #[arg(long, env = "PARTITIONS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub partitions: u16,
}

/// A bearer token that clients must show.
#[derive(Clone, Debug, clap::Args)]
pub struct AuthArgs {
    /// File with a bearer token; without it everyone may in
    #[arg(long, env = "AUTH_TOKEN_FILE")]
    pub auth_token_file: Option<PathBuf>,
}

impl AuthArgs {
    /// # Errors
    /// A file that cannot be read or is empty.
    pub fn convert(&self) -> Result<Option<Secret>, ConfigError> {
        self.auth_token_file.as_deref().map(|path| read_secret("AUTH_TOKEN_FILE", path)).transpose()
    }
}

/// Reads a secret from a file and drops surrounding white space.
///
/// # Errors
/// A file that cannot be read or is empty.
pub fn read_secret(variable: &'static str, path: &Path) -> Result<Secret, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(variable, format!("cannot read {}: {error}", path.display())))?;
    match text.trim() {
        "" => Err(ConfigError::new(variable, format!("{} is empty", path.display()))),
        secret => Ok(Secret::new(secret)),
    }
}

/// A duration that must not be zero.
///
/// # Errors
/// Zero.
pub fn milliseconds(variable: &'static str, ms: u64) -> Result<Duration, ConfigError> {
    if ms == 0 {
        Err(ConfigError::new(variable, "must be at least 1"))
    } else {
        Ok(Duration::from_millis(ms))
    }
}

/// A duration that must not be zero.
///
/// # Errors
/// Zero.
pub fn seconds(variable: &'static str, s: u64) -> Result<Duration, ConfigError> {
    if s == 0 { Err(ConfigError::new(variable, "must be at least 1")) } else { Ok(Duration::from_secs(s)) }
}
