//! How a run is shared out.

use proptest::prelude::*;
use simulator::plan::{Batch, FaultsPlan, Plan, Shard, Spacing};
use simulator::schedule::Schedule;

use super::plans::{open, phase, plan, shapes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn lanes_send_each_request_of_the_run_once(
        shard_count in 1..4_u32,
        threads in 1..4_usize,
        shape in 0..12_usize,
        is_poisson: bool,
        duplicates in prop_oneof![Just(0.0), Just(0.3)],
    ) {
        let spacing = if is_poisson { Spacing::Poisson } else { Spacing::Even };
        let load = open(shapes()[shape].0.clone(), spacing);
        let single = Plan {
            batch: Batch { min: 1, max: 5 },
            faults: FaultsPlan { duplicates, malformed: duplicates / 2.0 },
            ..plan(vec![phase("a", 1.0, load.clone()), phase("b", 2.0, load)])
        };
        let shared = Plan { threads, shard: Shard { index: 0, count: shard_count }, ..single.clone() };
        let lanes = shared.lanes();
        let mut together: Vec<_> = (0..lanes).flat_map(|lane| Schedule::lane(&shared, lane)).collect();
        for lane in 0..lanes {
            prop_assert!(Schedule::lane(&shared, lane).all(|arrival| arrival.index % lanes == lane));
        }
        together.sort_by_key(|arrival| arrival.index);
        prop_assert_eq!(together, Schedule::new(&single).collect::<Vec<_>>());
    }
}
