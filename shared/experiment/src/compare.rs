//! Two bundles beside each other: which claims of the first hold in the second.
//!
//! Their runs were not interleaved, so that whatever changed between them (a kernel, a room's temperature, a neighbour) is in
//! every difference of their figures: two identical systems that are measured one after the other differ. Only ratios that
//! each bundle measured within itself are compared; absolute figures are shown with that warning.

mod content;
mod differences;

use crate::analysis::{Analysis, Claim, ClaimVerdict};
use crate::capacity::{self, HeldAnswer, Searched};
use crate::report::Report;
use crate::report::{html, markdown};
use crate::words;
use measurement::statistics::Interval;
use serde::{Deserialize, Serialize};

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldClaim {
    /// [`Claim::id`].
    pub id: String,
    /// The claim in short: `arm64 ÷ amd64, rate 1000`.
    pub compared: String,
    pub metric: String,
    /// None where this bundle does not make the claim.
    pub original: Option<ClaimSide>,
    pub replica: Option<ClaimSide>,
    /// Whether the intervals of both ratios share a value; none without two intervals.
    pub intervals_overlap: Option<bool>,
    pub outcome: Outcome,
    /// The same in words.
    pub sentence: String,
}

/// A claim in one bundle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClaimSide {
    pub ratio: Option<Interval>,
    pub pairs: usize,
    pub verdict: ClaimVerdict,
    /// Whether a processor translated the programs of another in either cell.
    pub is_emulated: bool,
}

/// Whether a claim held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The same verdict, and intervals that overlap (for "same": both within ±3 %).
    Held,
    /// The same verdict, but the size of the effect differs: the intervals share no value.
    HeldInDirection,
    /// The opposite direction, or one finds them the same and the other a difference, and the intervals share no value.
    Contradicted,
    /// The replica cannot tell, or one finds them the same and the other a difference, and the intervals share a value.
    Undecided,
    /// The original could not tell, so that nothing can hold.
    NothingToHold,
    /// One of the bundles does not make the claim.
    Absent,
    /// One of the bundles was emulated here and the other was not.
    NotComparable,
}

impl Outcome {
    /// For a table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::HeldInDirection => "held in direction, not in size",
            Self::Contradicted => "contradicted",
            Self::Undecided => "undecided",
            Self::NothingToHold => "nothing to hold",
            Self::Absent => "in one bundle only",
            Self::NotComparable => "not comparable",
        }
    }
}

/// For each claim of the original, and then for those that only the replica makes, whether it held.
#[must_use]
pub fn held(original: &Analysis, replica: &Analysis) -> Vec<HeldClaim> {
    let side = |analysis: &Analysis, id: &str| {
        let claim = analysis.claims.iter().find(|claim| claim.id == id)?;
        Some((claim.clone(), ClaimSide::of(claim)))
    };
    let ids = original.claims.iter().chain(&replica.claims).map(|claim| &claim.id);
    let mut held: Vec<HeldClaim> = Vec::new();
    for id in ids {
        if !held.iter().any(|known| known.id == *id) {
            held.extend(one(side(original, id), side(replica, id)));
        }
    }
    held
}

impl ClaimSide {
    fn of(claim: &Claim) -> Self {
        let Claim { ratio, pairs, verdict, is_emulated, .. } = *claim;
        Self { ratio, pairs, verdict, is_emulated }
    }

    /// Its verdict with its label.
    fn verdict(&self) -> String {
        words::labelled(self.verdict.label(), self.is_emulated)
    }
}

/// None of neither.
fn one(original: Option<(Claim, ClaimSide)>, replica: Option<(Claim, ClaimSide)>) -> Option<HeldClaim> {
    let (first, second) = (original.as_ref().map(|(_, side)| *side), replica.as_ref().map(|(_, side)| *side));
    let (claim, _) = original.or(replica)?;
    let ratios = first.and_then(|side| side.ratio).zip(second.and_then(|side| side.ratio));
    let intervals_overlap =
        ratios.map(|(first, second)| first.low <= second.high && second.low <= first.high);
    let outcome = outcome(first, second, intervals_overlap);
    let compared = crate::report::tables::compared(&claim);
    Some(HeldClaim {
        id: claim.id.clone(),
        sentence: sentence(&compared, &claim.metric, first, second, outcome),
        compared,
        metric: claim.metric.clone(),
        original: first,
        replica: second,
        intervals_overlap,
        outcome,
    })
}

