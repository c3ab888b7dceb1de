//! Traces as schedules.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use simulator::plan::{Batch, Load, Plan, ReplayPlan};
use simulator::schedule::Schedule;
use simulator::trace::{TimeUnit, Trace, TraceColumns};

use super::plans::{phase, plan};

fn replay(times: &[u64], speed: f64, repeats: bool, duration_s: f64) -> Plan {
    let lines: String = times.iter().map(|time| format!("{time}\n")).collect();
    let columns = TraceColumns { time_unit: Some(TimeUnit::S), ..TraceColumns::default() };
    let file = Path::new("trace.csv");
    let trace = Arc::new(Trace::parse(file, format!("time\n{lines}").as_bytes(), &columns).unwrap());
    let load = Load::Replay(ReplayPlan { file: file.to_owned(), columns, speed, repeats, trace });
    plan(vec![phase("replay", duration_s, load)])
}

/// Seconds, first record, first sequence number and events of each request.
fn requests(plan: &Plan) -> Vec<(f64, u64, u64, u32)> {
    let requests = Schedule::new(plan).map(|arrival| {
        let content = arrival.content;
        (arrival.offset.as_secs_f64(), content.record, content.first, content.events)
    });
    requests.collect()
}

#[test]
fn records_are_sent_at_their_times_at_the_chosen_speed() {
    let plan = replay(&[100, 101, 105, 105, 111], 2.0, false, 60.0);
    let expected = [(0.0, 0, 0, 1), (0.5, 1, 1, 1), (2.5, 2, 2, 1), (2.5, 3, 3, 1), (5.5, 4, 4, 1)];
    assert_eq!(requests(&plan), expected);
    assert_eq!(plan.phases[0].expected_events(), Some(5.0));
}

#[test]
fn batch_is_due_with_its_last_record() {
    let batch = Batch { min: 2, max: 2 };
    let plan = Plan { batch, ..replay(&[0, 1, 5, 6, 8], 1.0, false, 60.0) };
    assert_eq!(requests(&plan), [(1.0, 0, 0, 2), (6.0, 2, 2, 2), (8.0, 4, 4, 1)]);
}

#[test]
fn loop_begins_again_one_mean_gap_after_the_last_record() {
    let plan = replay(&[0, 1, 4], 1.0, true, 13.5);
    let expected = [(0.0, 0), (1.0, 1), (4.0, 2), (6.0, 0), (7.0, 1), (10.0, 2), (12.0, 0), (13.0, 1)];
    let requests: Vec<_> = requests(&plan).iter().map(|request| (request.0, request.1)).collect();
    assert_eq!(requests, expected);
    assert_eq!(plan.phases[0].expected_events(), Some(8.0));
    let endless = Plan { is_endless: true, ..plan };
    assert_eq!(Schedule::new(&endless).nth(3000).unwrap().offset, Duration::from_secs(6000));
}

#[test]
fn phase_cuts_a_longer_trace() {
    let plan = replay(&[0, 1, 2, 3], 1.0, false, 2.0);
    assert_eq!(requests(&plan).len(), 2);
    assert_eq!(plan.phases[0].expected_events(), Some(2.0));
}
