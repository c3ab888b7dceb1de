//! Whether a registry speaks TLS, found out at the first contact.

use super::RegistryError;
use super::failure::{Failure, Fault, Retry, retried};
use super::http::{Transport, Unanswered};
use hyper::{HeaderMap, StatusCode, Uri};
use std::fmt;

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// The scheme of a registry that was named as one of plain http.
///
/// # Errors
/// Where it does not answer, speaks TLS, or is no registry.
pub(super) async fn named_plain(registry: &str, http: &Transport) -> Result<Scheme, RegistryError> {
    let answer = ping(registry, Scheme::Http, http).await;
    // What servers of TLS do with a plain request: Go's and nginx answer 400, others hang up or send an alert.
    let may_be_tls = match &answer {
        Ok(status) => *status == StatusCode::BAD_REQUEST,
        Err(unanswered) => matches!(unanswered.fault, Fault::Broken | Fault::NotHttp),
    };
    if may_be_tls {
        let secure = ping(registry, Scheme::Https, http).await;
        // A certificate that is not trusted is one all the same.
        if secure.map_or_else(|unanswered| unanswered.fault == Fault::Tls, |_| true) {
            return Err(RegistryError::Tls { registry: registry.to_owned() });
        }
    }
    match answer {
        Ok(status) => is_registry(registry, status).map(|()| Scheme::Http),
        Err(unanswered) => Err(unreachable(registry, unanswered.reason)),
    }
}

/// The scheme of any other registry: https, or http where it does not know TLS and there is nothing to keep secret.
///
/// # Errors
/// Where it does not answer, is no registry, or would get credentials in the clear.
pub(super) async fn unnamed(
    registry: &str,
    has_credentials: bool,
    http: &Transport,
) -> Result<Scheme, RegistryError> {
    let failed = match ping(registry, Scheme::Https, http).await {
        Ok(status) => return is_registry(registry, status).map(|()| Scheme::Https),
        Err(unanswered) => unanswered,
    };
    if !matches!(failed.fault, Fault::NotTls | Fault::Broken) {
        return Err(unreachable(registry, failed.reason));
    }
    match ping(registry, Scheme::Http, http).await {
        // A server of TLS, whose handshake broke before, answers a plain request with 400.
        Ok(StatusCode::BAD_REQUEST) if failed.fault == Fault::Broken => {
            Err(unreachable(registry, failed.reason))
        }
        Ok(_) if has_credentials => Err(RegistryError::PlainHttp { registry: registry.to_owned() }),
        Ok(status) => is_registry(registry, status).map(|()| Scheme::Http),
        Err(_) if failed.fault == Fault::NotTls => {
            Err(unreachable(registry, "it speaks neither https nor http".to_owned()))
        }
        Err(_) => Err(unreachable(registry, failed.reason)),
    }
}

/// Asks for the version of the API ("end-1" of the distribution specification).
async fn ping(registry: &str, scheme: Scheme, http: &Transport) -> Result<StatusCode, Unanswered> {
    let url = format!("{scheme}://{registry}/v2/");
    let url: Uri = url.parse().map_err(|error| Unanswered {
        fault: Fault::Silent,
        reason: format!("{url} is no address: {error}"),
    })?;
    retried(|| async {
        match http.get(&url, HeaderMap::new()).await {
            Ok(answer) => Ok(answer.status()),
            Err(unanswered) => Err(Failure { retry: Retry::after(unanswered.fault), error: unanswered }),
        }
    })
    .await
}

/// A registry answers 200, or 401 where it wants to know who asks; a passing trouble is told by what follows.
fn is_registry(registry: &str, status: StatusCode) -> Result<(), RegistryError> {
    if status == StatusCode::NOT_FOUND {
        return Err(RegistryError::Content {
            registry: registry.to_owned(),
            what: "404 for /v2/".to_owned(),
            reason: "no registry sends: look at its port".to_owned(),
        });
    }
    Ok(())
}

fn unreachable(registry: &str, reason: String) -> RegistryError {
    RegistryError::Unreachable { registry: registry.to_owned(), reason }
}
