//! What pairs of runs say of one metric, before it is judged.

use super::figures::hidden;
use super::selection::Pair;
use super::{ALPHA, Doubted, PAIRS_MIN};
use crate::metric::MetricSpec;
use crate::record::{Measured, RunRecord};
use crate::words;
use measurement::statistics::{
    Alternative, CONFIDENCE, Equivalence, Interval, StatisticsError, Zeros, cliffs_delta, deviation,
    equivalence, log_ratios, median, ratio_of_logs, wilcoxon_signed_rank,
};
use std::collections::BTreeMap;

/// The level of the interval that decides what is the same.
const CONFIDENCE_SAME: f64 = 1.0 - 2.0 * ALPHA;
/// Deviations beyond which a pair is an outlier.
pub(crate) const OUTLIER_DEVIATIONS: f64 = 4.0;

/// What was found, and what stood in the way.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) pairs: usize,
    pub(super) numbers: Option<Numbers>,
    /// Why the arms cannot be compared at all.
    pub(super) incomparable: Option<String>,
    /// Why there are no numbers.
    pub(super) obstacle: Option<String>,
    /// Whether a processor translated the programs of another.
    pub(super) is_emulated: bool,
    /// What a reader must know of the pairs that were used.
    pub(super) remarks: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) ratio: Interval,
    /// From the lowest to the highest that the error of the clocks allows.
    pub(super) with_clock_error: Clocks,
    pub(super) p: f64,
    pub(super) effect: Option<Interval>,
    pub(super) equivalence: Option<Equivalence>,
    pub(super) without: Vec<Rest>,
}

/// The ratio without doubted pairs.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) without: Doubted,
    pub(super) left_out: usize,
    pub(super) pairs: usize,
    pub(super) ratio: Option<Interval>,
    /// At the level that decides what is the same.
    pub(super) for_same: Option<Interval>,
}

/// How much of a ratio could be the clocks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clocks {
    /// One clock: nothing.
    One,
    /// The interval that holds the ratio however the clocks err within their bounds, the same at the level that decides what is
    /// the same, and the median of the two errors' sum.
    Several { bounds: Interval, for_same: Interval, error: f64 },
    /// The error is as large as the times themselves.
    Drowned(f64),
}

