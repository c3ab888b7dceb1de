//! A small HTTP/1.1 client for the services of a testbed: plain `http`, bounded answers, a deadline for each.
//!
//! It stands on hyper, which the services bring along anyway: a client library with redirects, cookies and TLS
//! would add dependencies for nothing that is needed here.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use service::config::Secret;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest answer taken: the audit page of a run with a million gaps stays below it.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Characters of an unexpected answer that go into a message.
const EXCERPT_CHARACTERS: usize = 300;

/// Why a request got no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not one that this client can ask.
    #[error("cannot ask {url}: {reason}")]
    Address {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No connection, or none that lasted until the answer.
    #[error("{url} does not answer: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// An answer, but not the expected one.
    #[error("{url} answers {status}: {excerpt}")]
    Status {
        /// The address.
        url: String,
        /// Status of the answer.
        status: StatusCode,
        /// Beginning of its body.
        excerpt: String,
    },
    /// An answer in a form that is not understood.
    #[error("{url} answers what is not understood: {reason}")]
    Content {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Asks services; holds the token that it shows to them.
#[derive(Debug, Clone)]
pub struct HttpClient {
    token: Option<Secret>,
    timeout: Duration,
}

impl HttpClient {
    /// A client that shows `token`, if any, and gives each request `timeout` from connecting to the last byte.
    #[must_use]
    pub fn new(token: Option<Secret>, timeout: Duration) -> Self {
        Self { token, timeout }
    }

    /// Status and body of `GET url`.
    ///
    /// # Errors
    /// [`HttpError::Address`] or [`HttpError::Unreachable`].
    pub async fn get(&self, url: &str) -> Result<(StatusCode, Bytes), HttpError> {
        let (address, request) = self.request(url)?;
        let unreachable = |reason: String| HttpError::Unreachable { url: url.to_owned(), reason };
        match tokio::time::timeout(self.timeout, exchange(&address, request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(unreachable(format!("{error:#}"))),
            Err(_) => Err(unreachable(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }

    /// The JSON answer of `GET url` where its status is 200 or one of `also`.
    ///
    /// # Errors
    /// Every [`HttpError`].
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        url: &str,
        also: &[StatusCode],
    ) -> Result<T, HttpError> {
        let (status, body) = self.get(url).await?;
        if status != StatusCode::OK && !also.contains(&status) {
            let excerpt = String::from_utf8_lossy(&body).trim().chars().take(EXCERPT_CHARACTERS).collect();
            return Err(HttpError::Status { url: url.to_owned(), status, excerpt });
        }
        serde_json::from_slice(&body)
            .map_err(|error| HttpError::Content { url: url.to_owned(), reason: error.to_string() })
    }

    fn request(&self, url: &str) -> Result<(String, Request<Empty<Bytes>>), HttpError> {
        let refuse = |reason| HttpError::Address { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(refuse("only http is spoken here; forward a local port to it")),
            _ => return Err(refuse("it does not begin with http://")),
        }
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::get(path).header(HOST, authority.as_str());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request =
            request.body(Empty::new()).map_err(|_| refuse("it or the token has forbidden characters"))?;
        Ok((address, request))
    }
}

async fn exchange(address: &str, request: Request<Empty<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let talk = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
        anyhow::Ok((status, body.to_bytes()))
    };
    tokio::pin!(connection, talk);
    tokio::select! {
        answer = &mut talk => answer,
        // The connection ends first where the answer says so; what it carried is then still to be read.
        ended = &mut connection => {
            ended?;
            talk.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn client(token: Option<&str>) -> HttpClient {
        HttpClient::new(token.map(Secret::new), Duration::from_secs(5))
    }

    /// Answers one connection with `answer`, verbatim, and gives back what it was asked.
    async fn server(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/path?query=1", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        (url, task)
    }

    #[tokio::test]
    async fn answer_is_read_and_the_token_is_shown() {
        let (url, task) = server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1, 2, 3]").await;
        let numbers: Vec<u32> = client(Some("sesame")).get_json(&url, &[]).await.unwrap();
        assert_eq!(numbers, [1, 2, 3]);
        let asked = task.await.unwrap();
        assert!(asked.starts_with("GET /path?query=1 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("authorization: Bearer sesame\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn answer_that_ends_with_the_connection_is_read_whole() {
        let (url, _task) = server("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[4]").await;
        assert_eq!(client(None).get_json::<Vec<u32>>(&url, &[]).await.unwrap(), [4]);
    }

    #[tokio::test]
    async fn unexpected_status_is_told_with_the_body() {
        let (url, _task) = server("HTTP/1.1 401 Unauthorized\r\ncontent-length: 8\r\n\r\nno entry").await;
        let message = client(None).get_json::<u32>(&url, &[]).await.unwrap_err().to_string();
        assert!(message.ends_with("answers 401 Unauthorized: no entry"), "{message}");
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let port = crate::stack::ports::unused(1).unwrap()[0];
        let error = client(None).get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn silent_server_meets_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let impatient = HttpClient::new(None, Duration::from_millis(50));
        let message = impatient.get(&url).await.unwrap_err().to_string();
        assert!(message.ends_with("no answer within 50 ms"), "{message}");
    }

    #[tokio::test]
    async fn addresses_that_cannot_be_asked_are_refused() {
        for url in ["https://host/", "host:80", "", "http://"] {
            let error = client(None).get(url).await.unwrap_err();
            assert!(matches!(error, HttpError::Address { .. }), "{url}: {error}");
        }
    }
}
