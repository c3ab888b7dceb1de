//! Why shards do not come together.

use std::io;
use std::path::PathBuf;

/// The shards of a run do not come together, or their results do not.
#[derive(Debug, thiserror::Error)]
pub enum ShardsError {
    /// Redis is not there, or it is not willing.
    #[error("the shards of a run meet in redis at {address}, which {reason}; check --redis-url")]
    Redis {
        /// Host and port.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// A living process has the same number.
    #[error(
        "shard {shard} of run {run_id} is taken by {holder}; give each process a --shard of its own, \
         or choose another run id"
    )]
    Taken {
        /// The run.
        run_id: String,
        /// The number.
        shard: u32,
        /// Instance of the other process.
        holder: String,
    },
    /// Another shard means to send something else.
    #[error(
        "shard {shard} on {instance} has {difference}; all shards of run {run_id} need the same program, \
         workload, seed and flags"
    )]
    Differs {
        /// The run.
        run_id: String,
        /// The other shard.
        shard: u32,
        /// Where it runs.
        instance: String,
        /// What is different there.
        difference: String,
    },
    /// The shards of this run have started before.
    #[error("run {run_id} has been started already, choose another run id")]
    Started {
        /// The run.
        run_id: String,
    },
    /// Not all shards came in time.
    #[error(
        "waited {waited_s} s for {missing} of {count}, here: {present}; start all of them with run id {run_id}, \
         or raise --start-timeout"
    )]
    Missing {
        /// The run.
        run_id: String,
        /// How long.
        waited_s: f64,
        /// Those that did not come, in words.
        missing: String,
        /// How many there should be.
        count: u32,
        /// Those that did, in words.
        present: String,
    },
    /// This shard learned of the start when it was over: the connection to Redis or this machine is too slow.
    #[error(
        "the run began {late_ms} ms before this shard heard of it; bring it closer to redis and start anew"
    )]
    MissedStart {
        /// How much too late.
        late_ms: i64,
    },
    /// Nothing is known of a run.
    #[error("redis at {address} knows no shards of run {run_id}; results stay there for a day")]
    UnknownRun {
        /// The run.
        run_id: String,
        /// Host and port.
        address: String,
    },
    /// What a shard left in Redis is not whole any more.
    #[error("{file} of shard {shard} is not whole in redis; take it from that shard's results directory")]
    NotWhole {
        /// The shard.
        shard: u32,
        /// Its file.
        file: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

impl ShardsError {
    /// A bounded name of the kind of error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Redis { .. } => "shards-redis",
            Self::Taken { .. } => "shard-taken",
            Self::Differs { .. } => "shards-differ",
            Self::Started { .. } => "run-started",
            Self::Missing { .. } => "shards-missing",
            Self::MissedStart { .. } => "start-missed",
            Self::UnknownRun { .. } => "run-unknown",
            Self::NotWhole { .. } => "results-not-whole",
            Self::File { .. } => "results-file",
        }
    }
}
