//! Where the start of a run comes from: this process alone, or all of its shards.

use std::path::Path;
use std::time::{Duration, Instant};

use service::clock::unix_us;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::RunError;
use crate::plan::Plan;
use crate::result::{ShardClock, ShardsSummary};
use crate::shards::{self, JoinOptions, Joined, ShardReport, ShardState, ShardsReport};

/// Between the last preparation and the first arrival, so that the first is not late.
const START_LEAD: Duration = Duration::from_millis(20);
/// How long the coordinator waits for the other shards beyond the timeout of their last requests.
const OTHERS_GRACE: Duration = Duration::from_secs(30);

/// The start of a run, and who else takes part.
pub(super) struct Meeting {
    pub(super) start: Instant,
    pub(super) start_unix_us: i64,
    joined: Option<Joined>,
    others_max: Duration,
}

impl Meeting {
    /// Waits for the other shards, where there are any.
    ///
    /// # Errors
    /// They do not come together.
    pub(super) async fn attend(config: &Config, shutdown: &CancellationToken) -> Result<Self, RunError> {
        let Plan { shard, .. } = config.plan;
        let others_max = config.plan.timeout() + OTHERS_GRACE;
        let Some(redis) = config.shards.as_ref().filter(|_| shard.count > 1) else {
            let start = Instant::now() + START_LEAD;
            let start_unix_us = unix_us() + START_LEAD.as_micros() as i64;
            return Ok(Self { start, start_unix_us, joined: None, others_max });
        };
        let options = JoinOptions::new(config.start_timeout);
        let joined = shards::join(redis, &config.plan, &config.common.instance, options, shutdown).await?;
        Ok(Self {
            start: joined.start,
            start_unix_us: joined.start_unix_us,
            joined: Some(joined),
            others_max,
        })
    }

    /// After the run: measures the clock again and, where this is the coordinator, waits for the others.
    pub(super) async fn end(&mut self, shutdown: &CancellationToken) -> Option<ShardsSummary> {
        let joined = self.joined.as_mut()?;
        joined.measure_end().await;
        if !joined.is_coordinator() {
            return None;
        }
        Some(summary_of(&joined.others(self.others_max, shutdown).await))
    }

    /// Leaves the results where they can be collected.
    ///
    /// # Errors
    /// Redis does not take them.
    pub(super) async fn publish(&self, directory: &Path) -> Result<(), RunError> {
        match &self.joined {
            Some(joined) => Ok(joined.publish(directory).await?),
            None => Ok(()),
        }
    }
}

fn summary_of(report: &ShardsReport) -> ShardsSummary {
    ShardsSummary {
        count: report.count,
        present: report.in_state(ShardState::Done),
        missing: [ShardState::Running, ShardState::Unknown]
            .into_iter()
            .flat_map(|state| report.in_state(state))
            .collect(),
        lost: report.in_state(ShardState::Lost),
        clocks: report.shards.iter().filter_map(clock_of).collect(),
        parts: Vec::new(),
    }
}

fn clock_of(shard: &ShardReport) -> Option<ShardClock> {
    let clock = shard.clock.as_ref()?;
    Some(ShardClock {
        shard: shard.shard,
        offset_us: clock.coordinator.offset_us,
        uncertainty_us: clock.coordinator.uncertainty_us,
        drift_us: clock.drift.map(|drift| drift.offset_us),
    })
}
