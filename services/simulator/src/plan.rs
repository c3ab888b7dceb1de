//! The plan of a run: everything that decides which requests are sent and when.

use std::time::Duration;

use serde::Serialize;

/// How arrivals follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// In equal steps.
    Constant,
    /// Independently of each other, at the rate on average.
    Poisson,
    /// Each connection sends as soon as it has its answer. Finds a maximum; its latencies hide waiting.
    Closed,
}

/// How the events of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ContentType {
    /// One event, `application/cloudevents+json`.
    Structured,
    /// A JSON array, `application/cloudevents-batch+json`.
    Batch,
    /// One event a line, `application/x-ndjson`.
    Ndjson,
}

impl ContentType {
    /// The media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Structured => "application/cloudevents+json",
            Self::Batch => "application/cloudevents-batch+json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// A validated plan, written to the result as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The run; the `runid` of every event.
    pub run_id: String,
    /// Base URL of the receiver.
    pub target: String,
    /// How arrivals follow each other.
    pub arrivals: Arrivals,
    /// Events a second; none in a closed loop.
    pub rate_per_s: Option<f64>,
    /// Length of the schedule.
    pub duration_s: f64,
    /// Where all randomness comes from.
    pub seed: u64,
    /// Number of event sources.
    pub sources: u64,
    /// Exponent of the sources' popularity: 0 for all alike, 1 for the classic Zipf law.
    pub zipf: f64,
    /// Median size of an event's data.
    pub payload_bytes: usize,
    /// Standard deviation of the logarithm of that size: 0 for a constant one.
    pub payload_sigma: f64,
    /// Events a request.
    pub batch_events: u64,
    /// How a request is written.
    pub content_type: ContentType,
    /// Connections to the receiver.
    pub connections: usize,
    /// Arrivals that may wait for a free connection; those beyond are not sent.
    pub queue_requests_max: usize,
    /// How long an answer may take from the actual sending.
    pub timeout_s: f64,
}

impl Plan {
    /// Nanoseconds between two requests on average; infinite in a closed loop.
    pub(crate) fn request_interval_ns(&self) -> f64 {
        self.rate_per_s.map_or(f64::INFINITY, |rate_per_s| 1e9 * self.batch_events as f64 / rate_per_s)
    }

    /// Whether answers set the pace, instead of a schedule.
    pub(crate) fn is_closed(&self) -> bool {
        self.arrivals == Arrivals::Closed
    }

    /// [`Plan::timeout_s`] as a duration.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s)
    }

    /// [`Plan::duration_s`] as a duration.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.duration_s)
    }

    /// The sequence numbers of one request, the last one included.
    pub(crate) fn sequences(&self, request_index: u64) -> std::ops::RangeInclusive<u64> {
        let first = request_index * self.batch_events;
        first..=first + self.batch_events - 1
    }
}
