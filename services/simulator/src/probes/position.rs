//! Where an accepted event stands, from the answer that accepted it.

use events::Position;

/// Within a text of JSON a quotation mark is escaped, so this is found in no id.
const MEMBER: &[u8] = br#""position":"#;
/// More than the longest position.
const POSITION_BYTES_MAX: usize = 64;

/// The position of the first event in an answer of ingest-api, without parsing the rest of it.
pub fn first_position(body: &[u8]) -> Option<Position> {
    let at = body.windows(MEMBER.len()).position(|window| window == MEMBER)?;
    let value = body[at + MEMBER.len()..].trim_ascii_start().strip_prefix(b"\"")?;
    let end = value.iter().take(POSITION_BYTES_MAX).position(|byte| *byte == b'"')?;
    std::str::from_utf8(&value[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_several_positions_is_taken() {
        let body =
            br#"{"accepted":2,"events":[{"id":"a","position":"17-3.0@2"},{"id":"b","position":"17-3.1@2"}]}"#;
        assert_eq!(first_position(body), Some("17-3.0@2".parse().unwrap()));
        assert_eq!(first_position(br#"{"position": "17-3.0"}"#), Some("17-3.0".parse().unwrap()));
    }

    #[test]
    fn id_that_looks_like_a_position_is_passed_over() {
        let body = br#"{"accepted":1,"events":[{"id":"\"position\":\"1-1.0\"","position":"17-3.0"}]}"#;
        assert_eq!(first_position(body), Some("17-3.0".parse().unwrap()));
    }

    #[test]
    fn answers_without_a_position_have_none() {
        let bodies = [
            "",
            "{}",
            r#"{"accepted":1}"#,
            r#"{"position":"#,
            r#"{"position":"17"#,
            r#"{"position":"x"}"#,
            r#"{"position":7}"#,
        ];
        for body in bodies {
            assert_eq!(first_position(body.as_bytes()), None, "{body}");
        }
    }
}
