//! Seconds that not all threads have passed yet.

use std::collections::BTreeMap;

use crate::tally::Tally;

/// A thread may be this far behind the others. Beyond, their rows are written without it, because each second that is
/// held takes memory (four histograms a phase, 1 MiB); what it counts later goes to a later row.
const PENDING_SECONDS_MAX: u64 = 30;

/// Adds up the counts of threads by second and phase until every thread has passed the second.
pub(super) struct Pending {
    /// The first second that each thread may still count for.
    open: Vec<u64>,
    /// The first second that is not written yet.
    unwritten: u64,
    seconds: BTreeMap<(u64, usize), Tally>,
}

impl Pending {
    pub(super) fn new(lanes: usize) -> Self {
        Self { open: vec![0; lanes], unwritten: 0, seconds: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, second: u64, phase: usize, tally: Tally) {
        let key = (second.max(self.unwritten), phase);
        match self.seconds.entry(key) {
            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(tally)),
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().add(&tally),
        }
    }

    pub(super) fn pass(&mut self, lane: usize, second: u64) {
        self.open[lane] = self.open[lane].max(second + 1);
    }

    pub(super) fn end(&mut self, lane: usize) {
        self.open[lane] = u64::MAX;
    }

    /// The earliest second that every thread has passed, phase by phase.
    pub(super) fn pop_complete(&mut self) -> Option<(u64, usize, Tally)> {
        let (&(second, _), _) = self.seconds.first_key_value()?;
        let (&(latest, _), _) = self.seconds.last_key_value()?;
        let is_complete = self.open.iter().all(|open| *open > second);
        (is_complete || latest - second > PENDING_SECONDS_MAX).then(|| self.pop())?
    }

    /// The earliest second, complete or not.
    pub(super) fn pop(&mut self) -> Option<(u64, usize, Tally)> {
        let ((second, phase), tally) = self.seconds.pop_first()?;
        let is_last_of_second = self.seconds.first_key_value().is_none_or(|(&(next, _), _)| next > second);
        self.unwritten = if is_last_of_second { second + 1 } else { second };
        Some((second, phase, tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sent: u64) -> Tally {
        let mut tally = Tally::default();
        tally.events.sent = sent;
        tally
    }

    fn complete(pending: &mut Pending) -> Vec<(u64, usize, u64)> {
        std::iter::from_fn(|| pending.pop_complete())
            .map(|(second, phase, tally)| (second, phase, tally.events.sent))
            .collect()
    }

    #[test]
    fn second_is_complete_when_every_thread_has_passed_it() {
        let mut pending = Pending::new(2);
        pending.add(0, 0, tally(1));
        pending.pass(0, 0);
        assert_eq!(complete(&mut pending), []);
        pending.add(0, 0, tally(10));
        pending.add(0, 1, tally(5));
        pending.add(1, 1, tally(7));
        pending.pass(1, 0);
        assert_eq!(complete(&mut pending), [(0, 0, 11), (0, 1, 5)]);
        pending.end(0);
        assert_eq!(complete(&mut pending), []);
        pending.pass(1, 1);
        assert_eq!(complete(&mut pending), [(1, 1, 7)]);
    }

    #[test]
    fn what_comes_late_counts_for_the_next_row() {
        let mut pending = Pending::new(1);
        pending.add(0, 0, tally(1));
        pending.pass(0, 0);
        assert_eq!(complete(&mut pending), [(0, 0, 1)]);
        pending.add(0, 0, tally(2));
        pending.add(1, 0, tally(3));
        pending.pass(0, 1);
        assert_eq!(complete(&mut pending), [(1, 0, 5)]);
    }

    #[test]
    fn a_thread_that_hangs_does_not_fill_the_memory() {
        let mut pending = Pending::new(2);
        let mut written = Vec::new();
        for second in 0..100 {
            pending.add(second, 0, tally(second));
            pending.pass(0, second);
            written.extend(complete(&mut pending));
        }
        assert_eq!(pending.seconds.len() as u64, PENDING_SECONDS_MAX + 1);
        assert_eq!(written, (0..69).map(|second| (second, 0, second)).collect::<Vec<_>>());
    }
}
