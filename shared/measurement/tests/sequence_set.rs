//! The set of sequence numbers against `BTreeSet`, which does the same in the plainest way.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use measurement::{RangeError, SequenceSet};
use proptest::prelude::*;

/// Where a compact set changes its representation, and the ends of the number space.
const SEAMS: [u64; 5] = [0, (1 << 16) - 5, (1 << 32) - 5, (1 << 33) + 7, u64::MAX - 40];

fn ranges() -> impl Strategy<Value = Vec<[u64; 2]>> {
    let range = (prop::sample::select(SEAMS.to_vec()), 0..30_u64, 0..10_u64)
        .prop_map(|(seam, offset, span)| [seam + offset, seam + offset + span]);
    prop::collection::vec(range, 0..30)
}

fn model(ranges: &[[u64; 2]]) -> BTreeSet<u64> {
    ranges.iter().flat_map(|&[first, last]| first..=last).collect()
}

fn set(ranges: &[[u64; 2]]) -> SequenceSet {
    SequenceSet::from_ranges(ranges.iter().copied()).expect("generated ranges are valid")
}

fn model_ranges(numbers: &BTreeSet<u64>) -> Vec<RangeInclusive<u64>> {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some(range) if range.end() + 1 == number => *range = *range.start()..=number,
            _ => ranges.push(number..=number),
        }
    }
    ranges
}

proptest! {
    #[test]
    fn set_holds_what_the_model_holds(ranges in ranges(), probe in 0..80_u64) {
        let (set, model) = (set(&ranges), model(&ranges));
        prop_assert_eq!(set.len(), model.len() as u64);
        prop_assert_eq!(set.is_empty(), model.is_empty());
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(set.ranges().collect::<Vec<_>>(), model_ranges(&model));
        for number in SEAMS.map(|seam| seam.saturating_add(probe)) {
            prop_assert_eq!(set.contains(number), model.contains(&number));
        }
    }

    #[test]
    fn algebra_agrees_with_the_model(left in ranges(), right in ranges()) {
        let (left_model, right_model) = (model(&left), model(&right));
        let (left, right) = (set(&left), set(&right));
        let expected = |numbers: BTreeSet<u64>| numbers.into_iter().collect::<SequenceSet>();
        prop_assert_eq!(left.union(&right), expected(&left_model | &right_model));
        prop_assert_eq!(left.intersection(&right), expected(&left_model & &right_model));
        prop_assert_eq!(left.difference(&right), expected(&left_model - &right_model));
    }

    #[test]
    fn set_survives_json(ranges in ranges()) {
        let set = set(&ranges);
        let text = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<SequenceSet>(&text).unwrap(), set);
    }

    #[test]
    fn insert_says_what_was_new(ranges in ranges()) {
        let mut set = SequenceSet::new();
        let mut model = BTreeSet::new();
        for &[first, last] in &ranges {
            let new = (first..=last).filter(|&number| model.insert(number)).count() as u64;
            prop_assert_eq!(set.insert_range(first..=last), new);
        }
    }
}

#[test]
fn json_is_a_list_of_inclusive_ranges() {
    let set = SequenceSet::from_iter([9, 1, 2, 3, u64::MAX]);
    assert_eq!(
        serde_json::to_string(&set).unwrap(),
        "[[1,3],[9,9],[18446744073709551615,18446744073709551615]]"
    );
}

#[test]
fn reversed_range_is_refused() {
    let error = SequenceSet::from_ranges([[1, 2], [5, 4]]).unwrap_err();
    assert_eq!(error, RangeError::Reversed { first: 5, last: 4 });
}

#[test]
fn a_few_bytes_cannot_claim_unbounded_memory() {
    for text in ["[[0,18446744073709551615]]", "[[0,68719476735],[0,0]]"] {
        let error = serde_json::from_str::<SequenceSet>(text).unwrap_err();
        assert!(error.to_string().contains("ranges cover more than"), "{error}");
    }
}

#[test]
fn display_shows_the_first_ranges() {
    let few = SequenceSet::from_iter([1, 2, 3, 7]);
    let many: SequenceSet = (0..100).map(|number| number * 2).collect();
    assert_eq!(few.to_string(), "{1-3, 7}");
    assert_eq!(many.to_string(), "{0, 2, 4, 6, 8, 10, 12, 14, …}");
    assert_eq!(SequenceSet::new().to_string(), "{}");
}
