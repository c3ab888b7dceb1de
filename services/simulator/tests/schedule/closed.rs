//! Closed loops have no schedule, but the same requests in the same order.

use std::collections::HashSet;
use std::time::Duration;

use simulator::arrival::{Arrival, Kind};
use simulator::plan::{Batch, FaultsPlan, Load, Plan, Shard, Spacing};
use simulator::schedule::{ClosedArrivals, Schedule};

use super::plans::{CONSTANT, open, phase, plan};

const FAULTS: FaultsPlan = FaultsPlan { duplicates: 0.2, malformed: 0.1 };

fn closed() -> Plan {
    let batch = Batch { min: 1, max: 10 };
    Plan { batch, ..plan(vec![phase("measure", 1.0, Load::Closed)]) }
}

fn take(plan: &Plan, phase: usize, lane: u64, count: u64) -> Vec<Arrival> {
    let mut arrivals = ClosedArrivals::new(plan, phase, lane);
    (0..count).map(|number| arrivals.next(Duration::from_millis(number))).collect()
}

#[test]
fn closed_loop_has_no_schedule() {
    assert_eq!(Schedule::new(&closed()).next(), None);
}

#[test]
fn requests_do_not_depend_on_the_number_of_lanes() {
    let shared = Plan { threads: 2, shard: Shard { index: 0, count: 2 }, ..closed() };
    let content =
        |arrival: &Arrival| (arrival.index, arrival.content.first, arrival.content.events, arrival.kind);
    let mut together: Vec<_> =
        (0..4).flat_map(|lane| take(&shared, 0, lane, 100)).map(|a| content(&a)).collect();
    together.sort_by_key(|(index, ..)| *index);
    let alone: Vec<_> = take(&closed(), 0, 0, 400).iter().map(content).collect();
    assert_eq!(together, alone);
}

#[test]
fn numbers_are_never_used_twice() {
    let load = open(CONSTANT, Spacing::Even);
    let phases = vec![
        phase("a", 1.0, Load::Closed),
        phase("b", 1.0, load.clone()),
        phase("c", 1.0, Load::Closed),
        phase("d", 1.0, load),
    ];
    let plan = Plan { phases, faults: FAULTS, threads: 3, ..closed() };
    let of_loops = [0, 2].into_iter().flat_map(|phase| (0..3).map(move |lane| (phase, lane)));
    let of_loops = of_loops.flat_map(|(phase, lane)| take(&plan, phase, lane, 3000));
    let (mut indices, mut sequences) = (HashSet::new(), HashSet::new());
    for arrival in of_loops.chain(Schedule::new(&plan)) {
        assert!(indices.insert(arrival.index), "{arrival:?}");
        if arrival.kind != Kind::Repeat {
            assert!(arrival.content.sequences().all(|number| sequences.insert(number)), "{arrival:?}");
        }
    }
}

#[test]
fn faults_apply_and_repeats_follow_on_the_same_lane() {
    let plan = Plan { faults: FAULTS, threads: 2, ..closed() };
    let arrivals = take(&plan, 0, 1, 20_000);
    let count = |kind| arrivals.iter().filter(|arrival| arrival.kind == kind).count() as f64;
    let malformed = count(Kind::Malformed) / (count(Kind::Malformed) + count(Kind::New));
    assert!((malformed - 0.1).abs() < 0.01, "{malformed}");
    let repeats = count(Kind::Repeat) / count(Kind::New);
    assert!((repeats - 0.2).abs() < 0.02, "{repeats}");
    for (position, repeat) in arrivals.iter().enumerate().filter(|(_, arrival)| arrival.kind == Kind::Repeat)
    {
        let earlier = &arrivals[position.saturating_sub(24)..position];
        assert!(
            earlier.iter().any(|original| original.content == repeat.content && original.kind == Kind::New)
        );
    }
}
