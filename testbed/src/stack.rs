//! A running testbed: Redis and the services as child processes, started in order, watched, stopped in order.
//! Nothing is restarted: what dies is reported.

pub mod arguments;
pub mod collector;
pub mod directory;
pub mod log_file;
pub mod plan;
pub mod ports;
pub mod process;
pub mod programs;
pub mod redis_server;
pub mod special;
mod start_error;

use crate::http_client::HttpClient;
use crate::statz::Readiness;
use directory::Directory;
use futures_util::future::join_all;
use hyper::StatusCode;
use plan::{Load, Plan, TelemetryPlan, base_url};
use process::{Launch, Process, Stopped};
use rustix::process::Signal;
use service::redis::RedisConfig;
pub use start_error::StartError;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at parts that are starting.
const START_POLL_INTERVAL: Duration = Duration::from_millis(25);

/// How long one answer about readiness may take.
const READY_TIMEOUT: Duration = Duration::from_millis(500);

/// How long what an earlier run left has to stop before it is killed.
const LEFTOVER_GRACE: Duration = Duration::from_secs(5);

/// What a part is. The order is the order of stopping: whoever sends stops first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// simulator.
    Simulator,
    /// ingest-api.
    Ingest,
    /// process-worker.
    Worker,
    /// query-api.
    Query,
    /// Redis, where it is our own.
    Redis,
    /// The collector, where there is one: it takes in what the others say last.
    Collector,
}

/// One running part.
#[derive(Debug)]
pub struct Part {
    /// What it is.
    pub role: Role,
    /// Its process.
    pub process: Process,
    /// Base URL; none for Redis and the collector.
    pub url: Option<String>,
    /// Whether its end has been reported by [`Stack::newly_ended`].
    end_reported: bool,
}

/// A part that has ended although nobody stopped it.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What it was.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its last words, for a message.
    pub log: String,
}

/// The parts of a testbed that run.
#[derive(Debug)]
pub struct Stack {
    plan: Plan,
    directory: Directory,
    redis: RedisConfig,
    parts: Vec<Part>,
    is_started: bool,
}

impl Stack {
    /// A testbed of which nothing runs yet.
    ///
    /// # Errors
    /// Where the plan's Redis settings cannot be used.
    pub fn new(plan: Plan, directory: Directory) -> anyhow::Result<Self> {
        let redis = plan.redis.config()?;
        Ok(Self { plan, directory, redis, parts: Vec::new(), is_started: false })
    }

    /// What was planned.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Settings for a connection to its Redis.
    #[must_use]
    pub fn redis(&self) -> &RedisConfig {
        &self.redis
    }

    /// The parts that were started, ended ones included.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Base URL of ingest-api.
    #[must_use]
    pub fn ingest_url(&self) -> String {
        base_url(self.plan.addresses.ingest)
    }

    /// Base URL of query-api.
    #[must_use]
    pub fn query_url(&self) -> String {
        base_url(self.plan.addresses.query)
    }

    /// Ends what an earlier run in the same directory left running; gives the names.
    pub async fn stop_leftovers(&self) -> Vec<String> {
        let leftovers = self.directory.leftovers();
        self.directory.stop_leftovers(&leftovers, LEFTOVER_GRACE).await;
        leftovers.into_iter().map(|record| format!("{} (pid {})", record.name, record.pid)).collect()
    }

    /// Starts the collector and Redis, then the services, and waits until all are ready. Where this fails or is dropped, what has
    /// started goes on running: [`Stack::stop`] next.
    ///
    /// # Errors
    /// The first part that cannot be started, dies, or does not become ready in time.
    pub async fn start(&mut self) -> Result<(), StartError> {
        if let Some(launch) = self.plan.launch_collector(&self.directory)? {
            self.launch(Role::Collector, &launch, None)?;
        }
        if let Some(launch) = self.plan.launch_redis(&self.directory)? {
            self.launch(Role::Redis, &launch, None)?;
        }
        self.await_collector().await?;
        self.await_redis().await?;
        std::fs::create_dir_all(self.directory.caches())?;
        self.forget_caches_of_another_redis()?;
        let ingest = self.plan.launch_ingest(&self.directory);
        self.launch(Role::Ingest, &ingest, Some(self.ingest_url()))?;
        for (index, address) in self.plan.addresses.workers.clone().into_iter().enumerate() {
            let worker = self.plan.launch_worker(&self.directory, index);
            self.launch(Role::Worker, &worker, Some(base_url(address)))?;
        }
        let query = self.plan.launch_query(&self.directory);
        self.launch(Role::Query, &query, Some(self.query_url()))?;
        self.await_ready().await?;
        self.is_started = true;
        Ok(())
    }

