use super::outcome::tests::outcome;
use super::*;
use crate::experiment::fixtures;
use anyhow::{bail, ensure};
use experiment::bundle::{Order, RECORD_FILE, TargetKind};
use experiment::environment::NodeEnvironment;
use experiment::record::{ClockFacts, ServiceFacts};
use measurement::Histogram;
use measurement::clock::ClockOffset;
use measurement::hlog::IntervalLogWriter;
use serde_json::Value;
use service::redis::{RedisArgs, RedisConfig};
use std::collections::BTreeMap;

fn plan() -> Plan {
    let source = "name = \"a\"\nquestion = \"b\"\n[[factors]]\nname = \"rate\"\nlevels = [1, 2]\n";
    Plan::parse(Path::new("a.toml"), source.to_owned()).unwrap()
}

#[test]
fn stages_in_a_record_are_as_wrong_as_the_clocks_of_its_nodes() {
    let plan = plan();
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

/// A target that fails at a moment at which a real one cannot be made to.
struct Failing {
    at: Moment,
}

#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Start,
    Load,
    AfterTheLoad,
}

struct FailingTestbed {
    at: Moment,
    is_loaded: bool,
    redis: RedisConfig,
}

impl Target for Failing {
    type Testbed = FailingTestbed;

    fn kind(&self) -> TargetKind {
        TargetKind::Local
    }

    async fn check(&mut self, _cells: &[Cell]) -> anyhow::Result<()> {
        Ok(())
    }

    async fn start(&mut self, _cell: &Cell, _directory: &Path) -> anyhow::Result<FailingTestbed> {
        ensure!(self.at != Moment::Start, "no port is free");
        let args = RedisArgs {
            redis_url: "redis://127.0.0.1:1".parse()?,
            redis_username: None,
            redis_password_file: None,
            redis_password: None,
            redis_ca_file: None,
        };
        Ok(FailingTestbed { at: self.at, is_loaded: false, redis: args.convert()? })
    }
}

impl FailingTestbed {
    fn seen<T>(&self, seen: T) -> anyhow::Result<T> {
        ensure!(!self.is_loaded, "the node does not answer");
        Ok(seen)
    }
}

impl Testbed for FailingTestbed {
    fn query_url(&self) -> &str {
        "http://127.0.0.1:1"
    }

    fn redis(&self) -> &RedisConfig {
        &self.redis
    }

    async fn services(&self) -> anyhow::Result<Vec<ServiceFacts>> {
        self.seen(vec![fixtures::service("1")])
    }

    async fn environments(&self) -> anyhow::Result<Vec<NodeEnvironment>> {
        self.seen(vec![gates::tests::node()])
    }

    async fn statistics(&self) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }

    async fn clocks(&self) -> anyhow::Result<Vec<ClockFacts>> {
        self.seen(Vec::new())
    }

    async fn load_clock(&self) -> anyhow::Result<ClockOffset> {
        Ok(ClockOffset { offset_us: 0.0, uncertainty_us: 0.0, round_trips: 0 })
    }

    async fn load(
        &mut self,
        _load: &Load<'_>,
        directory: &Path,
        _sample: &mut dyn FnMut(Sample),
    ) -> anyhow::Result<()> {
        ensure!(self.at != Moment::Load, "the simulator failed");
        self.is_loaded = true;
        let result = r#"{"verdict": {"reasons": []}, "started_at": "2025-01-01T00:00:00Z", "elapsed_s": 1.0, "generator": {"involuntary_switches": 0}, "phases": []}"#;
        Ok(fs::write(directory.join("result.json"), result)?)
    }

    fn deaths(&mut self) -> Vec<String> {
        vec!["redis ended".to_owned(), "query-api ended".to_owned()]
    }

    async fn stop(self) -> anyhow::Result<()> {
        bail!("a pod is left")
    }
}

/// What comes of a run, whether its end was told, and where its files are.
async fn failing(at: Moment) -> (anyhow::Result<RunRecord>, bool, tempfile::TempDir) {
    let plan = plan();
    let order = Order::of(&plan);
    let directory = tempfile::tempdir().unwrap();
    let (planned, cell) = (&order.runs[0], &order.cells[0]);
    let request = RunRequest { plan: &plan, planned, cell, attempt: 1, directory: directory.path() };
    let mut has_ended = false;
    let mut progress = |progress: Progress<'_>| has_ended = matches!(progress, Progress::Ended);
    let record = run(&mut Failing { at }, request, Duration::ZERO, &mut progress).await;
    (record, has_ended, directory)
}

#[tokio::test]
async fn what_cannot_be_seen_after_a_load_speaks_against_the_run_and_does_not_lose_it() {
    let (record, has_ended, directory) = failing(Moment::AfterTheLoad).await;
    let record = record.unwrap();
    let reasons = &record.verdict.reasons;
    let status =
        |check: &str| reasons.iter().find(|reason| reason.check == check).map(|reason| reason.status);
    assert_eq!(status("noise-unknown"), Some(Status::Invalid), "{reasons:?}");
    assert_eq!(status("clock-unknown"), Some(Status::Invalid), "{reasons:?}");
    assert_eq!(status("restarts-unknown"), Some(Status::Suspect), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.message.ends_with("the node does not answer")), "{reasons:?}");
    assert_eq!(record.services, [fixtures::service("1")], "as they were before");
    let ended = reasons.iter().filter(|reason| reason.check == "ended");
    assert_eq!(ended.count(), 2, "each death is told once: {reasons:?}");
    assert!(
        has_ended && !directory.path().join(RECORD_FILE).exists(),
        "its record is for the bundle to write"
    );
}

#[tokio::test]
async fn run_that_fails_has_an_end_and_says_what_it_has_left() {
    let (error, has_ended, _directory) = failing(Moment::Start).await;
    assert_eq!((format!("{:#}", error.unwrap_err()), has_ended), ("no port is free".to_owned(), true));
    let (error, has_ended, _directory) = failing(Moment::Load).await;
    let error = format!("{:#}", error.unwrap_err());
    assert_eq!(error, "the simulator failed; nor could it be stopped: a pod is left");
    assert!(has_ended);
}
