//! The W3C trace context of an event, <https://www.w3.org/TR/trace-context/>.

use std::fmt;

/// A parsed `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: u128,
    pub span_id: u64,
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` of version 00, or the known part of a later one. `None` where it is not valid:
    /// the specification asks to go on as if there were none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let known = bytes.len() == 55 || (bytes.len() > 55 && !text.starts_with("00") && bytes[55] == b'-');
        if !known || text.starts_with("ff") || [2, 35, 52].iter().any(|&dash| bytes[dash] != b'-') {
            return None;
        }
        hex(&bytes[0..2])?;
        let trace_id = hex(&bytes[3..35]).filter(|&id| id != 0)?;
        let span_id = hex(&bytes[36..52]).filter(|&id| id != 0)? as u64;
        let sampled = hex(&bytes[53..55])? & 1 == 1;
        Some(Self { trace_id, span_id, sampled })
    }

    /// As [`TraceContext::parse`], but only where the trace is sampled; mostly it is not, which is seen at once.
    pub fn parse_sampled(text: &str) -> Option<Self> {
        if text.as_bytes().get(53..55) == Some(b"00") {
            return None;
        }
        Self::parse(text).filter(|context| context.sampled)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Lowercase hexadecimal digits only, as the specification asks.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |value, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn valid_context_round_trips() {
        let context = TraceContext::parse(VALID).expect("valid");
        assert!(context.sampled);
        assert_eq!(context.to_string(), VALID);
    }

    #[test]
    fn unsampled_contexts_are_left_out_where_asked_for() {
        let with_flags = |flags: &str| TraceContext::parse_sampled(&format!("{}{flags}", &VALID[..53]));
        assert!(with_flags("01").is_some() && with_flags("03").is_some());
        assert!(with_flags("00").is_none() && with_flags("02").is_none());
        assert!(TraceContext::parse_sampled("").is_none());
    }

    #[test]
    fn later_version_is_read_as_far_as_it_is_known() {
        assert!(TraceContext::parse(&format!("cc{}-what", &VALID[2..])).is_some());
    }

    #[test]
    fn invalid_contexts_are_ignored() {
        for text in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text:?}");
        }
    }
}
