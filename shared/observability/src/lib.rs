//! Logs, metrics and traces of all services: the only crate that imports `opentelemetry*`.
//!
//! Names of metrics, spans and attributes are declared here and nowhere else. Hot paths use the OpenTelemetry
//! API through bound instruments and spans that are made only when sampled; `tracing` is for logs.

mod delivery;
pub mod log;
pub mod metrics;
pub mod node;
mod outage;
mod process;
mod process_wide;
mod setup;
pub mod trace;

pub use outage::Outage;
pub use process::{ProcessWatch, read_usage};
pub use setup::{
    BatchArgs, Identity, KubernetesArgs, LogFormat, LogOutput, OtlpArgs, Telemetry, TelemetryArgs,
    TelemetryError, TelemetryMode, init, yield_to_others,
};

/// Resource attribute of a program that works for one run of an experiment.
pub const RUN_ID: &str = "testbed.run.id";
