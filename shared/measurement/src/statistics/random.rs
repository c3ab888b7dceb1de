//! Reproducible randomness: the same seed gives the same numbers on every machine.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng as _};

/// A stream of random numbers. The algorithm has a name and is fixed, unlike that of `StdRng`; what is made of its 64-bit
/// numbers is made here, so that no version of a crate changes it.
#[derive(Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// That of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Evenly one of 0 to `count` − 1: the upper half of a product, of which no number is more likely than another by more
    /// than `count` / 2⁶⁴.
    pub fn index(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }

    /// Evenly one of 0 to 2⁵² − 1, which every reader of JSON and TOML takes as it is.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64() >> 12
    }

    /// Changes the order of items, each order as likely as any other (R. Durstenfeld, "Algorithm 235: random permutation",
    /// Communications of the ACM 7 (1964)).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.0.next_u64() >> 63 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_seed_stay_what_they_are() {
        let mut random = Random::new(7);
        let numbers: Vec<usize> = (0..8).map(|_| random.index(1000)).collect();
        // Those of the reference implementations of SplitMix64 and xoshiro256++.
        assert_eq!(numbers, [55, 172, 717, 427, 963, 465, 723, 329]);
    }
}
