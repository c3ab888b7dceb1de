//! The span of a request. Whether there is one is decided before it is made.

use std::time::Duration;

use observability::trace::{Span, SpanName, attribute};

use super::Shared;
use crate::outcome::{Outcome, Refusal};
use crate::request::set_context;

impl Shared {
    /// Begins a trace that the request and its events belong to from now on, where the sampler wants one.
    pub(super) fn begin_span(&self, request: &mut [u8]) -> Span {
        let mut span = Span::sampled_root(SpanName::SimulatorRequest, "");
        if span.is_recorded() {
            set_context(request, span.context());
            let (host, port) = self.target.address();
            span.set(attribute::URL_FULL, self.target.url());
            span.set(attribute::SERVER_ADDRESS, host.to_owned());
            span.set(attribute::SERVER_PORT, i64::from(port));
            span.set(attribute::MESSAGING_BATCH_MESSAGE_COUNT, self.plan.batch_events as i64);
        }
        span
    }
}

/// Ends the span of a request with what became of it. `status` is none without an answer.
pub(super) fn end_span(mut span: Span, status: Option<u16>, outcome: &Outcome, lateness: Duration) {
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
