//! Settings of the service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cache::{ReaderOptions, WriterOptions};
use observability::trace::{TraceStream, TraceStreamArgs};
use service::config::{
    AuthArgs, CommonArgs, CommonConfig, ConfigError, HttpArgs, HttpConfig, PartitionArgs, Secret,
    milliseconds,
};
use service::redis::{RedisArgs, RedisConfig};

/// Answers questions about processed events from a cache that follows the results streams.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Args {
    /// Where to listen
    #[arg(long, env = "LISTEN_ADDR", default_value = "0.0.0.0:8081")]
    listen_addr: SocketAddr,
    /// File of the SQLite cache, in an emptyDir on Kubernetes
    #[arg(long, env = "CACHE_PATH", default_value = "query.db")]
    cache_path: PathBuf,
    /// Fill the cache from the results streams, or only read the file that a worker on this machine fills
    #[arg(long, env = "CACHE_FOLLOW", value_enum, default_value_t)]
    cache_follow: Follow,
    /// Page caches of SQLite together, in bytes
    #[arg(long, env = "CACHE_PAGE_BYTES", default_value_t = 48 * 1024 * 1024)]
    cache_page_bytes: u64,
    /// Most bytes of entries that are read at a time, for each partition
    #[arg(long, env = "BATCH_BYTES_MAX", default_value_t = 1024 * 1024)]
    batch_bytes_max: usize,
    /// Queries that run at the same time; further ones wait
    #[arg(long, env = "READERS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    readers: u16,
    /// A query that takes longer is given up and answered with 503
    #[arg(long, env = "QUERY_DEADLINE_MS", default_value_t = 2_000)]
    query_deadline_ms: u64,
    #[command(flatten)]
    trace_stream: TraceStreamArgs,
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

/// Who fills the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Follow {
    /// This service.
    #[default]
    On,
    /// A worker on the same machine.
    Off,
}

/// Checked settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen_address: SocketAddr,
    pub cache_path: PathBuf,
    pub cache_follow: Follow,
    pub cache_page_bytes: u64,
    pub batch_bytes_max: usize,
    pub readers: u16,
    pub query_deadline: Duration,
    pub trace_stream: TraceStream,
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
        if self.batch_bytes_max < events::entry::BYTES_MAX {
            let message = format!("must be at least {}, the size of an entry", events::entry::BYTES_MAX);
            return Err(ConfigError::new("BATCH_BYTES_MAX", message));
        }
        Ok(Config {
            listen_address: self.listen_addr,
            cache_path: self.cache_path.clone(),
            cache_follow: self.cache_follow,
            cache_page_bytes: self.cache_page_bytes,
            batch_bytes_max: self.batch_bytes_max,
            readers: self.readers,
            query_deadline: milliseconds("QUERY_DEADLINE_MS", self.query_deadline_ms)?,
            trace_stream: self.trace_stream.trace_stream,
            partitions: self.partitions.partitions,
            redis: self.redis.convert()?,
            token: self.auth.convert()?,
            http: self.http.convert()?,
            common: self.common.convert()?,
        })
    }
}

impl Config {
    /// A third of the page caches is the writer's.
    pub(crate) fn writer_options(&self) -> WriterOptions {
        WriterOptions { page_cache_bytes: self.cache_page_bytes / 3, ..WriterOptions::default() }
    }

    pub(crate) fn reader_options(&self) -> ReaderOptions {
        let page_cache_bytes = self.cache_page_bytes / 3 * 2 / u64::from(self.readers);
        ReaderOptions { page_cache_bytes }
    }
}

impl AsRef<CommonArgs> for Args {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}
