//! What a run leaves, `run.json`: what was planned, what it came to, and how far it is to be trusted.

use crate::metric::Unit;
use crate::words;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Version of `run.json`.
pub const RECORD_VERSION: u32 = 1;

/// A run that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// [`crate::order::PlannedRun::number`].
    pub number: u32,
    pub block: u32,
    /// [`crate::cell::Cell::id`].
    pub cell: String,
    /// From 1; an invalid run is repeated.
    pub attempt: u32,
    pub seed: u64,
    /// The run id of its events.
    pub run_id: String,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub verdict: Verdict,
    /// Seconds from the start of the load at which the steady part begins; none where there is none.
    pub steady_from_s: Option<f64>,
    /// By the names of [`crate::metric::catalogue`]; what could not be measured is absent.
    pub metrics: BTreeMap<String, Measured>,
    pub services: Vec<ServiceFacts>,
    pub audit: AuditFacts,
    pub gates: Vec<Gate>,
    /// The nodes' clocks against one of them, before and after.
    pub clocks: Vec<ClockFacts>,
}

impl RunRecord {
    /// Whether a processor translated the programs of another in it.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        self.services.iter().any(|service| service.is_emulated)
    }
}

/// One metric of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// In the metric's unit.
    pub value: f64,
    /// Samples behind it, less what their dependence on each other takes.
    pub samples: f64,
    /// Bounds of the error that the clocks of several nodes bring in; 0 where only one clock was asked.
    pub clock_error: f64,
    /// Samples below 0, which only clocks that disagree can give.
    pub negative: u64,
}

/// How far a run is to be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    pub status: Status,
    pub reasons: Vec<Reason>,
}

/// The worst of all reasons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    #[default]
    Valid,
    /// Used, with its reasons shown.
    Suspect,
    /// Repeated, and listed.
    Invalid,
}

/// Something that speaks against a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reason {
    pub status: Status,
    /// The gate or check, by a bounded name: `steal`, `audit`, `unsteady`, `wrong-architecture`.
    pub check: String,
    /// What is the matter, with what was measured and its limit.
    pub message: String,
}

/// Which service really ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceFacts {
    /// `process-worker-2`.
    pub name: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// Whether another processor executed it by translation: never compared with one that was not.
    pub is_emulated: bool,
    /// The machine.
    pub node: String,
    /// The program's own version and git revision.
    pub version: String,
    /// Of its image; none for a local process.
    pub digest: Option<String>,
    /// Processors that it was kept to, as in `taskset`; none where it may run on any.
    pub processors: Option<String>,
    /// The effective settings, without secrets.
    pub settings: BTreeMap<String, String>,
    pub restarts: u32,
}

impl ServiceFacts {
    /// The service of which this is a replica: `process-worker` of `process-worker-2`.
    #[must_use]
    pub fn service(&self) -> &str {
        of_replica(&self.name)
    }
}

/// The service of which a part of this name is a replica.
#[must_use]
pub fn of_replica(name: &str) -> &str {
    name.trim_end_matches(|end: char| end.is_ascii_digit() || end == '-')
}

/// What the audit by ids gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuditFacts {
    /// `pass`, `fail`, `inconclusive`; none where it could not be carried out.
    pub outcome: Option<String>,
    pub sent: u64,
    pub accepted: u64,
    pub queryable: u64,
    pub lost: u64,
    pub duplicated: u64,
}

/// A look for noise, before or during a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gate {
    /// `steal`, `pressure-cpu`, `spin-jitter`, `fsync`, `throttled`, …
    pub name: String,
    pub node: String,
    pub measured: f64,
    pub limit: f64,
    /// As UCUM writes it, `1` for a share; nothing where things are counted.
    pub unit: String,
    pub status: Status,
}

impl fmt::Display for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, node, measured, limit, unit, .. } = self;
        let of_metrics = |unit| (words::value(unit, *measured), words::tick(unit, *limit));
        let other = |unit: &str| (words::plain(*measured) + unit, words::plain(*limit) + unit);
        let (measured, limit) = match unit.as_str() {
            "1" => of_metrics(Unit::Share),
            "us" => of_metrics(Unit::Microseconds),
            "1/s" => (
                format!("{} a second", words::number(*measured)),
                format!("{} a second", words::plain(*limit)),
            ),
            "Cel" => other(" °C"),
            "" => other(""),
            unit => other(&format!(" {unit}")),
        };
        write!(formatter, "{name} on {node} is {measured}, and {limit} is the limit")
    }
}

/// A clock against the one that all of a run are held against: on a cluster, that of Redis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClockFacts {
    pub node: String,
    pub before: measurement::clock::ClockOffset,
    pub after: measurement::clock::ClockOffset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_told_in_units_that_people_read() {
        for (name, measured, limit, unit, told) in [
            ("steal", 0.0264, 0.01, "1", "steal on vm is 2.64 %, and 1 % is the limit"),
            ("spin-jitter", 3134.564, 500.0, "us", "spin-jitter on vm is 3.13 ms, and 500 µs is the limit"),
            (
                "displaced",
                124.68,
                100.0,
                "1/s",
                "displaced on vm is 125 a second, and 100 a second is the limit",
            ),
            ("temperature", 82.0, 80.0, "Cel", "temperature on vm is 82 °C, and 80 °C is the limit"),
            ("throttled", 2.0, 0.0, "bits", "throttled on vm is 2 bits, and 0 bits is the limit"),
            ("governor", 1.0, 0.0, "", "governor on vm is 1, and 0 is the limit"),
        ] {
            let (name, node, unit) = (name.to_owned(), "vm".to_owned(), unit.to_owned());
            let gate = Gate { name, node, measured, limit, unit, status: Status::Suspect };
            assert_eq!(gate.to_string(), told);
        }
    }
}
