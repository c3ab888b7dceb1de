//! Counts, rates and latencies of a phase, or of several together.

use std::collections::BTreeMap;
use std::time::Duration;

use measurement::{Histogram, HistogramSummary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PhaseTotals, ProbeFigures};
use crate::plan::Plan;
use crate::tally::{Counts, LATE_AFTER, Tally};

/// What became of requests and events, how fast and how late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Length by the plan, or until the run was stopped.
    pub duration_s: f64,
    /// Until the last request was sent, at least `duration_s`.
    pub sending_s: f64,
    /// Requests, repetitions and malformed ones among them.
    pub requests: Counts,
    /// Events that were sent for the first time.
    pub events: Counts,
    /// Events of repetitions.
    pub repeated_events: Counts,
    /// Events of malformed requests.
    pub malformed_events: Counts,
    /// Planned and achieved.
    pub rates: Rates,
    /// Distributions over requests.
    pub latency: Latencies,
    /// Requests that were sent late.
    pub late: Late,
    /// Refused events by status and problem kind.
    pub refusals: BTreeMap<String, u64>,
    /// Events of unknown outcome by reason.
    pub unknowns: BTreeMap<String, u64>,
    /// Connections that were made.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// How long until accepted events were queryable; none where it was not sampled.
    pub probes: Option<ProbeFigures>,
}

/// Events a second, of those that were sent for the first time. Planned ones over the length of the schedule, the
/// others over that or, where sending took longer, until the last was sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rates {
    /// By the schedule as it was drawn. In a closed loop, which has no schedule, what was sent.
    pub planned_events_per_s: f64,
    /// Sent.
    pub sent_events_per_s: f64,
    /// Confirmed.
    pub accepted_events_per_s: f64,
    /// `sent / planned - 1`; none in a closed loop and where nothing was planned.
    pub rate_error: Option<f64>,
}

/// Distributions over requests that were answered, in whatever way, or timed out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latencies {
    /// From the intended send time to the answer: what a user of the receiver waits. None in a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<HistogramSummary>,
    /// From the actual send time to the answer.
    pub service_time: HistogramSummary,
    /// From the intended to the actual send time, waiting for a free connection included. None in a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_lateness: Option<HistogramSummary>,
    /// From the intended send time until the generator had noticed it: the part that is its own. None in a closed
    /// loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing_lateness: Option<HistogramSummary>,
}

/// Requests whose send lateness was over a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Late {
    /// How many.
    pub requests: u64,
    /// The bound.
    pub over_us: u64,
}

/// The figures of one phase.
pub(super) fn of_phase(plan: &Plan, phase: usize, totals: &PhaseTotals) -> Figures {
    let has_schedule = !plan.phases[phase].is_closed();
    let sending = sending(plan, phase, totals);
    let mut figures = Figures::new(&totals.tally, totals.duration, sending, has_schedule);
    figures.probes = totals.probes.as_ref().map(ProbeFigures::of);
    figures
}

/// The figures of the measured phases together, or of all where none is measured.
pub(super) fn of_phases(plan: &Plan, phases: &[PhaseTotals]) -> Figures {
    let has_measured = plan.phases.iter().any(|phase| phase.is_measured);
    let mut tally = Tally::default();
    let mut probes = None;
    let (mut duration, mut sending_time) = (Duration::ZERO, Duration::ZERO);
    let mut has_schedule = true;
    for (index, totals) in phases.iter().enumerate() {
        if !plan.phases[index].is_measured && has_measured {
            continue;
        }
        tally.add(&totals.tally);
        super::probes::add(&mut probes, totals.probes.as_ref());
        duration += totals.duration;
        sending_time += sending(plan, index, totals);
        has_schedule &= !plan.phases[index].is_closed();
    }
    let mut figures = Figures::new(&tally, duration, sending_time, has_schedule);
    figures.probes = probes.as_ref().map(ProbeFigures::of);
    figures
}

/// From the start of a phase until its last request was sent, at least its length.
fn sending(plan: &Plan, phase: usize, totals: &PhaseTotals) -> Duration {
    let last_sent = totals.tally.last_sent.unwrap_or_default();
    last_sent.saturating_sub(plan.phase_start(phase)).max(totals.duration)
}

impl Figures {
    fn new(tally: &Tally, duration: Duration, sending: Duration, has_schedule: bool) -> Self {
        Self {
            duration_s: duration.as_secs_f64(),
            sending_s: sending.as_secs_f64(),
            requests: tally.requests,
            events: tally.events,
            repeated_events: tally.repeated_events,
            malformed_events: tally.malformed_events,
            rates: Rates::new(&tally.events, duration, sending, has_schedule),
            latency: Latencies {
                response_time: summary(&tally.response_time),
                service_time: tally.service_time.summary(),
                send_lateness: summary(&tally.send_lateness),
                pacing_lateness: summary(&tally.pacing_lateness),
            },
            late: Late { requests: tally.late_requests, over_us: LATE_AFTER.as_micros() as u64 },
            refusals: tally.refusals.clone(),
            unknowns: tally.unknowns.clone(),
            connects: tally.connects,
            connect_failures: tally.connect_failures,
            probes: None,
        }
    }
}

impl Rates {
    fn new(events: &Counts, duration: Duration, sending: Duration, has_schedule: bool) -> Self {
        let rate =
            |count: u64, over: Duration| if over.is_zero() { 0.0 } else { count as f64 / over.as_secs_f64() };
        let planned_events_per_s = rate(events.planned, duration);
        let sent_events_per_s = rate(events.sent, sending);
        Self {
            planned_events_per_s,
            sent_events_per_s,
            accepted_events_per_s: rate(events.accepted, sending),
            rate_error: (has_schedule && planned_events_per_s > 0.0)
                .then(|| sent_events_per_s / planned_events_per_s - 1.0),
        }
    }
}

fn summary(histogram: &Histogram) -> Option<HistogramSummary> {
    (histogram.count() > 0).then(|| histogram.summary())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(planned: u64, sent: u64, sending_s: u64) -> Rates {
        let events = Counts { planned, sent, accepted: sent / 2, ..Counts::default() };
        Rates::new(&events, Duration::from_secs(10), Duration::from_secs(sending_s), true)
    }

    #[test]
    fn rates_count_the_time_that_sending_took() {
        let on_time = rates(1000, 1000, 10);
        assert_eq!((on_time.planned_events_per_s, on_time.sent_events_per_s), (100.0, 100.0));
        assert_eq!((on_time.accepted_events_per_s, on_time.rate_error), (50.0, Some(0.0)));
        let slow = rates(1000, 1000, 20);
        assert_eq!((slow.planned_events_per_s, slow.sent_events_per_s), (100.0, 50.0));
        assert_eq!(slow.rate_error, Some(-0.5));
    }

    #[test]
    fn rates_of_nothing_are_zero_and_have_no_error() {
        let nothing = Rates::new(&Counts::default(), Duration::ZERO, Duration::ZERO, true);
        assert_eq!((nothing.planned_events_per_s, nothing.rate_error), (0.0, None));
    }
}
