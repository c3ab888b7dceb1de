//! Where the steady part of a run begins: after the last change of the level of its series. After Barrett, Bolz-Tereick,
//! Killick, Mount & Tratt, "Virtual machine warmup blows hot and cold", Proc. ACM Program. Lang. 1, OOPSLA (2017), section 4.

use libm::ceil;
use serde::{Deserialize, Serialize};

use super::robust::{Noise, median, outliers};
use super::{CONFIDENCE, StatisticsError, change_points, checked, mean, trend};

/// Of fewer intervals neither the noise nor the drift can be told.
const INTERVALS_MIN: usize = 10;

/// What counts as steady.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Criteria {
    /// Levels that differ by at most this fraction are the same.
    pub tolerance: f64,
    /// Differences below this fraction of the median are the resolution of the measurement, not noise.
    pub resolution: f64,
    /// A change that lasts for fewer intervals is no level of its own.
    pub segment_min: usize,
    /// The steady part has this many intervals or more, and never fewer than 10.
    pub steady_min: usize,
    /// And this fraction of all intervals or more.
    pub steady_share_min: f64,
}

impl Default for Criteria {
    /// For series of one value a second: 5 % as one level, histograms of three digits, changes of 5 s, and a steady part of
    /// 30 s and a quarter of the run (the quarter is that of Barrett et al.).
    fn default() -> Self {
        Self { tolerance: 0.05, resolution: 0.001, segment_min: 5, steady_min: 30, steady_share_min: 0.25 }
    }
}

/// Whether a run became steady. A run that did not is kept, and reported as such.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Steadiness {
    /// From `begin` to the end.
    Steady {
        /// Index of the first interval of the steady part.
        begin: usize,
        /// The median of each series in the steady part.
        levels: Vec<f64>,
        /// Intervals of the steady part that are outliers of any of the series. They belong to it.
        outliers: Vec<usize>,
    },
    /// Never, or for too short.
    Unsteady {
        /// Which of the series.
        series: usize,
        /// Why.
        reason: Unsteady,
    },
}

/// Why a series is not steady.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsteady {
    /// Its level changed too shortly before the end: it is the same only from `begin` on.
    Changing {
        /// Index of the first interval of its last level.
        begin: usize,
    },
    /// It went on in one direction throughout its last level.
    Drifting {
        /// By how much it would go on in the time of the whole run, as a fraction of its median.
        change: f64,
    },
}

/// Finds the part at the end of a run in which every series has one level, from series of one value an interval, such as
/// throughput and p50 for each second.
///
/// Of each series, outliers (by the Hampel identifier) give way to the median around them, so that a spike is no change.
/// Then [`change_points`] are found twice, with the autocorrelation of the differences, and with that around the means of the
/// segments that were found. The last segment and those before it whose means are within `tolerance` of its mean are one
/// level, and the steady part begins where all series are at their last one.
///
/// A level is drifting if the slope of Theil and Sen would lead over more than `tolerance` in the time of the
/// whole run, and its interval excludes 0: a run that drifts throughout is a staircase, of which a level is only a part. Of
/// a level that drifts, segments at its begin are left out until it does not, or too little remains: the end of a warm-up.
/// Waves that are much shorter than the run are noise with a memory, that is steady, and worth few effective samples.
///
/// # Errors
/// No series, or series shorter than `steady_min`, of different lengths, or with values that are not finite.
pub fn steady_part(series: &[&[f64]], criteria: &Criteria) -> Result<Steadiness, StatisticsError> {
    let what = "a series whose steady part is looked for";
    let steady_min = criteria.steady_min.max(INTERVALS_MIN);
    let Some(length) = series.first().map(|first| first.len()) else {
        return Err(StatisticsError::TooFew { what, needed: 1, found: 0 });
    };
    let mut levels = Vec::new();
    for values in series {
        if values.len() != length {
            return Err(StatisticsError::Unpaired { what, left: length, right: values.len() });
        }
        checked(what, values, steady_min)?;
        levels.push(LastLevel::of(values, criteria)?);
    }
    let needed = steady_min.max(ceil(criteria.steady_share_min * length as f64) as usize);
    let latest = levels.iter().enumerate().max_by_key(|(_, level)| level.begins[0]);
    let (which, begin) = latest.map_or((0, 0), |(which, level)| (which, level.begins[0]));
    if length - begin < needed {
        return Ok(Steadiness::Unsteady { series: which, reason: Unsteady::Changing { begin } });
    }
    let mut begins: Vec<usize> = levels.iter().flat_map(|level| &level.begins).copied().collect();
    begins.retain(|&later| later >= begin && length - later >= needed);
    begins.sort_unstable();
    begins.dedup();
    let mut unsteady = None;
    for begin in begins {
        match drifting(&levels, begin, criteria.tolerance)? {
            None => return Ok(steady(series, &levels, begin)),
            // What the first one says is reported: it is about the whole level.
            Some(drifting) => unsteady = unsteady.or(Some(drifting)),
        }
    }
    let (series, change) = unsteady.unwrap_or((which, 0.0));
    Ok(Steadiness::Unsteady { series, reason: Unsteady::Drifting { change } })
}

