//! The search for the highest rate that is sustained, as a function of the runs so far: which rate is tried next, or what the
//! answer is. Nothing is kept but those runs, so a search that was interrupted goes on from its records.
//!
//! Rates are the steps of a ladder, a fifth of the wanted width apart. The search doubles until a rate is not sustained,
//! then halves the bracket, and at last confirms an end on either side of it, two steps away from the bracket: a rate
//! beside the limit is sustained in every other run, and no number of runs decides it. What single runs say is pooled first
//! so that it does not rise with the rate (isotonic regression by pooling adjacent violators; R. E. Barlow and others,
//! "Statistical Inference under Order Restrictions", 1972): one run that failed by chance is outvoted by higher rates.

mod held;
mod judge;
mod ladder;
mod pool;
mod results;
#[cfg(test)]
mod tests;

pub use held::{AnswerSide, HeldAnswer, Searched, held};
pub use judge::{Judgement, Outcome, judge};
pub use results::{Results, Search};

use crate::plan::Capacity;
use crate::words;
use ladder::Ladder;
use pool::{Bracket, bracket};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Steps of the ladder in the wanted width.
pub(crate) const STEPS: usize = 5;

/// How far the confirmed ends are outside the bracket, in steps: with them on both sides, [`STEPS`] in all.
const MARGIN: usize = 2;

/// Runs far from the limit that may say the opposite. More are no accidents: the limit is softer than the answer would be.
const ACCIDENTS_MAX: u32 = 1;

/// What `docs/experiments-method.md` tells of it.
#[cfg(test)]
pub(crate) const DOCUMENTED: [usize; 2] = [STEPS, ACCIDENTS_MAX as usize];

/// A run at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// Events a second, as [`next`] gave it.
    pub rate: f64,
    pub outcome: Outcome,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// A run at this rate, in events a second.
    Try(f64),
    Answer(Answer),
}

/// What the search came to, in events a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// The limit is between two rates: `low` is confirmed to be sustained and `high` not to be.
    Between { low: f64, high: f64, estimate: f64 },
    /// The highest rate of the search is sustained.
    AtLeast { rate: f64 },
    /// Not even the lowest is.
    Below { rate: f64 },
    /// What is known, and why it is not more.
    Inconclusive { low: Option<f64>, high: Option<f64>, reason: String },
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between { low, high, estimate } => {
                let [low, high, estimate] = [low, high, estimate].map(|rate| words::number(*rate));
                write!(formatter, "{estimate} events a second: {low} are sustained, {high} are not")
            }
            Self::AtLeast { rate } => {
                let rate = words::number(*rate);
                write!(formatter, "at least {rate} events a second, the highest rate of the search")
            }
            Self::Below { rate } => {
                let rate = words::number(*rate);
                write!(formatter, "less than {rate} events a second, the lowest rate of the search")
            }
            Self::Inconclusive { low, high, reason } => {
                let bound = |rate: &Option<f64>| rate.map_or_else(|| "?".to_owned(), words::number);
                write!(formatter, "inconclusive, from {} to {}: {reason}", bound(low), bound(high))
            }
        }
    }
}

/// Runs at one rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    sustained: u32,
    broken: u32,
}

impl Tally {
    fn runs(self) -> u32 {
        self.sustained + self.broken
    }
}

/// Whether the runs at an end agree.
enum Agreement {
    Yes,
    No,
    /// More are needed.
    Open,
}

/// Runs that a search takes at most: all it needs, and as many again for what noise costs.
#[must_use]
pub fn runs_max(settings: &Capacity) -> usize {
    2 * bracketing(settings) + 8 * settings.confirm as usize
}

/// Runs that it takes where none contradicts another: less where the limit is near the lowest rate.
#[must_use]
pub fn runs_usual(settings: &Capacity) -> usize {
    bracketing(settings) + 2 * settings.confirm as usize
}

/// Runs until the bracket is a step wide, at most.
fn bracketing(settings: &Capacity) -> usize {
    let doublings = (settings.to / settings.from).log2().ceil() as usize + 1;
    let halvings = Ladder::new(settings).doubling().ilog2() as usize + 1;
    doublings + halvings
}

/// What follows from the runs so far. Pure: the same runs give the same answer.
#[must_use]
pub fn next(settings: &Capacity, trials: &[Trial]) -> Next {
    let ladder = Ladder::new(settings);
    let tallies = tallies(&ladder, trials);
    let bracket = bracket(&tallies);
    let inconclusive = |reason: String| {
        let (low, high) =
            (bracket.low.map(|step| ladder.rate(step)), bracket.high.map(|step| ladder.rate(step)));
        Next::Answer(Answer::Inconclusive { low, high, reason })
    };
    let invalid = trials.iter().filter(|trial| trial.outcome == Outcome::Invalid).count();
    let valid = trials.len() - invalid;
    let found = match bracket {
        Bracket { low: None, high: None } => Found::Try(0),
        Bracket { low: None, high: Some(_) } => below(settings, &tallies),
        Bracket { low: Some(low), high: None } if low < ladder.last() => {
            Found::Try((low + ladder.doubling()).min(ladder.last()))
        }
        Bracket { low: Some(low), high: None } => at_least(settings, &tallies, low),
        Bracket { low: Some(low), high: Some(high) } if high - low > 1 => Found::Try(low.midpoint(high)),
        Bracket { low: Some(low), high: Some(high) } => between(settings, &ladder, &tallies, low, high),
    };
    let wanted = match found {
        Found::Try(step) => step,
        Found::Below(step) => return Next::Answer(Answer::Below { rate: ladder.rate(step) }),
        Found::AtLeast(step) => return Next::Answer(Answer::AtLeast { rate: ladder.rate(step) }),
        Found::Between { low, high, middle }
            if high - low <= STEPS && contrary(&tallies, low, high) <= ACCIDENTS_MAX =>
        {
            return Next::Answer(Answer::Between {
                low: ladder.rate(low),
                high: ladder.rate(high),
                estimate: middle,
            });
        }
        Found::Between { low, high, .. } => {
            let reason =
                "the limit is not sharp: the same rates are sustained in some runs and not in others"
                    .to_owned();
            let (low, high) = (Some(ladder.rate(low)), Some(ladder.rate(high)));
            return Next::Answer(Answer::Inconclusive { low, high, reason });
        }
    };
    let most = runs_max(settings);
    if valid >= most {
        return inconclusive(format!("{most} runs did not settle it: they contradict each other"));
    }
    if invalid >= most.div_ceil(2) {
        return inconclusive(format!("{invalid} runs were invalid: find out why with `testbed report`"));
    }
    Next::Try(ladder.rate(wanted))
}

