//! A set of sequence numbers, compact where the numbers are dense, as those of a run are.
//! Written as ascending ranges `[[first,last],…]`, both ends included.

use std::fmt;
use std::ops::RangeInclusive;

use roaring::{RoaringBitmap, RoaringTreemap};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set read from outside may hold this many numbers (69 billion: two weeks at 57,000 a second).
/// Without the bound a range of a few bytes could claim any amount of memory.
const READ_LENGTH_MAX: u64 = 1 << 36;

/// A set of `u64` sequence numbers.
#[derive(Clone, Default, PartialEq)]
pub struct SequenceSet {
    numbers: RoaringTreemap,
}

/// A range list that is not a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The last number of a range is below its first.
    #[error("range [{first},{last}] ends before it begins")]
    Reversed {
        /// First number of the range.
        first: u64,
        /// Last number of the range.
        last: u64,
    },
    /// The ranges together cover more numbers than a set from outside may hold.
    #[error("ranges cover more than {READ_LENGTH_MAX} numbers")]
    TooLong,
}

impl SequenceSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of all numbers of inclusive `[first, last]` pairs, in any order, overlapping or not.
    ///
    /// # Errors
    /// A reversed pair, or pairs that cover more than 2^36 numbers.
    pub fn from_ranges(ranges: impl IntoIterator<Item = [u64; 2]>) -> Result<Self, RangeError> {
        let mut set = Self::new();
        let mut covered = 0;
        for range in ranges {
            set.insert_bounded(range, &mut covered)?;
        }
        Ok(set)
    }

    /// Adds one number. False where it was there already.
    pub fn insert(&mut self, number: u64) -> bool {
        self.insert_range(number..=number) == 1
    }

    /// Adds all numbers of a range and returns how many were new. An empty range adds none.
    pub fn insert_range(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.numbers.insert_range(range)
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        self.numbers.contains(number)
    }

    /// How many numbers the set holds.
    pub fn len(&self) -> u64 {
        self.numbers.len()
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.numbers.iter()
    }

    /// The maximal runs of consecutive numbers, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        let mut pieces =
            self.numbers.bitmaps().flat_map(|(high, bitmap)| bitmap_ranges(high, bitmap)).peekable();
        std::iter::from_fn(move || {
            let (first, mut last) = pieces.next()?.into_inner();
            while let Some(adjoining) = pieces.next_if(|next| last.checked_add(1) == Some(*next.start())) {
                last = *adjoining.end();
            }
            Some(first..=last)
        })
    }

    /// Numbers in this set, in `other`, or in both.
    pub fn union(&self, other: &Self) -> Self {
        Self { numbers: &self.numbers | &other.numbers }
    }

    /// Numbers in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        Self { numbers: &self.numbers & &other.numbers }
    }

    /// Numbers in this set and not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        Self { numbers: &self.numbers - &other.numbers }
    }

    fn insert_bounded(&mut self, [first, last]: [u64; 2], covered: &mut u64) -> Result<(), RangeError> {
        let span = last.checked_sub(first).ok_or(RangeError::Reversed { first, last })?;
        *covered = covered.saturating_add(span).saturating_add(1);
        if *covered > READ_LENGTH_MAX {
            return Err(RangeError::TooLong);
        }
        self.insert_range(first..=last);
        Ok(())
    }
}

/// The runs of one bitmap, which holds the low 32 bits of the numbers that share `high`.
fn bitmap_ranges(high: u32, bitmap: &RoaringBitmap) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
    let base = u64::from(high) << 32;
    let mut numbers = bitmap.iter();
    std::iter::from_fn(move || {
        let (first, last) = numbers.next_range()?.into_inner();
        Some(base | u64::from(first)..=base | u64::from(last))
    })
}

impl FromIterator<u64> for SequenceSet {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        Self { numbers: numbers.into_iter().collect() }
    }
}

/// Shows the ranges, the first few of many: `{1-7, 9, 12-20}`.
impl fmt::Display for SequenceSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const RANGES_SHOWN: usize = 8;
        formatter.write_str("{")?;
        for (index, range) in self.ranges().enumerate() {
            if index == RANGES_SHOWN {
                formatter.write_str(", …")?;
                break;
            }
            let separator = if index == 0 { "" } else { ", " };
            match range.into_inner() {
                (first, last) if first == last => write!(formatter, "{separator}{first}")?,
                (first, last) => write!(formatter, "{separator}{first}-{last}")?,
            }
        }
        formatter.write_str("}")
    }
}

impl fmt::Debug for SequenceSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl Serialize for SequenceSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranges().map(|range| [*range.start(), *range.end()]))
    }
}

impl<'de> Deserialize<'de> for SequenceSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RangeListVisitor)
    }
}

struct RangeListVisitor;

impl<'de> Visitor<'de> for RangeListVisitor {
    type Value = SequenceSet;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of [first,last] ranges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut ranges: A) -> Result<SequenceSet, A::Error> {
        let mut set = SequenceSet::new();
        let mut covered = 0;
        while let Some(range) = ranges.next_element()? {
            set.insert_bounded(range, &mut covered).map_err(A::Error::custom)?;
        }
        Ok(set)
    }
}
