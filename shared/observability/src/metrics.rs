//! Metrics: declared in [`Metric`], counted in plain atomics, read by OTLP export, `/statz` and the statistics line.

mod declarations;
mod histogram;
mod registry;
mod snapshot;
mod statistics;

pub use declarations::{Kind, Metric, Presence, Spec, prometheus_label};
pub use histogram::Histogram;
pub use registry::{Counter, Gauge, Readings, Registry};
pub use snapshot::{HistogramSnapshot, SeriesSnapshot, Snapshot};
pub use statistics::log_statistics;
