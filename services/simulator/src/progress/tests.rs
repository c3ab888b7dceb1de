use super::*;
use crate::plan::{Load, PhasePlan, RateShape, Spacing};
use crate::tally::Fate;

/// A warm-up of 10 s at 1,000 events a second, and a minute of measuring at 2,000.
pub(crate) fn plan() -> Plan {
    let phase = |name: &str, duration_s, rate_per_s| PhasePlan {
        name: name.to_owned(),
        duration_s,
        is_measured: name == "measure",
        load: Load::Open { rate: RateShape::Constant { rate_per_s }, spacing: Spacing::Even },
    };
    Plan {
        run_id: "run-7".to_owned(),
        connections: 16,
        ..Plan::plain(vec![phase("warm-up", 10.0, 1000.0), phase("measure", 60.0, 2000.0)])
    }
}

/// What a second with `events` accepted events counts, which take 1 ms, and each 50th 20 ms.
pub(crate) fn slice(events: u64) -> Tally {
    let mut slice = Tally::default();
    slice.events.count(Fate::Accepted, events);
    for histogram in [&mut slice.response_time, &mut slice.service_time] {
        histogram.record_many(Duration::from_millis(1), events - events / 50);
        histogram.record_many(Duration::from_millis(20), events / 50);
    }
    slice.send_lateness.record_many(Duration::from_micros(12), events);
    slice
}

#[test]
fn second_that_two_phases_add_to_is_one_second() {
    let mut progress = Progress::new();
    progress.update(0, &slice(1000), &slice(1000));
    progress.update(1, &slice(500), &slice(1500));
    progress.update(1, &slice(1500), &slice(1500));
    assert_eq!(progress.last.sent, 2000);
    assert_eq!(progress.curve, [1000, 2000]);
    assert_eq!(progress.totals.events.accepted, 3000);
}

#[test]
fn seconds_that_nothing_is_told_of_are_empty() {
    let mut progress = Progress::new();
    progress.update(0, &slice(1000), &slice(1000));
    progress.follow(Stage::Phase(0), Duration::from_millis(2_900));
    assert_eq!((progress.last.sent, progress.curve.len()), (1000, 1), "it may still be told of");
    progress.follow(Stage::Phase(0), Duration::from_secs(5));
    assert_eq!((progress.last.sent, progress.response_time.last.p50), (0, None));
    assert_eq!(progress.response_time.phase.p50.map(|p50| p50.as_millis()), Some(1));
    progress.update(4, &slice(500), &slice(1500));
    assert_eq!(progress.curve, [1000, 0, 0, 0, 500]);
}

#[test]
fn second_that_is_told_of_late_counts_where_it_was() {
    let mut progress = Progress::new();
    progress.follow(Stage::Phase(0), Duration::from_secs(6));
    progress.update(1, &slice(700), &slice(700));
    assert_eq!(progress.curve, [0, 700, 0, 0]);
    assert_eq!((progress.last.sent, progress.totals.events.sent), (0, 700));
    progress.follow(Stage::Phase(0), Duration::from_secs(1 << 40));
    progress.update(1, &slice(1), &slice(701));
    assert_eq!(progress.curve.iter().sum::<u64>(), 0);
}

#[test]
fn curve_is_bounded() {
    let mut progress = Progress::new();
    for second in 0..100 {
        progress.update(second, &slice(second + 1), &Tally::default());
    }
    assert_eq!(progress.curve.len(), CURVE_LENGTH);
    assert_eq!(progress.curve.back(), Some(&100));
}

#[test]
fn latencies_are_those_of_the_last_second_and_of_the_phase() {
    let mut progress = Progress::new();
    let mut phase = slice(100);
    phase.response_time.record_many(Duration::from_millis(300), 1000);
    progress.update(0, &slice(100), &phase);
    let milliseconds = |value: Option<Duration>| value.unwrap().as_millis();
    assert_eq!(milliseconds(progress.response_time.last.p50), 1);
    assert_eq!(milliseconds(progress.response_time.last.p99), 20);
    assert_eq!(milliseconds(progress.response_time.phase.p50), 300);
    assert!(Quantiles::of(&Histogram::new()).p50.is_none());
}

#[test]
fn line_says_how_the_run_is_going() {
    let mut progress = Progress::new();
    (progress.stage, progress.elapsed) = (Stage::Phase(1), Duration::from_secs(15));
    progress.update(14, &slice(2000), &slice(2000));
    assert_eq!(
        line(&progress, &plan()),
        "15/70 s  measure  2,000 events/s  accepted 2000  refused 0  unknown 0  unsent 0  late 0  \
         response time p50 1.00 ms  p99 20.0 ms"
    );
}

#[test]
fn line_of_a_closed_loop_says_so() {
    let (mut progress, mut plan) = (Progress::new(), plan());
    plan.phases[1].load = Load::Closed;
    plan.is_endless = true;
    (progress.stage, progress.elapsed) = (Stage::Phase(1), Duration::from_secs(15));
    let line = line(&progress, &plan);
    assert!(line.starts_with("15 s  measure  0 events/s"), "{line}");
    assert!(line.ends_with("closed loop, service time p50 –  p99 –"), "{line}");
}
