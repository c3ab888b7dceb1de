//! Fetching the results of all shards from Redis.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use redis::AsyncCommands as _;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use service::redis::{RedisConfig, describe};

use super::keys::Keys;
use super::publish::{Done, File};
use super::report::{LOST_AFTER, ShardsReport, look};
use super::{ShardsError, TRANSFER_TIMEOUT};
use crate::RunError;

/// The results that were there.
#[derive(Debug)]
pub struct Collected {
    /// The directory of the run, with one directory for each shard that is done.
    pub directory: PathBuf,
    /// Which those are, and what is known of the others.
    pub report: ShardsReport,
}

/// Writes what the shards of a run left in Redis to `<into>/<run_id>/shard-<i>-of-<n>/`, all of it or nothing.
///
/// # Errors
/// Redis that knows nothing of the run or has lost a part of it, [`RunError::ResultsExist`], or files that cannot be
/// written.
pub async fn collect(redis: &RedisConfig, run_id: &str, into: &Path) -> Result<Collected, RunError> {
    let directory = into.join(run_id);
    if directory.exists() {
        return Err(RunError::ResultsExist { path: directory });
    }
    let unusable = |error: RedisError| ShardsError::Redis {
        address: redis.address(),
        reason: format!("does not give the results: {}", describe(&error)),
    };
    let keys = Keys::new(run_id);
    let mut connection = redis.connect_once(TRANSFER_TIMEOUT).await.map_err(unusable)?;
    let view = look(&mut connection, &keys).await.map_err(unusable)?;
    let Some(count) = view.members.values().map(|member| member.count).max().filter(|_| is_name(run_id))
    else {
        let (run_id, address) = (run_id.to_owned(), redis.address());
        return Err(ShardsError::UnknownRun { run_id, address }.into());
    };
    let failed = |path: &Path, reason| ShardsError::File { path: path.to_owned(), reason };
    fs::create_dir_all(into).map_err(|error| failed(into, error))?;
    let partial = tempfile::Builder::new()
        .prefix(&format!(".{run_id}."))
        .suffix(".partial")
        .tempdir_in(into)
        .map_err(|error| failed(into, error))?;
    for (shard, done) in &view.done {
        let shard_directory = partial.path().join(format!("shard-{shard}-of-{count}"));
        fs::create_dir(&shard_directory).map_err(|error| failed(&shard_directory, error))?;
        let mut source = Source { connection: connection.clone(), keys: &keys, shard: *shard, unusable };
        source.write_all(done, &shard_directory).await?;
    }
    publish(partial, &directory).map_err(|error| failed(&directory, error))?;
    let report = view.report(count, LOST_AFTER, std::time::Duration::MAX);
    Ok(Collected { directory, report })
}

/// A shard's files in Redis.
struct Source<'a, Unusable> {
    connection: MultiplexedConnection,
    keys: &'a Keys,
    shard: u32,
    unusable: Unusable,
}

impl<Unusable: Fn(RedisError) -> ShardsError> Source<'_, Unusable> {
    async fn write_all(&mut self, done: &Done, directory: &Path) -> Result<(), ShardsError> {
        for file in &done.files {
            self.write(file, directory).await?;
        }
        Ok(())
    }

    async fn write(&mut self, file: &File, directory: &Path) -> Result<(), ShardsError> {
        let not_whole = || ShardsError::NotWhole { shard: self.shard, file: file.name.clone() };
        if !is_name(&file.name) {
            return Err(not_whole());
        }
        let path = directory.join(&file.name);
        let failed = |reason| ShardsError::File { path: path.clone(), reason };
        let mut written = fs::File::create(&path).map_err(failed)?;
        let mut bytes = 0;
        for chunk in 0..file.chunks {
            let key = self.keys.chunk(self.shard, &file.name, chunk);
            let chunk: Vec<u8> = self.connection.get(key).await.map_err(&self.unusable)?;
            bytes += chunk.len() as u64;
            written.write_all(&chunk).map_err(failed)?;
        }
        if bytes != file.bytes {
            return Err(not_whole());
        }
        written.sync_all().map_err(failed)
    }
}

/// Gives the directory its name. One that has come there meanwhile is not replaced.
fn publish(partial: tempfile::TempDir, directory: &Path) -> io::Result<()> {
    fs::rename(partial.path(), directory)?;
    // It is not temporary any more.
    let _moved = partial.keep();
    Ok(())
}

/// Whether a text from outside can be the name of a file, and no path.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
