//! A second of a run, a row of `samples.csv`.

mod table;

pub use table::{TableError, read_csv, write_csv};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counters since the start, and gauges, as they were read at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Events that Redis has confirmed.
    pub accepted: Option<u64>,
    /// Events that a worker has settled.
    pub settled: Option<u64>,
    /// Accepted and not settled.
    pub backlog: Option<u64>,
    /// By service.
    pub services: BTreeMap<String, ServiceSample>,
}

/// One service, all its replicas together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceSample {
    /// Processor seconds since it started.
    pub cpu_s: Option<f64>,
    pub resident_bytes: Option<u64>,
    /// Bytes received and sent since it started.
    pub network_bytes: Option<u64>,
    /// Bytes written to storage since it started.
    pub disk_bytes: Option<u64>,
    /// Context switches that it did not ask for since it started.
    pub involuntary_switches: Option<u64>,
    /// Periods in which its quota of processor time was used up.
    pub throttled_periods: Option<u64>,
}
