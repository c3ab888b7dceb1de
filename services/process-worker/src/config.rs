//! Settings of the service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use observability::trace::{TraceStream, TraceStreamArgs};
use service::config::{
    CommonArgs, CommonConfig, ConfigError, HttpArgs, HttpConfig, PartitionArgs, milliseconds, seconds,
};
use service::redis::{RedisArgs, RedisConfig};

use crate::work::{WorkConfig, WorkKind};

/// Consumes the events streams into a SQLite cache and publishes the results.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Args {
    /// Where /livez, /readyz and /statz answer
    #[arg(long, env = "LISTEN_ADDR", default_value = "0.0.0.0:8082")]
    listen_addr: SocketAddr,
    /// File of the SQLite cache, in an emptyDir on Kubernetes
    #[arg(long, env = "CACHE_PATH", default_value = "worker.db")]
    cache_path: PathBuf,
    /// Page cache of SQLite, in bytes
    #[arg(long, env = "CACHE_PAGE_BYTES", default_value_t = 8 * 1024 * 1024)]
    cache_page_bytes: u64,
    /// What to do with each event
    #[arg(long, env = "WORK_KIND", value_enum, default_value_t)]
    work_kind: WorkKind,
    /// How much of it: rounds, products, steps or parses, by the kind
    #[arg(long, env = "WORK_AMOUNT", default_value_t = 1)]
    work_amount: u32,
    /// Size of the memory that the work kind chase walks through, in bytes
    #[arg(long, env = "WORK_CHASE_BYTES", default_value_t = 8 * 1024 * 1024)]
    work_chase_bytes: usize,
    /// Most bytes of entries that are read at a time; bounds the memory of the pipeline
    #[arg(long, env = "BATCH_BYTES_MAX", default_value_t = 1024 * 1024)]
    batch_bytes_max: usize,
    /// Entries that a consumer has not settled for this time are claimed by another
    #[arg(long, env = "CLAIM_IDLE_MS", default_value_t = 30_000)]
    claim_idle_ms: u64,
    /// How often an entry is delivered before its failing events go to the dead-letter stream
    #[arg(long, env = "DELIVERIES_MAX", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    deliveries_max: u64,
    /// Wait before an entry with a failed event is delivered again
    #[arg(long, env = "RETRY_DELAY_MS", default_value_t = 1_000)]
    retry_delay_ms: u64,
    /// How long acknowledged events stay in their stream, in seconds
    #[arg(long, env = "EVENTS_RETENTION_S", default_value_t = 300)]
    events_retention_s: u64,
    /// How long results stay in their stream, in seconds: a new query service can rebuild its cache from them
    #[arg(long, env = "RESULTS_RETENTION_S", default_value_t = 3_600)]
    results_retention_s: u64,
    /// Most memory that Redis spends on each stream, in bytes, before settled entries go early
    #[arg(long, env = "RETENTION_BYTES_MAX", default_value_t = 256 * 1024 * 1024)]
    retention_bytes_max: u64,
    /// How often the worker that holds the lease trims the streams
    #[arg(long, env = "TRIM_INTERVAL_MS", default_value_t = 10_000)]
    trim_interval_ms: u64,
    #[command(flatten)]
    trace_stream: TraceStreamArgs,
    /// Where the /proc and /sys of the node are read from; a container can have them mounted elsewhere
    #[arg(long, env = "NODE_ROOT", default_value = "/")]
    node_root: PathBuf,
    #[command(flatten)]
    partitions: PartitionArgs,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Checked settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen_address: SocketAddr,
    pub cache_path: PathBuf,
    pub cache_page_bytes: u64,
    pub work: WorkConfig,
    pub delivery: DeliveryConfig,
    pub retention: RetentionConfig,
    pub trace_stream: TraceStream,
    pub node_root: PathBuf,
    pub partitions: u16,
    pub redis: RedisConfig,
    pub http: HttpConfig,
    pub common: CommonConfig,
}

/// How entries are read, retried and given up.
#[derive(Clone, Debug)]
pub struct DeliveryConfig {
    pub batch_bytes_max: usize,
    pub claim_idle: Duration,
    pub deliveries_max: u64,
    pub retry_delay: Duration,
}

/// How long entries are kept once they are settled.
#[derive(Clone, Debug)]
pub struct RetentionConfig {
    pub events: Duration,
    pub results: Duration,
    /// Of each stream.
    pub bytes_max: u64,
    pub trim_interval: Duration,
}

impl Args {
    /// # Errors
    /// The first setting that cannot be used.
    pub fn convert(&self) -> Result<Config, ConfigError> {
        if self.batch_bytes_max < events::entry::BYTES_MAX {
            let message = format!("must be at least {}, the size of an entry", events::entry::BYTES_MAX);
            return Err(ConfigError::new("BATCH_BYTES_MAX", message));
        }
        Ok(Config {
            listen_address: self.listen_addr,
            cache_path: self.cache_path.clone(),
            cache_page_bytes: self.cache_page_bytes,
            work: self.work()?,
            delivery: DeliveryConfig {
                batch_bytes_max: self.batch_bytes_max,
                claim_idle: milliseconds("CLAIM_IDLE_MS", self.claim_idle_ms)?,
                deliveries_max: self.deliveries_max,
                retry_delay: milliseconds("RETRY_DELAY_MS", self.retry_delay_ms)?,
            },
            retention: RetentionConfig {
                events: seconds("EVENTS_RETENTION_S", self.events_retention_s)?,
                results: seconds("RESULTS_RETENTION_S", self.results_retention_s)?,
                bytes_max: self.retention_bytes_max,
                trim_interval: milliseconds("TRIM_INTERVAL_MS", self.trim_interval_ms)?,
            },
            trace_stream: self.trace_stream.trace_stream,
            node_root: self.node_root.clone(),
            partitions: self.partitions.partitions,
            redis: self.redis.convert()?,
            http: self.http.convert()?,
            common: self.common.convert()?,
        })
    }

    fn work(&self) -> Result<WorkConfig, ConfigError> {
        if self.work_amount == 0 {
            return Err(ConfigError::new(
                "WORK_AMOUNT",
                "must be at least 1; for no work set WORK_KIND to none",
            ));
        }
        if !(64 * 1024..=1024 * 1024 * 1024).contains(&self.work_chase_bytes) {
            return Err(ConfigError::new("WORK_CHASE_BYTES", "must be 65536 to 1073741824"));
        }
        Ok(WorkConfig { kind: self.work_kind, amount: self.work_amount, chase_bytes: self.work_chase_bytes })
    }
}

impl AsRef<CommonArgs> for Args {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}
