//! What a plan can set.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A service of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    IngestApi,
    ProcessWorker,
    QueryApi,
}

/// Something that can be set for all cells, or by a level of a factor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Key {
    /// `placement`: on which nodes, or of which architecture, the services run. A name such as `arm64` or `split`, or a table
    /// of services: `{ process-worker = "arm64" }`.
    Placement,
    /// `telemetry`: `off`, `metrics`, `sampled` or `full`.
    Telemetry,
    /// `workers`: number of process-workers.
    Workers,
    /// `partitions`: number of streams.
    Partitions,
    /// `load.PATH`: a key of the simulator's workload, such as `load.rate` or `load.events.payload`. `rate`, `arrivals`,
    /// `batch` and `payload` are short for the four that are used most.
    Load(String),
    /// `SERVICE.VARIABLE`: a setting of a service, such as `process-worker.WORK_KIND`.
    Setting(Service, String),
    /// `redis.DIRECTIVE`: a line of `redis.conf`, such as `redis.appendfsync`.
    Redis(String),
}

/// A key that nothing is set by.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} cannot be set: there are placement, telemetry, workers, partitions, rate, arrivals, batch, payload, load.KEY, \
     ingest-api.VARIABLE, process-worker.VARIABLE, query-api.VARIABLE, redis.DIRECTIVE"
)]
pub struct KeyError(String);

impl Service {
    pub const ALL: [Self; 3] = [Self::IngestApi, Self::ProcessWorker, Self::QueryApi];

    /// As programs, images and labels name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IngestApi => "ingest-api",
            Self::ProcessWorker => "process-worker",
            Self::QueryApi => "query-api",
        }
    }

    /// The one of this name; none where there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || KeyError(text.to_owned());
        Ok(match text {
            "placement" => Self::Placement,
            "telemetry" => Self::Telemetry,
            "workers" => Self::Workers,
            "partitions" => Self::Partitions,
            "rate" | "arrivals" | "batch" => Self::Load(text.to_owned()),
            "payload" => Self::Load("events.payload".to_owned()),
            _ => {
                let (owner, name) =
                    text.split_once('.').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
                match owner {
                    "load" => Self::Load(name.to_owned()),
                    "redis" => Self::Redis(name.to_owned()),
                    owner => Self::Setting(Service::from_name(owner).ok_or_else(unknown)?, name.to_owned()),
                }
            }
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placement => formatter.write_str("placement"),
            Self::Telemetry => formatter.write_str("telemetry"),
            Self::Workers => formatter.write_str("workers"),
            Self::Partitions => formatter.write_str("partitions"),
            Self::Load(path) => write!(formatter, "load.{path}"),
            Self::Setting(service, variable) => write!(formatter, "{}.{variable}", service.name()),
            Self::Redis(directive) => write!(formatter, "redis.{directive}"),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for text in
            ["placement", "load.events.sources.count", "process-worker.WORK_KIND", "redis.appendfsync"]
        {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        assert_eq!("payload".parse::<Key>().unwrap().to_string(), "load.events.payload");
    }

    #[test]
    fn unknown_key_is_answered_with_those_there_are() {
        for text in ["plcement", "worker.WORK_KIND", "load.", ""] {
            let error = text.parse::<Key>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("{text:?}")) && error.contains("process-worker.VARIABLE"),
                "{error}"
            );
        }
    }
}
