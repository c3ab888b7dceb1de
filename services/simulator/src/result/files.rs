//! The files of a result: their names, and how a JSON file is written.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use jiff::Timestamp;
use measurement::{Histogram, HistogramSummary, Ledger, LedgerFile};
use serde::Serialize;

use super::{Circumstances, Figures, ShardsSummary};
use crate::error::RunError;
use crate::probes::{ProbeTally, Stage};
use crate::tally::Tally;

pub(crate) const RESULT_FILE: &str = "result.json";
pub(crate) const LEDGER_FILE: &str = "ledger.json";
pub(crate) const SERIES_FILE: &str = "timeseries.csv";

/// An interval log and the histogram of a tally that it holds.
pub(crate) struct Log<T> {
    pub(crate) file: &'static str,
    pub(crate) get: fn(&T) -> &Histogram,
    pub(crate) get_mut: fn(&mut T) -> &mut Histogram,
    /// What a result says of it.
    pub(crate) summary: fn(&Figures) -> Option<HistogramSummary>,
}

/// The interval logs of a run.
pub(crate) const TALLY_LOGS: [Log<Tally>; 4] = [
    Log {
        file: "response-time.hlog",
        get: |tally| &tally.response_time,
        get_mut: |tally| &mut tally.response_time,
        summary: |figures| figures.latency.response_time,
    },
    Log {
        file: "service-time.hlog",
        get: |tally| &tally.service_time,
        get_mut: |tally| &mut tally.service_time,
        summary: |figures| Some(figures.latency.service_time),
    },
    Log {
        file: "send-lateness.hlog",
        get: |tally| &tally.send_lateness,
        get_mut: |tally| &mut tally.send_lateness,
        summary: |figures| figures.latency.send_lateness,
    },
    Log {
        file: "pacing-lateness.hlog",
        get: |tally| &tally.pacing_lateness,
        get_mut: |tally| &mut tally.pacing_lateness,
        summary: |figures| figures.latency.pacing_lateness,
    },
];

/// The log of a histogram of a stage; a function would have to capture which.
macro_rules! stage_log {
    ($file:literal, $stage:ident, $figures:ident, $histogram:ident) => {
        Log {
            file: $file,
            get: |tally| &tally.stages[Stage::$stage as usize].$histogram,
            get_mut: |tally| &mut tally.stages[Stage::$stage as usize].$histogram,
            summary: |figures| figures.probes.map(|probes| probes.stages.$figures.$histogram),
        }
    };
}

/// The logs of a run with probes: one interval for each phase. An event is never sent before its intended time.
pub(crate) const PROBE_LOGS: [Log<ProbeTally>; 11] = [
    Log {
        file: "accepted-to-queryable.hlog",
        get: |tally| &tally.accepted_to_queryable,
        get_mut: |tally| &mut tally.accepted_to_queryable,
        summary: |figures| figures.probes.map(|probes| probes.accepted_to_queryable),
    },
    Log {
        file: "intended-to-queryable.hlog",
        get: |tally| &tally.intended_to_queryable,
        get_mut: |tally| &mut tally.intended_to_queryable,
        summary: |figures| figures.probes.map(|probes| probes.intended_to_queryable),
    },
    Log {
        file: "probe-uncertainty.hlog",
        get: |tally| &tally.uncertainty,
        get_mut: |tally| &mut tally.uncertainty,
        summary: |figures| figures.probes.map(|probes| probes.uncertainty),
    },
    Log {
        file: "work.hlog",
        get: |tally| &tally.work,
        get_mut: |tally| &mut tally.work,
        summary: |figures| figures.probes.map(|probes| probes.work),
    },
    stage_log!("stage-send.hlog", Send, send, distribution),
    stage_log!("stage-accept.hlog", Accept, accept, distribution),
    stage_log!("stage-accept-negative.hlog", Accept, accept, negative),
    stage_log!("stage-process.hlog", Process, process, distribution),
    stage_log!("stage-process-negative.hlog", Process, process, negative),
    stage_log!("stage-publish.hlog", Publish, publish, distribution),
    stage_log!("stage-publish-negative.hlog", Publish, publish, negative),
];

/// Writes JSON piece by piece, and to the disk.
///
/// # Errors
/// A file that cannot be written, by its name.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    write(path, |file| serde_json::to_writer_pretty(file, value).map_err(io::Error::from))
}

/// Writes `ledger.json` of a result.
///
/// # Errors
/// A file that cannot be written, by its name.
pub(crate) fn write_ledger(
    directory: &Path,
    circumstances: &Circumstances,
    ledger: Ledger,
) -> Result<(), RunError> {
    let Circumstances { plan, started_unix_us, elapsed, shard, shards, .. } = circumstances;
    let at = |unix_us| Timestamp::from_microsecond(unix_us).unwrap_or(Timestamp::MAX);
    let ended_unix_us = started_unix_us.saturating_add(elapsed.as_micros() as i64);
    let mut ledger_file =
        LedgerFile::new(plan.run_id.clone(), at(*started_unix_us), at(ended_unix_us), ledger);
    // A ledger that stands for the whole run says what it lacks: an audit would take it for events that nobody sent.
    if let (None, Some(ShardsSummary { count, missing, .. })) = (shard, shards) {
        ledger_file.missing_shards = missing.iter().map(|index| format!("{index} of {count}")).collect();
    }
    write(&directory.join(LEDGER_FILE), |file| ledger_file.write(file))
}

fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), RunError> {
    let written = || {
        let mut file = BufWriter::new(File::create(path)?);
        content(&mut file)?;
        file.write_all(b"\n")?;
        file.into_inner()?.sync_all()
    };
    written().map_err(|reason| RunError::Results { path: path.to_owned(), reason })
}
