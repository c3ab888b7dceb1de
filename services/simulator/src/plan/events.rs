//! What the events are like.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The populations that events are drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventsPlan {
    /// Who sends.
    pub sources: SourcesPlan,
    /// What is sent. Not empty. In `host` mode the types are those of the readings.
    pub types: Vec<TypePlan>,
    /// Size of an event's data.
    pub payload: PayloadSize,
}

/// The population of sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourcesPlan {
    /// How many there are.
    pub count: u64,
    /// How often each occurs.
    pub popularity: Popularity,
}

/// How often the sources of a population occur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "law", rename_all = "lowercase")]
pub enum Popularity {
    /// All alike.
    Uniform,
    /// The k-th with a weight of `k^-exponent`. With a shift the ranks move on, so that other sources become hot.
    Zipf {
        /// 0 for all alike, 1 for the classic law.
        exponent: f64,
        /// Seconds after which the ranks move on; none for never.
        shift_every_s: Option<f64>,
    },
}

/// A type of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TypePlan {
    /// The CloudEvents `type`.
    pub name: String,
    /// How often it occurs, against the weights of the others.
    pub weight: f64,
    /// What its values are.
    pub values: Values,
}

/// The process that values come from. All but the host's are functions of seed, source and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// Independent, evenly from 10 to 100.
    Uniform,
    /// Degrees Celsius: a level of the source, the course of the day, slow weather, noise of the sensor.
    Temperature,
    /// Percent of relative humidity, opposite to the temperature.
    Humidity,
    /// Hectopascal.
    Pressure,
    /// Acceleration in m/s², quiet with bursts.
    Vibration,
    /// A count that only grows.
    Counter,
    /// Real readings of the machine that the simulator runs on; not reproducible.
    Host,
    /// The value (or the whole data) of the trace's record; only in a replay.
    Trace,
}

/// The size of an event's data in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "distribution", rename_all = "lowercase")]
pub enum PayloadSize {
    /// Always the same.
    Constant {
        /// The size.
        bytes: usize,
    },
    /// Lognormal, cut at the largest payload.
    Lognormal {
        /// The median.
        median_bytes: usize,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Drawn from a list of observed sizes, each as likely as it occurs there.
    Observed {
        /// One size a line.
        file: PathBuf,
        /// What it holds, read and checked.
        #[serde(skip)]
        sizes: std::sync::Arc<[usize]>,
    },
}

/// What is wrong on purpose, to test the system. Shares of requests, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultsPlan {
    /// Requests that are followed by a repetition of theirs.
    pub duplicates: f64,
    /// Requests that are no valid events, which the receiver has to refuse.
    pub malformed: f64,
}

/// How the events of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema)]
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
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Structured => "application/cloudevents+json",
            Self::Batch => "application/cloudevents-batch+json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}
