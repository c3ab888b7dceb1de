//! In which order cells are run: blocks that hold each cell once, each shuffled by itself, so that what drifts (temperature,
//! neighbours, caches) hits all cells alike (A. Abedi and T. Brecht, "Conducting Repeatable Experiments in Highly Variable
//! Cloud Computing Environments", ICPE 2017: randomized multiple interleaved trials).

use crate::cell::Cell;
use measurement::statistics::Random;
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
        let mut random = Random::new(seed ^ (u64::from(block) << 32));
        // Drawn, and not counted up: plans of neighbouring seeds have nothing in common.
        let load = random.seed();
        let mut shuffled: Vec<&Cell> = cells.iter().collect();
        random.shuffle(&mut shuffled);
        for cell in shuffled {
            let number = u32::try_from(runs.len()).unwrap_or(u32::MAX).saturating_add(1);
            runs.push(PlannedRun { number, block, cell: cell.id.clone(), seed: load });
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
    fn plans_of_neighbouring_seeds_share_no_load() {
        let cells = three_cells();
        let seeds = |seed| order(&cells, 10, seed).iter().map(|run| run.seed).collect::<BTreeSet<u64>>();
        assert_eq!(seeds(1).len(), 10);
        assert!(seeds(1).is_disjoint(&seeds(2)));
        assert!(seeds(1).iter().all(|seed| *seed < 1 << 52));
    }

    #[test]
    fn order_of_a_seed_stays_what_it_is() {
        let runs = order(&three_cells(), 2, 7);
        let cells: Vec<&str> = runs.iter().map(|run| run.cell.as_str()).collect();
        assert_eq!(
            (cells, runs[0].seed),
            (["500", "500#2", "1000", "500", "500#2", "1000"].into(), 2_525_856_030_005_312)
        );
    }

    #[test]
    fn blocks_are_shuffled_each_by_itself() {
        let runs = order(&three_cells(), 30, 7);
        let orders: BTreeSet<Vec<&str>> =
            runs.chunks(3).map(|block| block.iter().map(|run| run.cell.as_str()).collect()).collect();
        assert_eq!(orders.len(), 6, "all orders of three occur in thirty blocks");
    }
}
