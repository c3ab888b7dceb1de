//! The clock's offset against simulated clocks, of which the truth is known.

use measurement::clock::{ClockOffset, Exchange};
use proptest::prelude::*;

/// The local clock of an exchange that is in the middle of 2026.
const NOW_US: i64 = 1_780_000_000_000_000;

/// A way there and a way back in nanoseconds, very different ones among them.
fn ways() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let way = prop_oneof![0..50_000_i64, 0..100_000_000_i64];
    prop::collection::vec((way.clone(), way), 1..20)
}

/// Exchanges with a remote clock that is ahead by `ahead_ns`; all stamps are truncated to microseconds.
fn exchanges(ahead_ns: i64, ways: &[(i64, i64)]) -> Vec<Exchange> {
    let mut now_ns = NOW_US * 1000;
    let exchange = |&(there_ns, back_ns): &(i64, i64)| {
        let sent_ns = now_ns;
        now_ns += there_ns + back_ns + 1234;
        Exchange {
            sent_us: sent_ns.div_euclid(1000),
            remote_us: (sent_ns + there_ns + ahead_ns).div_euclid(1000),
            received_us: (sent_ns + there_ns + back_ns).div_euclid(1000),
        }
    };
    ways.iter().map(exchange).collect()
}

proptest! {
    #[test]
    fn true_offset_is_always_within_the_uncertainty(ahead_ns in -10_i64.pow(13)..10_i64.pow(13), ways in ways()) {
        let offset = ClockOffset::estimate(&exchanges(ahead_ns, &ways)).unwrap();
        let error_us = (offset.offset_us - ahead_ns as f64 / 1e3).abs();
        prop_assert!(error_us <= offset.uncertainty_us + 1e-3, "{} us off: {:?}", error_us, offset);
        prop_assert_eq!(offset.round_trips, ways.len() as u64);
    }

    #[test]
    fn uncertainty_is_half_of_the_shortest_round_trip(ways in ways()) {
        let offset = ClockOffset::estimate(&exchanges(0, &ways)).unwrap();
        let shortest_us = ways.iter().map(|(there, back)| there + back).min().unwrap() as f64 / 1e3;
        // Rounding of the three stamps.
        prop_assert!((offset.uncertainty_us - shortest_us / 2.0).abs() <= 1.6, "{:?}", offset);
    }

    #[test]
    fn true_difference_of_two_clocks_is_within_both_uncertainties(
        first_ns in -10_i64.pow(10)..10_i64.pow(10),
        second_ns in -10_i64.pow(10)..10_i64.pow(10),
        (first_ways, second_ways) in (ways(), ways()),
    ) {
        let first = ClockOffset::estimate(&exchanges(first_ns, &first_ways)).unwrap();
        let second = ClockOffset::estimate(&exchanges(second_ns, &second_ways)).unwrap();
        let difference = second.difference(&first);
        let true_us = (second_ns - first_ns) as f64 / 1e3;
        prop_assert!((difference.offset_us - true_us).abs() <= difference.uncertainty_us + 1e-3, "{:?}", difference);
    }
}

#[test]
fn exchange_during_which_the_local_clock_was_set_back_is_left_out() {
    let sound = Exchange { sent_us: NOW_US, remote_us: NOW_US + 15, received_us: NOW_US + 10 };
    let broken = Exchange { received_us: NOW_US - 1000, ..sound };
    let offset = ClockOffset::estimate(&[broken, sound]).unwrap();
    assert_eq!((offset.offset_us, offset.uncertainty_us), (10.0, 6.0));
    assert_eq!(ClockOffset::estimate(&[broken]), None);
    assert_eq!(ClockOffset::estimate(&[]), None);
}
