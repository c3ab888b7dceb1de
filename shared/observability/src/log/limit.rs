//! Bounds how many lines are logged: a storm must neither fill a disk nor hide what it is about.
//!
//! Lines of the levels error, warn and info are limited for each call site and all together, on all outputs alike. What
//! is left out is counted, and reported once a minute.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::metrics::{Counter, Metric, Registry};

/// Target of lines of which there are a few in the life of a process; they are not limited.
pub const LIFECYCLE: &str = "lifecycle";

/// Target of the statistics line, of which there is one in each interval; it is not limited.
pub const STATISTICS: &str = "statistics";

/// Target of the lines about a dependency that fails. Each dependency has a limit of its own, because they share their
/// call sites.
pub(crate) const OUTAGE: &str = "outage";

/// Target of the report of what was left out; it is not limited.
const SUPPRESSED: &str = "suppressed";

const MINUTE: Duration = Duration::from_secs(60);

/// Lines a minute of one call site: enough to see that something repeats.
const SITE_LINES: usize = 3;

/// Lines a minute of all call sites. With the statistics and the report that makes ten.
const ALL_LINES: usize = 8;

/// Call sites that the report names.
const WORST: usize = 5;

static LIMITS: OnceLock<Arc<Mutex<Limits>>> = OnceLock::new();

/// Counts lines. Cloning shares it.
#[derive(Clone)]
pub(crate) struct LogCounters {
    /// By level, from error to trace.
    written: [Counter; 5],
    suppressed: Counter,
}

/// The layer that bounds the log. Make it the outermost one.
pub(crate) struct RateLimit {
    limits: Arc<Mutex<Limits>>,
    counters: LogCounters,
}

struct Limits {
    started: Instant,
    all: Window<ALL_LINES>,
    /// By call site, and by dependency where that matters.
    sites: HashMap<(Identifier, String), Site>,
}

/// Where lines are written; there are as many as the program has log statements.
struct Site {
    metadata: &'static Metadata<'static>,
    window: Window<SITE_LINES>,
    /// Since the last report.
    suppressed: u64,
}

/// The moments of the last `N` lines, as a ring.
struct Window<const N: usize> {
    written: [Option<Instant>; N],
    oldest: usize,
}

impl LogCounters {
    pub(crate) fn new(registry: &Registry) -> Self {
        let written = ["error", "warn", "info", "debug", "trace"]
            .map(|level| registry.counter(Metric::LogLines, &[("level", level)]));
        Self { written, suppressed: registry.counter(Metric::LogLinesSuppressed, &[]) }
    }

    fn written(&self, level: Level) -> &Counter {
        let index = match level {
            Level::ERROR => 0,
            Level::WARN => 1,
            Level::INFO => 2,
            Level::DEBUG => 3,
            _ => 4,
        };
        &self.written[index]
    }
}

impl RateLimit {
    pub(crate) fn new(counters: &LogCounters) -> Self {
        let limits = Limits { started: Instant::now(), all: Window::new(), sites: HashMap::new() };
        Self { limits: Arc::new(Mutex::new(limits)), counters: counters.clone() }
    }

    /// The one of the process, about which [`report_suppressed`] reports.
    pub(crate) fn global(counters: &LogCounters) -> Self {
        let limit = Self::new(counters);
        LIMITS.get_or_init(|| Arc::clone(&limit.limits));
        limit
    }
}

impl<S: Subscriber> Layer<S> for RateLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Who asks for debug lines wants all of them.
        let is_limited = *metadata.level() <= Level::INFO
            && ![LIFECYCLE, STATISTICS, SUPPRESSED].contains(&metadata.target());
        let dependency = if metadata.target() == OUTAGE { Dependency::of(event) } else { String::new() };
        let is_written = !is_limited || lock(&self.limits).admit(metadata, dependency, Instant::now());
        if is_written {
            self.counters.written(*metadata.level()).add(1);
        } else {
            self.counters.suppressed.add(1);
        }
        is_written
    }
}

impl Limits {
    fn admit(&mut self, metadata: &'static Metadata<'static>, dependency: String, now: Instant) -> bool {
        let site = self.sites.entry((metadata.callsite(), dependency)).or_insert_with(|| Site {
            metadata,
            window: Window::new(),
            suppressed: 0,
        });
        // Nothing of the start may be lost: it says how the process is configured.
        let is_starting = now.duration_since(self.started) < MINUTE;
        if site.window.has_room(now) && (is_starting || self.all.has_room(now)) {
            site.window.take(now);
            self.all.take(now);
            return true;
        }
        site.suppressed += 1;
        false
    }

    /// How many lines were left out since the last call, and where most of them.
    fn take_suppressed(&mut self) -> Option<(u64, String)> {
        let mut sites: Vec<_> = self.sites.iter_mut().filter(|(_, site)| site.suppressed > 0).collect();
        sites.sort_by_key(|(_, site)| std::cmp::Reverse(site.suppressed));
        let total = sites.iter().map(|(_, site)| site.suppressed).sum();
        let mut worst = String::new();
        for ((_, dependency), site) in sites.iter().take(WORST) {
            let separator = if worst.is_empty() { "" } else { ", " };
            let space = if dependency.is_empty() { "" } else { " " };
            let (target, line) = (site.metadata.target(), site.metadata.line().unwrap_or(0));
            write!(worst, "{separator}{target}:{line}{space}{dependency} {}", site.suppressed)
                .expect("writing to a String does not fail");
        }
        for (_, site) in sites {
            site.suppressed = 0;
        }
        (total > 0).then_some((total, worst))
    }
}

/// Reads the field `dependency` of a line.
#[derive(Default)]
struct Dependency(String);

impl Dependency {
    fn of(event: &Event<'_>) -> String {
        let mut dependency = Self::default();
        event.record(&mut dependency);
        dependency.0
    }
}

impl Visit for Dependency {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "dependency" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<const N: usize> Window<N> {
    fn new() -> Self {
        Self { written: [None; N], oldest: 0 }
    }

    fn has_room(&self, now: Instant) -> bool {
        self.written[self.oldest].is_none_or(|written| now.duration_since(written) >= MINUTE)
    }

    fn take(&mut self, now: Instant) {
        self.written[self.oldest] = Some(now);
        self.oldest = (self.oldest + 1) % N;
    }
}

/// Logs how many lines were left out since the last call, where there were some. Call it once a minute.
pub(crate) fn report_suppressed() {
    if let Some(limits) = LIMITS.get() {
        report(limits);
    }
}

fn report(limits: &Mutex<Limits>) {
    let suppressed = lock(limits).take_suppressed();
    if let Some((lines, worst)) = suppressed {
        tracing::warn!(target: SUPPRESSED, lines, worst, "log lines were suppressed");
    }
}

fn lock(limits: &Mutex<Limits>) -> MutexGuard<'_, Limits> {
    limits.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