    /// Starts a simulator as `launch` says, with what is special about simulators.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn launch_simulator(&mut self, launch: &Launch) -> Result<&Part, StartError> {
        let url = base_url(self.plan.addresses.simulator);
        self.launch(Role::Simulator, launch, Some(url))
    }

    /// Starts a simulator.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_simulator(&mut self, load: &Load) -> Result<&Part, StartError> {
        let launch = self.plan.launch_simulator(&self.directory, load);
        self.launch_simulator(&launch)
    }

    /// Parts that have ended since the last call.
    pub fn newly_ended(&mut self) -> Vec<Ended> {
        let unreported = self.parts.iter_mut().filter(|part| !part.end_reported);
        unreported
            .filter_map(|part| {
                let status = part.process.end()?;
                part.end_reported = true;
                Some(Ended {
                    role: part.role,
                    name: part.process.name().to_owned(),
                    status,
                    log: log_file::quote(part.process.log()),
                })
            })
            .collect()
    }

    /// Stops all parts in the order of [`Role`] and gives complaints to `say`. True where every part ran until now
    /// and then stopped as it was asked to.
    pub async fn stop(&mut self, mut say: impl FnMut(&str)) -> bool {
        let roles: BTreeSet<Role> = self.parts.iter().map(|part| part.role).collect();
        let grace = self.plan.stop_timeout;
        let mut is_clean = true;
        for role in roles {
            let parts: Vec<&Part> = self.parts.iter().filter(|part| part.role == role).collect();
            // All of one role at once: the grace period is for each part, not for their sum.
            let stopped = join_all(parts.iter().map(|part| part.process.stop(grace))).await;
            for complaint in parts.iter().zip(stopped).filter_map(|(part, how)| complaint(part, how, grace)) {
                is_clean = false;
                // What ended while it was starting has been named in the error that start gave.
                if self.is_started || complaint.is_news {
                    say(&complaint.text);
                }
            }
        }
        if let Err(error) = self.directory.record(std::iter::empty()) {
            say(&format!("cannot write in {}: {error}", self.directory.root().display()));
        }
        is_clean
    }

    /// Kills all parts at once, for somebody who does not want to wait.
    pub async fn kill(&mut self) {
        for part in &self.parts {
            part.process.signal(Signal::KILL);
        }
        for part in &self.parts {
            part.process.wait().await;
        }
    }

    fn launch(&mut self, role: Role, launch: &Launch, url: Option<String>) -> Result<&Part, StartError> {
        let launch = &self.specialised(role, launch);
        let process = Process::start(launch, self.plan.guard.as_deref()).map_err(|error| {
            StartError::CannotStart { name: launch.name.clone(), program: launch.program.clone(), error }
        })?;
        self.parts.push(Part { role, process, url, end_reported: false });
        self.directory.record(self.parts.iter().map(|part| &part.process))?;
        Ok(&self.parts[self.parts.len() - 1])
    }

    fn specialised(&self, role: Role, launch: &Launch) -> Launch {
        Launch { special: self.plan.special.get(&role).cloned().unwrap_or_default(), ..launch.clone() }
    }

    async fn await_collector(&self) -> Result<(), StartError> {
        let process = self.parts.iter().find(|part| part.role == Role::Collector).map(|part| &part.process);
        let (Some(process), TelemetryPlan::Collector { collector, .. }) = (process, &self.plan.telemetry)
        else {
            return Ok(());
        };
        tokio::select! {
            status = process.wait() => Err(StartError::died(process, status)),
            answer = collector.healthy(process, self.plan.ready_timeout) => {
                answer.map_err(|reason| StartError::not_ready(vec![(process, reason)]))
            }
        }
    }

    async fn await_redis(&self) -> Result<(), StartError> {
        let own = self.parts.iter().find(|part| part.role == Role::Redis).map(|part| &part.process);
        let answers = redis_server::answers(&self.redis, own, self.plan.ready_timeout);
        let Some(process) = own else {
            return answers.await.map_err(StartError::RedisAbsent);
        };
        tokio::select! {
            status = process.wait() => Err(StartError::died(process, status)),
            answer = answers => answer.map_err(|reason| StartError::not_ready(vec![(process, reason)])),
        }
    }

    /// A cache belongs to the Redis that it was filled from; what came from another is of no use.
    fn forget_caches_of_another_redis(&self) -> std::io::Result<()> {
        let caches = self.directory.caches();
        let source = caches.join("filled-from");
        let address = match self.plan.redis {
            plan::RedisPlan::Own { .. } => "own redis".to_owned(),
            plan::RedisPlan::Running { .. } => self.redis.address(),
        };
        if std::fs::read_to_string(&source).is_ok_and(|earlier| earlier.trim() != address) {
            std::fs::remove_dir_all(&caches)?;
            std::fs::create_dir_all(&caches)?;
        }
        std::fs::write(source, address + "\n")
    }

    async fn await_ready(&self) -> Result<(), StartError> {
        let client = HttpClient::new(None, READY_TIMEOUT);
        let deadline = Instant::now() + self.plan.ready_timeout;
        loop {
            let mut waiting = Vec::new();
            for part in &self.parts {
                if let Some(reason) = not_ready(&client, part).await {
                    waiting.push((&part.process, reason));
                }
            }
            let died = self.parts.iter().find_map(|part| Some((&part.process, part.process.end()?)));
            if let Some((process, status)) = died {
                return Err(StartError::died(process, status));
            }
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(StartError::not_ready(waiting));
            }
            tokio::time::sleep(START_POLL_INTERVAL).await;
        }
    }
}