fn steady(series: &[&[f64]], levels: &[LastLevel], mut begin: usize) -> Steadiness {
    let mut outliers: Vec<usize> = levels.iter().flat_map(|level| &level.outliers).copied().collect();
    outliers.sort_unstable();
    outliers.dedup();
    // The first seconds of a run are often partial ones: as outliers they change no level, but they are not steady.
    while outliers.contains(&begin) {
        begin += 1;
    }
    outliers.retain(|index| *index >= begin);
    Steadiness::Steady {
        begin,
        levels: series.iter().map(|values| median(&values[begin..])).collect(),
        outliers,
    }
}

/// Which series drifts from `begin` on, and by how much.
fn drifting(
    levels: &[LastLevel],
    begin: usize,
    tolerance: f64,
) -> Result<Option<(usize, f64)>, StatisticsError> {
    for (which, level) in levels.iter().enumerate() {
        let change = drift(&level.cleaned[begin..], level.cleaned.len())?;
        if change.abs() > tolerance {
            return Ok(Some((which, change)));
        }
    }
    Ok(None)
}

/// The level at which a series ends.
struct LastLevel {
    /// Where its segments begin; at least one.
    begins: Vec<usize>,
    /// The series without outliers.
    cleaned: Vec<f64>,
    /// Indices of outliers.
    outliers: Vec<usize>,
}

impl LastLevel {
    fn of(values: &[f64], criteria: &Criteria) -> Result<Self, StatisticsError> {
        let noise = Noise::of(values);
        let resolution = criteria.resolution * median(values).abs();
        let outliers = outliers(values, noise.deviation.max(resolution));
        let mut cleaned = values.to_vec();
        outliers.iter().for_each(|&(index, local)| cleaned[index] = local);
        let bounds = |noise: Noise| -> Result<Vec<usize>, StatisticsError> {
            let deviation = noise.long_run_deviation().max(resolution);
            let changes = change_points(&cleaned, deviation, criteria.segment_min)?;
            Ok([&[0], changes.as_slice(), &[values.len()]].concat())
        };
        let bounds = bounds(noise.around_means(&cleaned, &bounds(noise)?))?;
        let means: Vec<f64> = bounds.windows(2).map(|bound| mean(&cleaned[bound[0]..bound[1]])).collect();
        let last = means[means.len() - 1];
        let alike =
            means.iter().rev().take_while(|mean| (**mean - last).abs() <= criteria.tolerance * last.abs());
        let begins = bounds[means.len() - alike.count()..means.len()].to_vec();
        Ok(Self { begins, cleaned, outliers: outliers.into_iter().map(|(index, _)| index).collect() })
    }
}

/// By which fraction of its median a series rises or falls in `length` intervals; 0 where the interval of its slope has 0 in it.
fn drift(values: &[f64], length: usize) -> Result<f64, StatisticsError> {
    let times: Vec<f64> = (0..values.len()).map(|index| index as f64).collect();
    let slope = trend(&times, values, CONFIDENCE)?.slope;
    let level = median(values).abs();
    if slope.contains(0.0) || level == 0.0 {
        return Ok(0.0);
    }
    Ok(slope.estimate * length as f64 / level)
}
