//! Asking the query API for an event until it has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use observability::Outage;
use reqwest::{Client, StatusCode};
use service::config::ConfigError;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Probe;
use super::pacer::Pacer;
use super::sleep::sleep;
use super::stages::{self, Found};
use super::tally::{Ended, Tallies};
use crate::config::ProbesConfig;

/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Events that are looked for at a time. One that waits costs a few kilobytes; with fewer, those that are sent while the
/// pipeline stands would be skipped, and the stall would hide itself.
const OPEN_MAX: usize = 1024;
/// Requests under way at a time, and connections.
const REQUESTS_MAX: usize = 64;
/// Requests a second for each probe a second: about what an event takes that is queryable after half a second.
const REQUESTS_PER_PROBE: f64 = 30.0;
/// Requests a second of a shard in any case: looks for one event must not be far apart, however few probes there are.
const REQUESTS_PER_S_MIN: f64 = 100.0;
/// The wait between two looks is this part of the time since the acceptance, so that the uncertainty is about this part of
/// what is measured,
const WAIT_SHARE: u32 = 4;
/// but not shorter than about an answer takes,
const WAIT_MIN: Duration = Duration::from_micros(200);
/// nor longer than this.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// Looks for events.
pub(super) struct Asking {
    client: Client,
    query_url: String,
    deadline: Duration,
    requests: Semaphore,
    pacer: Pacer,
    outage: Outage,
    tallies: Arc<Tallies>,
}

/// What the query API says.
enum Answer {
    /// With what it says of the event.
    Found(Vec<u8>),
    Absent,
    /// It cannot say now.
    Failed(String),
    /// It will not say.
    Refused(StatusCode),
}

impl Asking {
    pub(super) fn new(
        config: &ProbesConfig,
        shards: u32,
        deadline: Duration,
        tallies: Arc<Tallies>,
    ) -> Result<Self, ConfigError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &config.auth {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
                ConfigError::new("AUTH_TOKEN_FILE", "holds something else than printable characters")
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .user_agent(concat!("testbed-simulator/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .no_proxy()
            .pool_max_idle_per_host(REQUESTS_MAX)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|error| ConfigError::new("QUERY_URL", error))?;
        Ok(Self {
            client,
            query_url: config.query_url.trim_end_matches('/').to_owned(),
            deadline,
            requests: Semaphore::new(REQUESTS_MAX),
            pacer: Pacer::new(requests_per_s_max(config.per_second, shards)),
            outage: Outage::new(format!("query-api at {}, which probes ask", config.query_url)),
            tallies,
        })
    }

    /// Takes probes until `ending`, then waits for the open ones, or drops them when it is `interrupted`.
    pub(super) async fn run(
        self,
        mut offers: mpsc::Receiver<Probe>,
        ending: CancellationToken,
        interrupted: CancellationToken,
    ) {
        let asking = Arc::new(self);
        let mut open = JoinSet::new();
        let taking = async {
            loop {
                tokio::select! {
                    () = ending.cancelled(), if !offers.is_closed() => offers.close(),
                    Some(_) = open.join_next() => {}
                    offer = offers.recv() => match offer {
                        Some(probe) if open.len() < OPEN_MAX => {
                            let tallies = Arc::clone(&asking.tallies);
                            open.spawn(Arc::clone(&asking).look_for(Open { tallies, probe: Some(probe) }));
                        }
                        Some(probe) => asking.tallies.skip(probe.phase),
                        None => break,
                    },
                }
            }
            while open.join_next().await.is_some() {}
        };
        interrupted.run_until_cancelled(taking).await;
        open.shutdown().await;
        offers.close();
        while let Some(probe) = offers.recv().await {
            asking.tallies.skip(probe.phase);
        }
    }

    async fn look_for(self: Arc<Self>, open: Open) {
        let Some(probe) = &open.probe else { return };
        // It was not queryable then.
        let mut absent_at = probe.sent;
        let mut given_up = None;
        loop {
            let rest = self.deadline.saturating_sub(probe.accepted.elapsed());
            // A turn that is free at once is taken whatever the timeout.
            if rest.is_zero() {
                break;
            }
            let Ok(permit) = timeout(rest, self.turn()).await else { break };
            let asked = Instant::now();
            let answer = self.ask(probe).await;
            let found = Found::now();
            let answered = found.at;
            drop(permit);
            match answer {
                Answer::Found(body) => {
                    let uncertainty = answered - absent_at;
                    let journey = stages::of(probe, found, &body);
                    return open.end(Ended::Seen { found: answered, uncertainty, journey });
                }
                Answer::Absent => {
                    absent_at = asked;
                    given_up = Some(Ended::Unseen);
                    self.outage.recovered();
                }
                Answer::Failed(reason) => {
                    given_up = Some(Ended::Failed);
                    self.outage.failed(&reason);
                }
                Answer::Refused(status) => {
                    self.outage.failed(&status);
                    return open.end(Ended::Failed);
                }
            }
            let since = answered - probe.accepted;
            sleep((since / WAIT_SHARE).clamp(WAIT_MIN, WAIT_MAX)).await;
        }
        // One that never had its turn says nothing about the pipeline, and counts as skipped.
        if let Some(given_up) = given_up {
            open.end(given_up);
        }
    }

    /// Waits until another request may be sent; it is under way until what is given is dropped.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        let permit = self.requests.acquire().await.ok();
        self.pacer.turn().await;
        permit
    }

    async fn ask(&self, probe: &Probe) -> Answer {
        self.tallies.request(probe.phase);
        let url = format!("{}/v1/events/{}", self.query_url, probe.position);
        let answer = match self.client.get(url).send().await {
            Ok(answer) => answer,
            Err(error) => return Answer::Failed(error.without_url().to_string()),
        };
        let status = answer.status();
        // A connection is used again only when its answer has been read.
        let body = answer.bytes().await;
        match status {
            StatusCode::OK => Answer::Found(body.map(Vec::from).unwrap_or_default()),
            StatusCode::NOT_FOUND => Answer::Absent,
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Answer::Failed(status.to_string())
            }
            status => Answer::Refused(status),
        }
    }
}

/// What one of so many shards may ask, where all of them together have `per_second` probes.
fn requests_per_s_max(per_second: f64, shards: u32) -> f64 {
    (per_second * REQUESTS_PER_PROBE / f64::from(shards)).max(REQUESTS_PER_S_MIN)
}

/// A probe that is looked for. One that is dropped without an end was skipped.
struct Open {
    tallies: Arc<Tallies>,
    probe: Option<Probe>,
}

impl Open {
    fn end(mut self, ended: Ended) {
        if let Some(probe) = self.probe.take() {
            self.tallies.end(&probe, ended);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe {
            self.tallies.skip(probe.phase);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_the_rate_of_requests() {
        assert_eq!((requests_per_s_max(20.0, 1), requests_per_s_max(20.0, 4)), (600.0, 150.0));
        assert_eq!(requests_per_s_max(20.0, 100), REQUESTS_PER_S_MIN);
    }
}
