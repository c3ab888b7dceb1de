//! How far times between the clocks of two nodes may be wrong.
//!
//! What the simulator stamps by itself (response times, and the time until an event can be queried) has one clock. Stages begin by
//! the clock of one part and end by that of another.

use crate::plan::Service;
use crate::record::{ClockFacts, Measured, ServiceFacts};
use std::collections::BTreeMap;

/// Stages between two clocks. None is the simulator, which is no service: it may be on any of the nodes.
const STAGES: [(&str, Option<Service>, Option<Service>); 3] = [
    ("stage-accept-", None, Some(Service::IngestApi)),
    ("stage-process-", Some(Service::IngestApi), Some(Service::ProcessWorker)),
    ("stage-publish-", Some(Service::ProcessWorker), None),
];

/// Notes in the metrics of stages how far the clocks of their ends may be apart: the most that was measured before or after, with
/// its uncertainty.
pub fn bound(metrics: &mut BTreeMap<String, Measured>, clocks: &[ClockFacts], services: &[ServiceFacts]) {
    for (stage, from, to) in STAGES {
        let (from, to) = (of(from, clocks, services), of(to, clocks, services));
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| apart_us(from, to)));
        let error_us = pairs.fold(0.0, f64::max);
        let of_stage = metrics.iter_mut().filter(|(name, _)| name.starts_with(stage));
        of_stage.for_each(|(_, measured)| measured.clock_error = error_us);
    }
}

/// The clocks that a service's replicas may have had; all where its nodes are not known.
fn of<'a>(
    service: Option<Service>,
    clocks: &'a [ClockFacts],
    services: &[ServiceFacts],
) -> Vec<&'a ClockFacts> {
    let is_its = |facts: &ServiceFacts| service.is_some_and(|service| facts.service() == service.name());
    let is_on = |clock: &ClockFacts| services.iter().any(|facts| is_its(facts) && facts.node == clock.node);
    let known: Vec<&ClockFacts> = clocks.iter().filter(|clock| is_on(clock)).collect();
    if known.is_empty() { clocks.iter().collect() } else { known }
}

fn apart_us(one: &ClockFacts, other: &ClockFacts) -> f64 {
    if one.node == other.node {
        return 0.0;
    }
    let apart = [other.before.difference(&one.before), other.after.difference(&one.after)];
    apart.iter().map(|offset| offset.offset_us.abs() + offset.uncertainty_us).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::clock::ClockOffset;

    fn clock(node: &str, before_us: f64, after_us: f64) -> ClockFacts {
        let offset = |offset_us| ClockOffset { offset_us, uncertainty_us: 50.0, round_trips: 20 };
        ClockFacts { node: node.to_owned(), before: offset(before_us), after: offset(after_us) }
    }

    fn service(name: &str, node: &str) -> ServiceFacts {
        ServiceFacts {
            name: name.to_owned(),
            architecture: "arm64".to_owned(),
            is_emulated: false,
            node: node.to_owned(),
            version: String::new(),
            digest: None,
            processors: None,
            settings: BTreeMap::new(),
            restarts: 0,
        }
    }

    fn errors(clocks: &[ClockFacts], services: &[ServiceFacts]) -> [f64; 5] {
        let names = [
            "stage-send-p50",
            "stage-accept-mean",
            "stage-process-p99",
            "stage-publish-max",
            "response-time-p50",
        ];
        let measured = Measured { value: 1.0, samples: 1.0, clock_error: 0.0, negative: 0 };
        let mut metrics = names.map(|name| (name.to_owned(), measured)).into();
        bound(&mut metrics, clocks, services);
        names.map(|name| metrics[name].clock_error)
    }

    #[test]
    fn stage_is_as_wrong_as_the_clocks_of_its_ends_may_be() {
        let clocks = [clock("a", 0.0, 0.0), clock("b", 300.0, -500.0), clock("c", 200.0, 100.0)];
        let services =
            [service("ingest-api", "a"), service("process-worker-1", "a"), service("process-worker-2", "b")];
        // Process: from a to b, 500 and twice 50 µs. The simulator may be on any node; b and c are 600 and twice 50 µs apart.
        assert_eq!(errors(&clocks, &services), [0.0, 600.0, 600.0, 700.0, 0.0]);
        let together = [service("ingest-api", "a"), service("process-worker", "a")];
        assert_eq!(errors(&clocks, &together)[2], 0.0);
    }

    #[test]
    fn one_node_has_one_clock() {
        assert_eq!(errors(&[clock("a", 300.0, 300.0)], &[service("ingest-api", "a")]), [0.0; 5]);
        assert_eq!(errors(&[], &[]), [0.0; 5]);
    }

    #[test]
    fn clock_of_a_service_whose_node_is_unknown_may_be_any() {
        let clocks = [clock("a", 0.0, 0.0), clock("b", 300.0, 300.0)];
        assert_eq!(errors(&clocks, &[])[2], 400.0);
    }
}
