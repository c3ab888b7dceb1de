//! One registry: its scheme, who is asking, and requests to it.

use super::credentials::Credentials;
use super::download::Asked;
use super::failure::{Failure, Retry};
use super::http::{Answer, Transport, Unanswered};
use super::scheme::{self, Scheme};
use super::{RegistryError, RegistryOptions};
use hyper::header::{ACCEPT, AUTHORIZATION};
use hyper::{HeaderMap, StatusCode, Uri, header::HeaderValue};
use std::collections::HashMap;
use tokio::sync::Mutex;

/// A registry that answers.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) scheme: Scheme,
    pub(super) transport: Transport,
    pub(super) credentials: Credentials,
    /// What worked last, by repository.
    authorizations: Mutex<HashMap<String, HeaderValue>>,
}

impl Host {
    /// # Errors
    /// Where the registry cannot be spoken to in the way that `options` allow.
    pub(super) async fn contact(
        name: &str,
        options: &RegistryOptions,
        transport: Transport,
    ) -> Result<Self, RegistryError> {
        let credentials = Credentials::find(name, options.docker_config.as_ref()).await;
        let scheme = if options.plain_http.iter().any(|plain| plain == name) {
            scheme::named_plain(name, &transport).await?
        } else {
            scheme::unnamed(name, credentials.exist(), &transport).await?
        };
        Ok(Self { name: name.to_owned(), scheme, transport, credentials, authorizations: Mutex::default() })
    }

    /// One attempt at a manifest or blob, with a new token where the last one is refused.
    pub(super) async fn get(&self, asked: &Asked<'_>, accept: &str) -> Result<Answer, Failure> {
        let known = self.authorizations.lock().await.get(asked.repository).cloned();
        let mut answer = self.send(asked, accept, known).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(authorization) = self.authorize(asked, answer.headers()).await?
        {
            answer = self.send(asked, accept, Some(authorization.clone())).await?;
            if answer.status() == StatusCode::OK {
                self.authorizations.lock().await.insert(asked.repository.to_owned(), authorization);
            }
        }
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(self.refused(asked, answer).await) }
    }

    async fn send(
        &self,
        asked: &Asked<'_>,
        accept: &str,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Failure> {
        let url = format!("{}://{}/v2/{}/{}", self.scheme, self.name, asked.repository, asked.path);
        let unusable =
            |error: &dyn std::error::Error| self.wrong(&url, format!("cannot be asked for: {error}"));
        let target: Uri = url.parse().map_err(|error| unusable(&error))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().map_err(|error| unusable(&error))?);
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        self.transport.get(&target, headers).await.map_err(|unanswered| self.unanswered(unanswered))
    }

    /// A request without an answer.
    pub(super) fn unanswered(&self, unanswered: Unanswered) -> Failure {
        Failure {
            retry: Retry::after(unanswered.fault),
            error: RegistryError::Unreachable { registry: self.name.clone(), reason: unanswered.reason },
        }
    }
}