fn outcome(original: Option<ClaimSide>, replica: Option<ClaimSide>, overlap: Option<bool>) -> Outcome {
    let (Some(original), Some(replica)) = (original, replica) else { return Outcome::Absent };
    if original.is_emulated != replica.is_emulated {
        return Outcome::NotComparable;
    }
    if !original.verdict.is_conclusive() {
        return Outcome::NothingToHold;
    }
    if !replica.verdict.is_conclusive() {
        return Outcome::Undecided;
    }
    match (original.verdict, replica.verdict) {
        (ClaimVerdict::Same, ClaimVerdict::Same) => Outcome::Held,
        (one, other) if one == other && overlap == Some(true) => Outcome::Held,
        (one, other) if one == other => Outcome::HeldInDirection,
        // What is the same within 3 % and what differs by 2 % can be one and the same ratio.
        (ClaimVerdict::Same, _) | (_, ClaimVerdict::Same) if overlap == Some(true) => Outcome::Undecided,
        _ => Outcome::Contradicted,
    }
}

fn sentence(
    compared: &str,
    metric: &str,
    original: Option<ClaimSide>,
    replica: Option<ClaimSide>,
    outcome: Outcome,
) -> String {
    let side = |side: Option<ClaimSide>| match side {
        None => "not claimed".to_owned(),
        Some(side) => side.ratio.map_or_else(
            || side.verdict(),
            |ratio| {
                format!(
                    "{} times ({} interval {}, {}), {}",
                    words::estimate(&ratio),
                    words::confidence(ratio.confidence),
                    words::bounds(&ratio),
                    words::count(side.pairs, "block"),
                    side.verdict()
                )
            },
        ),
    };
    format!(
        "{metric}, {compared}: {}. First: {}; second: {}.",
        outcome.label(),
        side(original),
        side(replica)
    )
}

/// Two bundles beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    /// Names of the two, as they are told apart.
    pub first: String,
    pub second: String,
    /// How the plans differ; empty where they are the same.
    pub plan_differences: Vec<String>,
    /// How machines and programs differ.
    pub environment_differences: Vec<String>,
    pub warnings: Vec<String>,
    pub claims: Vec<HeldClaim>,
    /// Where both are searches for a capacity: what came of the answer of each cell.
    pub answers: Vec<HeldAnswer>,
    /// Only cells that both have.
    pub cells: Vec<CellChange>,
}

/// A figure of a cell in both bundles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CellChange {
    pub cell: String,
    pub metric: String,
    /// Medians over runs, in the metric's unit.
    pub first: f64,
    pub second: f64,
    /// Whether a processor translated the programs of another in runs of either.
    pub first_is_emulated: bool,
    pub second_is_emulated: bool,
    /// Second ÷ first, where the first is above 0 and both were emulated or neither. It holds whatever changed between the
    /// bundles.
    pub ratio: Option<f64>,
}

/// Compares what two bundles conclude.
#[must_use]
pub fn compare(first: &Report, second: &Report) -> Comparison {
    let mut plan_differences = differences::plans(&first.plan, &second.plan);
    plan_differences.extend(differences::traces(&first.traces, &second.traces));
    let claims = held(&first.analysis, &second.analysis);
    let answers = answers(first, second);
    Comparison {
        first: differences::name(first),
        second: differences::name(second),
        warnings: differences::warnings(first, second, &plan_differences, has_common(&claims, &answers)),
        environment_differences: differences::environments(first, second),
        plan_differences,
        cells: differences::cells(first, second),
        claims,
        answers,
    }
}

/// None where one of them is no search.
fn answers(first: &Report, second: &Report) -> Vec<HeldAnswer> {
    let Some((one, other)) = first.capacity.as_ref().zip(second.capacity.as_ref()) else { return Vec::new() };
    let (records, others) = (first.records(), second.records());
    let original = Searched { results: one, records: &records };
    capacity::held(original, Searched { results: other, records: &others })
}

/// Whether both say something of the same.
fn has_common(claims: &[HeldClaim], answers: &[HeldAnswer]) -> bool {
    let mut outcomes =
        claims.iter().map(|claim| claim.outcome).chain(answers.iter().map(|answer| answer.outcome));
    outcomes.any(|outcome| outcome != Outcome::Absent)
}

const HEADING: &str = "Which claims hold in both bundles?";

impl Comparison {
    /// Whether something of the first is contradicted by the second.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.outcomes().any(|outcome| outcome == Outcome::Contradicted)
    }

    /// Of all claims and answers.
    fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        let of_claims = self.claims.iter().map(|claim| claim.outcome);
        of_claims.chain(self.answers.iter().map(|answer| answer.outcome))
    }

    /// One page that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(&self.label(), HEADING, &content::sections(self))
    }

    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::document(&self.label(), HEADING, &content::sections(self))
    }

    /// # Errors
    /// None that is known: it is written into memory.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    fn label(&self) -> String {
        format!("First: {}; second: {}", self.first, self.second)
    }
}
