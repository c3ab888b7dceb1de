//! Which row of `rollup` holds what.
//!
//! Time is cut into buckets of 1, 8 and 64 minutes; besides, all time is summed up. A range of 90 minutes
//! reads at most 24 buckets, one of a day at most 50, instead of 1440 minutes.

/// Minutes in a bucket are powers of `1 << BUCKET_BITS`.
const BUCKET_BITS: u32 = 3;
/// Buckets have 30 bits of the id: minutes up to the year 4011.
const MINUTE_MAX: i64 = (1 << 30) - 1;
const MINUTE_US: i64 = 60_000_000;

/// What events are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Dimension {
    Total,
    Source,
    Type,
    Worker,
}

/// How much time a bucket covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    All,
    Minute,
    EightMinutes,
    SixtyFourMinutes,
}

/// The key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RollupId {
    pub(crate) dimension: Dimension,
    pub(crate) level: Level,
    pub(crate) bucket: u32,
    /// Key of the group, divided by the number of groups in a row.
    pub(crate) chunk: u32,
}

impl Level {
    pub(crate) const ALL: [Self; 4] = [Self::All, Self::Minute, Self::EightMinutes, Self::SixtyFourMinutes];

    pub(crate) fn bucket_of(self, minute: u32) -> u32 {
        match self {
            Self::All => 0,
            Self::Minute => minute,
            Self::EightMinutes => minute >> BUCKET_BITS,
            Self::SixtyFourMinutes => minute >> (2 * BUCKET_BITS),
        }
    }
}

impl RollupId {
    /// Sorts as the id does.
    pub(crate) fn as_integer(self) -> i64 {
        ((self.dimension as i64) << 60)
            | ((self.level as i64) << 58)
            | (i64::from(self.bucket) << 28)
            | i64::from(self.chunk)
    }

    /// Bucket and chunk of an id that was made an integer.
    pub(crate) fn bucket_and_chunk(integer: i64) -> (u32, u32) {
        ((integer >> 28) as u32 & ((1 << 30) - 1), integer as u32 & ((1 << 28) - 1))
    }
}

/// The minute of a time, in minutes since 1970.
pub(crate) fn minute_of(unix_us: i64) -> u32 {
    unix_us.div_euclid(MINUTE_US).clamp(0, MINUTE_MAX) as u32
}

/// When a minute begins, unix microseconds.
pub(crate) fn minute_start_us(minute: u32) -> i64 {
    i64::from(minute) * MINUTE_US
}

/// The fewest buckets that cover the minutes `first..end`: level and range of buckets, inclusive.
pub(crate) fn cover(first: u32, end: u32) -> Vec<(Level, u32, u32)> {
    let mut parts = Vec::new();
    let (mut first, mut end) = (first, end);
    for level in [Level::Minute, Level::EightMinutes, Level::SixtyFourMinutes] {
        if first >= end {
            break;
        }
        let is_last = level == Level::SixtyFourMinutes;
        let inner_first = if is_last { end } else { first.next_multiple_of(1 << BUCKET_BITS) };
        let inner_end = end >> BUCKET_BITS << BUCKET_BITS;
        if inner_first >= inner_end {
            parts.push((level, first, end - 1));
            break;
        }
        if first < inner_first {
            parts.push((level, first, inner_first - 1));
        }
        if inner_end < end {
            parts.push((level, inner_end, end - 1));
        }
        (first, end) = (inner_first >> BUCKET_BITS, inner_end >> BUCKET_BITS);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cover_has_every_minute_once(first in 0..5000_u32, length in 0..5000_u32) {
            let mut seen = vec![0; 10_000];
            let mut buckets = 0;
            for (level, from, to) in cover(first, first + length) {
                buckets += to - from + 1;
                for minute in 0..10_000_u32 {
                    if (from..=to).contains(&level.bucket_of(minute)) {
                        seen[minute as usize] += 1;
                    }
                }
            }
            for minute in 0..10_000 {
                prop_assert_eq!(seen[minute as usize], u32::from((first..first + length).contains(&minute)));
            }
            prop_assert!(buckets <= 28 + length / 64);
        }
    }

    #[test]
    fn ids_are_unique_and_sorted() {
        let id = |dimension, level, bucket, chunk| RollupId { dimension, level, bucket, chunk };
        let ids = [
            id(Dimension::Total, Level::All, 0, 0),
            id(Dimension::Total, Level::Minute, 7, (1 << 28) - 1),
            id(Dimension::Total, Level::Minute, 8, 0),
            id(Dimension::Total, Level::SixtyFourMinutes, (1 << 30) - 1, 0),
            id(Dimension::Worker, Level::SixtyFourMinutes, (1 << 30) - 1, (1 << 28) - 1),
        ];
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1] && pair[0].as_integer() < pair[1].as_integer()));
    }
}
