//! Whether the answers of one search hold in another of the same plan.

use super::{Answer, Results, Search};
use crate::compare::Outcome;
use crate::record::RunRecord;
use crate::words;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The results of a search and the runs that they come from.
#[derive(Debug, Clone, Copy)]
pub struct Searched<'a> {
    pub results: &'a Results,
    pub records: &'a [RunRecord],
}

/// What came of the answer of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldAnswer {
    pub cell: String,
    /// None where it was not searched.
    pub original: Option<AnswerSide>,
    pub replica: Option<AnswerSide>,
    /// Held is an answer where both intervals share a rate.
    pub outcome: Outcome,
}

/// The answer of a cell in one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AnswerSide {
    /// None where the search was not finished.
    pub answer: Option<Answer>,
    /// Whether a processor translated the programs of another in its runs.
    pub is_emulated: bool,
}

/// For each cell of the original, and then for those that only the replica has, whether its answer held.
#[must_use]
pub fn held(original: Searched<'_>, replica: Searched<'_>) -> Vec<HeldAnswer> {
    let mut cells: Vec<&str> = Vec::new();
    for search in original.results.searches.iter().chain(&replica.results.searches) {
        if !cells.contains(&search.cell.as_str()) {
            cells.push(&search.cell);
        }
    }
    cells.into_iter().map(|cell| one(cell, original, replica)).collect()
}

impl Searched<'_> {
    fn of(&self, cell: &str) -> Option<&Search> {
        self.results.searches.iter().find(|search| search.cell == cell)
    }

    fn side(&self, cell: &str) -> Option<AnswerSide> {
        let answer = self.of(cell)?.answer.clone();
        Some(AnswerSide { answer, is_emulated: self.is_emulated(cell) })
    }

    fn is_emulated(&self, cell: &str) -> bool {
        let is_of = |record: &&RunRecord| record.cell.split('@').next() == Some(cell);
        self.records.iter().filter(is_of).any(RunRecord::is_emulated)
    }
}

fn one(cell: &str, original: Searched<'_>, replica: Searched<'_>) -> HeldAnswer {
    let outcome = match (original.of(cell), replica.of(cell)) {
        (None, _) | (_, None) => Outcome::Absent,
        _ if original.is_emulated(cell) != replica.is_emulated(cell) => Outcome::NotComparable,
        (Some(first), Some(second)) => match (interval(first), interval(second)) {
            (None, _) => Outcome::NothingToHold,
            (_, None) => Outcome::Undecided,
            (Some((low, high)), Some((other_low, other_high))) if low <= other_high && other_low <= high => {
                Outcome::Held
            }
            _ => Outcome::Contradicted,
        },
    };
    HeldAnswer { cell: cell.to_owned(), original: original.side(cell), replica: replica.side(cell), outcome }
}

/// Between which rates the limit is; none where that is not known.
fn interval(search: &Search) -> Option<(f64, f64)> {
    match *search.answer.as_ref()? {
        Answer::Between { low, high, .. } => Some((low, high)),
        Answer::AtLeast { rate } => Some((rate, f64::INFINITY)),
        Answer::Below { rate } => Some((0.0, rate)),
        Answer::Inconclusive { .. } => None,
    }
}

impl fmt::Display for AnswerSide {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.answer.as_ref().map_or_else(|| "not finished".to_owned(), ToString::to_string);
        formatter.write_str(&words::labelled(&text, self.is_emulated))
    }
}

impl fmt::Display for HeldAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |side: &Option<AnswerSide>| {
            side.as_ref().map_or_else(|| "not searched".to_owned(), ToString::to_string)
        };
        let outcome = words::capital(self.outcome.label());
        write!(
            formatter,
            "{}: {outcome}. First: {}; second: {}.",
            self.cell,
            text(&self.original),
            text(&self.replica)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{plan, record};
    use crate::record::{ServiceFacts, Status};

    const BETWEEN: Answer = Answer::Between { low: 900.0, high: 1100.0, estimate: 1000.0 };

    fn results(answer: Option<Answer>) -> Results {
        let search =
            |answer| Search { cell: "arm64".to_owned(), levels: [].into(), trials: Vec::new(), answer };
        Results { searches: vec![search(answer)] }
    }

    fn outcome(original: Option<Answer>, replica: Option<Answer>) -> Outcome {
        let (original, replica) = (results(original), results(replica));
        let searched = |results| Searched { results, records: &[] };
        held(searched(&original), searched(&replica))[0].outcome
    }

    #[test]
    fn answer_holds_where_the_intervals_share_a_rate() {
        let of = |low, high| Some(Answer::Between { low, high, estimate: low });
        let unknown = Some(Answer::Inconclusive { low: Some(900.0), high: None, reason: String::new() });
        for (replica, expected) in [
            (of(1100.0, 1300.0), Outcome::Held),
            (of(1101.0, 1300.0), Outcome::Contradicted),
            (of(700.0, 899.0), Outcome::Contradicted),
            (Some(Answer::AtLeast { rate: 1000.0 }), Outcome::Held),
            (Some(Answer::AtLeast { rate: 500.0 }), Outcome::Held),
            (Some(Answer::AtLeast { rate: 2000.0 }), Outcome::Contradicted),
            (Some(Answer::Below { rate: 1000.0 }), Outcome::Held),
            (Some(Answer::Below { rate: 500.0 }), Outcome::Contradicted),
            (unknown.clone(), Outcome::Undecided),
            (None, Outcome::Undecided),
        ] {
            assert_eq!(outcome(Some(BETWEEN), replica.clone()), expected, "{replica:?}");
        }
        assert_eq!(outcome(unknown, Some(BETWEEN)), Outcome::NothingToHold);
    }

    #[test]
    fn cell_of_one_search_only_and_an_emulated_one_are_not_compared() {
        let (original, empty) = (results(Some(BETWEEN)), Results::default());
        let mut run = record(&crate::bundle::Order::of(&plan()).runs[0], 1, Status::Valid, 1.0);
        run.cell = "arm64@1000".to_owned();
        run.services.push(ServiceFacts {
            name: "query-api".to_owned(),
            architecture: "arm64".to_owned(),
            is_emulated: true,
            node: String::new(),
            version: String::new(),
            digest: None,
            processors: None,
            settings: [].into(),
            restarts: 0,
        });
        let physical = Searched { results: &original, records: &[] };
        let emulated = Searched { results: &original, records: &[run] };
        assert_eq!(held(physical, emulated)[0].outcome, Outcome::NotComparable);
        assert_eq!(held(emulated, emulated)[0].outcome, Outcome::Held);
        let absent = held(Searched { results: &empty, records: &[] }, physical);
        assert_eq!(absent[0].outcome, Outcome::Absent);
        assert_eq!(
            absent[0].to_string(),
            "arm64: In one bundle only. First: not searched; second: 1,000 events a second: 900 are sustained, 1,100 are not."
        );
        let both = held(Searched { results: &results(None), records: &[] }, emulated)[0].to_string();
        assert!(both.contains("First: not finished; second: 1,000 events"), "{both}");
        assert!(both.ends_with("1,100 are not (emulated)."), "{both}");
    }
}
