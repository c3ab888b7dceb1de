//! What the machine that sends measures of itself: processors, frequencies, temperatures, memory, pressure.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use observability::node::Kernel;
use service::config::ConfigError;

use crate::content::Scale;

/// Some drivers take milliseconds for each processor's frequency.
const INTERVAL: Duration = Duration::from_secs(1);

const SHARE: Scale = Scale { unit: "ratio", decimals: 4, min: 0, max: 1 };
const FREQUENCY: Scale = Scale { unit: "hertz", decimals: 0, min: 0, max: 999_999_999_999 };
const TEMPERATURE: Scale = Scale { unit: "celsius", decimals: 3, min: -273, max: 999 };
const MEMORY: Scale = Scale { unit: "bytes", decimals: 0, min: 0, max: i64::MAX };

/// How readings are written.
pub(crate) const SCALES: [Scale; 4] = [SHARE, FREQUENCY, TEMPERATURE, MEMORY];

/// The latest readings of this machine, renewed once a second by a thread of its own until this is dropped.
#[derive(Debug)]
pub struct HostReadings {
    latest: Arc<RwLock<Vec<Arc<Reading>>>>,
    /// Counts the readings that were taken.
    taken: AtomicU64,
    /// Ends the thread by its end.
    _running: SyncSender<()>,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The CloudEvents `type`.
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) scale: Scale,
    pub(crate) value: f64,
}

impl HostReadings {
    /// Reads the machine whose `/proc` and `/sys` are below `root`. `instance` is its name in the sources,
    /// `/hosts/INSTANCE/…`.
    ///
    /// # Errors
    /// There is nothing to read, or no thread to do it.
    pub fn start(root: &Path, instance: &str) -> Result<Arc<Self>, ConfigError> {
        let mut sampler = Sampler::new(root, instance);
        let first = sampler.sample(Instant::now());
        if first.is_empty() {
            let message = format!("there are no readings of this machine below {}", root.display());
            return Err(ConfigError::new("NODE_ROOT", message));
        }
        let latest = Arc::new(RwLock::new(first));
        let (running, stopped) = sync_channel(0);
        let to_renew = Arc::clone(&latest);
        thread::Builder::new()
            .name("host-readings".to_owned())
            .spawn(move || {
                // Lanes send on time whatever is read.
                observability::yield_to_others();
                renew(&mut sampler, &to_renew, &stopped);
            })
            .map_err(|error| ConfigError::new("NODE_ROOT", format!("cannot start a thread: {error}")))?;
        Ok(Arc::new(Self { latest, taken: AtomicU64::new(0), _running: running }))
    }

    /// The next reading in turn.
    pub(crate) fn next(&self) -> Arc<Reading> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.taken.fetch_add(1, Ordering::Relaxed) % latest.len() as u64;
        Arc::clone(&latest[turn as usize])
    }
}

fn renew(sampler: &mut Sampler, latest: &RwLock<Vec<Arc<Reading>>>, stopped: &Receiver<()>) {
    while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let readings = sampler.sample(Instant::now());
        if !readings.is_empty() {
            *latest.write().unwrap_or_else(PoisonError::into_inner) = readings;
        }
    }
}

/// Reads the kernel's files. Counters of the kernel become shares of the time since the last sample.
#[derive(Debug)]
struct Sampler {
    kernel: Kernel,
    instance: String,
    /// Busy and all processor time.
    processors: Option<(f64, f64)>,
    /// When, and how long there was pressure until then.
    pressure: Option<(Instant, Vec<Stall>)>,
}

/// Resource, share of the tasks, seconds.
type Stall = (&'static str, &'static str, f64);

impl Sampler {
    fn new(root: &Path, instance: &str) -> Self {
        Self { kernel: Kernel::new(root), instance: instance.to_owned(), processors: None, pressure: None }
    }

    /// What the machine has of all readings; shares from the second sample on.
    fn sample(&mut self, now: Instant) -> Vec<Arc<Reading>> {
        let mut readings = Vec::new();
        let instance = self.instance.clone();
        let mut add = |kind: &'static str, path: &str, scale, value| {
            let source = format!("/hosts/{instance}/{path}");
            readings.push(Arc::new(Reading { kind, source, scale, value }));
        };
        if let Some(busy) = self.busy_share() {
            add("testbed.host.cpu", "cpu", SHARE, busy);
        }
        for (cpu, hz) in self.kernel.frequencies_hz() {
            add("testbed.host.frequency", &format!("frequency/{cpu}"), FREQUENCY, hz);
        }
        for (zone, celsius) in self.kernel.temperatures_celsius() {
            add("testbed.host.temperature", &format!("temperature/{zone}"), TEMPERATURE, celsius);
        }
        if let Some(bytes) = self.kernel.memory_available_bytes() {
            add("testbed.host.memory", "memory", MEMORY, bytes);
        }
        for (resource, tasks, share) in self.stalled_shares(now) {
            add("testbed.host.pressure", &format!("pressure/{resource}-{tasks}"), SHARE, share);
        }
        readings
    }

    /// The share of all processors' time since the last sample that was not idle.
    fn busy_share(&mut self) -> Option<f64> {
        let modes = self.kernel.cpu_seconds();
        let sum = |is_wanted: &dyn Fn(&str) -> bool| -> f64 {
            modes.iter().filter(|(mode, _)| is_wanted(mode)).map(|(_, seconds)| seconds).sum()
        };
        let (busy, all) = (sum(&|mode| !matches!(mode, "idle" | "iowait")), sum(&|_| true));
        let (busy_before, all_before) = self.processors.replace((busy, all))?;
        (all > all_before).then(|| (busy - busy_before) / (all - all_before))
    }

    /// The share of the time since the last sample that tasks waited for a resource.
    fn stalled_shares(&mut self, now: Instant) -> Vec<Stall> {
        let stalls = self.kernel.pressure_seconds();
        let Some((then, before)) = self.pressure.replace((now, stalls.clone())) else { return Vec::new() };
        let passed_s = (now - then).as_secs_f64();
        let share = |(resource, tasks, seconds): Stall| {
            let (_, _, seconds_before) =
                before.iter().find(|(r, t, _)| (*r, *t) == (resource, tasks)).copied()?;
            (passed_s > 0.0).then(|| (resource, tasks, (seconds - seconds_before) / passed_s))
        };
        stalls.into_iter().filter_map(share).collect()
    }
}

#[cfg(test)]
mod tests;
