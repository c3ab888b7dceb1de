//! The instruments of a run, which the progress line and `/statz` read as well.

use observability::metrics::{Counter, Gauge, Histogram, Metric, Registry};

use crate::outcome::{Outcome, Refusal, Unknown};

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the target.
    Connect,
    /// The schedule, or the duration of a closed loop.
    Run,
    /// Waiting for what is left.
    Drain,
}

/// The gauge of the phase that the run is in.
#[derive(Clone)]
pub(crate) struct Phases([(Phase, Gauge); 3]);

impl Phases {
    /// In [`Phase::Connect`].
    pub(crate) fn new(registry: &Registry) -> Self {
        let gauge = |phase, name| (phase, registry.gauge(Metric::SimulatorPhase, &[("phase", name)]));
        let phases =
            Self([gauge(Phase::Connect, "connect"), gauge(Phase::Run, "run"), gauge(Phase::Drain, "drain")]);
        phases.enter(Phase::Connect);
        phases
    }

    pub(crate) fn enter(&self, now: Phase) {
        for (phase, gauge) in &self.0 {
            gauge.set(f64::from(u8::from(*phase == now)));
        }
    }
}

/// The instruments of the simulator.
pub(crate) struct Instruments {
    pub(crate) sent: Counter,
    pub(crate) unsent: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) response_time: Histogram,
    pub(crate) service_time: Histogram,
    pub(crate) send_lateness: Histogram,
    accepted: Counter,
    /// One series a status that occurred.
    refused: Vec<(Option<u16>, Counter)>,
    unknown: Vec<(Unknown, Counter)>,
    registry: Registry,
}

impl Instruments {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            sent: registry.counter(Metric::SimulatorEventsSent, &[]),
            unsent: registry.counter(Metric::SimulatorEventsUnsent, &[]),
            in_flight: registry.gauge(Metric::SimulatorRequestsInFlight, &[]),
            response_time: registry.histogram(Metric::SimulatorResponseDuration, &[]),
            service_time: registry.histogram(Metric::SimulatorServiceDuration, &[]),
            send_lateness: registry.histogram(Metric::SimulatorSendLateness, &[]),
            accepted: registry.counter(Metric::SimulatorEventsAccepted, &[]),
            refused: Vec::new(),
            unknown: Vec::new(),
            registry: registry.clone(),
        }
    }

    /// Counts the outcome of `events` events.
    pub(crate) fn count(&mut self, outcome: &Outcome, events: u64) {
        match outcome {
            Outcome::Accepted => self.accepted.add(events),
            Outcome::Refused(Refusal::Status { status, .. }) => self.refused(Some(*status)).add(events),
            Outcome::Refused(Refusal::NotConnected) => self.refused(None).add(events),
            Outcome::Unknown(reason) => self.unknown(*reason).add(events),
        }
    }

    fn refused(&mut self, status: Option<u16>) -> &Counter {
        let index = self.refused.iter().position(|(known, _)| *known == status).unwrap_or_else(|| {
            let label = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            let labels = [("http.response.status_code", label.as_str())];
            self.refused.push((status, self.registry.counter(Metric::SimulatorEventsRefused, &labels)));
            self.refused.len() - 1
        });
        &self.refused[index].1
    }

    fn unknown(&mut self, reason: Unknown) -> &Counter {
        let index = self.unknown.iter().position(|(known, _)| *known == reason).unwrap_or_else(|| {
            let labels = [("error.type", reason.kind())];
            self.unknown.push((reason, self.registry.counter(Metric::SimulatorEventsUnknown, &labels)));
            self.unknown.len() - 1
        });
        &self.unknown[index].1
    }
}
