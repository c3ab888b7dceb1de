//! In which order cells are run: blocks that hold each cell once, each shuffled by itself, so that what drifts (temperature,
//! neighbours, caches) hits all cells alike (A. Abedi and T. Brecht, "Conducting Repeatable Experiments in Highly Variable
//! Cloud Computing Environments", ICPE 2017: randomized multiple interleaved trials).

use crate::cell::Cell;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

/// A run that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedRun {
    /// From 1, over all blocks.
    pub number: u32,
    /// From 1.
    pub block: u32,
    /// [`Cell::id`].
    pub cell: String,
    /// Of the schedule and the events: the same for all cells of a block, so that they get the same load.
    pub seed: u64,
}

/// The order of `blocks` blocks. The first blocks are the same however many there are.
#[must_use]
pub fn order(cells: &[Cell], blocks: u32, seed: u64) -> Vec<PlannedRun> {
    let mut runs = Vec::new();
    for block in 1..=blocks {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ (u64::from(block) << 32));
        let mut shuffled: Vec<&Cell> = cells.iter().collect();
        shuffled.shuffle(&mut random);
        for cell in shuffled {
            let number = u32::try_from(runs.len()).unwrap_or(u32::MAX).saturating_add(1);
            runs.push(PlannedRun {
                number,
                block,
                cell: cell.id.clone(),
                seed: seed.wrapping_add(u64::from(block)),
            });
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn three_cells() -> Vec<Cell> {
        let text =
            "name = \"a\"\nquestion = \"Is it?\"\n[[factors]]\nname = \"rate\"\nlevels = [500, 1000]\n";
        crate::cell::cells(&Plan::parse(Path::new("a.toml"), text.to_owned()).unwrap())
    }

    #[test]
    fn each_block_has_each_cell_once() {
        let cells = three_cells();
        let runs = order(&cells, 10, 7);
        for block in 1..=10 {
            let of_block: BTreeSet<&str> =
                runs.iter().filter(|run| run.block == block).map(|run| run.cell.as_str()).collect();
            assert_eq!(of_block.len(), cells.len());
        }
        assert!(runs.iter().map(|run| run.number).eq(1..=30));
    }

    #[test]
    fn order_is_that_of_its_seed_and_continues_the_same() {
        let cells = three_cells();
        assert_eq!(order(&cells, 10, 7), order(&cells, 30, 7)[..30]);
        assert_ne!(order(&cells, 10, 7), order(&cells, 10, 8));
    }

    #[test]
    fn blocks_are_shuffled_each_by_itself() {
        let runs = order(&three_cells(), 30, 7);
        let orders: BTreeSet<Vec<&str>> =
            runs.chunks(3).map(|block| block.iter().map(|run| run.cell.as_str()).collect()).collect();
        assert_eq!(orders.len(), 6, "all orders of three occur in thirty blocks");
    }
}
