//! Leaving a shard's results in Redis, from where they are collected and merged: shards on other machines share nothing
//! else.

use std::io::Read as _;
use std::path::Path;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, RedisError};
use serde::{Deserialize, Serialize};
use service::redis::{RedisConfig, describe};

use super::clock::ClockReport;
use super::keys::Keys;
use super::member::Member;
use super::{ShardsError, TRANSFER_TIMEOUT};

/// Redis serves nobody else while it takes a value; of this size that is a few milliseconds.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// What a shard says when it is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) clock: ClockReport,
    pub(super) missed_beats: u64,
    pub(super) files: Vec<File>,
}

/// A file that was left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) chunks: usize,
}

/// Leaves all files of a directory (not of those within) and then says that the shard is done.
pub(super) async fn publish(
    redis: &RedisConfig,
    keys: &Keys,
    member: &Member,
    directory: &Path,
    done: impl FnOnce(Vec<File>) -> Done,
) -> Result<(), ShardsError> {
    let refused = |error: RedisError| ShardsError::Redis {
        address: redis.address(),
        reason: format!("does not take the results: {}", describe(&error)),
    };
    let mut connection = redis.connect_once(TRANSFER_TIMEOUT).await.map_err(refused)?;
    let mut files = Vec::new();
    for name in names_in(directory)? {
        let path = directory.join(&name);
        let failed = |reason| ShardsError::File { path: path.clone(), reason };
        let mut reader = std::fs::File::open(&path).map_err(failed)?;
        let mut file = File { name, bytes: 0, chunks: 0 };
        loop {
            let mut chunk = Vec::new();
            reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk).map_err(failed)?;
            if chunk.is_empty() {
                break;
            }
            let key = keys.chunk(member.index, &file.name, file.chunks);
            file.bytes += chunk.len() as u64;
            file.chunks += 1;
            connection.set_ex::<_, _, ()>(key, chunk, Keys::expiry_s()).await.map_err(refused)?;
        }
        files.push(file);
    }
    say_done(&mut connection, keys, member, &done(files)).await.map_err(refused)
}

fn names_in(directory: &Path) -> Result<Vec<String>, ShardsError> {
    let failed = |reason| ShardsError::File { path: directory.to_owned(), reason };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

async fn say_done(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    member: &Member,
    done: &Done,
) -> Result<(), RedisError> {
    let text = serde_json::to_string(done).expect("a struct of texts and numbers can be written");
    redis::pipe()
        .atomic()
        .hset(&keys.members, member.index, member.to_json())
        .ignore()
        .hset(&keys.done, member.index, text)
        .ignore()
        .expire(&keys.members, Keys::expiry_s() as i64)
        .ignore()
        .expire(&keys.done, Keys::expiry_s() as i64)
        .ignore()
        .query_async(connection)
        .await
}
