//! Nanoseconds of what telemetry does on the way of every event or request.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use observability::metrics::{Metric, Registry};
use observability::trace::{Span, SpanName, TraceContext};
use observability::{Identity, LogOutput, TelemetryArgs};

use crate::ROUNDS;
use crate::report::Report;

/// Repetitions of one measurement.
const TIMES: u32 = 1_000_000;

/// Of spans: all measurements together must fit into the queue.
const SPANS: u32 = 100_000;

/// The usual case: a sender that does not sample.
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// With all telemetry on, to an address where nobody listens: what is exported does not disturb the measurement.
pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let endpoint = format!("http://127.0.0.1:{}", test_support::free_port());
    let arguments =
        ["--telemetry", "full", "--otel-exporter-otlp-endpoint", &endpoint, "--log-level", "error"];
    let queue = ["--otel-bsp-max-queue-size", "1000000"];
    let args = Args::try_parse_from(["figures"].iter().chain(&arguments).chain(&queue))?;
    let instance = "figures".to_owned();
    let identity =
        Identity { service: "figures", version: "0", instance, revision: None, attributes: Vec::new() };
    let telemetry = observability::init(&identity, &args.telemetry, LogOutput::Stderr)?;
    let registry = Registry::new();
    let counter = registry.counter(Metric::IngestEventsAccepted, &[]);
    let gauge = registry.gauge(Metric::IngestBacklogEvents, &[]);
    let histogram = registry.histogram(Metric::WorkerWorkDuration, &[]);
    let parse = |text| TraceContext::parse(text).context("no traceparent");
    let (unsampled, sampled) = (parse(UNSAMPLED)?, parse(SAMPLED)?);
    let request = |parent| {
        drop(Span::request(SpanName::IngestRequest, "/v1/events", "/v1/events", Some(black_box(parent))))
    };
    time(report, "counter", TIMES, || counter.add(black_box(1)));
    time(report, "gauge", TIMES, || gauge.set(black_box(1.0)));
    time(report, "histogram", TIMES, || histogram.record(black_box(Duration::from_micros(80))));
    time(report, "reading a traceparent", TIMES, || _ = black_box(TraceContext::parse(black_box(UNSAMPLED))));
    time(report, "span of a request, not sampled", TIMES, || request(unsampled));
    time(report, "span of a request, sampled", SPANS, || request(sampled));
    time(report, "log line below the level", TIMES, || tracing::debug!(events = black_box(1), "filtered"));
    telemetry.shutdown();
    Ok(())
}

fn time(report: &mut Report, name: &str, times: u32, mut operation: impl FnMut()) {
    let mut sample = || {
        let started = Instant::now();
        (0..times).for_each(|_| operation());
        started.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    };
    sample();
    let samples = (0..ROUNDS).map(|_| sample()).collect();
    report.add(&format!("hot path: {name}"), "ns", samples);
}
