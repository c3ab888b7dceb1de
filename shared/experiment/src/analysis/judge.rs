//! From numbers to what may be said.

use super::evidence::{Clocks, Evidence, Numbers};
use super::{ClaimVerdict, Control};
use crate::metric::{Better, MetricSpec};
use crate::words;
use measurement::statistics::Interval;

/// The probability of a false "differs" in all claims together, and that of a false "same".
pub const ALPHA: f64 = 0.05;
/// What differs by less is the same: a ratio from 1 / 1.03 to 1.03.
pub const MARGIN: f64 = 0.03;
/// The fewest pairs with which a signed-rank interval has 95 %.
pub const PAIRS_MIN: usize = 6;

/// The fewest pairs with which a verdict is possible where `claims` are tested together: even if all pairs agree, the signed-rank
/// test cannot go below 2 / 2ⁿ, and Holm multiplies the smallest p by the number of claims.
#[must_use]
pub fn pairs_for_verdicts(claims: usize) -> usize {
    let enough = |pairs: &usize| 2.0 * claims as f64 / libm::exp2(*pairs as f64) <= ALPHA;
    // 2 to the 60th is beyond any number of claims.
    (PAIRS_MIN..60).find(enough).unwrap_or(60)
}

/// What the claims have in common.
#[derive(Debug)]
pub(super) struct Family<'a> {
    /// Claims that are tested.
    pub(super) size: usize,
    pub(super) control: Option<&'a Control>,
}

#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: ClaimVerdict,
    pub(super) reservations: Vec<String>,
}

impl Judgement {
    fn of(verdict: ClaimVerdict, reservation: Option<String>) -> Self {
        Self { verdict, reservations: reservation.into_iter().collect() }
    }
}

pub(super) fn judge(
    spec: &MetricSpec,
    found: &Evidence,
    p_adjusted: Option<f64>,
    equivalence_p_adjusted: Option<f64>,
    family: &Family<'_>,
) -> Judgement {
    let mut judgement = of_metric(spec, found, p_adjusted, equivalence_p_adjusted, family);
    judgement.reservations.extend(bias_elsewhere(spec, family.control));
    judgement
}

/// By what is known of the metric itself.
fn of_metric(
    spec: &MetricSpec,
    found: &Evidence,
    p_adjusted: Option<f64>,
    equivalence_p_adjusted: Option<f64>,
    family: &Family<'_>,
) -> Judgement {
    if let Some(reason) = &found.incomparable {
        return Judgement::of(ClaimVerdict::NotComparable, Some(reason.clone()));
    }
    let Some(numbers) = &found.numbers else {
        return Judgement::of(ClaimVerdict::Inconclusive, found.obstacle.clone());
    };
    if let Some(bias) = bias(spec, family.control) {
        return Judgement::of(ClaimVerdict::Inconclusive, Some(bias));
    }
    let is_level = |p: Option<f64>| p.is_some_and(|p| p <= ALPHA);
    let differs = is_level(p_adjusted) && !numbers.ratio.contains(1.0);
    let is_same = is_level(equivalence_p_adjusted) && numbers.equivalence.is_some_and(|test| test.equivalent);
    let mut judgement = if is_same {
        same(numbers, differs)
    } else if differs {
        different(spec, numbers)
    } else {
        Judgement::of(ClaimVerdict::Inconclusive, Some(why_not(numbers, found.pairs, family)))
    };
    if judged_control(spec, family.control).is_none() {
        judgement.reservations.push(
            "no A/A control could be judged, so nothing shows that two equal arms would come out equal here"
                .to_owned(),
        );
    }
    judgement
}

/// The ratio of the control's copies, where there were enough.
fn judged_control(spec: &MetricSpec, control: Option<&Control>) -> Option<Interval> {
    control.and_then(|control| *control.ratios.get(&spec.name)?)
}

fn bias(spec: &MetricSpec, control: Option<&Control>) -> Option<String> {
    let ratio = judged_control(spec, control)?;
    control.is_some_and(|control| control.biased.contains(&spec.name)).then(|| {
        format!(
            "the A/A control is biased: of two equal arms the second has {} times the {} of the first ({} interval {}), \
             so that no verdict on it holds",
            words::estimate(&ratio),
            spec.name,
            words::confidence(ratio.confidence),
            words::bounds(&ratio)
        )
    })
}

/// What a control that is biased in other metrics says of this one.
fn bias_elsewhere(spec: &MetricSpec, control: Option<&Control>) -> Option<String> {
    let biased = &control?.biased;
    (!biased.is_empty() && !biased.contains(&spec.name)).then(|| {
        format!(
            "the A/A control is biased in {}: what makes two equal arms differ there may make a difference here as well",
            words::list(biased)
        )
    })
}

fn same(numbers: &Numbers, differs: bool) -> Judgement {
    match numbers.with_clock_error {
        Clocks::Several { for_same, error, .. } if !is_within_margin(&for_same) => {
            Judgement::of(ClaimVerdict::Inconclusive, Some(clock_error(error)))
        }
        Clocks::Drowned(error) => Judgement::of(ClaimVerdict::Inconclusive, Some(clock_error(error))),
        _ => {
            let remark = "there is a difference, but it is smaller than 3 %";
            Judgement::of(ClaimVerdict::Same, differs.then(|| remark.to_owned()))
        }
    }
}

fn different(spec: &MetricSpec, numbers: &Numbers) -> Judgement {
    match numbers.with_clock_error {
        Clocks::Several { bounds, error, .. } if bounds.contains(1.0) => {
            Judgement::of(ClaimVerdict::Inconclusive, Some(clock_error(error)))
        }
        Clocks::Drowned(error) => Judgement::of(ClaimVerdict::Inconclusive, Some(clock_error(error))),
        _ => {
            let is_higher = numbers.ratio.estimate > 1.0;
            let is_better = is_higher == (spec.better == Better::Higher);
            Judgement::of(if is_better { ClaimVerdict::Better } else { ClaimVerdict::Worse }, None)
        }
    }
}

fn clock_error(error_us: f64) -> String {
    format!(
        "the clocks of the nodes may be apart by {} in both runs together, which is as large as the effect",
        words::value(crate::metric::Unit::Microseconds, error_us)
    )
}

/// Why numbers suffice for nothing.
fn why_not(numbers: &Numbers, pairs: usize, family: &Family<'_>) -> String {
    let is_same_by_itself = numbers.equivalence.is_some_and(|test| test.equivalent);
    if numbers.ratio.contains(1.0) && !is_same_by_itself {
        return "the interval includes 1 and is not shown to be within ±3 %: more blocks would narrow it"
            .to_owned();
    }
    let needed = pairs_for_verdicts(family.size);
    let claims = family.size;
    if pairs < needed {
        return format!(
            "of {claims} claims that are tested together none can be told with {pairs} pairs: \
             plan {needed} blocks or more, or fewer metrics"
        );
    }
    let found = if is_same_by_itself { "is within ±3 %" } else { "excludes 1" };
    format!(
        "the interval {found} by itself, but among {claims} claims that are tested together one like it is to be expected by \
         chance"
    )
}

/// Whether all of an interval is what counts as the same.
pub(super) fn is_within_margin(ratio: &Interval) -> bool {
    ratio.low > 1.0 / (1.0 + MARGIN) && ratio.high < 1.0 + MARGIN
}
