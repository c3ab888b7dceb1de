//! What the searches of a plan came to.

use super::{Answer, Next, Trial, next};
use crate::bundle::Journal;
use crate::cell::Cell;
use crate::plan::Capacity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `capacity.json`: what the searches of a plan came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Results {
    pub searches: Vec<Search>,
}

/// The search of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Search {
    /// [`crate::cell::Cell::id`].
    pub cell: String,
    pub levels: BTreeMap<String, String>,
    /// In their order.
    pub trials: Vec<Trial>,
    /// None where the search was interrupted.
    pub answer: Option<Answer>,
}

impl Results {
    /// What the journal of a bundle tells of the searches of all cells but the control, which has none.
    #[must_use]
    pub fn of(settings: &Capacity, cells: &[Cell], journal: &Journal) -> Self {
        let search = |cell: &Cell| {
            let trials = journal.trials(&cell.id);
            let answer = match next(settings, &trials) {
                Next::Answer(answer) => Some(answer),
                Next::Try(_) => None,
            };
            Search { cell: cell.id.clone(), levels: cell.levels.clone(), trials, answer }
        };
        Self { searches: cells.iter().filter(|cell| !cell.is_control).map(search).collect() }
    }
}
