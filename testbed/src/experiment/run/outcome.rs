//! All that is known of a run at its end.

use super::audit::AuditOutcome;
use super::simulator_result::SimulatorResult;
use super::workload::MEASURE;
use experiment::environment::Environments;
use experiment::record::{ClockFacts, Measured, Reason, ServiceFacts, Status};
use experiment::sample::Sample;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a run left.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) run_id: String,
    pub(super) result: SimulatorResult,
    pub(super) samples: Vec<Sample>,
    pub(super) environments: Environments,
    /// What each service told of itself at the end of the load.
    pub(super) statistics: BTreeMap<String, Value>,
    pub(super) audit: AuditOutcome,
    pub(super) services: Vec<ServiceFacts>,
    /// The architecture that each of them should have.
    pub(super) wanted: Vec<Option<String>>,
    pub(super) deaths: Vec<String>,
    pub(super) clocks: Vec<ClockFacts>,
    /// What could not be seen after the load.
    pub(super) unseen: Vec<Reason>,
}

/// What is measured, in seconds since the load began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Outcome {
    /// The measured phase, without what of it is before the steady part.
    pub(super) fn window(&self, steady_from_s: Option<f64>) -> Window {
        let (from_s, to_s) = self.result.measured_s();
        Window { from_s: steady_from_s.map_or(from_s, |steady_s| from_s.max(steady_s)), to_s }
    }

    /// Refused of those sent in the measured phase.
    pub(super) fn refused_share(&self) -> Option<(String, Measured)> {
        let phase = self.result.phases.iter().find(|phase| phase.name == MEASURE)?;
        let sent = phase.events.sent as f64;
        let value = if sent > 0.0 { phase.events.refused as f64 / sent } else { 0.0 };
        Some(("refused-share".into(), exact(value, sent)))
    }
}

/// A number without an error of clocks.
pub(super) fn exact(value: f64, samples: f64) -> Measured {
    Measured { value, samples, clock_error: 0.0, negative: 0 }
}

/// What was looked at after a load; nothing where that failed, which is a reason against the run, and not against its load.
pub(super) fn seen<T>(
    looked: anyhow::Result<T>,
    (status, check, what): (Status, &str, &str),
    unseen: &mut Vec<Reason>,
) -> Option<T> {
    let reason = |error: &anyhow::Error| Reason {
        status,
        check: check.to_owned(),
        message: format!("{what} could not be seen after the load: {error:#}"),
    };
    unseen.extend(looked.as_ref().err().map(reason));
    looked.ok()
}

/// The clocks of nodes before and after. Of a node that was looked at once, that is both.
pub(super) fn clocks(before: Vec<ClockFacts>, after: Vec<ClockFacts>) -> Vec<ClockFacts> {
    let mut clocks = before;
    for last in after {
        match clocks.iter_mut().find(|clock| clock.node == last.node) {
            Some(clock) => clock.after = last.after,
            None => clocks.push(last),
        }
    }
    clocks
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::simulator_result::{Generator, SimulatorVerdict};
    use super::*;
    use experiment::record::AuditFacts;
    use jiff::Timestamp;
    use measurement::clock::ClockOffset;

    fn service(name: &str) -> ServiceFacts {
        ServiceFacts {
            name: name.into(),
            architecture: "amd64".into(),
            is_emulated: false,
            node: "a".into(),
            version: "1.0".into(),
            digest: None,
            processors: None,
            settings: BTreeMap::new(),
            restarts: 0,
        }
    }

    #[test]
    fn clock_that_was_read_only_before_or_only_after_is_known_by_that() {
        let clock = |node: &str, offset_us: f64| {
            let now = ClockOffset { offset_us, uncertainty_us: 1.0, round_trips: 1 };
            ClockFacts { node: node.into(), before: now, after: now }
        };
        let clocks =
            clocks(vec![clock("a", 1.0), clock("lost", 2.0)], vec![clock("a", 3.0), clock("simulator", 4.0)]);
        let told: Vec<(&str, f64, f64)> = clocks
            .iter()
            .map(|clock| (clock.node.as_str(), clock.before.offset_us, clock.after.offset_us))
            .collect();
        assert_eq!(told, [("a", 1.0, 3.0), ("lost", 2.0, 2.0), ("simulator", 4.0, 4.0)]);
    }

    /// A run against which nothing speaks.
    pub(in crate::experiment::run) fn outcome() -> Outcome {
        let services = vec![service("ingest-api"), service("process-worker"), service("redis")];
        Outcome {
            run_id: "a-0001-1".into(),
            result: SimulatorResult {
                verdict: SimulatorVerdict { reasons: Vec::new() },
                started_at: Timestamp::UNIX_EPOCH,
                elapsed_s: 10.0,
                generator: Generator { involuntary_switches: 0 },
                shards: None,
                phases: Vec::new(),
            },
            samples: Vec::new(),
            environments: Environments::default(),
            statistics: BTreeMap::new(),
            audit: AuditOutcome {
                facts: AuditFacts { outcome: Some("pass".into()), ..AuditFacts::default() },
                report: String::new(),
            },
            wanted: vec![Some("amd64".into()), Some("amd64".into()), None],
            services,
            deaths: Vec::new(),
            clocks: Vec::new(),
            unseen: Vec::new(),
        }
    }
}
