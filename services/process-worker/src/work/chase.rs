//! Memory latency: each step loads the address of the next one.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::hash::fnv1a;

/// A random single cycle through `bytes` of memory (Sattolo's algorithm), the same on every machine.
pub(super) fn cycle(bytes: usize) -> Vec<u32> {
    let slots = (bytes / size_of::<u32>()) as u32;
    let mut cycle: Vec<u32> = (0..slots).collect();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(0x7465_7374_6265_6400);
    for last in (1..slots).rev() {
        cycle.swap(last as usize, random.random_range(0..last) as usize);
    }
    cycle
}

/// Steps `amount` times from a slot that the event chooses; gives the slot reached.
pub(super) fn walk(cycle: &[u32], bytes: &[u8], amount: u32) -> u64 {
    let mut slot = (fnv1a(bytes, 0xcbf2_9ce4_8422_2325) % cycle.len() as u64) as u32;
    for _ in 0..amount {
        slot = cycle[slot as usize];
    }
    u64::from(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycle_visits_every_slot() {
        let cycle = cycle(4096);
        let mut slot = 0;
        let mut steps = 0;
        loop {
            slot = cycle[slot as usize];
            steps += 1;
            if slot == 0 {
                break;
            }
        }
        assert_eq!(steps, cycle.len());
    }
}
