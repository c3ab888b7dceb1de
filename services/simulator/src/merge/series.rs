//! The series of several shards as one: row by row and interval by interval, in the order of time, so that a run of
//! hours takes no more memory than its logs do.

use std::iter::Peekable;
use std::path::Path;
use std::time::Duration;

use measurement::hlog::{self, HlogError, Interval};

use super::MergeError;
use super::part::Part;
use crate::aggregate::{Series, SeriesRow};
use crate::result::{Log, SERIES_FILE, TALLY_LOGS};
use crate::tally::Tally;

type Rows = Peekable<csv::DeserializeRecordsIntoIter<std::fs::File, SeriesRow>>;
type Intervals<'a> = Peekable<Box<dyn Iterator<Item = Result<Interval, HlogError>> + 'a>>;

/// Writes the series of `parts` into `directory`. Those of an endless run have none.
pub(super) fn merge(parts: &[Part], directory: &Path) -> Result<(), MergeError> {
    let plan = parts[0].common_plan();
    if plan.is_endless {
        return Ok(());
    }
    let logs: Vec<Vec<Vec<u8>>> = parts
        .iter()
        .map(|part| TALLY_LOGS.iter().map(|log| part.log(log.file)).collect())
        .collect::<Result<_, _>>()?;
    let mut sources = Vec::new();
    for (part, logs) in parts.iter().zip(&logs) {
        sources.push(Source::open(part, logs)?);
    }
    let started_unix_us = parts.iter().map(Part::started_unix_us).min().unwrap_or_default();
    let mut series = Series::create(directory, &plan, started_unix_us)?;
    while let Some((second, phase)) = next(&mut sources)? {
        let mut sum = Tally::default();
        for source in &mut sources {
            source.add_to(&mut sum, second, phase)?;
        }
        series.append(second, phase, &sum)?;
    }
    for source in &mut sources {
        source.must_be_at_end()?;
    }
    Ok(series.finish()?)
}

/// The earliest second and phase that any of them still has a row of.
fn next(sources: &mut [Source<'_>]) -> Result<Option<(u64, usize)>, MergeError> {
    let mut earliest = None;
    for source in sources {
        let key = source.key()?;
        earliest = match (earliest, key) {
            (Some(one), Some(other)) => Some(std::cmp::min(one, other)),
            (one, other) => one.or(other),
        };
    }
    Ok(earliest)
}

/// The series of one shard, being read.
struct Source<'a> {
    part: &'a Part,
    rows: Rows,
    logs: Vec<Intervals<'a>>,
}

impl<'a> Source<'a> {
    fn open(part: &'a Part, logs: &'a [Vec<u8>]) -> Result<Self, MergeError> {
        let rows = csv::Reader::from_path(part.path.join(SERIES_FILE))
            .map_err(|error| part.unreadable(SERIES_FILE, &error))?;
        let intervals = |log: &'a Vec<u8>| -> Intervals<'a> {
            let intervals: Box<dyn Iterator<Item = _>> = Box::new(hlog::intervals(log));
            intervals.peekable()
        };
        let logs = logs.iter().map(intervals).collect();
        Ok(Self { part, rows: rows.into_deserialize().peekable(), logs })
    }

    fn phase(&self, name: &str, file: &str) -> Result<usize, MergeError> {
        let phases = &self.part.result.phases;
        let phase = phases.iter().position(|phase| phase.name == name);
        phase.ok_or_else(|| self.part.unreadable(file, &format!("the plan has no phase {name:?}")))
    }

    fn key(&mut self) -> Result<Option<(u64, usize)>, MergeError> {
        let (second, name) = match self.rows.peek() {
            None => return Ok(None),
            Some(Ok(row)) => (row.second, row.phase.clone()),
            Some(Err(error)) => return Err(self.part.unreadable(SERIES_FILE, error)),
        };
        Ok(Some((second, self.phase(&name, SERIES_FILE)?)))
    }

    /// Adds the row of a second and phase and the intervals that belong to it, where there is one.
    fn add_to(&mut self, sum: &mut Tally, second: u64, phase: usize) -> Result<(), MergeError> {
        if self.key()? != Some((second, phase)) {
            return Ok(());
        }
        if let Some(Ok(row)) = self.rows.next() {
            sum.add(&row.counts());
        }
        let (name, start) = (self.part.result.phases[phase].name.clone(), Duration::from_secs(second));
        for (intervals, log) in self.logs.iter_mut().zip(TALLY_LOGS) {
            let is_due = |next: &Result<Interval, HlogError>| match next {
                Ok(interval) => interval.phase == name && interval.start == start,
                Err(_) => true,
            };
            if let Some(interval) = intervals.next_if(is_due) {
                let interval = interval.map_err(|error| self.part.unreadable(log.file, &error))?;
                (log.get_mut)(sum).merge(&interval.histogram);
            }
        }
        Ok(())
    }

    /// An interval without a row, or out of order, would be left out in silence.
    fn must_be_at_end(&mut self) -> Result<(), MergeError> {
        for (intervals, Log { file, .. }) in self.logs.iter_mut().zip(TALLY_LOGS) {
            if intervals.next().is_some() {
                let reason = format!("its intervals are not those of the rows of {SERIES_FILE}");
                return Err(self.part.unreadable(file, &reason));
            }
        }
        Ok(())
    }
}
