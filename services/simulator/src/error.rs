//! Why a run could not be carried out. That requests fail during a run is a result and no error.

use std::io;
use std::path::PathBuf;

use measurement::LedgerError;
use service::config::ConfigError;

use crate::shards::ShardsError;

/// A run that failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] ConfigError),
    /// Another run of the same id has left its results.
    #[error("{} holds results already, choose another run id", path.display())]
    ResultsExist {
        /// The directory of the run.
        path: PathBuf,
    },
    /// Another process is just making the results of the same run.
    #[error("another simulator is just writing {}, wait for it or choose another run id", path.display())]
    ResultsInUse {
        /// The directory of the run.
        path: PathBuf,
    },
    /// The results cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Results {
        /// What was to be written.
        path: PathBuf,
        /// Why it failed.
        reason: io::Error,
    },
    /// No connection could be made before the run.
    #[error("cannot connect to {target} within {waited_s} s: {reason}; check that it is up, and --target")]
    Unreachable {
        /// Host and port.
        target: String,
        /// How long it was tried.
        waited_s: f64,
        /// What the last attempt said.
        reason: String,
    },
    /// It was stopped before it had begun.
    #[error("stopped before the run began")]
    StoppedEarly,
    /// The health address cannot be used.
    #[error("LISTEN_ADDR: cannot listen: {0}")]
    Listen(io::Error),
    /// A thread of the generator could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The system does not let a thread of the generator wait for its sockets.
    #[error("cannot wait for sockets: {0}")]
    EventLoop(io::Error),
    /// A thread of the generator ended without a result, which is a bug.
    #[error("a thread of the load generator failed")]
    ThreadFailed,
    /// The shards of the run do not come together, or their results do not.
    #[error(transparent)]
    Shards(#[from] ShardsError),
    /// The ledger contradicts itself, which is a bug.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl RunError {
    /// A bounded name of the kind of error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::ResultsExist { .. } => "results-exist",
            Self::ResultsInUse { .. } => "results-in-use",
            Self::Results { .. } => "results-not-written",
            Self::Unreachable { .. } => "unreachable",
            Self::StoppedEarly => "stopped-early",
            Self::Listen(_) => "listen",
            Self::Thread(_) | Self::EventLoop(_) | Self::ThreadFailed => "thread",
            Self::Shards(error) => error.kind(),
            Self::Ledger(error) => error.kind(),
        }
    }
}
