//! Which entries of a partition are in this worker's pipeline, and which wait for another try.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use events::EntryId;
use observability::metrics::Gauge;
use tokio::time::{Duration, Instant};

use super::commands::Pending;

/// Shared by the stages of one partition. Bounded by the pipeline: an entry is in it only while it is pending here.
#[derive(Debug)]
pub(crate) struct Deliveries {
    state: Mutex<State>,
    /// Counts the entries in flight of all partitions.
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct State {
    in_flight: HashSet<EntryId>,
    retries: VecDeque<(Instant, Pending)>,
}

impl State {
    fn remove(&mut self, id: EntryId, gauge: &Gauge) {
        if self.in_flight.remove(&id) {
            gauge.add(-1.0);
        }
    }
}

impl Deliveries {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self { state: Mutex::default(), gauge }
    }

    /// An entry enters the pipeline; false where it is in it already.
    pub(super) fn begin(&self, id: EntryId) -> bool {
        let is_new = self.lock().in_flight.insert(id);
        if is_new {
            self.gauge.add(1.0);
        }
        is_new
    }

    /// The entry has left the pipeline: it is settled.
    pub(crate) fn end(&self, id: EntryId) {
        self.lock().remove(id, &self.gauge);
    }

    /// The entry has left the pipeline unsettled and is delivered again after `delay`.
    pub(crate) fn retry(&self, id: EntryId, deliveries: u64, delay: Duration) {
        let mut state = self.lock();
        state.remove(id, &self.gauge);
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
