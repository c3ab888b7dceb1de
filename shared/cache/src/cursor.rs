//! Where a walk over pages stands: opaque text that only fits the query it came from.

use std::fmt;
use std::str::FromStr;

use events::Position;

/// The order of events, by position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// The last event of a page, bound to the order and the filter of its query.
///
/// Pages continue after a key and not at a count, so events that arrive during a walk neither repeat nor hide
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) order: Order,
    /// Hash of the filter.
    pub(crate) fingerprint: u64,
    pub(crate) last: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    #[error("the cursor is not one that this service has given out")]
    Malformed,
    #[error("the cursor belongs to a query with another filter or order; repeat the parameters that gave it")]
    OtherQuery,
}

/// First character of the text; another one is a format of another version.
const VERSION: char = '1';

impl Cursor {
    /// # Errors
    /// [`CursorError::OtherQuery`] where the cursor came from another query.
    pub(crate) fn check(&self, order: Order, fingerprint: u64) -> Result<Position, CursorError> {
        if self.order == order && self.fingerprint == fingerprint {
            Ok(self.last)
        } else {
            Err(CursorError::OtherQuery)
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::Ascending => 'a',
            Order::Descending => 'd',
        };
        let (ms, sub) = self.last.parts();
        write!(f, "{VERSION}{order}{:016x}{ms:016x}{sub:016x}", self.fingerprint)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(CursorError::Malformed)
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let rest = text.strip_prefix(VERSION)?;
    let order = match rest.as_bytes().first()? {
        b'a' => Order::Ascending,
        b'd' => Order::Descending,
        _ => return None,
    };
    let digits = &rest[1..];
    let is_canonical =
        digits.len() == 48 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_canonical {
        return None;
    }
    let number = |at: usize| u64::from_str_radix(&digits[at * 16..][..16], 16).ok();
    let (ms, sub) = (i64::try_from(number(1)?).ok()?, i64::try_from(number(2)?).ok()?);
    Some(Cursor { order, fingerprint: number(0)?, last: Position::from_parts(ms, sub) })
}

/// FNV-1a over parts, each closed by a byte that UTF-8 does not have.
pub(crate) fn fingerprint(parts: &[Option<&str>]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in parts {
        part.iter().flat_map(|part| part.bytes()).for_each(&mut add);
        add(if part.is_some() { 0xff } else { 0xfe });
    }
    hash
}

#[cfg(test)]
mod tests {
    use events::EntryId;
    use proptest::prelude::*;

    use super::*;

    fn cursor() -> impl Strategy<Value = Cursor> {
        (any::<bool>(), any::<u64>(), 0..=i64::MAX, 0..=i64::MAX).prop_map(
            |(ascending, fingerprint, ms, sub)| Cursor {
                order: if ascending { Order::Ascending } else { Order::Descending },
                fingerprint,
                last: Position::from_parts(ms, sub),
            },
        )
    }

    proptest! {
        #[test]
        fn text_round_trips(cursor in cursor()) {
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn any_text_is_refused_or_spelled_in_one_way(text in "[12]?[adx]?[0-9a-fA-F+ä]{0,60}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }

        #[test]
        fn other_filters_have_other_fingerprints(
            a in prop::collection::vec(prop::option::of("[ab]{0,2}"), 3),
            b in prop::collection::vec(prop::option::of("[ab]{0,2}"), 3),
        ) {
            let of = |parts: &[Option<String>]| fingerprint(&parts.iter().map(Option::as_deref).collect::<Vec<_>>());
            prop_assert_eq!(of(&a) == of(&b), a == b);
        }
    }

    #[test]
    fn cursor_of_another_query_is_refused() {
        let last = Position::new(EntryId::new(1, 2), 0, 3);
        let cursor = Cursor { order: Order::Ascending, fingerprint: 7, last };
        assert_eq!(cursor.check(Order::Ascending, 7), Ok(last));
        assert_eq!(cursor.check(Order::Descending, 7), Err(CursorError::OtherQuery));
        assert_eq!(cursor.check(Order::Ascending, 8), Err(CursorError::OtherQuery));
    }
}
