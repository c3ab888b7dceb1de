//! What a run's directory holds beside its record, as far as a report shows it: histograms become curves, so that hundreds of
//! runs fit into memory.

use crate::bundle::{CAPACITY_FILE, ENVIRONMENT_FILE, SAMPLES_FILE};
use crate::capacity::Results;
use crate::environment::Environments;
use crate::record::RunRecord;
use crate::sample::{self, Sample};
use measurement::statistics::{CONFIDENCE, quantile_samples_min};
use measurement::{Histogram, hlog};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Phases that are not measured.
const UNMEASURED: [&str; 2] = ["warm-up", "cool-down"];
/// How the name of a log ends that has what times are below 0.
const NEGATIVE: &str = "-negative";
const SERIES_FILE: &str = "timeseries.csv";
/// Points of a curve for each factor of ten of 1 / (1 − p), and factors of ten: up to p99.999. With ten, 2 is
/// among them to a quarter of a percent.
const POINTS_PER_DECADE: usize = 10;
const DECADES: usize = 5;

/// A run, and what is drawn of it.
#[derive(Debug, Clone)]
pub struct RunMaterial {
    pub record: RunRecord,
    pub series: RunSeries,
    /// None where the bundle does not have them.
    pub environments: Option<Environments>,
}

/// What a run recorded over time and as distributions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSeries {
    /// By distribution, such as `response-time`, of the measured part.
    pub curves: BTreeMap<String, Curve>,
    /// Accepted events of each second since the load began.
    pub throughput: Vec<(f64, f64)>,
    /// Accepted and not settled, by seconds since the load began.
    pub backlog: Vec<(f64, f64)>,
}

/// The quantiles of a distribution at [`Curve::inverses`], in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub count: u64,
    pub quantiles_us: Vec<f64>,
}

impl Curve {
    /// Reads the quantiles off histograms of the times from 0 up, and of what others are below 0.
    #[must_use]
    pub fn of(positive: &Histogram, negative: &Histogram) -> Self {
        let (above, below) = (positive.count() as f64, negative.count() as f64);
        let us = |time: Duration| time.as_nanos() as f64 / 1e3;
        let quantile_us = |inverse: f64| {
            let rank = ((1.0 - 1.0 / inverse) * (above + below)).ceil().max(1.0);
            // Half a rank below it, so that rounding cannot lead to the next one.
            if rank <= below {
                -us(negative.quantile((below - rank + 0.5) / below))
            } else {
                us(positive.quantile((rank - below - 0.5) / above))
            }
        };
        Self {
            count: positive.count() + negative.count(),
            quantiles_us: Self::inverses().map(quantile_us).collect(),
        }
    }

    /// 1 / (1 − p) of each quantile: 1 is the shortest, 100 is p99.
    pub fn inverses() -> impl Iterator<Item = f64> {
        (0..=POINTS_PER_DECADE * DECADES).map(|point| libm::exp10(point as f64 / POINTS_PER_DECADE as f64))
    }

    /// How many of the quantiles so many independent samples can tell.
    #[must_use]
    pub fn known(effective: f64) -> usize {
        let is_known = |inverse: &f64| match 1.0 - 1.0 / inverse {
            0.0 => effective >= 1.0,
            quantile => {
                quantile_samples_min(quantile, CONFIDENCE).is_ok_and(|needed| needed as f64 <= effective)
            }
        };
        // Quantiles near 0 need many samples as well, but nobody looks for their bounds.
        let low = Self::inverses().take_while(|inverse| *inverse < 2.0).count();
        let high = Self::inverses().skip(low).take_while(is_known).count();
        if high == 0 { 0 } else { low + high }
    }
}

/// A file of a run that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: {reason}: the bundle was made by another version, or was changed")]
    Content { path: PathBuf, reason: String },
}

impl RunMaterial {
    /// Reads what is drawn of a run from its directory. What is not there is not drawn.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn read(record: RunRecord, directory: &Path) -> Result<Self, MaterialError> {
        let environments = optional_json(&directory.join(ENVIRONMENT_FILE))?;
        let series = RunSeries::read(directory, record.steady_from_s.unwrap_or_default())?;
        Ok(Self { record, series, environments })
    }
}

