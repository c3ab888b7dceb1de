//! Logs, metrics and traces of all services: the only crate that imports `opentelemetry*`.
//!
//! Names of metrics, spans and attributes are declared here and nowhere else. Hot paths use the OpenTelemetry
//! API through bound instruments and spans that are made only when sampled; `tracing` is for logs.

pub mod metrics;
mod outage;
mod setup;
pub mod trace;

pub use outage::Outage;
pub use setup::{Identity, LogFormat, LogOutput, Telemetry, TelemetryArgs, TelemetryError, init};
