//! RFC 3339 timestamps, <https://www.rfc-editor.org/rfc/rfc3339#section-5.6>.

use jiff::Timestamp;

/// Whether the text is an RFC 3339 `date-time` with a calendar date that exists.
pub fn is_rfc3339(text: &str) -> bool {
    has_rfc3339_shape(text.as_bytes()) && text.parse::<Timestamp>().is_ok()
}

/// Unix microseconds of an RFC 3339 `date-time`; `None` where it is not one.
pub fn unix_us_from_rfc3339(text: &str) -> Option<i64> {
    has_rfc3339_shape(text.as_bytes()).then(|| text.parse::<Timestamp>().ok())?.map(Timestamp::as_microsecond)
}

/// Writes unix microseconds as RFC 3339 in UTC with six decimals.
pub fn rfc3339_from_unix_us(unix_us: i64) -> String {
    match Timestamp::from_microsecond(unix_us) {
        Ok(timestamp) => format!("{timestamp:.6}"),
        Err(_) => format!("{:.6}", if unix_us < 0 { Timestamp::MIN } else { Timestamp::MAX }),
    }
}

/// The grammar alone: jiff also takes forms of ISO 8601 that RFC 3339 leaves out.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is = |at: usize, any: &[u8]| text.get(at).is_some_and(|byte| any.contains(byte));
    let date_and_time = digits(0..4)
        && is(4, b"-")
        && digits(5..7)
        && is(7, b"-")
        && digits(8..10)
        && is(10, b"Tt")
        && digits(11..13)
        && is(13, b":")
        && digits(14..16)
        && is(16, b":")
        && digits(17..19);
    if !date_and_time {
        return false;
    }
    let fraction =
        if is(19, b".") { 1 + text[20..].iter().take_while(|byte| byte.is_ascii_digit()).count() } else { 0 };
    let zone = 19 + fraction;
    fraction != 1
        && match text.len() - zone {
            1 => is(zone, b"Zz"),
            6 => {
                is(zone, b"+-")
                    && digits(zone + 1..zone + 3)
                    && is(zone + 3, b":")
                    && digits(zone + 4..zone + 6)
            }
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_the_rfc_are_valid() {
        for text in [
            "1985-04-12T23:20:50.52Z",
            "1996-12-19T16:39:57-08:00",
            "1990-12-31T23:59:60Z",
            "2026-02-28t00:00:00z",
        ] {
            assert!(is_rfc3339(text), "{text}");
        }
    }

    #[test]
    fn other_timestamps_are_not() {
        for text in [
            "",
            "2026-02-30T00:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00Z[UTC]",
        ] {
            assert!(!is_rfc3339(text), "{text}");
        }
    }

    #[test]
    fn microseconds_round_trip() {
        let text = rfc3339_from_unix_us(1_700_000_000_123_456);
        assert_eq!(text, "2023-11-14T22:13:20.123456Z");
        assert_eq!(unix_us_from_rfc3339(&text), Some(1_700_000_000_123_456));
    }
}
