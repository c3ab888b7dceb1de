//! Answers other than what was asked for, in words that say what to do.

use super::RegistryError;
use super::download::Asked;
use super::failure::{Failure, Retry};
use super::host::Host;
use super::http::Answer;
use super::tokens::is_passing;
use hyper::StatusCode;
use serde::Deserialize;
use std::time::Duration;

/// As much of a refusal as is read for its reason, in bytes.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Characters of a refusal that is no JSON which go into a message.
const EXCERPT_CHARACTERS: usize = 200;

/// The body of a refusal by the distribution specification, "Error Codes".
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    #[serde(default)]
    message: String,
}

impl Host {
    /// An answer of another status than 200.
    pub(super) async fn refused(&self, asked: &Asked<'_>, mut answer: Answer) -> Failure {
        let status = answer.status();
        let body = answer.beginning(REFUSAL_BYTES_MAX).await;
        let words = excerpt(&body);
        match status {
            StatusCode::NOT_FOUND => self.absent(asked, &body).into(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.refusal(asked, &words).into(),
            _ if is_passing(status) => {
                self.busy(&format!("it says {status}: {words}"), answer.header("retry-after").as_deref())
            }
            _ => self.wrong(&format!("{status} for {}", asked.reference), format!("says {words}")).into(),
        }
    }

    /// Trouble that may pass, after the seconds that the other side asks for.
    pub(super) fn busy(&self, words: &str, retry_after: Option<&str>) -> Failure {
        let seconds = retry_after.and_then(|text| text.parse().ok());
        Failure {
            error: RegistryError::Unreachable { registry: self.name.clone(), reason: words.to_owned() },
            retry: seconds.map_or(Retry::Soon, |seconds| Retry::After(Duration::from_secs(seconds))),
        }
    }

    fn absent(&self, asked: &Asked<'_>, body: &[u8]) -> RegistryError {
        let is_repository_unknown = serde_json::from_slice(body)
            .is_ok_and(|refusal: Refusal| refusal.errors.iter().any(|error| error.code == "NAME_UNKNOWN"));
        let reference = if is_repository_unknown {
            format!("the repository {}", asked.repository)
        } else {
            asked.reference.clone()
        };
        RegistryError::Absent { registry: self.name.clone(), reference }
    }

    /// Wrong credentials, or none, and what to do about them.
    pub(super) fn refusal(&self, asked: &Asked<'_>, words: &str) -> RegistryError {
        let whose = if self.credentials.exist() {
            "the credentials of docker's configuration will not do"
        } else {
            "docker's configuration holds no credentials for it"
        };
        let note = self.credentials.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        let reason = format!(
            "{words}; {whose}{note}: run docker login {}, or look whether it exists, which some registries do not \
             tell strangers",
            self.name
        );
        self.denied(asked, reason)
    }

    pub(super) fn denied(&self, asked: &Asked<'_>, reason: String) -> RegistryError {
        RegistryError::Denied { registry: self.name.clone(), repository: asked.repository.to_owned(), reason }
    }

    /// Content that is not what was asked for.
    pub(super) fn wrong(&self, what: &str, reason: String) -> RegistryError {
        RegistryError::Content { registry: self.name.clone(), what: what.to_owned(), reason }
    }
}

/// The reasons of a refusal, else its beginning, on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(body)
        && !refusal.errors.is_empty()
    {
        let reasons = refusal.errors.iter();
        let reasons: Vec<_> = reasons.map(|Reason { code, message }| format!("{code} {message}")).collect();
        return reasons.join(", ");
    }
    let text = String::from_utf8_lossy(body);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() { "nothing".to_owned() } else { words.chars().take(EXCERPT_CHARACTERS).collect() }
}
