//! Counts what becomes of a lane's requests: by second and phase for the time series, by number for the ledger.

use std::mem;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use measurement::{Fates, Ledger};

use super::connection::Exchange;
use crate::aggregate::{Slice, Update};
use crate::arrival::{Arrival, Kind};
use crate::outcome::{Outcome, Refusal};
use crate::plan::Plan;
use crate::tally::{Counts, Fate, LATE_AFTER, Tally, add_reason};

/// What a lane counts.
pub(super) struct Recorder {
    lane: usize,
    start: Instant,
    /// The second of the run that the slices belong to.
    second: u64,
    /// One for each phase in which something happened since they were handed over.
    slices: Vec<Option<Tally>>,
    /// Since it was handed over.
    ledger: Ledger,
    aggregator: SyncSender<Update>,
}

impl Recorder {
    pub(super) fn new(plan: &Plan, lane: usize, start: Instant, aggregator: SyncSender<Update>) -> Self {
        let slices = plan.phases.iter().map(|_| None).collect();
        Self { lane, start, second: 0, slices, ledger: Ledger::default(), aggregator }
    }

    /// Hands the slices of a second over once it has passed. Whether it has.
    pub(super) fn turn(&mut self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.start).as_secs();
        let has_passed = second > self.second;
        if has_passed {
            self.hand_over();
            self.second = second;
        }
        has_passed
    }

    /// A request has come due.
    pub(super) fn due(&mut self, arrival: &Arrival, lateness: Option<Duration>) {
        let events = u64::from(arrival.content.events);
        let tally = self.tally(arrival);
        tally.requests.planned += 1;
        counts_of(tally, arrival.kind).planned += events;
        if let Some(lateness) = lateness {
            tally.pacing_lateness.record(lateness);
        }
    }

    /// A request is about to be written.
    pub(super) fn sending(&mut self, exchange: &Exchange) {
        let sent = exchange.sent.saturating_duration_since(self.start);
        self.count_sent(&exchange.arrival);
        let tally = self.tally(&exchange.arrival);
        tally.last_sent = tally.last_sent.max(Some(sent));
        if let Some(intended) = exchange.intended {
            let lateness = exchange.sent.saturating_duration_since(intended);
            tally.send_lateness.record(lateness);
            if lateness > LATE_AFTER {
                tally.late_requests += 1;
            }
        }
    }

    /// A request has ended; `answered` is when, where somebody waited for it to the end.
    pub(super) fn ended(&mut self, exchange: &Exchange, outcome: &Outcome, answered: Option<Instant>) {
        if let Some(answered) = answered {
            let tally = self.tally(&exchange.arrival);
            tally.service_time.record(answered.saturating_duration_since(exchange.sent));
            let begun = exchange.intended.unwrap_or(exchange.sent);
            tally.response_time.record(answered.saturating_duration_since(begun));
        }
        self.settle(&exchange.arrival, outcome);
    }

    /// A request that came due could not be sent, for want of a receiver.
    pub(super) fn refused(&mut self, arrival: &Arrival) {
        self.count_sent(arrival);
        self.settle(arrival, &Outcome::Refused(Refusal::NotConnected));
    }

    /// A request that came due was given up before a connection was free.
    pub(super) fn unsent(&mut self, arrival: &Arrival) {
        self.end(arrival, Fate::Unsent);
    }

    /// An attempt to connect succeeded, or failed, in a phase.
    pub(super) fn connecting(&mut self, phase: usize, is_up: bool) {
        let tally = self.slices[phase].get_or_insert_default();
        if is_up {
            tally.connects += 1;
        } else {
            tally.connect_failures += 1;
        }
    }

    /// Hands the rest of the slices over, waiting for room, and gives the rest of the ledger.
    pub(super) fn finish(mut self) -> Ledger {
        let Self { lane, second, .. } = self;
        let rest = self.slices.drain(..).enumerate().filter_map(|(phase, slot)| Some((phase, slot?)));
        let slices = rest.map(|(phase, tally)| Update::Slice(Box::new(Slice { second, phase, tally })));
        for update in slices.chain([Update::Ended { lane }]) {
            // An aggregator that is gone has said why.
            self.aggregator.send(update).ok();
        }
        self.ledger
    }

    fn count_sent(&mut self, arrival: &Arrival) {
        let tally = self.tally(arrival);
        tally.requests.sent += 1;
        counts_of(tally, arrival.kind).sent += u64::from(arrival.content.events);
    }

    fn settle(&mut self, arrival: &Arrival, outcome: &Outcome) {
        let events = u64::from(arrival.content.events);
        let tally = self.tally(arrival);
        match outcome {
            Outcome::Accepted => {}
            Outcome::Refused(refusal) => add_reason(&mut tally.refusals, &refusal.to_string(), events),
            Outcome::Unknown(reason) => add_reason(&mut tally.unknowns, reason.kind(), events),
        }
        self.end(arrival, outcome.fate());
    }

    fn end(&mut self, arrival: &Arrival, fate: Fate) {
        let tally = self.tally(arrival);
        tally.requests.end(fate, 1);
        counts_of(tally, arrival.kind).end(fate, u64::from(arrival.content.events));
        let fates =
            if arrival.kind == Kind::Repeat { &mut self.ledger.repeats } else { &mut self.ledger.first };
        insert(fates, arrival, fate);
    }

    fn tally(&mut self, arrival: &Arrival) -> &mut Tally {
        self.slices[usize::from(arrival.phase)].get_or_insert_default()
    }

    /// What there is no room for now is handed over together with that of the next second.
    fn hand_over(&mut self) {
        let Self { lane, second, .. } = *self;
        for phase in 0..self.slices.len() {
            let Some(tally) = self.slices[phase].take() else { continue };
            let slice = Update::Slice(Box::new(Slice { second, phase, tally }));
            if let Some(Update::Slice(slice)) = self.try_send(slice) {
                self.slices[phase] = Some(slice.tally);
                return;
            }
        }
        let ledger = Update::Ledger(Box::new(mem::take(&mut self.ledger)));
        if let Some(Update::Ledger(ledger)) = self.try_send(ledger) {
            self.ledger = *ledger;
        }
        // Where there is no room, the next second says so of this one as well.
        self.try_send(Update::Passed { lane, second });
    }

    /// Gives back what there is no room for.
    fn try_send(&self, update: Update) -> Option<Update> {
        match self.aggregator.try_send(update) {
            Ok(()) => None,
            Err(TrySendError::Full(update) | TrySendError::Disconnected(update)) => Some(update),
        }
    }
}

