//! Requests that are wrong on purpose.

use std::collections::HashMap;

use simulator::arrival::{Arrival, Kind};
use simulator::plan::{FaultsPlan, Plan, Spacing};
use simulator::schedule::Schedule;

use super::plans::{CONSTANT, open, phase, plan};

fn clean() -> Plan {
    let load = open(CONSTANT, Spacing::Poisson);
    plan(vec![phase("a", 5.0, load.clone()), phase("b", 5.0, load)])
}

fn arrivals(duplicates: f64, malformed: f64) -> Vec<Arrival> {
    Schedule::new(&Plan { faults: FaultsPlan { duplicates, malformed }, ..clean() }).collect()
}

fn count(arrivals: &[Arrival], kind: Kind) -> f64 {
    arrivals.iter().filter(|arrival| arrival.kind == kind).count() as f64
}

#[test]
fn faults_come_at_the_chosen_rates() {
    let arrivals = arrivals(0.02, 0.1);
    let (new, malformed) = (count(&arrivals, Kind::New), count(&arrivals, Kind::Malformed));
    let share = malformed / (new + malformed);
    assert!((share - 0.1).abs() < 0.005, "{share}");
    let repeats = count(&arrivals, Kind::Repeat) / new;
    assert!((repeats - 0.02).abs() < 0.002, "{repeats}");
}

#[test]
fn repeat_follows_its_original_closely_and_once() {
    let arrivals = arrivals(0.5, 0.1);
    let by_index: HashMap<_, _> = arrivals.iter().map(|arrival| (arrival.index, arrival)).collect();
    let mut repeated = HashMap::new();
    for arrival in arrivals.iter().filter(|arrival| arrival.kind == Kind::Repeat) {
        let original = by_index[&arrival.content.index];
        assert_eq!((original.kind, original.content), (Kind::New, arrival.content));
        assert_eq!(original.phase, arrival.phase);
        assert!((1..=24).contains(&(arrival.index - original.index)), "{arrival:?}");
        assert!(arrival.offset >= original.offset);
        *repeated.entry(original.index).or_insert(0) += 1;
    }
    assert!(repeated.values().all(|times| *times == 1));
}

#[test]
fn faults_do_not_move_other_requests() {
    let times = |arrivals: &[Arrival]| -> Vec<_> {
        let not_repeated = arrivals.iter().filter(|arrival| arrival.kind != Kind::Repeat);
        not_repeated.map(|arrival| (arrival.offset, arrival.content.first)).collect()
    };
    let faulty = arrivals(0.3, 0.3);
    assert_eq!(times(&faulty), times(&arrivals(0.0, 0.0)));
    let offsets: std::collections::HashSet<_> =
        times(&faulty).into_iter().map(|(offset, _)| offset).collect();
    assert!(faulty.iter().all(|arrival| offsets.contains(&arrival.offset)), "a repeat has a time of its own");
}

#[test]
fn indices_are_dense_over_all_kinds_and_sequence_numbers_over_all_but_repeats() {
    let mut next = 0;
    for (index, arrival) in (0..).zip(arrivals(1.0, 0.2)) {
        assert_eq!(arrival.index, index);
        if arrival.kind != Kind::Repeat {
            assert_eq!(arrival.content.first, next);
            next += u64::from(arrival.content.events);
        }
    }
}

#[test]
fn every_request_can_be_repeated() {
    let arrivals = arrivals(1.0, 0.0);
    assert_eq!(count(&arrivals, Kind::New), count(&arrivals, Kind::Repeat));
}
