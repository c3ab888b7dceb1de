//! Counts what became of every request: the ledger, the histograms, the reasons.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use measurement::{Histogram, Ledger, SequenceSet};
use observability::metrics::Registry;

use crate::outcome::{Outcome, Refusal};
use crate::telemetry::Instruments;

/// A request sent later than this after its time counts as late.
pub(crate) const LATE_AFTER: Duration = Duration::from_millis(1);

/// Statuses and problem kinds come from the receiver; more different ones than this are counted together.
const REASONS_MAX: usize = 64;
const OTHER_REASONS: &str = "other";

/// When a request was meant to be sent, was sent and was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// None in a closed loop, which sends as soon as it can.
    pub(crate) intended: Option<Instant>,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

/// Everything that is counted of the requests that reached a connection.
pub(crate) struct Recorder {
    pub(crate) tally: Tally,
    instruments: Instruments,
}

/// The counts of a run or of a part of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) ledger: Ledger,
    pub(crate) requests: Requests,
    /// From the intended send time to the answer; of a request without one to the timeout.
    pub(crate) response_time: Histogram,
    /// The same from the actual send time.
    pub(crate) service_time: Histogram,
    /// From the intended to the actual send time.
    pub(crate) send_lateness: Histogram,
    /// Requests whose lateness was over [`LATE_AFTER`].
    pub(crate) late: u64,
    /// Refused events by status and problem kind.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Events of unknown outcome by reason.
    pub(crate) unknowns: BTreeMap<&'static str, u64>,
    /// When the last request was sent.
    pub(crate) last_sent: Option<Instant>,
}

/// Numbers of requests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Requests {
    /// All that came due.
    pub planned: u64,
    /// Taken up by a connection: accepted, refused and unknown together.
    pub sent: u64,
    /// Answered with 202.
    pub accepted: u64,
    /// Answered otherwise, or not sent for want of a connection.
    pub refused: u64,
    /// Without an answer that can be relied on.
    pub unknown: u64,
    /// Given up before a connection was free.
    pub unsent: u64,
}

impl Recorder {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self { tally: Tally::default(), instruments: Instruments::new(registry) }
    }

    /// Counts a request whose turn came too late in the run.
    pub(crate) fn record_unsent(&mut self, sequences: RangeInclusive<u64>) {
        self.instruments.unsent.add(count(&sequences));
        self.tally.requests.unsent += 1;
        self.tally.ledger.unsent.insert_range(sequences);
    }

    /// Counts a request. `timing` is none where nothing was sent, or where nobody waited for the answer.
    pub(crate) fn record(
        &mut self,
        sequences: RangeInclusive<u64>,
        outcome: &Outcome,
        timing: Option<Timing>,
    ) {
        let events = count(&sequences);
        self.instruments.sent.add(events);
        self.instruments.count(outcome, events);
        if let Some(timing) = timing {
            self.record_timing(timing);
        }
        self.tally.record(sequences, outcome);
    }

    /// The end of a request whose sending was counted.
    pub(crate) fn record_end(&mut self) {
        self.instruments.in_flight.add(-1.0);
    }

    /// Counts when a request was sent, whatever becomes of it.
    pub(crate) fn record_sending(&mut self, intended: Option<Instant>, sent: Instant) {
        self.instruments.in_flight.add(1.0);
        self.tally.last_sent = Some(sent);
        let Some(intended) = intended else { return };
        let lateness = sent.saturating_duration_since(intended);
        self.tally.send_lateness.record(lateness);
        self.instruments.send_lateness.record(lateness);
        if lateness > LATE_AFTER {
            self.tally.late += 1;
        }
    }

    fn record_timing(&mut self, timing: Timing) {
        let service_time = timing.answered.saturating_duration_since(timing.sent);
        let response_time = timing.answered.saturating_duration_since(timing.intended.unwrap_or(timing.sent));
        self.tally.service_time.record(service_time);
        self.tally.response_time.record(response_time);
        self.instruments.service_time.record(service_time);
        self.instruments.response_time.record(response_time);
    }
}

impl Tally {
    fn record(&mut self, sequences: RangeInclusive<u64>, outcome: &Outcome) {
        let events = count(&sequences);
        self.requests.sent += 1;
        self.ledger.sent.insert_range(sequences.clone());
        let (requests, set): (&mut u64, &mut SequenceSet) = match outcome {
            Outcome::Accepted => (&mut self.requests.accepted, &mut self.ledger.accepted),
            Outcome::Refused(refusal) => {
                add_reason(&mut self.refusals, refusal, events);
                (&mut self.requests.refused, &mut self.ledger.refused)
            }
            Outcome::Unknown(reason) => {
                *self.unknowns.entry(reason.kind()).or_default() += events;
                (&mut self.requests.unknown, &mut self.ledger.unknown)
            }
        };
        *requests += 1;
        set.insert_range(sequences);
    }
}

fn add_reason(refusals: &mut BTreeMap<String, u64>, refusal: &Refusal, events: u64) {
    let reason = match refusal {
        Refusal::NotConnected => "not-connected".to_owned(),
        Refusal::Status { status, kind: None } => status.to_string(),
        Refusal::Status { status, kind: Some(kind) } => format!("{status} {kind}"),
    };
    let has_room = refusals.len() < REASONS_MAX || refusals.contains_key(&reason);
    let reason = if has_room { reason } else { OTHER_REASONS.to_owned() };
    *refusals.entry(reason).or_default() += events;
}

fn count(sequences: &RangeInclusive<u64>) -> u64 {
    sequences.end() - sequences.start() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded() {
        let mut recorder = Recorder::new(&Registry::new());
        for index in 0..1000_u64 {
            let kind = Some(format!("kind-{index}"));
            let outcome = Outcome::Refused(Refusal::Status { status: 400, kind });
            recorder.record(index..=index, &outcome, None);
        }
        let refusals = &recorder.tally.refusals;
        assert_eq!(refusals.len(), REASONS_MAX + 1);
        assert_eq!(refusals.values().sum::<u64>(), 1000);
        assert_eq!(recorder.tally.ledger.check(), Ok(()));
    }

    #[test]
    fn lateness_counts_from_the_intended_time() {
        let mut recorder = Recorder::new(&Registry::new());
        let intended = Instant::now();
        let at = |ms| intended + Duration::from_millis(ms);
        recorder.record_sending(Some(intended), at(5));
        let timing = Timing { intended: Some(intended), sent: at(5), answered: at(7) };
        recorder.record(0..=9, &Outcome::Accepted, Some(timing));
        let tally = &recorder.tally;
        assert_eq!(tally.late, 1);
        for (histogram, expected_ms) in
            [(&tally.send_lateness, 5), (&tally.service_time, 2), (&tally.response_time, 7)]
        {
            assert_eq!(histogram.count(), 1);
            let error_ms = histogram.quantile(0.5).as_secs_f64() * 1e3 - f64::from(expected_ms);
            assert!(error_ms.abs() < 0.01, "{expected_ms}: {error_ms}");
        }
        assert_eq!((tally.requests.sent, tally.ledger.accepted.len()), (1, 10));
    }
}
