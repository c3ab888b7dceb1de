//! Where an event stands in the streams: unique, ordered, primary key of every cache.

use std::fmt;
use std::str::FromStr;

/// The id of a Redis stream entry, `ms-seq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Unix milliseconds by the clock of Redis.
    pub ms: u64,
    pub seq: u64,
}

/// The position of one event: its entry, the partition's stream, and its index in the entry.
///
/// Written `1700000000000-0.17`; partitions other than 0 append themselves: `1700000000000-0.17@3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub entry: EntryId,
    pub partition: u8,
    /// Below [`crate::entry::EVENTS_MAX`].
    pub index: u16,
}

/// The text is not an entry id or a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {expected}: {text:?}")]
pub struct ParsePositionError {
    expected: &'static str,
    text: String,
}

const INDEX_BITS: u32 = 9;
const PARTITION_BITS: u32 = 8;
const SEQ_MAX: u64 = 1 << (63 - INDEX_BITS - PARTITION_BITS);

impl EntryId {
    pub const ZERO: Self = Self { ms: 0, seq: 0 };

    pub fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The smallest id greater than this one.
    pub fn next(self) -> Self {
        match self.seq.checked_add(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => Self { ms: self.ms.saturating_add(1), seq: 0 },
        }
    }
}

impl Position {
    pub fn new(entry: EntryId, partition: u8, index: u16) -> Self {
        Self { entry, partition, index }
    }

    /// Two integers that sort as the position does, for a composite primary key:
    /// `(ms, seq << 17 | partition << 9 | index)`.
    ///
    /// Sequence numbers of 2^46 and more, which no server reaches, saturate.
    pub fn parts(self) -> (i64, i64) {
        let sub = (self.entry.seq.min(SEQ_MAX - 1) << (INDEX_BITS + PARTITION_BITS))
            | (u64::from(self.partition) << INDEX_BITS)
            | u64::from(self.index);
        (self.entry.ms as i64, sub as i64)
    }

    /// The inverse of [`Position::parts`].
    pub fn from_parts(ms: i64, sub: i64) -> Self {
        let sub = sub as u64;
        Self {
            entry: EntryId { ms: ms as u64, seq: sub >> (INDEX_BITS + PARTITION_BITS) },
            partition: (sub >> INDEX_BITS) as u8,
            index: (sub & ((1 << INDEX_BITS) - 1)) as u16,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entry, self.index)?;
        if self.partition > 0 {
            write!(f, "@{}", self.partition)?;
        }
        Ok(())
    }
}

impl FromStr for EntryId {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_entry(text).ok_or_else(|| ParsePositionError { expected: "stream id", text: text.to_owned() })
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_position(text).ok_or_else(|| ParsePositionError { expected: "position", text: text.to_owned() })
    }
}

fn parse_entry(text: &str) -> Option<EntryId> {
    let (ms, seq) = text.split_once('-')?;
    Some(EntryId { ms: decimal(ms)?, seq: decimal(seq)? })
}

fn parse_position(text: &str) -> Option<Position> {
    let (rest, partition) = match text.split_once('@') {
        Some((rest, partition)) => (rest, u8::try_from(decimal(partition)?).ok().filter(|&p| p > 0)?),
        None => (text, 0),
    };
    let (entry, index) = rest.split_once('.')?;
    let entry = parse_entry(entry).filter(|id| id.ms <= i64::MAX as u64 && id.seq < SEQ_MAX)?;
    let index = u16::try_from(decimal(index)?).ok().filter(|&i| i < 1 << INDEX_BITS)?;
    Some(Position { entry, partition, index })
}

/// Digits only and no leading zero, so that every id has one spelling (`u64::from_str` takes a `+`).
fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn position_is_written_as_documented() {
        let entry = EntryId::new(1_700_000_000_000, 0);
        assert_eq!(Position::new(entry, 0, 17).to_string(), "1700000000000-0.17");
        assert_eq!(Position::new(entry, 3, 17).to_string(), "1700000000000-0.17@3");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "1",
            "1-2",
            "1-2.",
            "1-2.512",
            "1-2.3@0",
            "1-2.3@256",
            "+1-2.3",
            "01-2.3",
            "1-2.3 ",
            "1-2.-3",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn next_id_carries_into_the_milliseconds() {
        assert_eq!(EntryId::new(5, 6).next(), EntryId::new(5, 7));
        assert_eq!(EntryId::new(5, u64::MAX).next(), EntryId::new(6, 0));
    }

    fn position() -> impl Strategy<Value = Position> {
        (0..=i64::MAX as u64, 0..SEQ_MAX, any::<u8>(), 0..512_u16)
            .prop_map(|(ms, seq, partition, index)| Position::new(EntryId::new(ms, seq), partition, index))
    }

    proptest! {
        #[test]
        fn text_round_trips(position in position()) {
            prop_assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }

        #[test]
        fn parts_round_trip_and_keep_the_order(a in position(), b in position()) {
            prop_assert_eq!(Position::from_parts(a.parts().0, a.parts().1), a);
            prop_assert_eq!(a.parts().cmp(&b.parts()), a.cmp(&b));
        }
    }
}