fn counts_of(tally: &mut Tally, kind: Kind) -> &mut Counts {
    match kind {
        Kind::New => &mut tally.events,
        Kind::Repeat => &mut tally.repeated_events,
        Kind::Malformed => &mut tally.malformed_events,
    }
}

/// A malformed request that was accepted is no event that could be queried: it may be there, and must not be.
fn insert(fates: &mut Fates, arrival: &Arrival, fate: Fate) {
    let set = match fate {
        Fate::Accepted if arrival.kind == Kind::Malformed => &mut fates.unknown,
        Fate::Accepted => &mut fates.accepted,
        Fate::Refused => &mut fates.refused,
        Fate::Unknown => &mut fates.unknown,
        Fate::Unsent => &mut fates.unsent,
    };
    set.insert_range(arrival.content.sequences());
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use observability::trace::{Span, SpanName};

    use super::*;
    use crate::arrival::Content;
    use crate::plan::{Load, PhasePlan};

    #[test]
    fn request_is_sent_in_one_second_and_accepted_in_another() {
        let phase =
            PhasePlan { name: "a".to_owned(), duration_s: 9.0, is_measured: true, load: Load::Closed };
        let (sender, updates) = sync_channel(16);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut recorder = Recorder::new(&Plan::plain(vec![phase]), 0, start, sender);
        let offset = Duration::from_millis(500);
        let content = Content { index: 0, offset, first: 0, events: 3, record: 0 };
        let arrival = Arrival { index: 0, offset, phase: 0, kind: Kind::New, content };
        let span = Span::none(SpanName::SimulatorRequest);
        let mut exchange = Exchange::new(arrival, Vec::new(), span, false, Some(at(500)));
        exchange.sent = at(600);
        recorder.due(&arrival, Some(Duration::ZERO));
        recorder.sending(&exchange);
        assert!(recorder.turn(at(2_050)));
        recorder.ended(&exchange, &Outcome::Accepted, Some(at(2_100)));
        assert!(recorder.turn(at(3_000)));
        let slices: Vec<_> = updates
            .try_iter()
            .filter_map(|update| match update {
                Update::Slice(slice) => Some((slice.second, slice.tally.events)),
                _ => None,
            })
            .collect();
        let none = Counts::default();
        let expected = [(0, Counts { planned: 3, sent: 3, ..none }), (2, Counts { accepted: 3, ..none })];
        assert_eq!(slices, expected);
    }
}
