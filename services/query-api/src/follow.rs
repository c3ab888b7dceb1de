//! Fills the cache: one reader a partition follows its results stream, one thread writes.

mod decode;
mod partition;
mod progress;
mod storing;
mod trace;

use std::sync::Arc;

use anyhow::Context as _;
use cache::Writer;
use events::Keys;
use observability::Outage;
use observability::metrics::Registry;
use service::health::Condition;
use service::redis::Link;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::telemetry::Instruments;

pub(crate) use progress::Progress;

use trace::Tracer;

/// Batches between readers and writer; with their bound in bytes they bound the memory.
const BATCHES_MAX: usize = 8;

/// The running parts.
pub(crate) struct Following {
    pub(crate) progress: Arc<Progress>,
    readers: Vec<AbortOnDropHandle<()>>,
    thread: std::thread::JoinHandle<anyhow::Result<()>>,
    _watching: AbortOnDropHandle<()>,
}

impl Following {
    /// Opens the cache and follows until `stop` is cancelled. Where the cache can no longer be written,
    /// `stop` is cancelled from here.
    ///
    /// # Errors
    /// A cache that cannot be opened.
    pub(crate) fn start(
        config: &Config,
        registry: &Registry,
        condition: Condition,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let writer = Writer::open(&config.cache_path, config.writer_options()).context("CACHE_PATH")?;
        let instruments = Instruments::new(registry, BATCHES_MAX);
        let positions = writer.follow_positions().context("CACHE_PATH")?;
        let progress =
            Arc::new(Progress::new(config.partitions, &positions, condition, instruments.caught_up.clone()));
        let (batches, received) = mpsc::channel(BATCHES_MAX);
        let watching = instruments.clone().watch(batches.downgrade());
        let readers = Keys::all(config.partitions).into_iter().map(|keys| {
            let reader = partition::PartitionReader {
                link: Link::new(&config.redis, partition::RESPONSE_TIMEOUT, registry, None),
                instance: config.common.instance.clone(),
                batch_bytes_max: config.batch_bytes_max,
                progress: Arc::clone(&progress),
                instruments: instruments.clone(),
                batches: batches.clone(),
                keys,
            };
            AbortOnDropHandle::new(tokio::spawn(reader.run(stop.clone())))
        });
        let readers = readers.collect();
        let storing = storing::Storing {
            tracer: Tracer { instance: config.common.instance.clone(), stream: config.trace_stream },
            writer,
            batches: received,
            progress: Arc::clone(&progress),
            instruments,
            stop: stop.clone(),
            runtime: Handle::current(),
            outage: Outage::new("writing the cache"),
        };
        let thread = std::thread::Builder::new().name("cache".to_owned()).spawn(move || storing.run())?;
        let watching = AbortOnDropHandle::new(tokio::spawn(watching));
        Ok(Self { progress, readers, thread, _watching: watching })
    }

    /// Waits until what was read is stored; `stop` must have been cancelled.
    ///
    /// # Errors
    /// Why the cache could not be written.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        for reader in self.readers {
            // It ends by itself; a panic was reported by its hook.
            drop(reader.await);
        }
        let joined = spawn_blocking(move || self.thread.join()).await?;
        joined.unwrap_or_else(|_| anyhow::bail!("the cache's thread panicked"))
    }
}
