//! Asks all parts, once a second, how they are. An answer that is late or missing leaves a gap, not a zero.

use crate::http_client::HttpClient;
use crate::procfs::{self, Usage};
use crate::stack::{Role, Stack};
use crate::statz::{Pipeline, Readiness, Statz};
use anyhow::Context;
use futures_util::future::join_all;
use hyper::StatusCode;
use redis::aio::MultiplexedConnection;
use service::config::Secret;
use service::redis::RedisConfig;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Between two observations.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long an answer may take: longer than a healthy part ever needs, shorter than the interval.
const TIMEOUT: Duration = Duration::from_millis(800);

/// All parts at one moment.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When.
    pub at: Instant,
    /// Each part.
    pub parts: Vec<PartObservation>,
    /// The pipeline as the query API sees it.
    pub pipeline: Option<Pipeline>,
}

/// One part at one moment.
#[derive(Debug, Clone)]
pub struct PartObservation {
    /// What it is.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Its process; none for a Redis that is not our own.
    pub pid: Option<u32>,
    /// How it is.
    pub health: Health,
    /// Its metrics.
    pub statz: Option<Statz>,
    /// What it uses.
    pub usage: Option<Usage>,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does its work.
    Ready,
    /// It lives and says why it cannot work.
    NotReady(String),
    /// It lives and does not answer.
    Silent,
    /// It has ended.
    Ended(ExitStatus),
}

/// A part to be asked.
#[derive(Debug)]
struct Target {
    role: Role,
    name: String,
    pid: Option<u32>,
    url: Option<String>,
    end: Option<watch::Receiver<Option<ExitStatus>>>,
}

/// Asks the parts of a testbed.
#[derive(Debug)]
struct Observer {
    targets: Vec<Target>,
    query_url: String,
    client: HttpClient,
    redis: RedisConfig,
    connection: Option<MultiplexedConnection>,
}

/// Observations that are made in the background, until this is dropped.
#[derive(Debug)]
pub struct Observations {
    receiver: mpsc::Receiver<Observation>,
    task: JoinHandle<()>,
}

impl Observations {
    /// Begins to observe all parts that `stack` has now.
    #[must_use]
    pub fn of(stack: &Stack) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        Self { receiver, task: tokio::spawn(Observer::of(stack).run(sender)) }
    }

    /// The next one. Cancel safe.
    ///
    /// # Errors
    /// Where the observing task has ended, which it does not do by itself.
    pub async fn next(&mut self) -> anyhow::Result<Observation> {
        self.receiver.recv().await.context("the observer has ended")
    }
}

impl Drop for Observations {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observer {
    /// An observer of all parts that `stack` has now.
    fn of(stack: &Stack) -> Self {
        let mut targets: Vec<Target> = stack
            .parts()
            .iter()
            .map(|part| Target {
                role: part.role,
                name: part.process.name().to_owned(),
                pid: Some(part.process.pid()),
                url: part.url.clone(),
                end: Some(part.process.end_watch()),
            })
            .collect();
        if targets.iter().all(|target| target.role != Role::Redis) {
            targets.insert(
                0,
                Target { role: Role::Redis, name: "redis".into(), pid: None, url: None, end: None },
            );
        }
        let token: Option<Secret> = stack.plan().token.as_ref().map(|(_, token)| token.clone());
        Self {
            targets,
            query_url: stack.query_url(),
            client: HttpClient::new(token, TIMEOUT),
            redis: stack.redis().clone(),
            connection: None,
        }
    }

    /// Observes until the receiver of `observations` is gone.
    async fn run(mut self, observations: mpsc::Sender<Observation>) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let observation = self.observe().await;
            if observations.send(observation).await.is_err() {
                return;
            }
        }
    }

    /// Asks all parts now.
    async fn observe(&mut self) -> Observation {
        let redis = match tokio::time::timeout(TIMEOUT, self.ping()).await {
            Ok(health) => health,
            Err(_) => Health::Silent,
        };
        if redis != Health::Ready {
            self.connection = None;
        }
        let at = Instant::now();
        let asked = join_all(self.targets.iter().map(|target| self.ask(target, &redis)));
        let url = format!("{}/v1/pipeline", self.query_url);
        let pipeline = self.client.get_json(&url, &[]);
        let (parts, pipeline) = tokio::join!(asked, pipeline);
        Observation { at, parts, pipeline: pipeline.ok() }
    }

    async fn ask(&self, target: &Target, redis: &Health) -> PartObservation {
        let end = target.end.as_ref().and_then(|end| *end.borrow());
        let (health, statz) = match (end, &target.url) {
            (Some(status), _) => (Health::Ended(status), None),
            (None, None) => (redis.clone(), None),
            (None, Some(url)) => tokio::join!(self.health(url), self.statz(url)),
        };
        let usage = target.pid.filter(|_| end.is_none()).and_then(procfs::usage);
        PartObservation {
            role: target.role,
            name: target.name.clone(),
            pid: target.pid,
            health,
            statz,
            usage,
        }
    }

    async fn health(&self, url: &str) -> Health {
        let url = format!("{url}/readyz");
        match self.client.get_json::<Readiness>(&url, &[StatusCode::SERVICE_UNAVAILABLE]).await {
            Ok(readiness) if readiness.ready => Health::Ready,
            Ok(readiness) => Health::NotReady(readiness.reasons()),
            Err(_) => Health::Silent,
        }
    }

    async fn statz(&self, url: &str) -> Option<Statz> {
        self.client.get_json(&format!("{url}/statz"), &[]).await.ok()
    }

    async fn ping(&mut self) -> Health {
        let answer = async {
            let mut connection = match &self.connection {
                Some(connection) => connection.clone(),
                None => self.redis.connect_once(TIMEOUT).await?,
            };
            redis::cmd("PING").query_async::<()>(&mut connection).await?;
            Ok::<_, redis::RedisError>(connection)
        };
        match answer.await {
            Ok(connection) => {
                self.connection = Some(connection);
                Health::Ready
            }
            Err(error) => Health::NotReady(service::redis::describe(&error)),
        }
    }
}
