//! The clock of Redis, by which a load of several simulators begins, against this machine's.

use anyhow::Context;
use measurement::clock::{ClockOffset, Exchange};
use redis::RedisError;
use service::redis::RedisConfig;
use std::time::Duration;

/// Exchanges of a measurement; the shortest of them decides.
const EXCHANGES: usize = 10;
/// For one answer, through the API server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How far it is ahead of the clock that `local_us` reads, Unix microseconds.
///
/// # Errors
/// A Redis that does not tell the time.
pub(super) async fn ahead(redis: &RedisConfig, local_us: impl Fn() -> i64) -> anyhow::Result<ClockOffset> {
    let exchanges = exchanges(redis, local_us).await.context("redis does not tell the time")?;
    ClockOffset::estimate(&exchanges).context("the clock of this machine went backwards all the time")
}

async fn exchanges(redis: &RedisConfig, local_us: impl Fn() -> i64) -> Result<Vec<Exchange>, RedisError> {
    let mut connection = redis.connect_once(ANSWER_TIMEOUT).await?;
    let mut exchanges = Vec::with_capacity(EXCHANGES);
    for _ in 0..EXCHANGES {
        let sent_us = local_us();
        let (seconds, microseconds): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let received_us = local_us();
        exchanges.push(Exchange { sent_us, remote_us: seconds * 1_000_000 + microseconds, received_us });
    }
    Ok(exchanges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::clock::unix_us;
    use test_support::RedisServer;

    #[tokio::test]
    async fn machine_whose_clock_is_behind_knows_by_how_much() {
        let redis = RedisServer::start().await;
        let slow = || unix_us() - 4_000_000;
        let ahead = ahead(&redis.config(), slow).await.unwrap();
        assert!((ahead.offset_us - 4e6).abs() <= ahead.uncertainty_us, "{ahead:?}");
        assert!(ahead.uncertainty_us < 1e6, "{ahead:?}");
    }
}
