//! Budgets of the log, over simulated minutes and hours, with the code that writes the lines.

use std::io;
use std::sync::PoisonError;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::metrics::log_statistics;
use crate::outage::Outage;
use crate::setup::LogFormat;
use crate::setup::subscriber::lines;

/// Keeps what is written, with the moment of each line.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<(Instant, String)>>>);

impl Captured {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.with(|lines| lines.iter().map(|(_, line)| line.clone()).collect())
    }

    fn moments(&self) -> Vec<Instant> {
        self.with(|lines| lines.iter().map(|(moment, _)| *moment).collect())
    }

    fn with<T>(&self, read: impl FnOnce(&mut Vec<(Instant, String)>) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Captured {
    /// The formatter writes one line at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).trim_end().to_owned();
        self.with(|lines| lines.push((Instant::now(), line)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A limited log, and what there is to ask it.
struct Log {
    captured: Captured,
    limits: Arc<Mutex<Limits>>,
    registry: Registry,
    counters: LogCounters,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl Log {
    fn start() -> Self {
        let registry = Registry::process_wide();
        let counters = LogCounters::new(&registry);
        let (limit, captured) = (RateLimit::new(&counters), Captured::default());
        let limits = Arc::clone(&limit.limits);
        let subscriber =
            tracing_subscriber::registry().with(lines(LogFormat::Json, captured.clone())).with(limit);
        let subscriber = tracing::subscriber::set_default(subscriber);
        Self { captured, limits, registry, counters, _subscriber: subscriber }
    }

    fn written(&self) -> u64 {
        self.counters.written.iter().map(Counter::get).sum()
    }

    /// Most lines within any sixty seconds that begin after `from`.
    fn most_a_minute(&self, from: Instant) -> usize {
        let moments: Vec<_> = self.captured.moments().into_iter().filter(|moment| *moment >= from).collect();
        let within =
            |start: &Instant| moments.iter().filter(|m| **m >= *start && **m < *start + MINUTE).count();
        moments.iter().map(within).max().unwrap_or(0)
    }
}

/// What the tasks of a service do to its log: a statistics line and a report a minute.
async fn minutes(log: &Log, count: u32, each_second: impl Fn(u32)) {
    let statistics = log_statistics(log.registry.clone(), MINUTE);
    let work = async {
        for second in 1..=count * 60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            each_second(second);
            if second % 60 == 0 {
                report(&log.limits);
            }
        }
    };
    tokio::select! {
        () = statistics => {}
        () = work => {}
    }
}

#[tokio::test(start_paused = true)]
async fn storm_of_ten_minutes_stays_within_ten_lines_a_minute() {
    let log = Log::start();
    let start = Instant::now();
    let redis = Outage::new("redis");
    let emitted = std::cell::Cell::new(0);
    let count = |lines: u64| emitted.set(emitted.get() + lines);
    minutes(&log, 10, |_| {
        for partition in 0..16 {
            redis.failed(&"connection refused");
            tracing::warn!(partition, "events dead-lettered");
            tracing::error!(partition, "entry is not understood");
            tracing::info!(partition, "following again");
            tracing::warn!(partition, "one more");
            count(4);
        }
    })
    .await;
    redis.recovered();
    // The first failure and the end of the outage; a reminder would come after ten minutes.
    count(2);
    let most = log.most_a_minute(start + MINUTE);
    assert!(most <= 10, "{most} lines within a minute:\n{}", log.captured.lines().join("\n"));
    let suppressed = log.counters.suppressed.get();
    let lines: Vec<serde_json::Value> =
        log.captured.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(log.written(), lines.len() as u64);
    let (reports, others): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .filter(|line| line["target"] != "statistics")
        .partition(|line| line["target"] == "suppressed");
    assert_eq!(others.len() as u64 + suppressed, emitted.get());
    let reported: u64 = reports.iter().filter_map(|report| report["lines"].as_u64()).sum();
    assert!(reports.len() >= 9 && reported <= suppressed, "{reported} of {suppressed}");
    let worst = reports[1]["worst"].as_str().expect("call sites");
    assert!(worst.contains("observability::log::limit::tests:"), "{worst}");
}

#[tokio::test(start_paused = true)]
async fn steady_hour_is_at_most_a_hundred_lines() {
    let log = Log::start();
    let accepted = log.registry.counter(Metric::IngestEventsAccepted, &[]);
    let (redis, collector) = (Outage::new("redis"), Outage::new("otlp export of traces"));
    tracing::info!("starting");
    tracing::info!("listening");
    minutes(&log, 60, |second| {
        accepted.add(200);
        // One short outage, and a collector that is down for the whole hour.
        match second {
            600..605 => redis.failed(&"connection reset"),
            _ => redis.recovered(),
        }
        collector.failed(&"connection refused");
    })
    .await;
    let lines = log.captured.lines();
    assert!(lines.len() <= 100, "{} lines:\n{}", lines.len(), lines.join("\n"));
    let statistics = lines.iter().filter(|line| line.contains("ingest.events.accepted=+1")).count();
    assert!(statistics >= 59, "{statistics}");
    assert_eq!(log.counters.suppressed.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn lines_of_the_start_and_of_debugging_are_not_limited() {
    let log = Log::start();
    let sites: [fn(); 12] = [
        || tracing::info!("a"),
        || tracing::info!("b"),
        || tracing::info!("c"),
        || tracing::info!("d"),
        || tracing::info!("e"),
        || tracing::info!("f"),
        || tracing::info!("g"),
        || tracing::info!("h"),
        || tracing::info!("i"),
        || tracing::info!("j"),
        || tracing::info!("k"),
        || tracing::info!("l"),
    ];
    sites.iter().for_each(|write| write());
    assert_eq!(log.captured.lines().len(), 12);
    tokio::time::sleep(2 * MINUTE).await;
    sites.iter().for_each(|write| write());
    assert_eq!(log.captured.lines().len(), 12 + ALL_LINES);
    (0..100).for_each(|number| tracing::debug!(number, "details"));
    assert_eq!(log.captured.lines().len(), 12 + ALL_LINES + 100);
}

#[tokio::test(start_paused = true)]
async fn one_flapping_dependency_does_not_hide_another() {
    let log = Log::start();
    let (flapping, other) = (Outage::new("redis at 127.0.0.1:6379"), Outage::new("accepting connections"));
    for _ in 0..10 {
        flapping.failed(&"connection reset");
        flapping.recovered();
    }
    other.failed(&"too many open files");
    let lines = log.captured.lines();
    assert_eq!(lines.len(), 2 * SITE_LINES + 1, "{}", lines.join("\n"));
    assert!(lines[2 * SITE_LINES].contains("accepting connections"));
    report(&log.limits);
    let report = log.captured.lines().pop().expect("a report");
    assert!(report.contains("redis at 127.0.0.1:6379 7"), "{report}");
}