impl RunSeries {
    fn read(directory: &Path, steady_from_s: f64) -> Result<Self, MaterialError> {
        let path = directory.join(SERIES_FILE);
        let series = optional(&path)?.unwrap_or_default();
        let accepted = columns(&series, "second", "accepted").map_err(|error| content(&path, &error))?;
        Ok(Self {
            curves: curves(directory, steady_from_s)?,
            throughput: by_second(accepted),
            backlog: backlog(&directory.join(SAMPLES_FILE))?,
        })
    }
}

fn backlog(path: &Path) -> Result<Vec<(f64, f64)>, MaterialError> {
    let Some(bytes) = optional(path)? else { return Ok(Vec::new()) };
    let samples = sample::read_csv(bytes.as_slice()).map_err(|error| content(path, &error))?;
    let of = |sample: &Sample| Some((sample.at_s, sample.backlog? as f64));
    Ok(samples.iter().filter_map(of).collect())
}

fn curves(directory: &Path, steady_from_s: f64) -> Result<BTreeMap<String, Curve>, MaterialError> {
    let read = |source| MaterialError::Read { path: directory.to_owned(), source };
    let mut curves = BTreeMap::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".hlog"));
        let Some(name) = name.filter(|name| !name.ends_with(NEGATIVE)) else { continue };
        let positive = measured(&path, steady_from_s)?;
        let negative = measured(&directory.join(format!("{name}{NEGATIVE}.hlog")), steady_from_s)?;
        if positive.count() + negative.count() > 0 {
            curves.insert(name.to_owned(), Curve::of(&positive, &negative));
        }
    }
    Ok(curves)
}

/// What a log has of the steady part of the measured phases; nothing where there is no log. Logs of probes have one interval a
/// phase and cannot be divided: all of it is measured.
fn measured(path: &Path, steady_from_s: f64) -> Result<Histogram, MaterialError> {
    let (mut whole, mut steady) = (Histogram::new(), Histogram::new());
    let log = optional(path)?.unwrap_or_default();
    for interval in hlog::intervals(&log) {
        let interval = interval.map_err(|error| content(path, &error))?;
        if UNMEASURED.contains(&interval.phase.as_str()) {
            continue;
        }
        whole.merge(&interval.histogram);
        if interval.start.as_secs_f64() >= steady_from_s {
            steady.merge(&interval.histogram);
        }
    }
    Ok(if steady.count() > 0 { steady } else { whole })
}

fn optional(path: &Path) -> Result<Option<Vec<u8>>, MaterialError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MaterialError::Read { path: path.to_owned(), source }),
    }
}

fn optional_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, MaterialError> {
    let bytes = optional(path)?;
    bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(|error| content(path, &error))).transpose()
}

/// What a search for a capacity came to; none where the bundle is of a campaign.
pub(super) fn capacity(bundle: &Path) -> Result<Option<Results>, MaterialError> {
    optional_json(&bundle.join(CAPACITY_FILE))
}

fn content(path: &Path, error: &dyn std::fmt::Display) -> MaterialError {
    MaterialError::Content { path: path.to_owned(), reason: error.to_string() }
}

/// Two columns of a table, of the rows that have both.
fn columns(bytes: &[u8], time: &str, value: &str) -> Result<Vec<(f64, f64)>, csv::Error> {
    let mut reader = csv::Reader::from_reader(bytes);
    let place = |headers: &csv::StringRecord, name: &str| headers.iter().position(|header| header == name);
    let headers = reader.headers()?;
    let (Some(time), Some(value)) = (place(headers, time), place(headers, value)) else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row?;
        let number = |column: usize| row.get(column).and_then(|field| field.parse::<f64>().ok());
        rows.extend(number(time).zip(number(value)));
    }
    Ok(rows)
}

/// Phases share the seconds at their borders.
fn by_second(rows: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for (second, count) in rows {
        match sums.iter_mut().find(|(other, _)| *other == second) {
            Some((_, sum)) => *sum += count,
            None => sums.push((second, count)),
        }
    }
    sums.sort_by(|left, right| left.0.total_cmp(&right.0));
    sums
}
