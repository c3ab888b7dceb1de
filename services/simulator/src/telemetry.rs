//! The metrics and spans of a run. What is frequent is counted by the lanes, and published once a second.

mod span;

use std::time::Duration;

use measurement::Histogram as Recorded;
use observability::metrics::{Counter, Gauge, Histogram, Metric, Readings, Registry};

use crate::plan::Plan;
use crate::tally::{Counts, Tally};

pub(crate) use span::{begin_phase_span, begin_span, end_phase_span, end_span};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before its start: waiting for the receiver, or for other shards.
    Connect,
    /// In a phase of its plan.
    Phase(usize),
    /// After its last phase: waiting for what is left.
    Drain,
}

/// The gauge of the phase that the run is in.
pub(crate) struct Stages(Vec<(Stage, Gauge)>);

impl Stages {
    /// In [`Stage::Connect`].
    pub(crate) fn new(registry: &Registry, plan: &Plan) -> Self {
        let gauge = |stage, name: &str| (stage, registry.gauge(Metric::SimulatorPhase, &[("phase", name)]));
        let phases = plan.phases.iter().enumerate();
        let stages = phases.map(|(index, phase)| gauge(Stage::Phase(index), &phase.name));
        let ends = [gauge(Stage::Connect, "connect"), gauge(Stage::Drain, "drain")];
        let stages = Self(ends.into_iter().chain(stages).collect());
        stages.enter(Stage::Connect);
        stages
    }

    /// From now on the run is there.
    pub(crate) fn enter(&self, now: Stage) {
        let (here, elsewhere): (Vec<_>, Vec<_>) = self.0.iter().partition(|(stage, _)| *stage == now);
        // A phase may be called "drain" as well: the series is shared, so zeros go first.
        elsewhere.iter().for_each(|(_, gauge)| gauge.set(0.0));
        here.iter().for_each(|(_, gauge)| gauge.set(1.0));
    }
}

/// The instruments of a process. All exist from the start.
pub(crate) struct Instruments {
    registry: Registry,
    sent: Counter,
    accepted: Counter,
    unsent: Counter,
    late: Counter,
    repeated: Outcomes,
    malformed: Outcomes,
    response_time: Histogram,
    service_time: Histogram,
    send_lateness: Histogram,
    planned_rate: Readings,
    /// What the lanes have open.
    pub(crate) open: OpenGauges,
}

/// A counter for each outcome of deliberate faults.
struct Outcomes([Counter; 4]);

/// What has been begun and has not ended. Each lane has a clone, and tells once a second.
#[derive(Clone)]
pub(crate) struct OpenGauges {
    in_flight: Gauge,
    connections: Gauge,
    last: (usize, usize),
}

/// What became of probes. Cloning shares it.
#[derive(Clone)]
pub(crate) struct ProbeInstruments {
    seen: Counter,
    /// Probes that were not queryable before their deadline.
    pub(crate) unseen: Counter,
    /// Probes that there was no room for.
    pub(crate) skipped: Counter,
    /// Probes that could not be asked for.
    pub(crate) failed: Counter,
    duration: Histogram,
}

impl Instruments {
    pub(crate) fn new(registry: &Registry) -> Self {
        // Runs without probes show that there were none.
        ProbeInstruments::new(registry);
        Self {
            sent: registry.counter(Metric::SimulatorEventsSent, &[]),
            accepted: registry.counter(Metric::SimulatorEventsAccepted, &[]),
            unsent: registry.counter(Metric::SimulatorEventsUnsent, &[]),
            late: registry.counter(Metric::SimulatorRequestsLate, &[]),
            repeated: Outcomes::new(registry, Metric::SimulatorEventsRepeated),
            malformed: Outcomes::new(registry, Metric::SimulatorEventsMalformed),
            response_time: registry.histogram(Metric::SimulatorResponseDuration, &[]),
            service_time: registry.histogram(Metric::SimulatorServiceDuration, &[]),
            send_lateness: registry.histogram(Metric::SimulatorSendLateness, &[]),
            planned_rate: registry.readings(Metric::SimulatorRatePlanned),
            open: OpenGauges {
                in_flight: registry.gauge(Metric::SimulatorRequestsInFlight, &[]),
                connections: registry.gauge(Metric::SimulatorConnections, &[]),
                last: (0, 0),
            },
            registry: registry.clone(),
        }
    }

    /// Adds what was counted since the last time. Takes some nanoseconds a request where metrics are exported, so it is
    /// the aggregator's work and not a lane's.
    pub(crate) fn publish(&self, slice: &Tally) {
        self.sent.add(slice.events.sent);
        self.accepted.add(slice.events.accepted);
        self.unsent.add(slice.events.unsent);
        self.late.add(slice.late_requests);
        self.repeated.add(&slice.repeated_events);
        self.malformed.add(&slice.malformed_events);
        for (reason, events) in &slice.refusals {
            let labels = [("http.response.status_code", status_of(reason))];
            self.registry.counter(Metric::SimulatorEventsRefused, &labels).add(*events);
        }
        for (reason, events) in &slice.unknowns {
            let labels = [("error.type", reason.as_str())];
            self.registry.counter(Metric::SimulatorEventsUnknown, &labels).add(*events);
        }
        let pairs: [(&Histogram, &Recorded); 3] = [
            (&self.response_time, &slice.response_time),
            (&self.service_time, &slice.service_time),
            (&self.send_lateness, &slice.send_lateness),
        ];
        for (histogram, recorded) in pairs {
            histogram.record_counted(recorded.recorded());
        }
    }

    /// Events a second that the schedule wants now; none where no schedule says so.
    pub(crate) fn set_planned_rate(&self, rate_per_s: Option<f64>) {
        self.planned_rate.replace(rate_per_s.map(|rate_per_s| ([], rate_per_s)));
    }
}

/// The status of a refusal, of which the problem kind is left out: that makes a label with few values.
fn status_of(reason: &str) -> &str {
    let status = reason.split(' ').next().unwrap_or_default();
    let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    if is_status { status } else { "none" }
}

impl Outcomes {
    fn new(registry: &Registry, metric: Metric) -> Self {
        let outcomes = ["accepted", "refused", "unknown", "unsent"];
        Self(outcomes.map(|outcome| registry.counter(metric, &[("outcome", outcome)])))
    }

    fn add(&self, counts: &Counts) {
        let events = [counts.accepted, counts.refused, counts.unknown, counts.unsent];
        self.0.iter().zip(events).for_each(|(counter, events)| counter.add(events));
    }
}

impl OpenGauges {
    /// What this lane has open now.
    pub(crate) fn set(&mut self, in_flight: usize, connections: usize) {
        self.in_flight.add(in_flight as f64 - self.last.0 as f64);
        self.connections.add(connections as f64 - self.last.1 as f64);
        self.last = (in_flight, connections);
    }

    /// Requests without an answer, of all lanes.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.get() as u64
    }

    /// Connections that are up, of all lanes.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.get() as u64
    }
}

impl ProbeInstruments {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |outcome| registry.counter(Metric::SimulatorProbes, &[("outcome", outcome)]);
        Self {
            seen: counter("seen"),
            unseen: counter("unseen"),
            skipped: counter("skipped"),
            failed: counter("failed"),
            duration: registry.histogram(Metric::SimulatorProbeDuration, &[]),
        }
    }

    /// An event was queryable, this long after the answer that accepted it.
    pub(crate) fn seen(&self, accepted_to_queryable: Duration) {
        self.seen.add(1);
        self.duration.record(accepted_to_queryable);
    }
}

#[cfg(test)]
mod tests;
