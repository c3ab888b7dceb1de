//! The receiver of a run and what every request to it begins with.

use std::fmt;

use http::Uri;
use service::config::{ConfigError, Secret};

/// Where requests go.
#[derive(Clone)]
pub struct Target {
    host: String,
    port: u16,
    path: String,
    token: Option<Secret>,
}

impl Target {
    /// Reads a base URL such as `http://127.0.0.1:8080`; `/v1/events` is appended to its path.
    ///
    /// # Errors
    /// Not an `http://` URL with a host, or a token that cannot be sent in a header.
    pub fn new(url: &str, token: Option<Secret>) -> Result<Self, ConfigError> {
        let invalid = |message: &str| ConfigError::new("TARGET_URL", format!("{url:?} {message}"));
        let uri: Uri = url.parse().map_err(|_| invalid("is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(invalid("does not begin with http:// (tls is not supported)"));
        }
        if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(invalid("has a query or user information"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("has no host"))?;
        if token.as_ref().is_some_and(|token| !token.expose().bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ConfigError::new(
                "AUTH_TOKEN_FILE",
                "holds something else than printable characters",
            ));
        }
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            path: format!("{}/v1/events", uri.path().trim_end_matches('/')),
            token,
        })
    }

    /// The whole URL that requests go to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.path)
    }

    /// Host (without the brackets of an IPv6 address) and port to connect to.
    pub(crate) fn address(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }

    /// The head of a request up to the value of its content length, which is the last header.
    pub(crate) fn request_head(&self, media_type: &str) -> Vec<u8> {
        let Self { host, port, path, .. } = self;
        let version = service::build::VERSION;
        let authorization = match &self.token {
            Some(token) => format!("authorization: Bearer {}\r\n", token.expose()),
            None => String::new(),
        };
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nuser-agent: testbed-simulator/{version}\r\n\
             {authorization}content-type: {media_type}\r\ncontent-length: "
        )
        .into_bytes()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_names_host_path_and_token() {
        let target = Target::new("http://[::1]:8080/ingest/", Some(Secret::new("s3cret"))).unwrap();
        let head = String::from_utf8(target.request_head("text/plain")).unwrap();
        assert!(head.starts_with("POST /ingest/v1/events HTTP/1.1\r\nhost: [::1]:8080\r\n"), "{head}");
        assert!(head.contains("\r\nauthorization: Bearer s3cret\r\n"), "{head}");
        assert_eq!(target.address(), ("::1", 8080));
    }

    #[test]
    fn token_is_not_shown() {
        let target = Target::new("http://host:1", Some(Secret::new("s3cret"))).unwrap();
        assert_eq!(format!("{target:?}"), "http://host:1/v1/events");
    }

    #[test]
    fn unusable_urls_are_refused() {
        for url in ["", "host:8080", "https://host", "http://", "http://user@host", "http://host/?a=b", "/v1"]
        {
            let error = Target::new(url, None).unwrap_err();
            assert!(error.to_string().starts_with("TARGET_URL: "), "{url}: {error}");
        }
        let error = Target::new("http://host", Some(Secret::new("two\r\nlines"))).unwrap_err();
        assert!(error.to_string().starts_with("AUTH_TOKEN_FILE: "), "{error}");
    }
}