impl Ended {
    /// Whether that is how it should end: only a simulator has an end of its own.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.role == Role::Simulator && self.status.success()
    }
}

/// Why a part is not ready; `None` where it is.
async fn not_ready(client: &HttpClient, part: &Part) -> Option<String> {
    let url = format!("{}/readyz", part.url.as_ref()?);
    match client.get_json::<Readiness>(&url, &[StatusCode::SERVICE_UNAVAILABLE]).await {
        Ok(readiness) if readiness.ready => None,
        Ok(readiness) => Some(readiness.reasons()),
        Err(error) => Some(error.to_string()),
    }
}

/// What was wrong with the way in which a part stopped.
struct Complaint {
    text: String,
    /// Whether it happened while stopping.
    is_news: bool,
}

fn complaint(part: &Part, stopped: Stopped, grace: Duration) -> Option<Complaint> {
    let (name, log) = (part.process.name(), part.process.log());
    let news = |text| Some(Complaint { text, is_news: true });
    match stopped {
        Stopped::Killed => news(format!(
            "{name} (pid {}) had not stopped after {:?} and was killed; {}",
            part.process.pid(),
            grace,
            log_file::quote(log)
        )),
        // One that was still starting has nothing yet that would turn the request into an exit status.
        Stopped::InTime(status) if status.success() || status.signal() == Some(Signal::TERM.as_raw()) => None,
        Stopped::InTime(status) => news(format!(
            "{name} did not stop cleanly: {}; {}",
            process::describe(status),
            log_file::quote(log)
        )),
        Stopped::EndedBefore(status) if part.role == Role::Simulator && status.success() => None,
        Stopped::EndedBefore(status) => {
            let text =
                format!("{name} had ended by itself: {}; see {}", process::describe(status), log.display());
            Some(Complaint { text, is_news: false })
        }
    }
}

#[cfg(test)]
mod tests;
