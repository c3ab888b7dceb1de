use super::*;
use crate::progress::tests::plan;
use crate::tally::{Fate, add_reason};

fn total(registry: &Registry, metric: Metric) -> u64 {
    registry.snapshot().counters[metric.spec().name].total
}

fn by(registry: &Registry, metric: Metric, label: &str) -> u64 {
    registry.snapshot().counters[metric.spec().name].by[label]
}

#[test]
fn everything_but_reasons_exists_before_the_first_request() {
    let registry = Registry::new();
    let (_instruments, _stages) = (Instruments::new(&registry), Stages::new(&registry, &plan()));
    let snapshot = registry.snapshot();
    let once_it_happened =
        [Metric::SimulatorEventsRefused, Metric::SimulatorEventsUnknown, Metric::SimulatorRatePlanned];
    for spec in Metric::all().iter().filter(|spec| spec.services == ["simulator"]) {
        let exists = snapshot.counters.contains_key(spec.name)
            || snapshot.gauges.contains_key(spec.name)
            || snapshot.histograms.contains_key(spec.name);
        assert_eq!(exists, !once_it_happened.contains(&spec.metric), "{}", spec.name);
    }
}

#[test]
fn slices_are_added() {
    let registry = Registry::new();
    let instruments = Instruments::new(&registry);
    let mut slice = Tally { late_requests: 2, ..Tally::default() };
    slice.events.count(Fate::Accepted, 7);
    slice.events.count(Fate::Unsent, 1);
    slice.repeated_events.count(Fate::Accepted, 3);
    slice.malformed_events.count(Fate::Refused, 4);
    slice.response_time.record_many(Duration::from_millis(5), 6);
    add_reason(&mut slice.refusals, "429 backlog-full", 2);
    add_reason(&mut slice.refusals, "429 too-many", 3);
    add_reason(&mut slice.refusals, "not-connected", 5);
    instruments.publish(&slice);
    instruments.publish(&slice);
    assert_eq!(total(&registry, Metric::SimulatorEventsSent), 14);
    assert_eq!(total(&registry, Metric::SimulatorEventsUnsent), 2);
    assert_eq!(total(&registry, Metric::SimulatorRequestsLate), 4);
    assert_eq!(by(&registry, Metric::SimulatorEventsRepeated, "outcome=accepted"), 6);
    assert_eq!(by(&registry, Metric::SimulatorEventsMalformed, "outcome=refused"), 8);
    assert_eq!(by(&registry, Metric::SimulatorEventsRefused, "http.response.status_code=429"), 10);
    assert_eq!(by(&registry, Metric::SimulatorEventsRefused, "http.response.status_code=none"), 10);
    assert_eq!(registry.snapshot().histograms["simulator.response.duration"].count, 12);
}

#[test]
fn run_is_in_one_phase_at_a_time() {
    let registry = Registry::new();
    let mut plan = plan();
    plan.phases[1].name = "drain".to_owned();
    let stages = Stages::new(&registry, &plan);
    let now = || {
        let gauges = registry.snapshot().gauges.remove("simulator.phase").unwrap();
        let ones = gauges.by.into_iter().filter(|(_, value)| *value == 1.0);
        ones.map(|(label, _)| label).collect::<Vec<_>>()
    };
    assert_eq!(now(), ["phase=connect"]);
    stages.enter(Stage::Phase(0));
    assert_eq!(now(), ["phase=warm-up"]);
    stages.enter(Stage::Phase(1));
    assert_eq!(now(), ["phase=drain"]);
    stages.enter(Stage::Drain);
    assert_eq!(now(), ["phase=drain"]);
}

#[test]
fn lanes_share_the_gauges_of_what_is_open() {
    let instruments = Instruments::new(&Registry::new());
    let (mut one, mut other) = (instruments.open.clone(), instruments.open.clone());
    one.set(3, 8);
    other.set(4, 8);
    one.set(1, 7);
    assert_eq!((instruments.open.in_flight(), instruments.open.connections()), (5, 15));
}

#[test]
fn planned_rate_is_unknown_where_no_schedule_says_it() {
    let registry = Registry::new();
    let instruments = Instruments::new(&registry);
    instruments.set_planned_rate(Some(250.0));
    assert_eq!(registry.snapshot().gauges["simulator.rate.planned"].total, 250.0);
    instruments.set_planned_rate(None);
    assert!(!registry.snapshot().gauges.contains_key("simulator.rate.planned"));
}
