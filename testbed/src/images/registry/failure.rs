//! What a failed request tells: whether to try again, whether the other side speaks TLS at all, and the reason in words.

use super::RegistryError;
use service::backoff::Backoff;
use std::error::Error;
use std::io;
use std::time::Duration;

/// A server that was busy or restarted for a moment is back by then: five delays, 1.5 s in all.
const ATTEMPTS_MAX: u32 = 6;

/// Longest wait that a registry may ask for with `Retry-After`; a longer one is for the user to decide.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// Why an attempt failed.
pub(super) struct Failure<E = RegistryError> {
    pub(super) error: E,
    pub(super) retry: Retry,
}

/// Whether another attempt makes sense.
pub(super) enum Retry {
    Never,
    /// After a delay of our own.
    Soon,
    /// After the one that the registry asks for.
    After(Duration),
}

impl Retry {
    /// After a request without a whole answer.
    pub(super) fn after(fault: Fault) -> Self {
        if fault == Fault::Broken { Self::Soon } else { Self::Never }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self { error, retry: Retry::Never }
    }
}

/// Tries until it succeeds, fails for good, or has failed often enough.
pub(super) async fn retried<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, Failure<E>>>,
{
    let mut backoff = Backoff::default();
    for _ in 1..ATTEMPTS_MAX {
        let delay = match attempt().await {
            Ok(value) => return Ok(value),
            Err(Failure { retry: Retry::Soon, .. }) => backoff.next_delay(),
            Err(Failure { retry: Retry::After(delay), .. }) if delay <= RETRY_AFTER_MAX => delay,
            Err(failure) => return Err(failure.error),
        };
        tokio::time::sleep(delay).await;
    }
    attempt().await.map_err(|failure| failure.error)
}

/// What kept a request from its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection was made and broke, which may pass.
    Broken,
    /// The other side answered the TLS handshake with something that is not TLS.
    NotTls,
    /// The handshake failed, but it was one.
    Tls,
    /// No connection, or no answer in time.
    Silent,
    /// An answer that is not HTTP.
    NotHttp,
}

impl Fault {
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        if let Some(tls) = causes(error).find_map(<dyn Error>::downcast_ref::<rustls::Error>) {
            return if matches!(tls, rustls::Error::InvalidMessage(_)) { Self::NotTls } else { Self::Tls };
        }
        if causes(error).any(is_broken) {
            return Self::Broken;
        }
        let http = causes(error).find_map(<dyn Error>::downcast_ref::<hyper::Error>);
        if http.is_some_and(hyper::Error::is_parse) { Self::NotHttp } else { Self::Silent }
    }
}

fn is_broken(cause: &(dyn Error + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    let http = cause.downcast_ref::<hyper::Error>();
    matches!(
        kind,
        Some(
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        )
    ) || http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
}

/// The innermost cause in words: what is around it tells the address again, or nothing.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let inner = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    match Fault::of(error) {
        Fault::Tls => {
            format!(
                "{inner}; where its certificate is of an authority of your own, name that one's certificate"
            )
        }
        _ => inner,
    }
}

/// The error and what caused it. An `io::Error` hides the one that it was made of from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
