//! What is done with each event: a factor of experiments, deterministic on every architecture.
//!
//! The result is stored, so that the work cannot be optimised away.

mod chase;
mod hash;
mod json;
mod matrix;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use events::entry::Outcome;

/// The kinds of work, each loading another part of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum WorkKind {
    /// Nothing
    #[default]
    None,
    /// Integer arithmetic: rounds of a hash over the event
    Hash,
    /// Floating point: products of 16 x 16 matrices
    Matrix,
    /// Memory latency: steps along a random cycle
    Chase,
    /// Branches: parses of the event
    Json,
}

/// The work and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkConfig {
    pub kind: WorkKind,
    pub amount: u32,
    /// Memory of [`WorkKind::Chase`], bytes.
    pub chase_bytes: usize,
}

/// The work could not be done on this event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    #[error("the event cannot be parsed into a tree: {0}")]
    Json(String),
    /// A fault of the work itself; it must not take the other events with it.
    #[error("the work panicked")]
    Panicked,
}

/// Work that is ready to be done, with the memory it needs.
#[derive(Debug)]
pub struct Work {
    config: WorkConfig,
    cycle: Vec<u32>,
}

impl Work {
    pub fn new(config: &WorkConfig) -> Self {
        let cycle =
            if config.kind == WorkKind::Chase { chase::cycle(config.chase_bytes) } else { Vec::new() };
        Self { config: config.clone(), cycle }
    }

    /// Works on the JSON text of one event and measures how long it takes. No work takes no time, by definition.
    ///
    /// # Errors
    /// Where the work is impossible on this event; it will be again.
    pub fn perform(&self, event: &str) -> Result<Outcome, WorkError> {
        if self.config.kind == WorkKind::None {
            return Ok(Outcome::default());
        }
        let started = Instant::now();
        let result =
            catch_unwind(AssertUnwindSafe(|| self.result(event))).unwrap_or(Err(WorkError::Panicked))?;
        Ok(Outcome { result, work_ns: u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX) })
    }

    fn result(&self, event: &str) -> Result<u64, WorkError> {
        let amount = self.config.amount;
        match self.config.kind {
            WorkKind::None => Ok(0),
            WorkKind::Hash => Ok(hash::rounds(event.as_bytes(), amount)),
            WorkKind::Matrix => Ok(matrix::products(event.as_bytes(), amount)),
            WorkKind::Chase => Ok(chase::walk(&self.cycle, event.as_bytes(), amount)),
            WorkKind::Json => json::parses(event, amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str =
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"value":1.5,"a":[true,null,"x"]}}"#;

    fn result(kind: WorkKind, amount: u32, event: &str) -> u64 {
        let work = Work::new(&WorkConfig { kind, amount, chase_bytes: 64 * 1024 });
        work.perform(event).expect("possible").result
    }

    /// The values hold on every architecture: they are compared between nodes.
    #[test]
    fn results_are_the_same_everywhere() {
        let results = [WorkKind::None, WorkKind::Hash, WorkKind::Matrix, WorkKind::Chase, WorkKind::Json]
            .map(|kind| result(kind, 3, EVENT));
        assert_eq!(results, EXPECTED);
    }

    const EXPECTED: [u64; 5] =
        [0, 12_541_349_210_650_634_283, 10_496_870_468_290_097_296, 6232, 6_430_621_668_922_140_263];

    #[test]
    fn result_depends_on_amount_and_event() {
        for kind in [WorkKind::Hash, WorkKind::Matrix, WorkKind::Chase, WorkKind::Json] {
            assert_ne!(result(kind, 1, EVENT), result(kind, 2, EVENT), "{kind:?}");
            let other = EVENT.replace("\"1\"", "\"2\"");
            assert_ne!(result(kind, 1, EVENT), result(kind, 1, &other), "{kind:?}");
        }
    }

    #[test]
    fn panic_is_the_failure_of_one_event() {
        let without_memory = Work::new(&WorkConfig { kind: WorkKind::Chase, amount: 1, chase_bytes: 0 });
        assert_eq!(without_memory.perform(EVENT), Err(WorkError::Panicked));
    }

    #[test]
    fn json_that_nests_too_deeply_is_an_error() {
        let work = Work::new(&WorkConfig { kind: WorkKind::Json, amount: 1, chase_bytes: 0 });
        assert!(work.perform(&format!("{}1{}", "[".repeat(200), "]".repeat(200))).is_err());
    }
}