/// The highest rate that is sustained so far, and the lowest that is not.
#[must_use]
pub fn bounds(settings: &Capacity, trials: &[Trial]) -> (Option<f64>, Option<f64>) {
    let ladder = Ladder::new(settings);
    let bracket = bracket(&tallies(&ladder, trials));
    (bracket.low.map(|step| ladder.rate(step)), bracket.high.map(|step| ladder.rate(step)))
}

/// As [`Next`], in steps of the ladder.
enum Found {
    Try(usize),
    Below(usize),
    AtLeast(usize),
    Between { low: usize, high: usize, middle: f64 },
}

/// Runs outside an interval that say the opposite of what it says.
fn contrary(tallies: &BTreeMap<usize, Tally>, low: usize, high: usize) -> u32 {
    let broken: u32 = tallies.range(..low).map(|(_, tally)| tally.broken).sum();
    let sustained: u32 = tallies.range(high + 1..).map(|(_, tally)| tally.sustained).sum();
    broken + sustained
}

fn tallies(ladder: &Ladder, trials: &[Trial]) -> BTreeMap<usize, Tally> {
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    for trial in trials {
        let tally = tallies.entry(ladder.step(trial.rate)).or_default();
        match trial.outcome {
            Outcome::Sustained => tally.sustained += 1,
            Outcome::Broken => tally.broken += 1,
            Outcome::Invalid => {}
        }
    }
    tallies.retain(|_, tally| tally.runs() > 0);
    tallies
}

/// Not even the lowest rate is sustained so far.
fn below(settings: &Capacity, tallies: &BTreeMap<usize, Tally>) -> Found {
    match agreement(settings, tallies, 0, false) {
        Agreement::Yes => Found::Below(0),
        Agreement::No | Agreement::Open => Found::Try(0),
    }
}

/// The highest rate is sustained.
fn at_least(settings: &Capacity, tallies: &BTreeMap<usize, Tally>, last: usize) -> Found {
    match agreement(settings, tallies, last, true) {
        Agreement::Yes => Found::AtLeast(last),
        Agreement::No | Agreement::Open => Found::Try(last),
    }
}

/// The bracket is one step wide: its ends are moved outwards until the runs at them agree.
fn between(
    settings: &Capacity,
    ladder: &Ladder,
    tallies: &BTreeMap<usize, Tally>,
    low: usize,
    high: usize,
) -> Found {
    let middle = (ladder.rate(low) * ladder.rate(high)).sqrt();
    let (mut low, mut high) = (low.saturating_sub(MARGIN), (high + MARGIN).min(ladder.last()));
    let runs = |step: usize| tallies.get(&step).copied().unwrap_or_default().runs();
    loop {
        let is_open =
            |step, is_sustained| matches!(agreement(settings, tallies, step, is_sustained), Agreement::Open);
        match (is_open(low, true), is_open(high, false)) {
            // In turn, so that what drifts does not hit one end only.
            (true, true) => return Found::Try(if runs(low) <= runs(high) { low } else { high }),
            (true, false) => return Found::Try(low),
            (false, true) => return Found::Try(high),
            (false, false) => {}
        }
        let is_low_refuted = matches!(agreement(settings, tallies, low, true), Agreement::No);
        let is_high_refuted = matches!(agreement(settings, tallies, high, false), Agreement::No);
        if !is_low_refuted && !is_high_refuted {
            return Found::Between { low, high, middle };
        }
        let (low_before, high_before) = (low, high);
        if is_low_refuted {
            low = low.saturating_sub(MARGIN);
        }
        if is_high_refuted {
            high = (high + MARGIN).min(ladder.last());
        }
        if (low, high) == (low_before, high_before) {
            // Neither can go further: another run there.
            return Found::Try(if is_low_refuted { low } else { high });
        }
    }
}

/// An end is confirmed by `confirm` runs that all agree, or by twice as many of which all but one do.
fn agreement(
    settings: &Capacity,
    tallies: &BTreeMap<usize, Tally>,
    step: usize,
    is_sustained: bool,
) -> Agreement {
    let tally = tallies.get(&step).copied().unwrap_or_default();
    let (agreeing, contrary) =
        if is_sustained { (tally.sustained, tally.broken) } else { (tally.broken, tally.sustained) };
    match contrary {
        0 if agreeing >= settings.confirm => Agreement::Yes,
        0 => Agreement::Open,
        1 if settings.confirm == 1 => Agreement::No,
        1 if agreeing >= 2 * settings.confirm - 1 => Agreement::Yes,
        1 => Agreement::Open,
        _ => Agreement::No,
    }
}
