//! The answer: what the first metric of the first comparison came to.

use super::{Claim, ClaimVerdict, Selection};
use crate::plan::Plan;
use crate::words;
use std::collections::BTreeMap;

/// Sentences that a reader still reads.
const SENTENCES_MAX: usize = 4;

pub(super) fn answer(plan: &Plan, claims: &[Claim], selection: &Selection<'_>) -> String {
    let (Some(comparison), Some(first)) = (plan.comparisons.first(), claims.first()) else {
        return "The plan compares nothing: the cells' figures are all there is.".to_owned();
    };
    if selection.all().next().is_none() {
        let invalid = selection.invalid().len();
        return match invalid {
            0 => "Nothing is known: no run was carried out.".to_owned(),
            _ => format!(
                "Nothing is known: {}, and none of them is valid.",
                words::count(invalid, "run")
                    + if invalid == 1 { " was carried out" } else { " were carried out" }
            ),
        };
    }
    let main: Vec<&Claim> = claims
        .iter()
        .filter(|claim| claim.factor == comparison.factor && claim.metric == first.metric)
        .collect();
    let shown = if main.len() > SENTENCES_MAX { 1 } else { main.len() };
    let mut sentences: Vec<String> = main[..shown].iter().map(|claim| claim.sentence.clone()).collect();
    if main.len() > shown {
        sentences.push(summary(&main[shown..]));
    }
    // Of a claim that says nothing, the sentence has the first one already.
    let said = usize::from(!first.verdict.is_conclusive());
    let reservations: Vec<&str> = first.reservations.iter().skip(said).map(String::as_str).collect();
    if !reservations.is_empty() {
        let heading = if reservations.len() == 1 { "Reservation" } else { "Reservations" };
        sentences.push(format!("{heading}: {}.", reservations.join("; ")));
    }
    sentences.join(" ")
}

/// How often each verdict is given.
fn summary(claims: &[&Claim]) -> String {
    let mut numbers: BTreeMap<ClaimVerdict, usize> = BTreeMap::new();
    for claim in claims {
        *numbers.entry(claim.verdict).or_default() += 1;
    }
    let each: Vec<String> =
        numbers.iter().map(|(verdict, number)| format!("{} in {number}", verdict.label())).collect();
    format!("Of the {} other combinations it is {}.", claims.len(), words::list(&each))
}
