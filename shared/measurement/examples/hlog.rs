//! Writes an interval log to FILE.hlog, and to FILE.json what a reader must find in it. Run by
//! `scripts/lib/hlog-readers`, which reads the log with another implementation of HdrHistogram.

use std::io::BufWriter;
use std::time::Duration;

use measurement::hlog::{IntervalLogWriter, merged};
use measurement::{Histogram, HistogramSummary};
use serde::Serialize;

/// What a phase has in the log.
#[derive(Debug, Serialize)]
struct Phase {
    name: &'static str,
    intervals: u64,
    summary: HistogramSummary,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: hlog FILE")?;
    let log_path = format!("{file}.hlog");
    let mut writer = IntervalLogWriter::new(
        BufWriter::new(std::fs::File::create(&log_path)?),
        "2026-11-21T12:00:00.25Z".parse()?,
    )?;
    let mut phases = Vec::new();
    // Name, intervals, durations an interval: an empty one and one of a single duration among them.
    for (name, intervals, durations) in
        [("warm-up", 3, 1), ("steady", 20, 5000), ("idle", 2, 0), ("burst", 5, 40_000)]
    {
        let mut whole = Histogram::new();
        for interval in 0..intervals {
            let histogram = histogram(interval, durations);
            whole.merge(&histogram);
            writer.write(name, Duration::from_secs(interval), Duration::from_secs(1), &histogram)?;
        }
        phases.push(Phase { name, intervals, summary: whole.summary() });
    }
    std::io::Write::flush(&mut writer.into_inner())?;
    let read = merged(&std::fs::read(&log_path)?)?;
    for phase in &phases {
        assert_eq!(read[phase.name].summary(), phase.summary, "{}", phase.name);
    }
    std::fs::write(format!("{file}.json"), serde_json::to_vec_pretty(&phases)?)?;
    Ok(())
}

/// Durations from nanoseconds to minutes, more short ones than long ones.
fn histogram(interval: u64, durations: u64) -> Histogram {
    let mut histogram = Histogram::new();
    for index in 0..durations {
        let random = (interval << 32 | index).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        histogram.record(Duration::from_nanos((random >> 10) % (1 << (10 + random % 27))));
    }
    histogram
}
