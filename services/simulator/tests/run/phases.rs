//! Runs of several phases: each has its own counts, which add up, and its own part of every file.

use std::collections::BTreeMap;

use measurement::hlog;
use simulator::result::Pace;

use super::receiver::{Answer, Received, Receiver};
use super::{Fixture, Run};

const WORKLOAD: &str = r#"
seed = 5
threads = 3
connections = 6
batch = { min = 1, max = 7 }
content-type = "batch"

[[phases]]
name = "warm-up"
duration = "300ms"
measure = false
rate = 500

[[phases]]
name = "independent"
duration = "1200ms"
rate = 1000
arrivals = "poisson"

[[phases]]
name = "maximum"
duration = "700ms"
arrivals = "closed"

[[phases]]
name = "down"
duration = "600ms"
rate = { shape = "ramp", from = 1000, to = 0 }
"#;
const PHASES: [(&str, Pace, bool); 4] = [
    ("warm-up", Pace::Open, false),
    ("independent", Pace::Open, true),
    ("maximum", Pace::Closed, true),
    ("down", Pace::Open, true),
];

async fn run(fixture: &Fixture, flags: &str) -> (Run, Received) {
    let file = fixture.results.path().join("workload.toml");
    std::fs::write(&file, WORKLOAD).unwrap();
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let run = fixture.run(&receiver.url(), &format!("--workload {} {flags}", file.display())).await;
    let received = receiver.received();
    run.agrees_with(&received);
    (run, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn phases_of_all_kinds_send_every_event_once() {
    let fixture = Fixture::new();
    let (run, received) = run(&fixture, "").await;
    assert_eq!(received.sequences, run.ledger.first.accepted);
    assert_eq!(received.sequences, run.ledger.first.sent());
    let kinds: Vec<_> = run.result.phases.iter().map(|it| (it.name.as_str(), it.pace, it.measured)).collect();
    assert_eq!(kinds, PHASES);
    for phase in &run.result.phases {
        assert!(phase.figures.events.accepted > 50, "{}: {:?}", phase.name, phase.figures.events);
        assert_eq!(phase.figures.latency.response_time.is_none(), phase.pace == Pace::Closed);
    }
    // The ramp has half of the rate on average.
    let planned = run.result.phases[3].figures.events.planned;
    assert!((290..=310).contains(&planned), "{planned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_run_agree_with_its_result_phase_by_phase() {
    let fixture = Fixture::new();
    let (run, _) = run(&fixture, "").await;
    let directory = fixture.results.path().join("run-1");
    let log = |file: &str| {
        let merged = hlog::merged(&std::fs::read(directory.join(file)).unwrap()).unwrap();
        merged.into_iter().map(|(tag, histogram)| (tag, histogram.count())).collect::<BTreeMap<_, _>>()
    };
    let requests = |has: fn(Pace) -> bool| {
        let phases = run.result.phases.iter().filter(|phase| has(phase.pace));
        phases.map(|phase| (phase.name.clone(), phase.figures.requests.sent)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(log("service-time.hlog"), requests(|_| true));
    let of_schedules = requests(|pace| pace != Pace::Closed);
    for file in ["response-time.hlog", "send-lateness.hlog", "pacing-lateness.hlog"] {
        assert_eq!(log(file), of_schedules, "{file}");
    }

    let mut sums: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut seconds: Vec<u64> = Vec::new();
    for row in csv::Reader::from_path(directory.join("timeseries.csv")).unwrap().deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        seconds.push(row["second"].parse().unwrap());
        let sum = sums.entry(row["phase"].clone()).or_default();
        for (sum, column) in sum.iter_mut().zip(["planned", "accepted", "requests"]) {
            *sum += row[column].parse::<u64>().unwrap();
        }
    }
    assert!(seconds.is_sorted() && seconds.first() == Some(&0) && seconds.contains(&2), "{seconds:?}");
    let expected = run.result.phases.iter().map(|phase| {
        let figures = &phase.figures;
        (phase.name.clone(), [figures.events.planned, figures.events.accepted, figures.requests.sent])
    });
    assert_eq!(sums, expected.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn number_of_threads_does_not_change_what_is_sent() {
    let (_, by_three) = run(&Fixture::new(), "--threads 3").await;
    let (_, by_one) = run(&Fixture::new(), "--threads 1").await;
    let (by_three, by_one) = (scheduled(&by_three), scheduled(&by_one));
    assert!(by_one.len() > 1000, "{}", by_one.len());
    assert!(by_three == by_one, "{} and {} events, not the same", by_three.len(), by_one.len());
    let (_, by_another_seed) = run(&Fixture::new(), "--threads 3 --seed 6").await;
    assert!(scheduled(&by_another_seed) != by_one);
}

/// The events that do not depend on how fast answers came, without their times.
fn scheduled(received: &Received) -> BTreeMap<u64, serde_json::Value> {
    let mut events = received.events();
    // Those of the closed loop have numbers far above.
    events.retain(|sequence, _| *sequence < 1 << 40);
    for event in events.values_mut() {
        assert!(event.as_object_mut().unwrap().remove("time").is_some());
    }
    events
}
