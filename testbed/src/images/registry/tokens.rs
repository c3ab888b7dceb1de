//! What the challenge of a 401 asks for: the password itself (RFC 7617), or a token for it (RFC 6750, and distribution's
//! "Token Authentication Specification").

use super::credentials::secret_header;
use super::download::Asked;
use super::failure::Failure;
use super::host::Host;
use super::http::Unanswered;
use super::refusal::excerpt;
use super::scheme::Scheme;
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use hyper::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// As much of a token server's answer as is read, in bytes: a token goes into a header, and those end at some KiB.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// Where tokens are to be had.
struct TokenServer {
    realm: String,
    service: Option<String>,
}

/// Registries send either name, or both.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Host {
    /// The `Authorization` that the challenge in `headers` asks for; none where there is nothing to offer.
    pub(super) async fn authorize(
        &self,
        asked: &Asked<'_>,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Failure> {
        match token_server(headers) {
            Some(server) => self.token(asked, &server).await.map(Some),
            None => Ok(self.credentials.basic()),
        }
    }

    async fn token(&self, asked: &Asked<'_>, server: &TokenServer) -> Result<HeaderValue, Failure> {
        let TokenServer { realm, .. } = server;
        let unusable = |reason: String| Failure::from(self.wrong("a challenge", reason));
        let url: Uri = server
            .url(asked.repository)
            .parse()
            .map_err(|error| unusable(format!("names the token server {realm}: {error}")))?;
        let mut headers = HeaderMap::new();
        if let Some(basic) = self.credentials.basic() {
            if self.scheme == Scheme::Https && url.scheme_str() != Some("https") {
                let reason = format!("its token server {realm} wants the credentials in the clear");
                return Err(self.denied(asked, reason).into());
            }
            headers.insert(AUTHORIZATION, basic);
        }
        let of_server = |Unanswered { fault, reason }| {
            self.unanswered(Unanswered { fault, reason: format!("its token server {realm}: {reason}") })
        };
        let mut answer = self.transport.get(&url, headers).await.map_err(of_server)?;
        let status = answer.status();
        let retry_after = answer.header("retry-after");
        let body = answer.beginning(TOKEN_BYTES_MAX).await;
        let words = || format!("its token server {realm} says {status}: {}", excerpt(&body));
        match status {
            StatusCode::OK => {
                let answer = serde_json::from_slice(&body).ok();
                let token = answer.and_then(|answer: TokenAnswer| answer.token.or(answer.access_token));
                let header = token.and_then(|token| secret_header(&format!("Bearer {token}")));
                header.ok_or_else(|| unusable(format!("leads to {realm}, which gives no token")))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.refusal(asked, &words()).into()),
            _ if is_passing(status) => Err(self.busy(&words(), retry_after.as_deref())),
            _ => Err(unusable(format!("leads nowhere: {}", words()))),
        }
    }
}

impl TokenServer {
    fn url(&self, repository: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let separator = if self.realm.contains('?') { '&' } else { '?' };
        let scope = encoded(&format!("repository:{repository}:pull"));
        let service = self.service.as_ref().map(|service| format!("&service={}", encoded(service)));
        format!("{}{separator}scope={scope}{}", self.realm, service.unwrap_or_default())
    }
}

/// Whether the same request may succeed a moment later.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The first challenge for a token; registries may offer several ways.
fn token_server(headers: &HeaderMap) -> Option<TokenServer> {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    challenges.flat_map(ChallengeParser::new).filter_map(Result::ok).find_map(|challenge| bearer(&challenge))
}

fn bearer(challenge: &ChallengeRef<'_>) -> Option<TokenServer> {
    let parameter = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    let realm = parameter("realm").filter(|_| challenge.scheme.eq_ignore_ascii_case("Bearer"))?;
    Some(TokenServer { realm, service: parameter("service") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(challenges: &[&'static str]) -> Option<TokenServer> {
        let name = || WWW_AUTHENTICATE;
        token_server(&challenges.iter().map(|text| (name(), HeaderValue::from_static(text))).collect())
    }

    #[test]
    fn token_is_asked_for_by_service_and_scope() {
        let challenge = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="x""#;
        let server = found(&[challenge]).unwrap();
        let expected =
            "https://auth.example/token?scope=repository%3Atestbed%2Fapi%3Apull&service=registry%2Eexample";
        assert_eq!(server.url("testbed/api"), expected);
    }

    #[test]
    fn realm_may_have_a_query_of_its_own() {
        let server = found(&[r#"bearer realm="https://auth.example/token?account=a""#]).unwrap();
        assert_eq!(server.url("api"), "https://auth.example/token?account=a&scope=repository%3Aapi%3Apull");
    }

    #[test]
    fn token_is_preferred_to_the_password_itself() {
        let bearer = r#"Bearer realm="https://auth.example/token""#;
        assert!(found(&[r#"Basic realm="registry""#, bearer]).is_some());
        assert!(found(&[r#"Basic realm="registry", Bearer realm="https://auth.example/token""#]).is_some());
        assert!(found(&[r#"Basic realm="registry""#]).is_none());
        assert!(found(&[]).is_none());
    }
}
