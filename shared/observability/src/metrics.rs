//! Metrics: declared in [`Metric`], counted in plain atomics, read by OTLP export, `/statz` and the statistics line.

mod declarations;
mod registry;
mod snapshot;
mod statistics;

pub use declarations::{Kind, Metric, Spec};
pub use registry::{Counter, Gauge, Histogram, Registry};
pub use snapshot::{HistogramSnapshot, SeriesSnapshot, Snapshot};
pub use statistics::log_statistics;
