//! The processes of one run.

use super::arms::Arm;
use super::environment::ThisMachine;
use super::sampling::Sampler;
use super::{environment, role};
use crate::experiment::target::effective::{self, RedisFacts};
use crate::experiment::target::workload::phases;
use crate::experiment::target::{Load, Testbed};
use crate::http_client::HttpClient;
use crate::stack::plan::TelemetryPlan;
use crate::stack::process::describe;
use crate::stack::{Ended, Part, Role, Stack, log_file};
use crate::statz::Identity;
use anyhow::{Context, anyhow, ensure};
use experiment::environment::NodeEnvironment;
use experiment::plan::Service;
use experiment::record::{ClockFacts, ServiceFacts, of_replica};
use experiment::sample::Sample;
use measurement::clock::ClockOffset;
use rustix::process::Signal;
use serde_json::Value;
use service::redis::RedisConfig;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::{MissedTickBehavior, interval};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a service may take to say what it is; an emulated one on a busy machine takes its time.
const FACTS_TIMEOUT: Duration = Duration::from_secs(30);
/// What a simulator has beyond the phases of its load: to read a long trace, for its last answers, and for its files.
const LOAD_GRACE: Duration = Duration::from_secs(300);
/// What a simulator that was told to end has for its last answers and its files.
const END_GRACE: Duration = Duration::from_secs(60);
/// Between two looks whether a part has died.
const DEATH_INTERVAL: Duration = Duration::from_millis(100);

/// Settings that a service knows, and their defaults.
type Known = BTreeMap<Service, BTreeMap<String, Option<String>>>;

/// The processes of one run. They are killed when this is dropped without having been stopped.
#[derive(Debug)]
pub struct LocalTestbed {
    stack: Stack,
    /// Redis's data, caches and logs: gone after the run.
    scratch: TempDir,
    /// Where the last lines of each log go.
    logs: PathBuf,
    arms: BTreeMap<Service, Arm>,
    known: Known,
    machine: Arc<ThisMachine>,
    /// Where the simulator sends.
    target_url: String,
    query_url: String,
    /// As they were when all were ready: a dead service does not say any more.
    facts: Vec<ServiceFacts>,
    deaths: Vec<Ended>,
}

