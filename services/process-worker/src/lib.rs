//! The pipeline from the events streams to the cache and the results streams.
//!
//! For each partition: read → decode and work → one transaction → one script, each stage ahead of the next by one
//! batch. A crash anywhere leads to another delivery; the cache ignores what it holds, and only the delivery that
//! acknowledges an entry publishes its results.

pub mod config;
mod consume;
mod decode;
mod error;
mod housekeeping;
mod process;
mod settle;
mod store;
mod telemetry;
mod trace;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use events::Keys;
use observability::metrics::{Registry, log_statistics};
use observability::node::NodeWatch;
use service::health::Readiness;
use service::redis::Link;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::consume::{Consumer, Deliveries, READ_TIMEOUT};
use crate::housekeeping::{Housekeeper, LeasedStreams};
use crate::process::Processor;
use crate::settle::Settler;
use crate::store::Store;
use crate::telemetry::{Instruments, Queues};
use crate::trace::Tracer;
use crate::work::Work;

/// Batches that wait between two stages: one, so that a stage never idles and little is in memory.
const STAGE_QUEUE: usize = 1;

/// How long a stopping worker waits for Redis to take what is stored; after that it is delivered again elsewhere.
const SETTLE_DEADLINE: Duration = Duration::from_secs(5);

/// Consumes until `shutdown` is cancelled, then finishes what it has read.
///
/// # Errors
/// A cache that cannot be opened, or a stage that failed. A Redis that is down is waited for.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let registry = Registry::new();
    let readiness = Readiness::default();
    let instruments = Instruments::new(&registry);
    let store = Store::start(&config, &instruments)
        .with_context(|| format!("CACHE_PATH {}: the cache cannot be opened", config.cache_path.display()))?;
    let work = Arc::new(Work::new(&config.work));
    let node = NodeWatch::new(&registry, &config.node_root);
    let _node = AbortOnDropHandle::new(tokio::spawn(node.run()));
    let health =
        service::health::routes("process-worker", &config.common.instance, &readiness, &registry, None);
    let router: Router = health.fallback(service::problem::not_found);
    tracing::info!(address = %listener.local_addr()?, "listening");
    let mut stages = JoinSet::new();
    let give_up = CancellationToken::new();
    let mut queues = Queues::new(&registry);
    queues.add_store(&store.sender());
    let parts = Parts {
        config: &config,
        registry: &registry,
        readiness: &readiness,
        instruments: &instruments,
        streams: LeasedStreams::new(&registry),
        shutdown: &shutdown,
        give_up: &give_up,
    };
    for keys in Keys::all(config.partitions) {
        parts.spawn_partition(Arc::new(keys), &work, &store, &mut queues, &mut stages);
    }
    let _queues = AbortOnDropHandle::new(tokio::spawn(queues.watch()));
    let _giving_up = AbortOnDropHandle::new(tokio::spawn(give_up_after(shutdown.clone(), give_up.clone())));
    let statistics = log_statistics(registry.clone(), config.common.statistics_interval);
    let _statistics = AbortOnDropHandle::new(tokio::spawn(statistics));
    // Health answers until the pipeline is drained.
    let drained = CancellationToken::new();
    let serving = service::http::serve(listener, router, &config.http, &readiness, drained.clone());
    let draining = async {
        let mut ended_early = false;
        while stages.join_next().await.is_some() {
            // A stage ends before the shutdown only where another has failed; the rest would run idle.
            ended_early |= !shutdown.is_cancelled();
            shutdown.cancel();
        }
        let is_complete = store.finish().await;
        drained.cancel();
        is_complete && !ended_early
    };
    let ((), is_complete) = tokio::join!(serving, draining);
    anyhow::ensure!(is_complete, "a stage of the pipeline failed, see the log above");
    Ok(())
}

async fn give_up_after(shutdown: CancellationToken, give_up: CancellationToken) {
    shutdown.cancelled().await;
    sleep(SETTLE_DEADLINE).await;
    give_up.cancel();
}

/// What the stages of all partitions share.
struct Parts<'a> {
    config: &'a Config,
    registry: &'a Registry,
    readiness: &'a Readiness,
    instruments: &'a Instruments,
    streams: LeasedStreams,
    shutdown: &'a CancellationToken,
    /// Cancelled a while after the shutdown began.
    give_up: &'a CancellationToken,
}

impl Parts<'_> {
    fn spawn_partition(
        &self,
        keys: Arc<Keys>,
        work: &Arc<Work>,
        store: &Store,
        queues: &mut Queues,
        stages: &mut JoinSet<()>,
    ) {
        let (read, to_process) = mpsc::channel(STAGE_QUEUE);
        let (stored, to_settle) = mpsc::channel(STAGE_QUEUE);
        queues.add_process(&read);
        queues.add_settle(&stored);
        let deliveries = Arc::new(Deliveries::new(self.instruments.entries_in_flight.clone()));
        let tracer = Tracer {
            keys: Arc::clone(&keys),
            instance: self.config.common.instance.as_str().into(),
            stream: self.config.trace_stream,
        };
        let condition = self.readiness.condition("redis", "connecting");
        let link = |timeout, condition| Link::new(&self.config.redis, timeout, self.registry, condition);
        let consumer = Consumer {
            keys: Arc::clone(&keys),
            link: link(READ_TIMEOUT, Some(condition)),
            name: self.config.common.instance.clone(),
            delivery: self.config.delivery.clone(),
            deliveries: Arc::clone(&deliveries),
            instruments: self.instruments.clone(),
        };
        let processor = Processor {
            tracer: tracer.clone(),
            work: Arc::clone(work),
            deliveries_max: self.config.delivery.deliveries_max,
            retry_delay: self.config.delivery.retry_delay,
            deliveries: Arc::clone(&deliveries),
            store: store.sender(),
            stored,
            instruments: self.instruments.clone(),
        };
        let settler = Settler {
            tracer,
            keys: Arc::clone(&keys),
            link: link(settle::SCRIPT_TIMEOUT, None),
            worker: self.config.common.instance.clone(),
            retry_delay: self.config.delivery.retry_delay,
            deliveries: Arc::clone(&deliveries),
            instruments: self.instruments.clone(),
        };
        let housekeeper = Housekeeper {
            keys,
            link: link(settle::SCRIPT_TIMEOUT, None),
            name: self.config.common.instance.clone(),
            claim_idle: self.config.delivery.claim_idle,
            retention: self.config.retention.clone(),
            deliveries,
            streams: self.streams.clone(),
            instruments: self.instruments.clone(),
        };
        stages.spawn(consumer.run(read, self.shutdown.clone()));
        stages.spawn(processor.run(to_process));
        stages.spawn(settler.run(to_settle, self.give_up.clone()));
        stages.spawn(housekeeper.run(self.shutdown.clone()));
    }
}
