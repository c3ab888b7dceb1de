//! What the answer to a request says about its events.

use std::fmt;

use serde::Deserialize;

use crate::tally::Fate;

/// Prefix of the problem types of this project (RFC 9457).
const PROBLEM_PREFIX: &str = "urn:testbed:problem:";
/// The problem that leaves the outcome open.
const OUTCOME_UNKNOWN: &str = "outcome-unknown";
/// Problem kinds are short; what is longer is none, and must not become a key of the result.
const KIND_BYTES_MAX: usize = 40;

/// The fate of the events of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver confirmed them.
    Accepted,
    /// The receiver does not have them.
    Refused(Refusal),
    /// The receiver may have them.
    Unknown(Unknown),
}

/// Why the receiver does not have the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It answered so.
    Status {
        /// HTTP status.
        status: u16,
        /// Problem kind, where the answer has one.
        kind: Option<String>,
    },
    /// There was no connection to send them on.
    NotConnected,
}

/// Why nobody knows whether the receiver has the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It says so itself.
    Unconfirmed,
    /// The connection broke after the request was (partly) written.
    Broken,
    /// There was no answer in time.
    Timeout,
    /// A server error that is none of ours: a proxy gave up on a request that it may have passed on.
    Foreign,
    /// The answer is no HTTP, or a 202 that does not confirm the number of events sent.
    Protocol,
    /// The run was stopped before the answer came.
    Interrupted,
}

impl Outcome {
    /// Where the request ended.
    pub(crate) fn fate(&self) -> Fate {
        match self {
            Self::Accepted => Fate::Accepted,
            Self::Refused(_) => Fate::Refused,
            Self::Unknown(_) => Fate::Unknown,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => formatter.write_str("not-connected"),
            Self::Status { status, kind: None } => write!(formatter, "{status}"),
            Self::Status { status, kind: Some(kind) } => write!(formatter, "{status} {kind}"),
        }
    }
}

impl Unknown {
    /// A bounded name, the `error.type` of metrics.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Unconfirmed => OUTCOME_UNKNOWN,
            Self::Broken => "connection-broken",
            Self::Timeout => "timeout",
            Self::Foreign => "foreign-error",
            Self::Protocol => "protocol-error",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Reads an answer to a request of `events` events.
pub(crate) fn classify(status: u16, body: &[u8], events: u32) -> Outcome {
    #[derive(Deserialize)]
    struct Confirmation {
        accepted: u32,
    }
    if status == 202 {
        return match serde_json::from_slice(body) {
            Ok(Confirmation { accepted }) if accepted == events => Outcome::Accepted,
            _ => Outcome::Unknown(Unknown::Protocol),
        };
    }
    let kind = problem_kind(body);
    if status == 503 && kind.as_deref() == Some(OUTCOME_UNKNOWN) {
        return Outcome::Unknown(Unknown::Unconfirmed);
    }
    if status >= 500 && kind.is_none() {
        return Outcome::Unknown(Unknown::Foreign);
    }
    Outcome::Refused(Refusal::Status { status, kind })
}

fn problem_kind(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
    }
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let kind = problem.kind.strip_prefix(PROBLEM_PREFIX)?;
    let is_plain = kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    (is_plain && (1..=KIND_BYTES_MAX).contains(&kind.len())).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str) -> String {
        format!(r#"{{"type":"urn:testbed:problem:{kind}","title":"x","status":503}}"#)
    }

    fn refused(status: u16, kind: Option<&str>) -> Outcome {
        Outcome::Refused(Refusal::Status { status, kind: kind.map(str::to_owned) })
    }

    #[test]
    fn acceptance_must_name_the_number_sent() {
        let body = br#"{"accepted":3,"events":[{"id":"a","position":"1-0.0"}]}"#;
        assert_eq!(classify(202, body, 3), Outcome::Accepted);
        assert_eq!(classify(202, body, 4), Outcome::Unknown(Unknown::Protocol));
        assert_eq!(classify(202, b"", 3), Outcome::Unknown(Unknown::Protocol));
        assert_eq!(classify(202, b"<html>", 3), Outcome::Unknown(Unknown::Protocol));
    }

    #[test]
    fn only_the_open_outcome_of_503_is_unknown() {
        let open = problem("outcome-unknown");
        assert_eq!(classify(503, open.as_bytes(), 1), Outcome::Unknown(Unknown::Unconfirmed));
        assert_eq!(classify(500, open.as_bytes(), 1), refused(500, Some("outcome-unknown")));
        let unavailable = problem("redis-unavailable");
        assert_eq!(classify(503, unavailable.as_bytes(), 1), refused(503, Some("redis-unavailable")));
    }

    #[test]
    fn server_error_of_a_proxy_is_unknown() {
        assert_eq!(classify(503, b"upstream connect error", 1), Outcome::Unknown(Unknown::Foreign));
        assert_eq!(classify(502, b"", 1), Outcome::Unknown(Unknown::Foreign));
    }

    #[test]
    fn every_other_status_is_a_refusal() {
        let full = problem("backlog-full");
        assert_eq!(classify(429, full.as_bytes(), 1), refused(429, Some("backlog-full")));
        assert_eq!(classify(200, br#"{"accepted":1}"#, 1), refused(200, None));
    }

    #[test]
    fn foreign_text_does_not_become_a_kind() {
        for kind in ["", "UPPER", "with space", &"long".repeat(20)] {
            assert_eq!(classify(400, problem(kind).as_bytes(), 1), refused(400, None), "{kind}");
        }
        assert_eq!(classify(400, br#"{"type":"about:blank"}"#, 1), refused(400, None));
    }
}
