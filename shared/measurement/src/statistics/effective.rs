//! How many independent samples a series is worth whose neighbours are alike.

use serde::{Deserialize, Serialize};

use super::{StatisticsError, checked, mean};

/// Fewer say nothing of how they depend on each other.
const SERIES_MIN: usize = 10;

/// What a series is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EffectiveSamples {
    /// Independent samples whose mean would vary as much; at most as many as there are.
    pub effective: f64,
    /// Variance of the mean, in the square of the unit of the series.
    pub mean_variance: f64,
}

impl EffectiveSamples {
    fn of(series: &[f64], variance: f64, long_run_variance: f64) -> Self {
        let samples = series.len() as f64;
        // Negatively correlated samples are worth more than their number; nothing is shown on the strength of that.
        let long_run_variance = long_run_variance.max(variance);
        let effective = (samples * (variance / long_run_variance)).min(samples);
        Self { effective, mean_variance: long_run_variance / samples }
    }
}

/// The initial monotone sequence estimator: C. J. Geyer, "Practical Markov Chain Monte Carlo", Statistical Science 7 (1992),
/// section 3.3. The autocovariances of two adjacent lags are added up as long as the sums are positive, and none counts more
/// than the one before it; the long-run variance is twice the total less the variance. For a stationary series.
///
/// # Errors
/// Fewer than 10 values, all equal, or not finite.
pub fn initial_monotone_sequence(series: &[f64]) -> Result<EffectiveSamples, StatisticsError> {
    let centred = centred(series)?;
    let covariance = |lag: usize| {
        centred.iter().zip(&centred[lag..]).map(|(left, right)| left * right).sum::<f64>()
            / centred.len() as f64
    };
    let variance = covariance(0);
    let (mut total, mut smallest) = (0.0, f64::INFINITY);
    for lag in (0..centred.len() - 1).step_by(2) {
        let pair = covariance(lag) + covariance(lag + 1);
        if pair <= 0.0 {
            break;
        }
        smallest = pair.min(smallest);
        total += smallest;
    }
    Ok(EffectiveSamples::of(series, variance, 2.0 * total - variance))
}

/// Batch means: as many batches as a batch has values, √n (Flegal & Jones, "Batch means and spectral variance estimators in
/// Markov chain Monte Carlo", Annals of Statistics 38 (2010), section 2). Needs no shape of the autocovariance, but varies
/// more, and finds too many samples where the dependence is longer than a batch: a cross-check. The values that are left over
/// at the begin are not used for the batches.
///
/// # Errors
/// Fewer than 10 values, all equal, or not finite.
pub fn batch_means(series: &[f64]) -> Result<EffectiveSamples, StatisticsError> {
    let centred = centred(series)?;
    let variance = centred.iter().map(|value| value * value).sum::<f64>() / (centred.len() - 1) as f64;
    let size = centred.len().isqrt();
    let means: Vec<f64> = centred.rchunks_exact(size).map(mean).collect();
    let middle = mean(&means);
    let squares: f64 = means.iter().map(|mean| (mean - middle) * (mean - middle)).sum();
    Ok(EffectiveSamples::of(series, variance, size as f64 * squares / (means.len() - 1) as f64))
}

/// How many independent requests all requests of a run are worth for one percentile, to be given to
/// [`quantile_ranks`](super::quantile_ranks): slow requests come in clusters. `slow` has, for each second (or any other
/// interval), how many requests took longer than the percentile of the run, and `requests` how many there were.
///
/// Independent requests would give the share p of slow ones the variance p (1 − p) / n. Its real variance is that of a
/// ratio, from the residuals slow − p · requests and their dependence over time by [`initial_monotone_sequence`] (Cochran,
/// Sampling Techniques (3rd ed., 1977), chapter 6). n is at most the number of requests.
///
/// # Errors
/// Fewer than 10 intervals; none or only slow requests; slices that do not pair.
pub fn effective_requests(slow: &[f64], requests: &[f64]) -> Result<f64, StatisticsError> {
    let what = "requests an interval";
    if slow.len() != requests.len() {
        return Err(StatisticsError::Unpaired { what, left: slow.len(), right: requests.len() });
    }
    checked(what, slow, SERIES_MIN)?;
    checked(what, requests, SERIES_MIN)?;
    let count: f64 = requests.iter().sum();
    let share = slow.iter().sum::<f64>() / count;
    super::checked_fraction("the share of slow requests", share)?;
    let residuals: Vec<f64> = slow.iter().zip(requests).map(|(slow, all)| slow - share * all).collect();
    let dependence = match initial_monotone_sequence(&residuals) {
        Ok(dependence) => dependence,
        // As even as can be.
        Err(StatisticsError::AllEqual { .. }) => return Ok(count),
        Err(error) => return Err(error),
    };
    let intervals = residuals.len() as f64;
    let share_variance = dependence.mean_variance * intervals * intervals / (count * count);
    Ok((share * (1.0 - share) / share_variance).min(count))
}

/// The series less its mean.
fn centred(series: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let what = "a series whose effective samples are counted";
    checked(what, series, SERIES_MIN)?;
    if series.iter().all(|value| value == &series[0]) {
        return Err(StatisticsError::AllEqual { what, count: series.len() });
    }
    let middle = mean(series);
    Ok(series.iter().map(|value| value - middle).collect())
}
