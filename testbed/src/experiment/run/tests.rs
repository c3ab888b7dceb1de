use super::outcome::tests::outcome;
use super::*;
use experiment::bundle::Order;
use experiment::record::ClockFacts;
use measurement::Histogram;
use measurement::clock::ClockOffset;
use measurement::hlog::IntervalLogWriter;

#[test]
fn stages_in_a_record_are_as_wrong_as_the_clocks_of_its_nodes() {
    let source = "name = \"a\"\nquestion = \"b\"\n[[factors]]\nname = \"rate\"\nlevels = [1, 2]\n";
    let plan = Plan::parse(Path::new("a.toml"), source.to_owned()).unwrap();
    let order = Order::of(&plan);
    let directory = tempfile::tempdir().unwrap();
    let mut log = IntervalLogWriter::new(Vec::new(), Timestamp::UNIX_EPOCH).unwrap();
    let mut histogram = Histogram::new();
    histogram.record(Duration::from_millis(1));
    log.write(workload::MEASURE, Duration::ZERO, Duration::from_secs(1), &histogram).unwrap();
    let log = log.into_inner();
    for name in ["stage-accept.hlog", "response-time.hlog"] {
        fs::write(directory.path().join(name), &log).unwrap();
    }
    let clock = |node: &str, offset_us| {
        let now = ClockOffset { offset_us, uncertainty_us: 5.0, round_trips: 20 };
        ClockFacts { node: node.into(), before: now, after: now }
    };
    let run = Outcome { clocks: vec![clock("a", 0.0), clock("b", 90.0)], ..outcome() };
    let (planned, cell) = (&order.runs[0], &order.cells[0]);
    let request = RunRequest { plan: &plan, planned, cell, attempt: 1, directory: directory.path() };
    let metrics = record(request, &run, Timestamp::UNIX_EPOCH, None).metrics;
    assert_eq!(metrics["stage-accept-mean"].clock_error, 100.0);
    assert_eq!(metrics["response-time-mean"].clock_error, 0.0);
}
