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
        prop_assert_eq!(left.is_disjoint(&right), left_model.is_disjoint(&right_model));
        prop_assert_eq!(left.intersection_len(&right), (&left_model & &right_model).len() as u64);
        let mut both = left.clone();
        both.insert_all(&right);
        prop_assert_eq!(both, expected(&left_model | &right_model));
    }

    #[test]
    fn numbers_above_a_bound_agree_with_the_model(ranges in ranges(), probe in 0..80_u64) {
        let (set, model) = (set(&ranges), model(&ranges));
        prop_assert_eq!(set.last(), model.last().copied());
        for bound in SEAMS.map(|seam| seam.saturating_add(probe)) {
            let above = model.iter().copied().filter(|number| *number > bound).collect::<SequenceSet>();
            prop_assert_eq!(set.above(bound), above);
        }
    }

    #[test]
    fn form_of_a_set_does_not_matter(ranges in ranges()) {
        let plain = set(&ranges);
        let mut packed = plain.clone();
        packed.optimize();
        prop_assert_eq!(&packed, &plain);
        prop_assert_eq!(packed.ranges().collect::<Vec<_>>(), plain.ranges().collect::<Vec<_>>());
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
fn consecutive_numbers_take_no_memory_once_packed() {
    let mut set: SequenceSet = (0..100_000).collect();
    assert!(set.memory_bytes() > 8192, "{}", set.memory_bytes());
    set.optimize();
    assert!(set.memory_bytes() < 100, "{}", set.memory_bytes());
}

/// Numbers that no range list says briefly: pairs of which about every third is missing.
fn scattered(count: u64) -> SequenceSet {
    (0..count).filter(|number| (number / 2).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 != 0).collect()
}

#[test]
fn long_set_is_written_as_a_bitmap_and_read_again() {
    for mut set in [scattered(200_000), scattered(20_000).union(&(1 << 40..(1 << 40) + 9).collect())] {
        for _ in 0..2 {
            let text = serde_json::to_string(&set).unwrap();
            assert!(text.starts_with('"') && text.len() < 40_000, "{} bytes", text.len());
            let read: SequenceSet = serde_json::from_str(&text).unwrap();
            assert_eq!(read, set);
            assert_eq!(read.len(), set.len());
            set.optimize();
        }
    }
}

#[test]
fn many_ranges_that_are_shorter_than_a_bitmap_are_written_as_ranges() {
    // One pair a bitmap of 65,536, which has a header of its own.
    let set = SequenceSet::from_ranges((0..2000_u64).map(|number| [number << 3, (number << 3) + 1])).unwrap();
    assert!(serde_json::to_string(&set).unwrap().starts_with('"'));
    let set =
        SequenceSet::from_ranges((0..1001_u64).map(|number| [number << 32, (number << 32) + 1])).unwrap();
    let text = serde_json::to_string(&set).unwrap();
    assert!(text.starts_with("[["), "{}", &text[..40]);
    assert_eq!(serde_json::from_str::<SequenceSet>(&text).unwrap(), set);
}

#[test]
fn set_is_written_the_same_to_a_stream_and_to_a_text() {
    let set = scattered(100_000);
    let mut streamed = Vec::new();
    serde_json::to_writer(&mut streamed, &set).unwrap();
    assert_eq!(streamed, serde_json::to_vec(&set).unwrap());
    assert_eq!(serde_json::to_value(&set).unwrap().as_str().unwrap().len() + 2, streamed.len());
}

/// A portable 64-bit bitmap of the given 32-bit ones.
fn treemap(parts: &[(u32, &[u8])]) -> String {
    let mut bytes = (parts.len() as u64).to_le_bytes().to_vec();
    for (high, part) in parts {
        bytes.extend(high.to_le_bytes());
        bytes.extend(*part);
    }
    format!("{:?}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes))
}

#[test]
fn bitmap_of_another_program_is_read() {
    // The format's specification: cookie 12346, one container, key 1, two numbers, its offset, the numbers 3 and 5.
    let part = [58, 48, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 16, 0, 0, 0, 3, 0, 5, 0];
    let set: SequenceSet = serde_json::from_str(&treemap(&[(2, &part)])).unwrap();
    assert_eq!(set, SequenceSet::from_iter([(2 << 32) + (1 << 16) + 3, (2 << 32) + (1 << 16) + 5]));
}

#[test]
fn broken_bitmaps_are_refused() {
    let empty = [58, 48, 0, 0, 0, 0, 0, 0];
    let unsorted = [58, 48, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 16, 0, 0, 0, 5, 0, 3, 0];
    // It claims 65,536 containers and holds none.
    let claim = [59, 48, 255, 255];
    let sound = serde_json::to_string(&scattered(20_000)).unwrap();
    let texts = [
        "\"\"".to_owned(),
        "\"not base64!\"".to_owned(),
        treemap(&[(0, &empty)]),
        treemap(&[(0, &unsorted)]),
        treemap(&[(0, &claim)]),
        format!("\"{}\"", &sound[1..sound.len() / 8 * 4 + 1]),
        format!("{}AAAA\"", &sound[..sound.len() - 1]),
    ];
    for text in texts {
        let error = serde_json::from_str::<SequenceSet>(&text).unwrap_err();
        assert!(error.to_string().starts_with("not a roaring bitmap: "), "{error}");
    }
}

#[test]
fn bitmap_that_covers_too_much_is_refused() {
    // All of 32 bits as 65,536 containers of one range each, 16 times and one more.
    let mut part = vec![59, 48, 255, 255];
    part.extend([255; 8192]);
    (0..=u16::MAX).for_each(|key| part.extend([key.to_le_bytes(), [255, 255]].concat()));
    part.extend([0; 4 * 65_536]);
    (0..=u16::MAX).for_each(|_| part.extend([1, 0, 0, 0, 255, 255]));
    let parts: Vec<(u32, &[u8])> = (0..17).map(|high| (high, part.as_slice())).collect();
    let error = serde_json::from_str::<SequenceSet>(&treemap(&parts)).unwrap_err();
    assert!(error.to_string().contains("ranges cover more than"), "{error}");
}

#[test]
fn display_shows_the_first_ranges() {
    let few = SequenceSet::from_iter([1, 2, 3, 7]);
    let many: SequenceSet = (0..100).map(|number| number * 2).collect();
    assert_eq!(few.to_string(), "{1-3, 7}");
    assert_eq!(many.to_string(), "{0, 2, 4, 6, 8, 10, 12, 14, …}");
    assert_eq!(SequenceSet::new().to_string(), "{}");
}
