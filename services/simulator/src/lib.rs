//! A reproducible load: an open loop from a seeded schedule, a ledger of what was sent and what became of it,
//! and latencies that count from the moment a request was meant to be sent.

mod addresses;
pub mod aggregate;
pub mod arrival;
pub mod config;
mod content;
mod error;
mod health;
pub mod host;
mod lane;
pub mod merge;
mod outcome;
pub mod plan;
pub mod probes;
mod progress;
mod random;
pub mod request;
pub mod result;
mod run;
pub mod schedule;
mod screen;
pub mod shards;
mod summary;
pub mod tally;
mod target;
mod telemetry;
mod text;
pub mod trace;
mod usage;
pub mod verdict;
pub mod workload;

pub use config::Config;
pub use content::{PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MIN};
pub use error::RunError;
pub use merge::{MergeError, merge};
pub use result::RunResult;
pub use run::run;
pub use summary::summary;
pub use target::Target;
