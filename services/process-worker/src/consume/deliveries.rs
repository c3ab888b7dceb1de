//! Which entries of a partition are in this worker's pipeline, and which wait for another try.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use events::EntryId;
use tokio::time::{Duration, Instant};

use super::commands::Pending;

/// Shared by the stages of one partition. Bounded by the pipeline: an entry is in it only while it is pending here.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    in_flight: HashSet<EntryId>,
    retries: VecDeque<(Instant, Pending)>,
}

impl Deliveries {
    /// An entry enters the pipeline; false where it is in it already.
    pub(super) fn begin(&self, id: EntryId) -> bool {
        self.lock().in_flight.insert(id)
    }

    /// The entry has left the pipeline: it is settled.
    pub(crate) fn end(&self, id: EntryId) {
        self.lock().in_flight.remove(&id);
    }

    /// The entry has left the pipeline unsettled and is delivered again after `delay`.
    pub(crate) fn retry(&self, id: EntryId, deliveries: u64, delay: Duration) {
        let mut state = self.lock();
        state.in_flight.remove(&id);
        state.retries.push_back((Instant::now() + delay, Pending { id, deliveries }));
    }

    pub(super) fn contains(&self, id: EntryId) -> bool {
        self.lock().in_flight.contains(&id)
    }

    pub(crate) fn in_flight(&self) -> Vec<EntryId> {
        self.lock().in_flight.iter().copied().collect()
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.lock().retries.front().map(|(due, _)| *due)
    }

    pub(super) fn take_due_retries(&self, count_max: usize) -> Vec<Pending> {
        let mut state = self.lock();
        let now = Instant::now();
        let due = state.retries.iter().take(count_max).take_while(|(due, _)| *due <= now).count();
        state.retries.drain(..due).map(|(_, pending)| pending).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