impl LocalTestbed {
    pub(super) fn new(
        stack: Stack,
        scratch: TempDir,
        logs: PathBuf,
        arms: BTreeMap<Service, Arm>,
        known: Known,
        machine: Arc<ThisMachine>,
    ) -> Self {
        let (target_url, query_url) = (stack.ingest_url(), stack.query_url());
        let (facts, deaths) = (Vec::new(), Vec::new());
        Self { stack, scratch, logs, arms, known, machine, target_url, query_url, facts, deaths }
    }

    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        self.stack.start().await?;
        let client = HttpClient::new(None, FACTS_TIMEOUT);
        let mut facts = Vec::new();
        for part in self.stack.parts() {
            if let Some(service) = service(part.role) {
                facts.push(self.facts(&client, part, service).await?);
            } else if part.role == Role::Redis {
                facts.push(self.redis_facts().await?);
            }
        }
        self.facts = facts;
        Ok(())
    }

    /// Process ids of the parts by their names, such as `process-worker-2`.
    #[must_use]
    pub fn processes(&self) -> BTreeMap<String, u32> {
        let parts = self.stack.parts().iter();
        parts.map(|part| (part.process.name().to_owned(), part.process.pid())).collect()
    }

    /// Where the simulator sends: to ingest-api, unless [`LocalTestbed::send_to`] says otherwise.
    #[must_use]
    pub fn target_url(&self) -> &str {
        &self.target_url
    }

    /// Has the next load sent to something before ingest-api, such as a proxy.
    pub fn send_to(&mut self, url: String) {
        self.target_url = url;
    }

    async fn facts(
        &self,
        client: &HttpClient,
        part: &Part,
        service: Service,
    ) -> anyhow::Result<ServiceFacts> {
        let url = format!("{}/statz", part.url.as_deref().unwrap_or_default());
        let identity: Identity = client.get_json(&url, &[]).await?;
        let special = &self.stack.plan().special[&part.role];
        let known = self.known[&service].iter();
        let defaults = known.filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
        let plan = self.stack.plan();
        let telemetry = match &plan.telemetry {
            TelemetryPlan::Collector { mode, .. } => mode,
            _ => "off",
        };
        let set = special.settings.iter();
        let set = set.map(|(name, value)| (name.clone(), value.to_string_lossy().into_owned()));
        let settings = effective::settings(defaults, set, plan.partitions, telemetry);
        Ok(ServiceFacts {
            name: part.process.name().to_owned(),
            version: identity.build(),
            architecture: identity.arch,
            is_emulated: self.arms[&service].is_emulated,
            node: environment::node(),
            digest: None,
            processors: special.processors.clone(),
            settings,
            restarts: 0,
        })
    }

    async fn redis_facts(&self) -> anyhow::Result<ServiceFacts> {
        let RedisFacts { version, settings } = effective::of_redis(self.stack.redis()).await?;
        let special = self.stack.plan().special.get(&Role::Redis);
        Ok(ServiceFacts {
            name: "redis".into(),
            architecture: service::build::ARCH.into(),
            is_emulated: false,
            node: environment::node(),
            version,
            digest: None,
            processors: special.and_then(|special| special.processors.clone()),
            settings,
            restarts: 0,
        })
    }

    async fn sampler(&self) -> std::io::Result<Sampler> {
        let name = |part: &Part| match part.role {
            Role::Simulator => "simulator".to_owned(),
            Role::Redis => "redis".to_owned(),
            Role::Collector => "collector".to_owned(),
            role => service(role).map_or("", Service::name).to_owned(),
        };
        let parts = self.stack.parts().iter().map(|part| (name(part), part.process.pid()));
        let redis = self.stack.redis().connect_once(FACTS_TIMEOUT).await.ok();
        Sampler::new(parts.collect(), self.query_url.clone(), redis)
    }

    /// Looks for dead parts, and tells the simulator to end if there is one.
    fn look_for_deaths(&mut self) {
        let ended = self.stack.newly_ended();
        let mut deaths: Vec<Ended> =
            ended.into_iter().filter(|ended| ended.role != Role::Simulator).collect();
        if !deaths.is_empty()
            && let Some(simulator) = self.stack.parts().iter().find(|part| part.role == Role::Simulator)
        {
            simulator.process.signal(Signal::TERM);
        }
        self.deaths.append(&mut deaths);
    }

    /// Follows the simulator to its end.
    async fn follow(&mut self, longest: Duration, sample: &mut dyn FnMut(Sample)) -> anyhow::Result<()> {
        let simulator = self.stack.parts().iter().find(|part| part.role == Role::Simulator);
        let simulator = simulator.context("no simulator has been started")?;
        let (mut end, log) = (simulator.process.end_watch(), simulator.process.log().to_owned());
        let mut sampler = self.sampler().await.context("cannot look at the parts")?;
        let start = Instant::now();
        let mut samples = interval(SAMPLE_INTERVAL);
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = interval(DEATH_INTERVAL);
        let mut give_up_at: Option<Instant> = None;
        loop {
            tokio::select! {
                ended = end.wait_for(Option::is_some) => {
                    drop(ended?);
                    break;
                }
                _ = samples.tick() => sample(sampler.sample(start.elapsed().as_secs_f64()).await),
                _ = looks.tick() => {
                    self.look_for_deaths();
                    if !self.deaths.is_empty() && give_up_at.is_none() {
                        give_up_at = Some(Instant::now() + END_GRACE);
                    }
                    ensure!(
                        give_up_at.is_none_or(|at| Instant::now() < at),
                        "the simulator has not ended {} s after {} died; {}",
                        END_GRACE.as_secs(),
                        self.deaths[0].name,
                        log_file::quote(&log)
                    );
                    ensure!(
                        start.elapsed() < longest,
                        "the load has not ended after {} s, the longest that it can take; {}",
                        longest.as_secs(),
                        log_file::quote(&log)
                    );
                }
            }
        }
        sample(sampler.sample(start.elapsed().as_secs_f64()).await);
        self.look_for_deaths();
        let status = *end.borrow();
        ensure!(
            status.is_some_and(|status| status.success()),
            "the simulator failed: {}; {}",
            status.map_or_else(String::new, describe),
            log_file::quote(&log)
        );
        Ok(())
    }

    /// A message with logs where they will be.
    pub(super) fn kept(&self, message: &str) -> String {
        let own = self.stack.directory().logs();
        message.replace(&own.display().to_string(), &self.logs.display().to_string())
    }

    fn keep_logs(&self) -> std::io::Result<()> {
        fs::create_dir_all(&self.logs)?;
        for entry in fs::read_dir(self.stack.directory().logs())? {
            let entry = entry?;
            log_file::keep_end(&entry.path(), &self.logs.join(entry.file_name()))?;
        }
        Ok(())
    }
}

