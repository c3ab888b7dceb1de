//! Bitmaps of the sequence numbers of a run, in chunks.

use crate::error::CacheError;

/// Sequence numbers in a chunk.
pub(crate) const CHUNK: u64 = 4096;
const BYTES: usize = CHUNK as usize / 8;

/// One chunk: which of its sequence numbers are there.
pub(crate) struct Bitmap([u8; BYTES]);

impl Default for Bitmap {
    fn default() -> Self {
        Self([0; BYTES])
    }
}

impl Bitmap {
    pub(crate) fn from_blob(blob: &[u8]) -> Result<Self, CacheError> {
        let bytes = blob.try_into();
        bytes.map(Self).map_err(|_| CacheError::Corrupt(format!("a bitmap of {} bytes", blob.len())))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the number was not there before.
    pub(crate) fn insert(&mut self, sequence: u64) -> bool {
        let bit = (sequence % CHUNK) as usize;
        let byte = &mut self.0[bit / 8];
        let is_new = *byte & (1 << (bit % 8)) == 0;
        *byte |= 1 << (bit % 8);
        is_new
    }
}

/// Joins chunks, given in ascending order, into ranges of present numbers.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    pub(crate) ranges: Vec<(u64, u64)>,
    pub(crate) count: u64,
}

impl Ranges {
    /// Adds the chunk whose first sequence number is `first`.
    pub(crate) fn add_chunk(&mut self, first: u64, bitmap: &Bitmap) {
        for (at, word) in bitmap.0.chunks_exact(8).enumerate() {
            let word = u64::from_le_bytes(word.try_into().expect("a chunk of eight"));
            self.add_word(first + at as u64 * 64, word);
        }
    }

    fn add_word(&mut self, first: u64, mut word: u64) {
        let mut at = first;
        while word != 0 {
            let gap = word.trailing_zeros();
            let ones = (word >> gap).trailing_ones();
            self.add(at + u64::from(gap), u64::from(ones));
            at += u64::from(gap + ones);
            word = word.checked_shr(gap + ones).unwrap_or(0);
        }
    }

    fn add(&mut self, first: u64, length: u64) {
        self.count += length;
        match self.ranges.last_mut() {
            Some((_, last)) if *last + 1 == first => *last += length,
            _ => self.ranges.push((first, first + length - 1)),
        }
    }

    /// Joins single numbers, given in ascending order and possibly repeated.
    pub(crate) fn add_number(&mut self, number: u64) {
        if self.ranges.last().is_none_or(|&(_, last)| last < number) {
            self.add(number, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn brute_force(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        ranges
    }

    proptest! {
        #[test]
        fn ranges_are_those_of_the_numbers(
            blocks in prop::collection::vec((0..3 * CHUNK, 1..200_u64), 0..20),
        ) {
            let numbers: BTreeSet<u64> =
                blocks.iter().flat_map(|&(first, length)| first..(first + length).min(3 * CHUNK)).collect();
            let mut bitmaps = [Bitmap::default(), Bitmap::default(), Bitmap::default()];
            for &number in &numbers {
                prop_assert!(bitmaps[(number / CHUNK) as usize].insert(number));
                prop_assert!(!bitmaps[(number / CHUNK) as usize].insert(number));
            }
            let mut ranges = Ranges::default();
            for (at, bitmap) in bitmaps.iter().enumerate() {
                ranges.add_chunk(at as u64 * CHUNK, &Bitmap::from_blob(bitmap.bytes()).unwrap());
            }
            prop_assert_eq!(&ranges.ranges, &brute_force(&numbers));
            prop_assert_eq!(ranges.count, numbers.len() as u64);
            let mut ranges = Ranges::default();
            numbers.iter().for_each(|&number| { ranges.add_number(number); ranges.add_number(number); });
            prop_assert_eq!(&ranges.ranges, &brute_force(&numbers));
        }
    }

    #[test]
    fn full_chunks_join() {
        let mut bitmap = Bitmap::default();
        (0..CHUNK).for_each(|number| assert!(bitmap.insert(number)));
        let mut ranges = Ranges::default();
        ranges.add_chunk(0, &bitmap);
        ranges.add_chunk(CHUNK, &bitmap);
        assert_eq!(ranges.ranges, [(0, 2 * CHUNK - 1)]);
    }
}
