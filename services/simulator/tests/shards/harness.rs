//! Shards as tasks of the test.

use std::time::Duration;

use service::redis::RedisConfig;
use simulator::RunError;
use simulator::plan::{Load, PhasePlan, Plan, RateShape, Shard, Spacing};
use simulator::shards::{JoinOptions, Joined, join};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than any machine takes to start a few tasks.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn plan(index: u32, count: u32) -> Plan {
    let rate = RateShape::Constant { rate_per_s: 100.0 };
    let phase = PhasePlan {
        name: "measure".to_owned(),
        duration_s: 1.0,
        is_measured: true,
        load: Load::Open { rate, spacing: Spacing::Even },
    };
    Plan { run_id: "run-1".to_owned(), shard: Shard { index, count }, ..Plan::plain(vec![phase]) }
}

/// Options of a shard that waits long for the others.
pub(crate) fn patient() -> JoinOptions {
    JoinOptions::new(PATIENCE)
}

/// Options of a shard that soon notices the end of another.
pub(crate) fn watchful() -> JoinOptions {
    let (beat_interval, lost_after) = (Duration::from_millis(50), Duration::from_secs(1));
    JoinOptions { beat_interval, lost_after, ..patient() }
}

/// Options of a shard that soon gives up.
pub(crate) fn impatient() -> JoinOptions {
    JoinOptions::new(Duration::from_millis(300))
}

/// A process that joins, as `host-<index>`.
pub(crate) fn begin(
    redis: &RedisConfig,
    plan: Plan,
    options: JoinOptions,
) -> JoinHandle<Result<Joined, RunError>> {
    let redis = redis.clone();
    tokio::spawn(async move {
        let instance = format!("host-{}", plan.shard.index);
        join(&redis, &plan, &instance, options, &CancellationToken::new()).await
    })
}

/// All shards of a run, once it has a start.
pub(crate) async fn join_all(redis: &RedisConfig, count: u32, options: &JoinOptions) -> Vec<Joined> {
    let shards: Vec<_> = (0..count).map(|index| begin(redis, plan(index, count), options.clone())).collect();
    let mut joined = Vec::new();
    for shard in shards {
        joined.push(shard.await.expect("no panic").expect("a start"));
    }
    joined
}

/// What a process is told that cannot join.
pub(crate) async fn refusal(redis: &RedisConfig, plan: Plan, options: JoinOptions) -> String {
    begin(redis, plan, options).await.expect("no panic").expect_err("a refusal").to_string()
}