impl Testbed for LocalTestbed {
    fn query_url(&self) -> &str {
        &self.query_url
    }

    fn redis(&self) -> &RedisConfig {
        self.stack.redis()
    }

    async fn services(&self) -> anyhow::Result<Vec<ServiceFacts>> {
        Ok(self.facts.clone())
    }

    async fn environments(&self) -> anyhow::Result<Vec<NodeEnvironment>> {
        let (machine, directory) = (Arc::clone(&self.machine), self.scratch.path().to_owned());
        Ok(vec![tokio::task::spawn_blocking(move || machine.look(&directory)).await??])
    }

    async fn statistics(&self) -> BTreeMap<String, Value> {
        let client = HttpClient::new(None, FACTS_TIMEOUT);
        let mut statistics = BTreeMap::new();
        for part in self.stack.parts().iter().filter(|part| service(part.role).is_some()) {
            let url = format!("{}/statz", part.url.as_deref().unwrap_or_default());
            let answer = client.get_json(&url, &[]).await.ok();
            statistics.extend(answer.map(|answer| (part.process.name().to_owned(), answer)));
        }
        statistics
    }

    async fn clocks(&self) -> anyhow::Result<Vec<ClockFacts>> {
        let same = self.load_clock().await?;
        Ok(vec![ClockFacts { node: environment::node(), before: same, after: same }])
    }

    async fn load_clock(&self) -> anyhow::Result<ClockOffset> {
        // There is one clock.
        Ok(ClockOffset { offset_us: 0.0, uncertainty_us: 0.0, round_trips: 0 })
    }

    async fn load(
        &mut self,
        load: &Load<'_>,
        directory: &Path,
        sample: &mut dyn FnMut(Sample),
    ) -> anyhow::Result<()> {
        let plan = self.stack.plan();
        let own = self.stack.directory();
        let results = own.results();
        let mut launch = plan.service(own, "simulator", &plan.programs.simulator, plan.addresses.simulator);
        launch.arguments = vec!["run".into()];
        launch.environment.extend([
            ("WORKLOAD", std::path::absolute(load.workload)?.into()),
            ("TARGET_URL", self.target_url.clone().into()),
            ("QUERY_URL", self.query_url.clone().into()),
            ("PROBES", load.probes_per_s.to_string().into()),
            ("RUN_ID", load.run_id.into()),
            ("RESULTS_DIR", results.clone().into()),
        ]);
        let text = fs::read_to_string(load.workload)
            .with_context(|| format!("cannot read {}", load.workload.display()))?;
        let longest = phases(&text)? + LOAD_GRACE;
        self.stack.launch_simulator(&launch)?;
        // Logs are not where they were once it has stopped.
        let followed = self.follow(longest, sample).await;
        followed.map_err(|error| anyhow!(self.kept(&format!("{error:#}"))))?;
        let results = results.join(load.run_id);
        for entry in fs::read_dir(&results).with_context(|| format!("no results in {}", results.display()))? {
            let entry = entry?;
            fs::rename(entry.path(), directory.join(entry.file_name())).with_context(|| {
                format!("cannot move {} to {}", entry.path().display(), directory.display())
            })?;
        }
        Ok(())
    }

    fn wanted_architecture(&self, name: &str) -> Option<&str> {
        self.arms.get(&Service::from_name(of_replica(name))?).map(|arm| arm.architecture)
    }

    fn deaths(&mut self) -> Vec<String> {
        self.look_for_deaths();
        let log = |ended: &Ended| self.kept(&ended.log);
        let deaths = self.deaths.iter();
        deaths
            .map(|ended| format!("{} ended: {}; {}", ended.name, describe(ended.status), log(ended)))
            .collect()
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        let mut complaints = Vec::new();
        self.stack.stop(|complaint| complaints.push(complaint.to_owned())).await;
        self.keep_logs().with_context(|| format!("cannot keep logs in {}", self.logs.display()))?;
        // What died during the run has been told as such.
        complaints.retain(|complaint| !self.deaths.iter().any(|death| complaint.starts_with(&death.name)));
        ensure!(complaints.is_empty(), "{}", self.kept(&complaints.join("; ")));
        Ok(())
    }
}

impl Drop for LocalTestbed {
    fn drop(&mut self) {
        self.stack.parts().iter().for_each(|part| part.process.signal(Signal::KILL));
    }
}

fn service(of: Role) -> Option<Service> {
    Service::ALL.into_iter().find(|service| role(*service) == of)
}