pub(super) fn evidence(spec: &MetricSpec, pairs: &[Pair<'_>]) -> Evidence {
    let mut evidence = Evidence { pairs: pairs.len(), ..Evidence::default() };
    if pairs.is_empty() {
        evidence.obstacle = Some("no block has a run of both that can be used".to_owned());
        return evidence;
    }
    evidence.is_emulated = pairs.iter().any(|pair| pair.baseline.is_emulated() || pair.level.is_emulated());
    evidence.incomparable = incomparable(pairs);
    if evidence.incomparable.is_some() {
        return evidence;
    }
    let measured: Vec<Measurements> =
        pairs.iter().filter_map(|pair| Measurements::of(pair, &spec.name)).collect();
    evidence.pairs = measured.len();
    evidence.remarks = remarks(spec, pairs, &measured);
    match numbers(spec, &measured) {
        Ok(numbers) => evidence.numbers = Some(numbers),
        Err(obstacle) => evidence.obstacle = Some(obstacle),
    }
    evidence
}

/// A metric in both runs of a pair.
struct Measurements {
    baseline: Measured,
    level: Measured,
    is_suspect: bool,
}

impl Measurements {
    fn of(pair: &Pair<'_>, metric: &str) -> Option<Self> {
        let of = |run: &RunRecord| run.metrics.get(metric).copied();
        Some(Self { baseline: of(pair.baseline)?, level: of(pair.level)?, is_suspect: pair.is_suspect() })
    }
}

/// Services that are emulated in some of the runs and not in others.
fn incomparable(pairs: &[Pair<'_>]) -> Option<String> {
    let mut kinds: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    for run in pairs.iter().flat_map(|pair| [pair.baseline, pair.level]) {
        for service in &run.services {
            kinds.entry(service.service()).or_default()[usize::from(service.is_emulated)] = true;
        }
    }
    let mixed: Vec<&str> =
        kinds.iter().filter(|(_, kinds)| **kinds == [true, true]).map(|(name, _)| *name).collect();
    (!mixed.is_empty()).then(|| {
        format!(
            "{} ran emulated in some of the runs and on its own processor in others: \
             run both sides emulated, or both on real processors",
            words::list(&mixed)
        )
    })
}

fn remarks(spec: &MetricSpec, pairs: &[Pair<'_>], measured: &[Measurements]) -> Vec<String> {
    let mut remarks = Vec::new();
    let runs = || pairs.iter().flat_map(|pair| [pair.baseline, pair.level]);
    if measured.len() < pairs.len() {
        let missing = pairs.len() - measured.len();
        remarks.push(format!("{} left out, as {} was not measured", words::pairs(missing), spec.name));
    }
    if runs().any(RunRecord::is_emulated) {
        remarks.push("both sides were emulated: this says nothing of real processors".to_owned());
    }
    let unsteady = runs().filter(|run| run.steady_from_s.is_none()).count();
    if unsteady > 0 {
        remarks.push(format!("{unsteady} of {} runs never became steady", 2 * pairs.len()));
    }
    let negative: u64 =
        measured.iter().map(|pair| pair.baseline.negative.saturating_add(pair.level.negative)).sum();
    if negative > 0 {
        remarks.push(format!(
            "{negative} samples are below 0, which only clocks that disagree can give; they are counted as they are"
        ));
    }
    remarks
}

fn numbers(spec: &MetricSpec, measured: &[Measurements]) -> Result<Numbers, String> {
    if measured.is_empty() {
        return Err(format!("no run measured {}", spec.name));
    }
    let sides: [fn(&Measurements) -> Measured; 2] = [|pair| pair.baseline, |pair| pair.level];
    if let Some(few) =
        sides.iter().find_map(|side| hidden(spec, measured.iter().map(|pair| side(pair).samples)))
    {
        return Err(few);
    }
    if measured.len() < PAIRS_MIN {
        return Err(format!(
            "{PAIRS_MIN} pairs or more are needed to say anything with 95 % confidence, and there {} {}",
            if measured.len() == 1 { "is" } else { "are" },
            measured.len()
        ));
    }
    let [baseline, level] =
        sides.map(|side| measured.iter().map(|pair| side(pair).value).collect::<Vec<_>>());
    let logs = log_ratios(&baseline, &level).map_err(|error| match error {
        StatisticsError::NotPositive { value, .. } => format!(
            "{} is {} in a run, and a ratio needs values above 0: compare the cells' figures",
            spec.name,
            words::value(spec.unit, value)
        ),
        other => other.to_string(),
    })?;
    let ratio = ratio_of_logs(&logs, CONFIDENCE).map_err(|error| error.to_string())?;
    let p = match wilcoxon_signed_rank(&logs, Alternative::TwoSided, Zeros::Pratt) {
        Ok(test) => test.p,
        // No pair differs at all.
        Err(_) => 1.0,
    };
    Ok(Numbers {
        ratio,
        with_clock_error: clocks(measured),
        p,
        effect: cliffs_delta(&baseline, &level, CONFIDENCE).ok(),
        equivalence: equivalence(&logs, super::MARGIN, ALPHA).ok(),
        without: without(measured, &logs),
    })
}

fn clocks(measured: &[Measurements]) -> Clocks {
    let errors: Vec<f64> =
        measured.iter().map(|pair| pair.baseline.clock_error.abs() + pair.level.clock_error.abs()).collect();
    if errors.iter().all(|error| *error == 0.0) {
        return Clocks::One;
    }
    // The sign says whether the level is as long, or as short, as the clocks allow, and the baseline the other way.
    let logs = |sign: f64| {
        let shifted = |pair: &Measurements| {
            (
                pair.baseline.value - sign * pair.baseline.clock_error.abs(),
                pair.level.value + sign * pair.level.clock_error.abs(),
            )
        };
        let (baseline, level): (Vec<f64>, Vec<f64>) = measured.iter().map(shifted).unzip();
        log_ratios(&baseline, &level)
    };
    let error = median(&errors);
    let (Ok(shortest), Ok(longest)) = (logs(-1.0), logs(1.0)) else { return Clocks::Drowned(error) };
    let between = |level: f64| {
        let (lowest, highest) = (ratio_of_logs(&shortest, level)?, ratio_of_logs(&longest, level)?);
        let estimate = f64::midpoint(lowest.estimate, highest.estimate);
        let (low, high, confidence) = (lowest.low, highest.high, lowest.confidence);
        Ok::<_, StatisticsError>(Interval { estimate, low, high, confidence })
    };
    match (between(CONFIDENCE), between(CONFIDENCE_SAME)) {
        (Ok(bounds), Ok(for_same)) => Clocks::Several { bounds, for_same, error },
        _ => Clocks::Drowned(error),
    }
}

fn without(measured: &[Measurements], logs: &[f64]) -> Vec<Rest> {
    let is_outlier = outliers(logs);
    let kept = |is_doubted: &dyn Fn(usize) -> bool| -> Vec<f64> {
        logs.iter().enumerate().filter(|(index, _)| !is_doubted(*index)).map(|(_, log)| *log).collect()
    };
    let suspect = (Doubted::Suspect, kept(&|index| measured[index].is_suspect));
    let outliers = (Doubted::Outliers, kept(&|index| is_outlier[index]));
    [suspect, outliers]
        .into_iter()
        .filter(|(_, kept)| kept.len() < logs.len())
        .map(|(without, kept)| Rest {
            without,
            left_out: logs.len() - kept.len(),
            pairs: kept.len(),
            ratio: ratio_of_logs(&kept, CONFIDENCE).ok(),
            for_same: ratio_of_logs(&kept, CONFIDENCE_SAME).ok(),
        })
        .collect()
}

/// By the rule of [`Doubted::Outliers`]; of at least one pair.
fn outliers(logs: &[f64]) -> Vec<bool> {
    let (middle, limit) = (median(logs), OUTLIER_DEVIATIONS * deviation(logs));
    logs.iter().map(|log| limit > 0.0 && (log - middle).abs() > limit).collect()
}
