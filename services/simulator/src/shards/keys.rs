//! Names of the keys that the shards of a run use. They share a hash tag, so that one script can use them all.

use std::time::Duration;

/// How long anything is kept in Redis after it was last used: long enough to fetch the results the next day.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The keys of one run.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) run_id: String,
    /// Hash: shard → its [`super::Member`] as JSON.
    pub(super) members: String,
    /// Hash: shard → when it was last heard of, Unix microseconds by the clock of Redis.
    pub(super) beats: String,
    /// String: the start as JSON, once there is one.
    pub(super) start: String,
    /// Hash: shard → what it left behind, as JSON.
    pub(super) done: String,
}

impl Keys {
    pub(super) fn new(run_id: &str) -> Self {
        let key = |name: &str| format!("testbed:run:{{{run_id}}}:shards:{name}");
        Self {
            run_id: run_id.to_owned(),
            members: key("members"),
            beats: key("beats"),
            start: key("start"),
            done: key("done"),
        }
    }

    /// String: a part of a file.
    pub(super) fn chunk(&self, shard: u32, file: &str, chunk: usize) -> String {
        format!("testbed:run:{{{}}}:shards:files:{shard}:{file}:{chunk}", self.run_id)
    }

    pub(super) fn expiry_s() -> u64 {
        KEPT.as_secs()
    }
}
