//! Which requests are probed: a seeded choice that spends at most a budget.

use std::time::Duration;

use crate::arrival::Arrival;
use crate::plan::{PhasePlan, Plan};
use crate::random;

/// The budget of an open loop saves up to this long, so that chance and bursts shorter than it are not cut off.
const SAVES_UP_TO: Duration = Duration::from_secs(10);

/// How the requests of a run are chosen.
#[derive(Debug)]
pub(super) struct Choice {
    seed: u64,
    phases: Vec<Selection>,
    /// What a lane may spend.
    per_second: f64,
    saved_max: f64,
}

/// How the requests of a phase are chosen.
#[derive(Debug, Clone, Copy)]
enum Selection {
    /// Those whose random number is at most this.
    UpTo(u64),
    /// As the budget allows: nobody knows beforehand how many requests a closed loop will have.
    Budget,
}

/// What a lane has to spend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    probes: f64,
    at: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Yes,
    No,
    /// It was chosen, and there is nothing left to spend.
    OverBudget,
}

impl Choice {
    /// `per_second` is for all shards and lanes of the run together.
    pub(super) fn new(plan: &Plan, per_second: f64) -> Self {
        let per_lane = per_second / plan.lanes() as f64;
        Self {
            seed: plan.seed,
            phases: plan.phases.iter().map(|phase| Selection::of(phase, plan, per_second)).collect(),
            per_second: per_lane,
            saved_max: (per_lane * SAVES_UP_TO.as_secs_f64()).max(1.0),
        }
    }

    pub(super) fn full_bucket(&self) -> Bucket {
        Bucket { probes: self.saved_max, at: Duration::ZERO }
    }

    pub(super) fn choose(&self, arrival: &Arrival, bucket: &mut Bucket) -> Chosen {
        let (saved_max, otherwise) = match self.phases[usize::from(arrival.phase)] {
            Selection::UpTo(highest) => {
                if random::number(self.seed, random::PROBES, arrival.index) > highest {
                    return Chosen::No;
                }
                (self.saved_max, Chosen::OverBudget)
            }
            // Nothing is saved, so that probes are spread over the phase.
            Selection::Budget => (1.0, Chosen::No),
        };
        let earned = arrival.offset.saturating_sub(bucket.at).as_secs_f64() * self.per_second;
        bucket.probes = (bucket.probes + earned).min(saved_max);
        bucket.at = bucket.at.max(arrival.offset);
        if bucket.probes < 1.0 {
            return otherwise;
        }
        bucket.probes -= 1.0;
        Chosen::Yes
    }
}

impl Selection {
    fn of(phase: &PhasePlan, plan: &Plan, per_second: f64) -> Self {
        let Some(events) = phase.expected_events() else { return Self::Budget };
        let requests = events / plan.batch.mean();
        let share = per_second * phase.duration_s / requests;
        // A product beyond the largest number becomes the largest number.
        Self::UpTo((share * u64::MAX as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::{Content, Kind};
    use crate::plan::{Batch, ContentType, Load, RateShape, Shard, Spacing};

    const SECONDS: u64 = 100;

    fn plan(load: Load) -> Plan {
        let phase =
            PhasePlan { name: "measure".to_owned(), duration_s: SECONDS as f64, is_measured: true, load };
        Plan {
            batch: Batch { min: 1, max: 3 },
            content_type: ContentType::Batch,
            threads: 2,
            shard: Shard { index: 0, count: 2 },
            ..Plan::plain(vec![phase])
        }
    }

    fn steady() -> Plan {
        plan(Load::Open { rate: RateShape::Constant { rate_per_s: 2000.0 }, spacing: Spacing::Even })
    }

    /// The indices that all lanes of a run with `per_s(second)` requests a second choose, and how many they skip.
    fn chosen(plan: &Plan, per_second: f64, per_s: impl Fn(u64) -> u64) -> (Vec<Arrival>, u64) {
        let choice = Choice::new(plan, per_second);
        let mut buckets = vec![choice.full_bucket(); plan.lanes() as usize];
        let (mut index, mut taken, mut skipped) = (0, Vec::new(), 0);
        for second in 0..SECONDS {
            for number in 0..per_s(second) {
                let within = Duration::from_secs_f64(number as f64 / per_s(second) as f64);
                let offset = Duration::from_secs(second) + within;
                let content = Content { index, offset, first: index, events: 1, record: 0 };
                let arrival = Arrival { index, offset, phase: 0, kind: Kind::New, content };
                match choice.choose(&arrival, &mut buckets[(index % plan.lanes()) as usize]) {
                    Chosen::Yes => taken.push(arrival),
                    Chosen::OverBudget => skipped += 1,
                    Chosen::No => {}
                }
                index += 1;
            }
        }
        (taken, skipped)
    }

    #[test]
    fn steady_load_is_probed_at_the_chosen_rate() {
        let (taken, skipped) = chosen(&steady(), 10.0, |_| 1000);
        assert!((900..=1100).contains(&taken.len()), "{}", taken.len());
        assert!(skipped < 100, "{skipped}");
        assert_eq!(taken, chosen(&steady(), 10.0, |_| 1000).0, "the same seed chooses the same");
        let other = Plan { seed: 8, ..steady() };
        assert_ne!(taken, chosen(&other, 10.0, |_| 1000).0);
    }

    #[test]
    fn bursts_do_not_exceed_the_budget() {
        // Everything in one second: 100 times the mean.
        let (taken, skipped) = chosen(&steady(), 10.0, |second| if second == 50 { 100_000 } else { 0 });
        assert!((90..=115).contains(&taken.len()), "ten seconds' worth and what is earned: {}", taken.len());
        assert!((700..=1100).contains(&skipped), "{skipped}");
    }

    #[test]
    fn all_are_probed_where_there_are_fewer_than_wanted() {
        let few = Load::Open { rate: RateShape::Constant { rate_per_s: 8.0 }, spacing: Spacing::Even };
        let (taken, skipped) = chosen(&plan(few), 10.0, |_| 4);
        assert_eq!((taken.len(), skipped), (400, 0));
    }

    #[test]
    fn closed_loop_is_probed_evenly() {
        let (taken, skipped) = chosen(&plan(Load::Closed), 10.0, |_| 1000);
        assert!((950..=1010).contains(&taken.len()), "{}", taken.len());
        assert_eq!(skipped, 0, "nothing was promised");
        let first = taken.iter().filter(|arrival| arrival.offset < Duration::from_secs(1)).count();
        assert!(first <= 14, "{first}");
    }
}
