//! Trials of the machine: how punctually a thread wakes, and how long storage takes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long is waited between two wake-ups of a trial, and how many there are: a second.
const WAIT: Duration = Duration::from_millis(1);
const WAITS: usize = 1000;
/// Writes of 4 KiB; a memory card takes tens of milliseconds for each.
const WRITES: usize = 9;
const WRITE_BYTES: usize = 4096;
/// On very slow storage the trial ends here.
const WRITING_MAX: Duration = Duration::from_secs(2);

/// How late a thread woke, microseconds, 99th percentile.
pub(super) fn jitter_us() -> f64 {
    let end = Instant::now() + WAIT * WAITS as u32;
    let mut late = Vec::with_capacity(WAITS);
    while Instant::now() < end {
        let due = Instant::now() + WAIT;
        std::thread::sleep(WAIT);
        late.push(due.elapsed().as_secs_f64() * 1e6);
    }
    late.sort_unstable_by(f64::total_cmp);
    late[late.len() * 99 / 100]
}

/// How long a write took to be on storage, microseconds, median.
///
/// # Errors
/// Where nothing can be written into `directory`.
pub(super) fn fsync_us(directory: &Path) -> std::io::Result<f64> {
    let mut file: File = tempfile::tempfile_in(directory)?;
    let begin = Instant::now();
    let mut took = Vec::with_capacity(WRITES);
    while took.len() < WRITES && (took.is_empty() || begin.elapsed() < WRITING_MAX) {
        let start = Instant::now();
        file.write_all(&[1; WRITE_BYTES])?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_unstable_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}
