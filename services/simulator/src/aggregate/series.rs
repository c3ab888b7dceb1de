//! The files that grow while a run goes on: one row and one interval of each log a second and phase.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use measurement::Histogram;
use measurement::hlog::IntervalLogWriter;

use super::SeriesRow;
use crate::error::RunError;
use crate::plan::{PhasePlan, Plan};
use crate::result::{Circumstances, PROBE_LOGS, PhaseTotals, SERIES_FILE, TALLY_LOGS};
use crate::tally::Tally;

/// Length of an interval and of a row.
const INTERVAL: Duration = Duration::from_secs(1);

/// `timeseries.csv` and the interval logs.
pub(crate) struct Series {
    phases: Vec<PhasePlan>,
    csv_path: PathBuf,
    csv: csv::Writer<File>,
    logs: Vec<Log>,
}

impl Series {
    /// Begins the files in `directory`.
    ///
    /// # Errors
    /// A file cannot be made.
    pub(crate) fn create(directory: &Path, plan: &Plan, started_unix_us: i64) -> Result<Self, RunError> {
        let csv_path = directory.join(SERIES_FILE);
        let csv = File::create(&csv_path).map_err(|source| failed(&csv_path, source))?;
        let logs = TALLY_LOGS.iter().map(|log| Log::create(&directory.join(log.file), started_unix_us));
        Ok(Self {
            phases: plan.phases.clone(),
            csv: csv::Writer::from_writer(csv),
            csv_path,
            logs: logs.collect::<Result<_, _>>()?,
        })
    }

    /// Adds a second of a phase. Seconds ascend.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn append(&mut self, second: u64, phase: usize, tally: &Tally) -> Result<(), RunError> {
        let plan = &self.phases[phase];
        let row = SeriesRow::new(second, plan, tally);
        self.csv.serialize(row).map_err(|error| failed(&self.csv_path, io::Error::from(error)))?;
        for (log, definition) in self.logs.iter_mut().zip(TALLY_LOGS) {
            log.append(&plan.name, Duration::from_secs(second), INTERVAL, (definition.get)(tally))?;
        }
        Ok(())
    }

    /// Writes what is left, to the disk.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn finish(self) -> Result<(), RunError> {
        let Self { csv, csv_path, logs, .. } = self;
        let written = csv.into_inner().map_err(|error| io::Error::other(error.to_string()));
        written.and_then(|file| file.sync_all()).map_err(|source| failed(&csv_path, source))?;
        logs.into_iter().try_for_each(Log::finish)
    }
}

/// Writes the logs that have one interval a phase: those of probes and, of an endless run, all.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write_logs(
    directory: &Path,
    phases: &[PhaseTotals],
    circumstances: &Circumstances,
) -> Result<(), RunError> {
    let Circumstances { plan, started_unix_us, .. } = circumstances;
    let write = |file: &str, histogram: &dyn Fn(&PhaseTotals) -> Option<Histogram>| {
        let mut log = Log::create(&directory.join(file), *started_unix_us)?;
        for (phase, totals) in phases.iter().enumerate() {
            if let Some(histogram) = histogram(totals) {
                log.append(&plan.phases[phase].name, plan.phase_start(phase), totals.duration, &histogram)?;
            }
        }
        log.finish()
    };
    if plan.is_endless {
        for log in TALLY_LOGS {
            write(log.file, &|totals| Some((log.get)(&totals.tally).clone()))?;
        }
    }
    if phases.iter().any(|totals| totals.probes.is_some()) {
        for log in PROBE_LOGS {
            write(log.file, &|totals| totals.probes.as_ref().map(|probes| (log.get)(probes).clone()))?;
        }
    }
    Ok(())
}

struct Log {
    path: PathBuf,
    writer: IntervalLogWriter<BufWriter<File>>,
}

impl Log {
    fn create(path: &Path, started_unix_us: i64) -> Result<Self, RunError> {
        let started_at = Timestamp::from_microsecond(started_unix_us).unwrap_or(Timestamp::MAX);
        let writer = || IntervalLogWriter::new(BufWriter::new(File::create(path)?), started_at);
        Ok(Self { path: path.to_owned(), writer: writer().map_err(|source| failed(path, source))? })
    }

    /// Nothing recorded, nothing written.
    fn append(
        &mut self,
        tag: &str,
        start: Duration,
        length: Duration,
        histogram: &Histogram,
    ) -> Result<(), RunError> {
        if histogram.count() == 0 {
            return Ok(());
        }
        self.writer.write(tag, start, length, histogram).map_err(|source| failed(&self.path, source))
    }

    fn finish(self) -> Result<(), RunError> {
        let Self { path, writer } = self;
        let written = writer.into_inner().into_inner().map_err(io::IntoInnerError::into_error);
        written.and_then(|file| file.sync_all()).map_err(|source| failed(&path, source))
    }
}

fn failed(path: &Path, reason: io::Error) -> RunError {
    RunError::Results { path: path.to_owned(), reason }
}
