//! Runs of several processes: they begin together, send each event once, and leave one result.

use std::path::Path;

use measurement::{Ledger, LedgerFile};
use simulator::RunResult;
use simulator::verdict::{Severity, Status};
use tempfile::TempDir;
use test_support::{RedisServer, eventually};
use tokio::process::Child;

use super::faults::until;
use super::program::{program, signal, start};
use super::receiver::{Answer, Receiver};

const COUNT: u32 = 3;

/// A Redis for the shards to meet in, and a directory for their results and what becomes of them.
struct Shards {
    redis: RedisServer,
    directory: TempDir,
}

impl Shards {
    async fn prepare() -> Self {
        Self { redis: RedisServer::start().await, directory: tempfile::tempdir().unwrap() }
    }

    fn start(&self, shard: u32, target: &str, flags: &str) -> Child {
        let redis = self.redis.url();
        let own = format!("--shards {COUNT} --shard {shard} --redis-url {redis} --instance-id shard-{shard}");
        start(self.directory.path(), &format!("--target {target} --start-timeout 30s {own} {flags}"))
    }

    /// Returns once a shard waits for the others.
    async fn somebody_waits(&self) {
        let connection = self.redis.connection().await;
        eventually("a shard has said that it is there", async || {
            let mut connection = connection.clone();
            let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
            (keys > 0).then_some(())
        })
        .await;
    }

    /// Merges into the directory `out`; also gives the summary.
    async fn merge(&self, out: &str, arguments: &str) -> (RunResult, Ledger, String) {
        let out = self.directory.path().join(out);
        let mut command = program();
        command.current_dir(self.directory.path()).arg("merge").arg("--out").arg(&out);
        let output = command.args(arguments.split_whitespace()).output().await.unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{message}");
        let ledger: LedgerFile = read(&out.join("ledger.json"));
        ledger.ledger.check().unwrap();
        (read(&out.join("result.json")), ledger.ledger, String::from_utf8(output.stdout).unwrap())
    }

    async fn collect(&self) -> (RunResult, Ledger, String) {
        self.merge("merged", &format!("--run run-1 --redis-url {}", self.redis.url())).await
    }
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> T {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Waits for the end of a shard, which has to be a good one.
async fn end(shard: Child) {
    let output = shard.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_begin_together_and_leave_one_result() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let shards = Shards::prepare().await;
    let flags = "--rate 600 --duration 2s --connections 4 --threads 2";
    let first = shards.start(2, &receiver.url(), flags);
    shards.somebody_waits().await;
    assert_eq!(receiver.requests(), 0, "one does not wait for the others");
    let others = [0, 1].map(|shard| shards.start(shard, &receiver.url(), flags));
    for shard in others.into_iter().chain([first]) {
        end(shard).await;
    }
    let (result, ledger, summary) = shards.collect().await;

    assert_eq!(ledger.first.accepted.ranges().collect::<Vec<_>>(), [0..=1199]);
    assert_eq!(receiver.received().sequences, ledger.first.accepted);
    assert!(receiver.received().repeated.is_empty());
    assert_eq!(result.totals.events.accepted, 1200);
    assert_eq!(result.totals.rates.planned_events_per_s, 600.0);
    let report = result.shards.as_ref().unwrap();
    assert_eq!((report.count, &report.present[..]), (COUNT, &[0, 1, 2][..]));
    assert!(report.missing.is_empty() && report.lost.is_empty());
    assert!(result.verdict.reasons.iter().all(|reason| reason.check != "shards-missing"));
    assert!(summary.contains("3 of 3 shards"), "{summary}");
    // Their clocks are one and the same; what they measure of them is as exact as the machine is idle.
    let starts: Vec<jiff::Timestamp> =
        report.parts.iter().map(|part| part.started_at.parse().unwrap()).collect();
    let spread = starts.iter().max().unwrap().duration_since(*starts.iter().min().unwrap());
    assert!(spread.as_millis() < 250, "{starts:?}");

    // Without Redis the same comes of the directories, and it is said which one is not there.
    let (same, same_ledger, _) = shards.merge("by-directory", "run-1").await;
    assert_eq!((same.totals, same_ledger), (result.totals, ledger));
    let two = "run-1/shard-0-of-3 run-1/shard-2-of-3";
    let (part, part_ledger, summary) = shards.merge("two", two).await;
    assert_eq!(part.shards.unwrap().missing, [1]);
    assert_eq!(part.verdict.status, Status::Invalid);
    assert_eq!(part_ledger.first.accepted.len(), 800);
    assert!(
        summary.contains("shards-missing: the results of shard 1 (from 0) of 3 are missing"),
        "{summary}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shard_that_is_killed_makes_the_result_invalid() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let shards = Shards::prepare().await;
    let flags = "--rate 300 --duration 2s --connections 4";
    let [first, mut killed, last] = [0, 1, 2].map(|shard| shards.start(shard, &receiver.url(), flags));
    until(|| receiver.requests() >= 150).await;
    signal(&killed, "-KILL").await;
    killed.wait().await.unwrap();
    end(first).await;
    end(last).await;
    let (result, ledger, summary) = shards.collect().await;

    let report = result.shards.unwrap();
    assert_eq!(
        (&report.present[..], &report.missing[..], &report.lost[..]),
        (&[0, 2][..], &[1][..], &[1][..])
    );
    assert_eq!(result.verdict.status, Status::Invalid);
    let reason = &result.verdict.reasons[0];
    assert_eq!((reason.check.as_str(), reason.severity), ("shards-missing", Severity::Invalid));
    assert!(reason.message.contains("shard 1 (from 0) of 3"), "{}", reason.message);
    assert!(summary.contains("2 of 3 shards"), "{summary}");
    // Every third event is that of shard 1.
    assert_eq!(ledger.first.accepted.iter().filter(|sequence| sequence % 3 == 1).count(), 0);
    assert_eq!(ledger.first.accepted.len(), 400);
}
