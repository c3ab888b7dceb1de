//! Settings of the service.

use std::net::SocketAddr;
use std::time::Duration;

use events::entry::BYTES_MAX;
use service::config::{
    AuthArgs, CommonArgs, CommonConfig, ConfigError, HttpArgs, HttpConfig, PartitionArgs, Secret,
    milliseconds,
};
use service::redis::{RedisArgs, RedisConfig};

/// Takes CloudEvents over HTTP and writes them to Redis streams.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Args {
    /// Where to listen
    #[arg(long, env = "LISTEN_ADDR", default_value = "0.0.0.0:8080")]
    listen_addr: SocketAddr,
    /// Largest body of a request, in bytes
    #[arg(long, env = "BODY_BYTES_MAX", default_value_t = 4 * 1024 * 1024)]
    body_bytes_max: usize,
    /// Largest event as one line of JSON, in bytes
    #[arg(long, env = "EVENT_BYTES_MAX", default_value_t = 64 * 1024)]
    event_bytes_max: usize,
    /// Most bytes of events that wait for Redis, for each partition; more are refused with 429
    #[arg(long, env = "QUEUE_BYTES_MAX", default_value_t = 8 * 1024 * 1024)]
    queue_bytes_max: usize,
    /// Most accepted events that no worker has settled; more are refused with 429
    #[arg(long, env = "BACKLOG_EVENTS_MAX", default_value_t = 1_000_000)]
    backlog_events_max: u64,
    /// Longest wait for Redis to confirm a write; then the answer is 503 and the outcome unknown
    #[arg(long, env = "WRITE_TIMEOUT_MS", default_value_t = 5_000)]
    write_timeout_ms: u64,
    #[command(flatten)]
    partitions: PartitionArgs,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Checked settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen_address: SocketAddr,
    pub body_bytes_max: usize,
    pub event_bytes_max: usize,
    pub queue_bytes_max: usize,
    pub backlog_events_max: u64,
    pub write_timeout: Duration,
    pub partitions: u16,
    pub redis: RedisConfig,
    pub token: Option<Secret>,
    pub http: HttpConfig,
    pub common: CommonConfig,
}

impl Args {
    /// # Errors
    /// The first setting that cannot be used.
    pub fn convert(&self) -> Result<Config, ConfigError> {
        if !(1..=BYTES_MAX).contains(&self.event_bytes_max) {
            return Err(ConfigError::new(
                "EVENT_BYTES_MAX",
                format!("must be 1 to {BYTES_MAX}, the size of a stream entry"),
            ));
        }
        if self.body_bytes_max < self.event_bytes_max {
            return Err(ConfigError::new("BODY_BYTES_MAX", "must be at least EVENT_BYTES_MAX"));
        }
        if self.queue_bytes_max < self.body_bytes_max {
            return Err(ConfigError::new("QUEUE_BYTES_MAX", "must be at least BODY_BYTES_MAX"));
        }
        if self.backlog_events_max == 0 {
            return Err(ConfigError::new("BACKLOG_EVENTS_MAX", "must be at least 1"));
        }
        Ok(Config {
            listen_address: self.listen_addr,
            body_bytes_max: self.body_bytes_max,
            event_bytes_max: self.event_bytes_max,
            queue_bytes_max: self.queue_bytes_max,
            backlog_events_max: self.backlog_events_max,
            write_timeout: milliseconds("WRITE_TIMEOUT_MS", self.write_timeout_ms)?,
            partitions: self.partitions.partitions,
            redis: self.redis.convert()?,
            token: self.auth.convert()?,
            http: self.http.convert()?,
            common: self.common.convert()?,
        })
    }
}

impl AsRef<CommonArgs> for Args {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}
