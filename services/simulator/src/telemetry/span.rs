//! The spans of a run: one for each phase, and one for each request whose trace is sampled.

use std::time::Duration;

use observability::trace::{Span, SpanName, attribute};

use crate::arrival::Arrival;
use crate::outcome::{Outcome, Refusal};
use crate::plan::{PhasePlan, Plan};
use crate::request::set_context;
use crate::tally::Counts;
use crate::target::Target;

/// Begins a trace that a request and its events belong to from now on, where the sampler wants one. Whether there is a
/// span is decided before it is made.
pub(crate) fn begin_span(target: &Target, arrival: &Arrival, request: &mut [u8]) -> Span {
    let mut span = Span::sampled_root(SpanName::SimulatorRequest, "");
    if span.is_recorded() {
        set_context(request, span.context());
        let (host, port) = target.address();
        span.set(attribute::URL_FULL, target.url());
        span.set(attribute::SERVER_ADDRESS, host.to_owned());
        span.set(attribute::SERVER_PORT, i64::from(port));
        span.set(attribute::MESSAGING_BATCH_MESSAGE_COUNT, i64::from(arrival.content.events));
    }
    span
}

/// Ends the span of a request with what became of it. `status` is none without an answer.
pub(crate) fn end_span(mut span: Span, status: Option<u16>, outcome: &Outcome, lateness: Duration) {
    if !span.is_recorded() {
        return;
    }
    span.set(attribute::SEND_LATENESS, lateness.as_secs_f64());
    match (status, outcome) {
        (Some(status), Outcome::Unknown(reason)) => span.set_response(status, Some(reason.kind())),
        (Some(status), _) => span.set_response(status, None),
        (None, Outcome::Unknown(reason)) => span.fail(reason.kind()),
        (None, Outcome::Refused(Refusal::NotConnected)) => span.fail("not-connected"),
        (None, _) => {}
    }
}

/// Begins the span of a phase, which no sampler leaves out: there are a few in a run. `start_us` is in unix
/// microseconds.
pub(crate) fn begin_phase_span(plan: &Plan, phase: &PhasePlan, start_us: i64) -> Span {
    let mut span = Span::root(SpanName::SimulatorPhase, &phase.name, start_us);
    span.set_text(attribute::RUN_ID, &plan.run_id);
    span.set_text(attribute::PHASE, &phase.name);
    span
}

/// Ends the span of a phase with what it counted. `end_us` is in unix microseconds.
pub(crate) fn end_phase_span(mut span: Span, events: &Counts, length: Duration, end_us: i64) {
    span.set(attribute::EVENTS_PLANNED, events.planned as i64);
    span.set(attribute::EVENTS_SENT, events.sent as i64);
    span.set(attribute::EVENTS_ACCEPTED, events.accepted as i64);
    if !length.is_zero() {
        span.set(attribute::EVENTS_SENT_RATE, events.sent as f64 / length.as_secs_f64());
    }
    span.end_at(end_us);
}
