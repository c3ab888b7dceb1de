//! The pods of one run.

mod follow;

use super::composition::{CellObjects, wanted_architecture};
use super::job::{self, Progress};
use super::nodes::{self, Nodes};
use super::pod_client::PodClient;
use super::pods::{self, Moment, PodFacts};
use super::redis_clock;
use super::results;
use super::{ClusterOptions, apply};
use crate::cluster::NAMESPACE;
use crate::cluster::connect::Cluster;
use crate::cluster::deployment;
use crate::cluster::forward::Forward;
use crate::experiment::target::effective::{self, RedisFacts};
use crate::experiment::target::{Load, Testbed};
use crate::statz::Identity;
use anyhow::Context;
use experiment::environment::NodeEnvironment;
use experiment::plan::Service;
use experiment::record::{ClockFacts, ServiceFacts, of_replica};
use experiment::sample::Sample;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use measurement::clock::ClockOffset;
use serde_json::Value;
use service::redis::{RedisArgs, RedisConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

const FACTS_TIMEOUT: Duration = Duration::from_secs(30);
const REDIS: &str = "redis";

/// The pods of one run, reached through the API server. What is still there when this is dropped, the next start takes away.
pub struct ClusterTestbed {
    cluster: Cluster,
    options: ClusterOptions,
    objects: CellObjects,
    logs: PathBuf,
    query_url: String,
    redis_url: String,
    redis: RedisConfig,
    /// Ended where this is dropped.
    _forwards: JoinSet<()>,
    nodes: Nodes,
    /// Where its pods are, and the simulators as far as it is known: before the load only where they are kept somewhere.
    used: BTreeSet<String>,
    /// When all were ready.
    start: Moment,
    /// As they were then, with the uid of the pod: one that is gone does not say any more.
    facts: Vec<(String, ServiceFacts)>,
    wanted: BTreeMap<Service, String>,
    changes: Mutex<Vec<String>>,
}

impl ClusterTestbed {
    /// Looks at pods that are ready, and makes them reachable from here.
    pub(super) async fn begin(
        cluster: Cluster,
        options: ClusterOptions,
        objects: CellObjects,
        nodes: &[Node],
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let start = pods::look(&cluster).await?;
        let mut forwards = JoinSet::new();
        let query_url =
            format!("http://{}", forward(&cluster, Service::QueryApi.name(), &mut forwards).await?);
        let redis_url = format!("redis://{}", forward(&cluster, REDIS, &mut forwards).await?);
        let redis = redis_config(&redis_url)?;
        let of = |service| Some((service, wanted_architecture(&objects.services, service, nodes)?));
        let wanted = Service::ALL.into_iter().filter_map(of).collect();
        let of_simulator = options.nodes.iter().filter(|pin| pin.workload == job::SIMULATOR);
        let of_simulator = of_simulator.map(|pin| pin.node.clone());
        let used = start.pods.values().map(|pod| pod.node.clone()).chain(of_simulator).collect();
        let nodes = Nodes::new(&cluster, nodes::image(&objects.job)?);
        let mut testbed = Self {
            cluster,
            options,
            objects,
            logs: directory.join("logs"),
            query_url,
            redis_url,
            redis,
            _forwards: forwards,
            nodes,
            used,
            start,
            facts: Vec::new(),
            wanted,
            changes: Mutex::default(),
        };
        testbed.facts = testbed.facts().await?;
        Ok(testbed)
    }

    async fn facts(&self) -> anyhow::Result<Vec<(String, ServiceFacts)>> {
        let mut all = Vec::new();
        for (uid, pod, name) in self.start.named() {
            all.push((uid.clone(), self.facts_of(pod, name).await?));
        }
        Ok(all)
    }

    async fn facts_of(&self, pod: &PodFacts, name: String) -> anyhow::Result<ServiceFacts> {
        let service = Service::from_name(&pod.service);
        let (version, architecture, settings) = if let Some(service) = service {
            let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), NAMESPACE);
            let mut client = PodClient::new(api, &pod.name, pod.port);
            let identity: Identity = client.get_json("/statz", FACTS_TIMEOUT).await?;
            (identity.build(), identity.arch, self.objects.settings_of(service))
        } else {
            let RedisFacts { version, settings } = effective::of_redis(&self.redis).await?;
            (version, self.start.nodes.get(&pod.node).cloned().unwrap_or_default(), settings)
        };
        Ok(ServiceFacts {
            name,
            architecture,
            is_emulated: false,
            node: pod.node.clone(),
            version,
            digest: pod.digest.clone(),
            processors: None,
            settings,
            restarts: 0,
        })
    }

    /// Looks whether the cluster is as it was, and keeps what is not.
    async fn look(&self) -> anyhow::Result<Moment> {
        let now = pods::look(&self.cluster).await?;
        let mut known = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for change in pods::changes(&self.start, &now) {
            if !known.contains(&change) {
                known.push(change);
            }
        }
        Ok(now)
    }

    /// Looks at the nodes of this run, but those that are lost, also meanwhile: that is a reason against the run, and not against
    /// what was measured on the others.
    async fn on_nodes<T>(
        &self,
        look: impl AsyncFn(&[String]) -> anyhow::Result<Vec<T>>,
    ) -> anyhow::Result<Vec<T>> {
        let ready = async || {
            let now = self.look().await?;
            let ready = self.used.iter().filter(|node| now.nodes.contains_key(*node));
            anyhow::Ok(ready.cloned().collect::<Vec<String>>())
        };
        let nodes = ready().await?;
        match look(&nodes).await {
            Ok(looked) => Ok(looked),
            Err(error) => {
                let left = ready().await?;
                if left == nodes { Err(error) } else { look(&left).await }
            }
        }
    }

    fn known_changes(&self) -> Vec<String> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn forward(cluster: &Cluster, service: &str, forwards: &mut JoinSet<()>) -> anyhow::Result<String> {
    let forward = Forward::bind(service, 0).await?.silent();
    let address = forward.address()?.to_string();
    forwards.spawn(forward.serve(cluster.clone()));
    Ok(address)
}

