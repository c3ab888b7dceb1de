//! Independent random streams from one seed. What a stream yields depends on the seed and the stream alone,
//! so that any part of a load can be made by itself, in any order, and again.

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;

/// The generator of every stream: small state, fast to seed, the same on every architecture.
pub(crate) type Stream = Xoshiro256PlusPlus;

/// The gaps between arrivals.
pub(crate) const ARRIVALS: u64 = 1;
/// The contents of a request, one stream for each.
pub(crate) const REQUESTS: u64 = 2;
/// The text that pads events.
pub(crate) const PADDING: u64 = 3;
/// The jitter of reconnecting, one stream for each connection.
pub(crate) const CONNECTIONS: u64 = 4;
/// The trace contexts of requests, one stream for each.
pub(crate) const CONTEXTS: u64 = 5;
/// What sources are like, one number for each.
pub(crate) const SOURCES: u64 = 6;
/// What is wrong with malformed requests, one stream for each.
pub(crate) const FAULTS: u64 = 7;
/// Which requests are probed, one number for each.
pub(crate) const PROBES: u64 = 8;

/// The stream number `index` of a purpose.
pub(crate) fn stream(seed: u64, purpose: u64, index: u64) -> Stream {
    Stream::seed_from_u64(number(seed, purpose, index))
}

/// A number of a purpose where no stream of them is needed.
pub(crate) fn number(seed: u64, purpose: u64, index: u64) -> u64 {
    mix(mix(mix(seed) ^ purpose) ^ index)
}

/// Evenly from 0 to 1, without 1, from the upper bits of a random number.
pub(crate) fn unit(number: u64) -> f64 {
    (number >> 11) as f64 * f64::EPSILON / 2.0
}

/// A seed for a run, of which two runs with the same configuration have different ones.
pub(crate) fn seed_of(text: &str) -> u64 {
    text.bytes().fold(mix(text.len() as u64), |hash, byte| mix(hash ^ u64::from(byte)))
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection in which every input bit moves every output bit.
pub(crate) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;

    use super::*;

    #[test]
    fn streams_are_reproducible_and_differ_from_each_other() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        assert_eq!(first(7, ARRIVALS, 0), first(7, ARRIVALS, 0));
        let all =
            [first(7, ARRIVALS, 0), first(7, REQUESTS, 0), first(7, REQUESTS, 1), first(8, REQUESTS, 0)];
        for (index, value) in all.iter().enumerate() {
            assert!(!all[..index].contains(value), "{all:?}");
        }
    }

    #[test]
    fn units_are_from_zero_to_below_one() {
        assert_eq!((unit(0), unit(1 << 63)), (0.0, 0.5));
        assert!(unit(u64::MAX) < 1.0);
    }

    #[test]
    fn texts_have_seeds_of_their_own() {
        assert_eq!(seed_of("run-1"), seed_of("run-1"));
        assert_ne!(seed_of("run-1"), seed_of("run-2"));
    }
}
