//! Query parameters: each is checked, none is ignored, and an error names the one at fault.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use events::unix_us_from_rfc3339;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Rows that a list has unless the client says otherwise.
pub(crate) const LIMIT_DEFAULT: usize = 100;
/// Most rows of a list: a page stays in the size of a megabyte.
pub(crate) const LIMIT_MAX: usize = 1000;

/// Longest text of a parameter: sources and types longer than an event may be cannot exist.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The query parameters of a request.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// # Errors
    /// A parameter that is not `known`, is there twice, is empty or has too long a value.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let not_text = |_| ApiError::parameter("query", "the query string is not percent-encoded UTF-8");
        // The parser itself would replace what is not UTF-8.
        percent_decode_str(uri.query().unwrap_or_default()).decode_utf8().map_err(not_text)?;
        let not_pairs = |_| ApiError::parameter("query", "the query string has no names and values");
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(not_pairs)?;
        for (at, (name, value)) in pairs.iter().enumerate() {
            let fault = |message: &str| Err(ApiError::parameter(name, message));
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return fault(&format!("there is no such parameter here; known: {known}"));
            }
            if pairs[..at].iter().any(|(other, _)| other == name) {
                return fault("the parameter is there twice");
            }
            if value.is_empty() {
                return fault("the parameter is empty; leave it out");
            }
            if value.len() > TEXT_BYTES_MAX {
                return fault(&format!("the parameter is longer than {TEXT_BYTES_MAX} bytes"));
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// A value that `T` does not take, with its own words.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, ApiError> {
        let parse =
            |text: &str| text.parse().map_err(|error: T::Err| ApiError::parameter(name, error.to_string()));
        self.text(name).map(parse).transpose()
    }

    /// # Errors
    /// A value that is none of the choices.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = choices.iter().find(|(choice, _)| *choice == text);
        let names = || choices.iter().map(|(choice, _)| *choice).collect::<Vec<_>>().join(", ");
        found
            .map(|(_, value)| Some(*value))
            .ok_or_else(|| ApiError::parameter(name, format!("is none of {}", names())))
    }

    /// The number of rows wanted.
    ///
    /// # Errors
    /// A value that is not a number from 1 to [`LIMIT_MAX`].
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.text("limit") else { return Ok(LIMIT_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| {
            ApiError::parameter(
                "limit",
                format!("is not a number from 1 to {LIMIT_MAX}; use the cursor for more rows"),
            )
        })
    }

    /// The range of `since` and `until`, in unix microseconds.
    ///
    /// # Errors
    /// A value that is not a time, or an empty range.
    pub(crate) fn range(&self) -> Result<(Option<i64>, Option<i64>), ApiError> {
        let range = (self.time("since")?, self.time("until")?);
        match range {
            (Some(since), Some(until)) if since >= until => {
                Err(ApiError::parameter("until", "is not after since"))
            }
            _ => Ok(range),
        }
    }

    fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let time = unix_us_from_seconds(text).or_else(|| unix_us_from_rfc3339(text));
        time.map(Some).ok_or_else(|| {
            ApiError::parameter(
                name,
                "is neither RFC 3339 nor unix seconds; in an address the + of an offset is written %2B",
            )
        })
    }
}

/// The parameter of a path. Taking it never fails, so that the endpoint can name what is wrong with it.
#[derive(Debug)]
pub(crate) struct PathText(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Path::from_request_parts(parts, state).await.ok().map(|Path(text)| text)))
    }
}

impl PathText {
    /// # Errors
    /// A path that is not UTF-8.
    pub(crate) fn text(self, name: &str) -> Result<String, ApiError> {
        self.0.ok_or_else(|| ApiError::parameter(name, "is not percent-encoded UTF-8"))
    }

    /// # Errors
    /// A text that `T` does not take, with its own words.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(self, name: &str) -> Result<T, ApiError> {
        self.text(name)?.parse().map_err(|error: T::Err| ApiError::parameter(name, error.to_string()))
    }
}

/// Decimal seconds; digits beyond microseconds are cut off.
fn unix_us_from_seconds(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(seconds) || !are_digits(fraction) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameters(query: &str, known: &[&str]) -> Result<Parameters, ApiError> {
        let uri: Uri = format!("/v1/events?{query}").parse().expect("a valid address");
        Parameters::of(&uri, known)
    }

    fn fault<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        match result.expect_err("a fault") {
            ApiError::Parameter { name, .. } => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let parameters = parameters("source=%2Fs%2Fa+b&limit=7", &["source", "limit"]).unwrap();
        assert_eq!(parameters.text("source"), Some("/s/a b"));
        assert_eq!(parameters.limit().unwrap(), 7);
        assert_eq!(parameters.text("type"), None);
    }

    #[test]
    fn faults_name_the_parameter() {
        assert_eq!(fault(parameters("sorce=a", &["source"])), "sorce");
        assert_eq!(fault(parameters("source=a&source=a", &["source"])), "source");
        assert_eq!(fault(parameters("source=", &["source"])), "source");
        assert_eq!(fault(parameters(&format!("source={}", "a".repeat(9000)), &["source"])), "source");
        for limit in ["0", "1001", "-1", "1e2", "many"] {
            assert_eq!(fault(parameters(&format!("limit={limit}"), &["limit"]).unwrap().limit()), "limit");
        }
        let range = |query| parameters(query, &["since", "until"]).unwrap().range();
        assert_eq!(fault(range("since=yesterday")), "since");
        assert_eq!(fault(range("since=5&until=5")), "until");
        assert_eq!(fault(range("until=2026-01-01T00:00:00+01:00")), "until");
    }

    #[test]
    fn times_are_rfc_3339_or_unix_seconds() {
        let range = |query| parameters(query, &["since", "until"]).unwrap().range().unwrap();
        let expected = Some(1_700_000_000_123_456);
        assert_eq!(range("since=1700000000.123456"), (expected, None));
        assert_eq!(range("since=1700000000.1234569"), (expected, None));
        assert_eq!(range("until=2023-11-14T22:13:20.123456Z"), (None, expected));
        assert_eq!(range("until=2023-11-14T23:13:20.123456%2B01:00"), (None, expected));
        assert_eq!(range("since=0&until=1700000000"), (Some(0), Some(1_700_000_000_000_000)));
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "[0-9.:TZ+-]{0,40}|\\PC{0,20}") {
            unix_us_from_seconds(&text);
        }
    }
}