fn redis_config(url: &str) -> anyhow::Result<RedisConfig> {
    let args = RedisArgs {
        redis_url: url.parse()?,
        redis_username: None,
        redis_password_file: None,
        redis_password: None,
        redis_ca_file: None,
    };
    Ok(args.convert()?)
}

impl Testbed for ClusterTestbed {
    fn query_url(&self) -> &str {
        &self.query_url
    }

    fn redis(&self) -> &RedisConfig {
        &self.redis
    }

    async fn services(&self) -> anyhow::Result<Vec<ServiceFacts>> {
        let now = self.look().await?;
        let restarts = |uid: &String| {
            let (old, new) = (self.start.pods.get(uid)?, now.pods.get(uid)?);
            Some(new.restarts.saturating_sub(old.restarts))
        };
        let facts = self.facts.iter();
        Ok(facts
            .map(|(uid, facts)| ServiceFacts { restarts: restarts(uid).unwrap_or(0), ..facts.clone() })
            .collect())
    }

    async fn environments(&self) -> anyhow::Result<Vec<NodeEnvironment>> {
        self.on_nodes(async |nodes| self.nodes.environments(nodes).await).await
    }

    async fn statistics(&self) -> BTreeMap<String, Value> {
        let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), NAMESPACE);
        let mut statistics = BTreeMap::new();
        for (uid, facts) in self.facts.iter().filter(|(_, facts)| facts.name != REDIS) {
            let Some(pod) = self.start.pods.get(uid) else { continue };
            let mut client = PodClient::new(api.clone(), &pod.name, pod.port);
            let answer = client.get_json("/statz", FACTS_TIMEOUT).await.ok();
            statistics.extend(answer.map(|answer| (facts.name.clone(), answer)));
        }
        statistics
    }

    async fn clocks(&self) -> anyhow::Result<Vec<ClockFacts>> {
        self.on_nodes(async |nodes| self.nodes.clocks(nodes).await).await
    }

    async fn load_clock(&self) -> anyhow::Result<ClockOffset> {
        redis_clock::ahead(&self.redis, service::clock::unix_us).await
    }

    async fn load(
        &mut self,
        load: &Load<'_>,
        directory: &Path,
        sample: &mut dyn FnMut(Sample),
    ) -> anyhow::Result<()> {
        let workload = std::fs::read_to_string(load.workload)
            .with_context(|| format!("cannot read {}", load.workload.display()))?;
        let longest = job::longest(&workload)?;
        let job = job::objects(&self.objects.job, load, &workload, self.options.shards)?;
        let all = [self.objects.services.clone(), job].concat();
        apply(&self.cluster, all, &self.objects.revision).await.context("the load cannot be sent")?;
        let progress = self.follow(longest, sample).await?;
        let words = match &progress {
            Progress::Failed(message) => {
                format!("; the simulators failed: {message}; {}", results::last_words(&self.cluster).await)
            }
            _ => String::new(),
        };
        let of_simulators = results::nodes_of_simulators(&self.cluster).await;
        // What some shards have left is kept: their result says which are missing.
        let fetched = results::fetch(&self.options.simulator, &self.redis_url, load.run_id, directory).await;
        self.look().await?;
        fetched.map_err(|error| {
            let changes = self.known_changes().join("; ");
            let changes = if changes.is_empty() { changes } else { format!("; meanwhile: {changes}") };
            anyhow::anyhow!("{error:#}{words}{changes}")
        })?;
        self.used.extend(of_simulators?);
        Ok(())
    }

    fn wanted_architecture(&self, name: &str) -> Option<&str> {
        self.wanted.get(&Service::from_name(of_replica(name))?).map(String::as_str)
    }

    fn deaths(&mut self) -> Vec<String> {
        self.changes.get_mut().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn stop(self) -> anyhow::Result<()> {
        let kept = results::keep_logs(&self.cluster, &self.logs).await;
        deployment::clear(&self.cluster).await?;
        kept.with_context(|| format!("cannot keep logs in {}", self.logs.display()))
    }
}
