//! Blobs of sorted keys of the index of sources: source, ms and sub, big endian, so that bytes sort as keys
//! do.

use std::ops::Range;

/// Source and position.
pub(crate) type Key = (u32, i64, i64);

pub(crate) const KEY_BYTES: usize = 20;

/// Keys in ascending order.
pub(crate) fn encode(keys: &[Key]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(keys.len() * KEY_BYTES);
    for (source, ms, sub) in keys {
        blob.extend_from_slice(&source.to_be_bytes());
        blob.extend_from_slice(&ms.to_be_bytes());
        blob.extend_from_slice(&sub.to_be_bytes());
    }
    blob
}

pub(crate) fn decode(blob: &[u8]) -> impl Iterator<Item = Key> {
    blob.chunks_exact(KEY_BYTES).map(|bytes| {
        let (source, position) = bytes.split_first_chunk().expect("a key is longer than its source");
        let (ms, sub) = position.split_first_chunk().expect("a position is longer than its first half");
        let sub = sub.try_into().expect("the second half is as long as the first");
        (u32::from_be_bytes(*source), i64::from_be_bytes(*ms), i64::from_be_bytes(sub))
    })
}

/// The keys of a range, found without reading the others.
pub(crate) fn slice<'a>(blob: &'a [u8], range: &Range<Key>) -> &'a [u8] {
    let at = |key: &Key| {
        let wanted = encode(&[*key]);
        let (mut low, mut high) = (0, blob.len() / KEY_BYTES);
        while low < high {
            let middle = low + (high - low) / 2;
            if blob[middle * KEY_BYTES..(middle + 1) * KEY_BYTES] < wanted[..] {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low * KEY_BYTES
    };
    let (start, end) = (at(&range.start), at(&range.end));
    &blob[start..end.max(start)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Key> {
        (0..5_u32, 0..50_i64, 0..50_i64)
    }

    proptest! {
        #[test]
        fn slice_is_the_range(mut keys in prop::collection::vec(key(), 0..100), start in key(), end in key()) {
            keys.sort_unstable();
            let blob = encode(&keys);
            let found: Vec<Key> = decode(slice(&blob, &(start..end))).collect();
            keys.retain(|key| (start..end).contains(key));
            prop_assert_eq!(found, keys);
        }
    }
}
