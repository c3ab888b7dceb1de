//! A mergeable distribution of latencies with a relative error of at most 6 %.

use crate::codec::{Parts, put_unsigned};
use crate::error::CacheError;

/// Counts of latencies in microseconds, in eight linear buckets per power of two, as `HdrHistogram` has them;
/// sparse, because most groups see few of the buckets.
///
/// Negative latencies (two clocks that disagree) are counted in a bucket of their own, never dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    /// Bucket and count, ascending.
    buckets: Vec<(u16, u64)>,
}

const NEGATIVE: u16 = 0;
/// Powers of two are split into `2^PRECISION_BITS` buckets: width / (lower + upper) bound ≤ 1/17.
const PRECISION_BITS: u32 = 3;

impl LatencyHistogram {
    pub(crate) fn add(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
            Ok(at) => self.buckets[at].1 += count,
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Adds another distribution; merging is exact.
    pub fn merge(&mut self, other: &Self) {
        let mut at = 0;
        for &(bucket, count) in &other.buckets {
            at = self.add_from(at, bucket, count);
        }
    }

    /// Adds to a bucket that is not before the place `at`; gives the place after it.
    fn add_from(&mut self, mut at: usize, bucket: u16, count: u64) -> usize {
        while self.buckets.get(at).is_some_and(|&(other, _)| other < bucket) {
            at += 1;
        }
        match self.buckets.get_mut(at) {
            Some((other, sum)) if *other == bucket => *sum += count,
            _ => self.buckets.insert(at, (bucket, count)),
        }
        at + 1
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|&(_, count)| count).sum()
    }

    /// Latencies below zero.
    pub fn negative(&self) -> u64 {
        self.buckets.first().filter(|&&(bucket, _)| bucket == NEGATIVE).map_or(0, |&(_, count)| count)
    }

    /// The latency below or at which the given share of all lies, microseconds, off by at most 6 %; 0 where
    /// that latency is negative, `None` without any.
    pub fn quantile_us(&self, quantile: f64) -> Option<f64> {
        let rank = ((self.count() as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for &(bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return Some(representative(bucket));
            }
        }
        None
    }

    pub(crate) fn encode(&self, buffer: &mut Vec<u8>) {
        put_unsigned(buffer, self.buckets.len() as u64);
        let mut last = 0;
        for &(bucket, count) in &self.buckets {
            put_unsigned(buffer, u64::from(bucket - last));
            put_unsigned(buffer, count);
            last = bucket;
        }
    }

    /// Adds what [`Self::encode`] wrote, without making it a distribution of its own: rollups merge
    /// thousands.
    pub(crate) fn merge_encoded(&mut self, parts: &mut Parts<'_>) -> Result<(), CacheError> {
        let (mut at, mut bucket) = (0, 0_u16);
        for _ in 0..parts.unsigned()? {
            bucket = bucket.saturating_add(parts.unsigned()? as u16);
            at = self.add_from(at, bucket, parts.unsigned()?);
        }
        Ok(())
    }
}

/// The bucket of a latency.
pub(crate) fn bucket_of(latency_us: i64) -> u16 {
    let Ok(value) = u64::try_from(latency_us) else { return NEGATIVE };
    if value < 1 << PRECISION_BITS {
        return value as u16 + 1;
    }
    let shift = value.ilog2() - PRECISION_BITS;
    // The value's leading bits are 1xxx, so the sum continues where the buckets of the last power end.
    ((shift << PRECISION_BITS) as u16) + (value >> shift) as u16 + 1
}

/// The value with the smallest largest relative error within the bucket: the harmonic mean of its bounds.
fn representative(bucket: u16) -> f64 {
    if bucket == NEGATIVE {
        return 0.0;
    }
    let index = u32::from(bucket - 1);
    if index < 2 << PRECISION_BITS {
        return f64::from(index);
    }
    let shift = (index >> PRECISION_BITS) - 1;
    let leading = f64::from((1 << PRECISION_BITS) | (index & ((1 << PRECISION_BITS) - 1)));
    let (lower, upper) = (leading * 2_f64.powi(shift as i32), (leading + 1.0) * 2_f64.powi(shift as i32));
    2.0 * lower * upper / (lower + upper)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_is_within_six_percent(latency_us in 0..i64::MAX) {
            let error = (representative(bucket_of(latency_us)) - latency_us as f64).abs();
            prop_assert!(error <= 0.06 * latency_us as f64, "{} for {latency_us}", representative(bucket_of(latency_us)));
        }

        #[test]
        fn buckets_keep_the_order(a: i64, b: i64) {
            if a <= b {
                prop_assert!(bucket_of(a) <= bucket_of(b));
            }
        }

        #[test]
        fn merging_equals_adding(a in prop::collection::vec(any::<i64>(), 0..50), b in prop::collection::vec(any::<i64>(), 0..50), c in prop::collection::vec(any::<i64>(), 0..50)) {
            let of = |latencies: &[i64]| {
                let mut histogram = LatencyHistogram::default();
                latencies.iter().for_each(|&latency| histogram.add(bucket_of(latency), 1));
                histogram
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(&merged, &of(&[a, b].concat()));
            let mut buffer = Vec::new();
            merged.encode(&mut buffer);
            let mut decoded = of(&c);
            decoded.merge_encoded(&mut Parts(&buffer)).unwrap();
            merged.merge(&of(&c));
            prop_assert_eq!(decoded, merged);
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sample() {
        let mut histogram = LatencyHistogram::default();
        (1..=1000).for_each(|ms| histogram.add(bucket_of(ms * 1000), 1));
        for (quantile, expected) in
            [(0.5, 500_000.0), (0.9, 900_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)]
        {
            let found = histogram.quantile_us(quantile).expect("not empty");
            assert!((found - expected).abs() <= 0.06 * expected, "{quantile}: {found}");
        }
        assert_eq!(LatencyHistogram::default().quantile_us(0.5), None);
    }

    #[test]
    fn negative_latencies_are_counted() {
        let mut histogram = LatencyHistogram::default();
        histogram.add(bucket_of(-5), 2);
        histogram.add(bucket_of(7), 1);
        assert_eq!((histogram.negative(), histogram.count()), (2, 3));
        assert_eq!(histogram.quantile_us(0.5), Some(0.0));
        assert_eq!(histogram.quantile_us(1.0), Some(7.0));
    }
}
