//! Signs of life during the run, from a task that nothing waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use observability::Outage;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use service::redis::{RedisConfig, describe};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::keys::Keys;
use super::member::Member;
use super::{RESPONSE_TIMEOUT, scripts};

/// Shows that a shard lives until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    missed: Arc<AtomicU64>,
    _beating: AbortOnDropHandle<()>,
}

impl Heartbeat {
    pub(super) fn start(redis: &RedisConfig, keys: &Keys, member: &Member, every: Duration) -> Self {
        let missed = Arc::new(AtomicU64::new(0));
        let beating = beat(redis.clone(), keys.clone(), member.clone(), every, Arc::clone(&missed));
        Self { missed, _beating: AbortOnDropHandle::new(tokio::spawn(beating)) }
    }

    /// How many did not reach Redis.
    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

async fn beat(redis: RedisConfig, keys: Keys, member: Member, every: Duration, missed: Arc<AtomicU64>) {
    let outage = Outage::new(format!("redis at {}, where shards show that they live", redis.address()));
    let (shard, member) = (member.index, member.to_json());
    let mut connection = None;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match beat_once(&redis, &keys, shard, &member, &mut connection).await {
            Ok(()) => outage.recovered(),
            Err(error) => {
                connection = None;
                missed.fetch_add(1, Ordering::Relaxed);
                outage.failed(&describe(&error));
            }
        }
    }
}

async fn beat_once(
    redis: &RedisConfig,
    keys: &Keys,
    shard: u32,
    member: &str,
    connection: &mut Option<MultiplexedConnection>,
) -> Result<(), RedisError> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(redis.connect_once(RESPONSE_TIMEOUT).await?),
    };
    Script::new(scripts::BEAT)
        .key(&keys.members)
        .key(&keys.beats)
        .key(&keys.start)
        .key(&keys.done)
        .arg(shard)
        .arg(member)
        .arg(Keys::expiry_s())
        .invoke_async::<i64>(connection)
        .await?;
    Ok(())
}
