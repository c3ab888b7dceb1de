//! A set of sequence numbers: ranges where they are dense, as those of a run are, and bitmaps where they are not.
//! 65,536 neighbouring numbers take 8 KiB at most.

mod format;

use std::fmt;
use std::ops::RangeInclusive;

use roaring::{RoaringBitmap, RoaringTreemap};

/// A set read from outside may hold this many numbers (69 billion: two weeks at 57,000 a second).
/// Without the bound a range of a few bytes could claim any amount of memory.
const READ_LENGTH_MAX: u64 = 1 << 36;

/// Ranges that may be added to a set before it looks for a smaller form of itself, for each byte that it had then. A
/// range takes 4 bytes, so a set is never larger by more than a few percent, and the looking costs little per range.
const UNPACKED_RANGES_PER_BYTE: f64 = 1.0 / 64.0;
/// The same for small sets.
const UNPACKED_RANGES_MIN: u64 = 1 << 14;
/// What an added range can leave behind when its gaps are filled: 4 bytes, in a vector that doubles.
const SPARE_BYTES_PER_RANGE: u64 = 8;

/// A set of `u64` sequence numbers.
#[derive(Default)]
pub struct SequenceSet {
    numbers: RoaringTreemap,
    /// Ranges that were added since the set last looked for a smaller form. Added ranges are kept as such, also where a
    /// bitmap would be smaller.
    unpacked_ranges: u64,
    /// How many there may be.
    unpacked_ranges_max: u64,
    /// Memory that may be allocated beyond the numbers. Only a copy is without.
    spare_bytes: u64,
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
        let new = self.numbers.insert_range(range);
        self.grown_by(1);
        new
    }

    /// Adds all numbers of another set.
    pub fn insert_all(&mut self, other: &Self) {
        self.numbers |= &other.numbers;
        self.grown_by(other.ranges_max());
    }

    /// Brings each part of the set into its smallest form. Sets do so by themselves while they grow; a set that has
    /// its last numbers is smallest after another time.
    pub fn optimize(&mut self) {
        self.numbers.optimize();
        let bytes = self.memory_bytes();
        self.spare_bytes += self.unpacked_ranges * SPARE_BYTES_PER_RANGE;
        if self.spare_bytes > bytes / 2 {
            self.numbers = self.numbers.clone();
            self.spare_bytes = 0;
        }
        self.unpacked_ranges = 0;
        self.unpacked_ranges_max = (bytes as f64 * UNPACKED_RANGES_PER_BYTE) as u64;
    }

    /// About how many bytes of memory the set takes, without what the allocator adds.
    pub fn memory_bytes(&self) -> u64 {
        self.numbers.serialized_size() as u64
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

    /// The largest number.
    pub fn last(&self) -> Option<u64> {
        self.numbers.max()
    }

    /// Numbers in this set, in `other`, or in both.
    pub fn union(&self, other: &Self) -> Self {
        Self::from(&self.numbers | &other.numbers)
    }

    /// Numbers in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        Self::from(&self.numbers & &other.numbers)
    }

    /// Numbers in this set and not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        Self::from(&self.numbers - &other.numbers)
    }

    /// Whether no number is in both sets. Takes no memory.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.numbers.is_disjoint(&other.numbers)
    }

    /// How many numbers are in both sets. Takes no memory.
    pub fn intersection_len(&self, other: &Self) -> u64 {
        self.numbers.intersection_len(&other.numbers)
    }

    /// Numbers in this set that are greater than `bound`.
    pub fn above(&self, bound: u64) -> Self {
        let mut numbers = self.numbers.clone();
        numbers.remove_range(..=bound);
        Self::from(numbers)
    }

    fn grown_by(&mut self, ranges: u64) {
        self.unpacked_ranges = self.unpacked_ranges.saturating_add(ranges);
        if self.unpacked_ranges > self.unpacked_ranges_max.max(UNPACKED_RANGES_MIN) {
            self.optimize();
        }
    }

    /// No set of this size in memory has more ranges.
    fn ranges_max(&self) -> u64 {
        self.len().min(self.memory_bytes() / 2)
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
        Self::from(numbers.into_iter().collect::<RoaringTreemap>())
    }
}

impl From<RoaringTreemap> for SequenceSet {
    fn from(numbers: RoaringTreemap) -> Self {
        Self { numbers, ..Self::default() }
    }
}

impl Clone for SequenceSet {
    fn clone(&self) -> Self {
        Self::from(self.numbers.clone())
    }
}

/// Equal where they hold the same numbers, in whatever form.
impl PartialEq for SequenceSet {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
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
