//! Flags of a run. What a workload file may say as well has no default here: where it stands neither there nor in a flag,
//! [`super::plan`] has it, and the help says so.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::plan::{Batch, ContentType, Values};
use crate::workload::Arrivals;
use toml_file::Seconds;

/// When requests are sent, and where to.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArgs {
    /// File that says what is sent and when; flags override it
    #[arg(long, env = "WORKLOAD", value_name = "WORKLOAD")]
    pub(super) workload: Option<PathBuf>,
    /// Base URL of ingest-api, http://host:port
    #[arg(
        long = "target",
        env = "TARGET_URL",
        value_name = "TARGET_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(super) target: String,
    /// Events a second, over all simulators of the run [default: 200]
    #[arg(long, env = "RATE")]
    pub(super) rate: Option<f64>,
    /// How requests follow each other [default: constant]
    #[arg(long, env = "ARRIVALS", value_enum)]
    pub(super) arrivals: Option<Arrivals>,
    /// Length of the measured phase: 500ms, 30s, 5m, 2h, or seconds [default: 30s]
    #[arg(long, env = "DURATION")]
    pub(super) duration: Option<Seconds>,
    /// Go on until stopped: the last phase has no end
    #[arg(long, env = "FOREVER", conflicts_with = "duration")]
    pub(super) forever: bool,
    /// Send the same load for this long before, without measuring
    #[arg(long, env = "WARM_UP")]
    pub(super) warm_up: Option<Seconds>,
    /// Connections to the target [default: 16]
    #[arg(long, env = "CONNECTIONS")]
    pub(super) connections: Option<usize>,
    /// Threads that send [default: 1]
    #[arg(long, env = "THREADS")]
    pub(super) threads: Option<usize>,
    /// Requests that may wait for a free connection; those beyond are counted as unsent [default: 65536]
    #[arg(long, env = "QUEUE")]
    pub(super) queue: Option<usize>,
    /// How long an answer may take before the outcome counts as unknown [default: 10s]
    #[arg(long, env = "TIMEOUT")]
    pub(super) timeout: Option<Seconds>,
    /// How long to wait for the target, and for the other simulators; 0 to begin without the target
    #[arg(long, env = "START_TIMEOUT", default_value = "10s")]
    pub(super) start_timeout: Seconds,
}

/// What the events are like.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Events")]
pub(super) struct EventArgs {
    /// Seed of the schedule and the events; the same one gives the same run [default: 1]
    #[arg(long, env = "SEED")]
    pub(super) seed: Option<u64>,
    /// Run id, the runid of every event; a new one from the time if not given
    #[arg(long, env = "RUN_ID")]
    pub(super) run_id: Option<String>,
    /// Number of sources [default: 100]
    #[arg(long, env = "SOURCES")]
    pub(super) sources: Option<u64>,
    /// Exponent of the sources' popularity: 0 all alike, 1 the classic Zipf law [default: 1]
    #[arg(long, env = "ZIPF")]
    pub(super) zipf: Option<f64>,
    /// Bytes of an event's data; the median, where sizes vary [default: 100]
    #[arg(long, env = "PAYLOAD_BYTES")]
    pub(super) payload_bytes: Option<usize>,
    /// Spread of lognormal sizes (standard deviation of the logarithm); 0 for a constant size [default: 0]
    #[arg(long, env = "PAYLOAD_SIGMA")]
    pub(super) payload_sigma: Option<f64>,
    /// What the values of all types are [default: uniform]
    #[arg(long, env = "VALUES", value_enum)]
    pub(super) values: Option<Values>,
    /// Events a request: 10, or 1-100 for a number drawn for each [default: 1]
    #[arg(long, env = "BATCH")]
    pub(super) batch: Option<Batch>,
    /// How a request is written; structured for one event, else batch, if not given
    #[arg(long, env = "CONTENT_TYPE", value_enum)]
    pub(super) content_type: Option<ContentType>,
    /// Share of requests that are sent a second time, in addition to the rate [default: 0]
    #[arg(long, env = "DUPLICATES")]
    pub(super) duplicates: Option<f64>,
    /// Share of requests that are no valid events, as a part of the rate [default: 0]
    #[arg(long, env = "MALFORMED")]
    pub(super) malformed: Option<f64>,
}

/// Where results go.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Directory that gets a directory with the results of the run
    #[arg(long = "results", env = "RESULTS_DIR", value_name = "RESULTS_DIR", default_value = "results")]
    pub(super) results: PathBuf,
    /// Print result.json instead of the summary
    #[arg(long, env = "JSON")]
    pub(super) json: bool,
    /// Serve /livez, /readyz and /statz here during the run
    #[arg(long = "listen", alias = "listen-addr", env = "LISTEN_ADDR", value_name = "LISTEN_ADDR")]
    pub(super) listen: Option<SocketAddr>,
}

/// Looking for events at the other end.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Probes")]
pub(super) struct ProbeArgs {
    /// Base URL of query-api, to measure how long until accepted events can be queried; without it, this is not measured
    #[arg(long, env = "QUERY_URL")]
    pub(super) query_url: Option<String>,
    /// Events a second that are looked for there, at most; of all shards together
    #[arg(long, env = "PROBES", default_value_t = 10.0)]
    pub(super) probes: f64,
}

/// Which part of a run this simulator sends.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Shards")]
pub(super) struct ShardArgs {
    /// Simulators that send the run together; more than one meet in Redis
    #[arg(long, env = "SHARDS", default_value_t = 1)]
    pub(super) shards: u32,
    /// Number of this one among them, from 0; that of a pod of an indexed Job if not given
    #[arg(long, env = "SHARD_INDEX", value_name = "SHARD_INDEX")]
    pub(super) shard: Option<u32>,
    #[arg(long, env = "JOB_COMPLETION_INDEX", hide = true)]
    pub(super) job_completion_index: Option<u32>,
}
