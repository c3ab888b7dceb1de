//! Makes telemetry as fast as it can, and says what became of it: the program that the tests of export watch.
//!
//! It makes the spans and records at once, answers each line on standard input with the metrics of the moment, and at
//! its end shuts telemetry down. Each answer is one JSON object on standard output.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use clap::Parser;
use observability::log::in_trace;
use observability::metrics::{Metric, Registry};
use observability::trace::{Span, SpanName, TraceContext};
use observability::{Identity, LogOutput, TelemetryArgs};

/// The trace that all records belong to.
const TRACE: TraceContext = TraceContext { trace_id: 0xabc, span_id: 0xdef, sampled: true };

#[derive(Parser)]
struct Args {
    /// Spans to make
    #[arg(long, default_value_t = 0)]
    spans: u64,
    /// Log records to make, of the level debug
    #[arg(long, default_value_t = 0)]
    records: u64,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let identity = Identity {
        service: "emit",
        version: "1.2.3",
        instance: "emit-1".to_owned(),
        revision: None,
        attributes: vec![(observability::RUN_ID, "run-7".to_owned())],
    };
    let telemetry = observability::init(&identity, &args.telemetry, LogOutput::Stderr)?;
    let registry = Registry::new();
    let accepted = registry.counter(Metric::IngestEventsAccepted, &[]);
    let started = Instant::now();
    for _ in 0..args.spans {
        accepted.add(1);
        drop(Span::request(SpanName::IngestRequest, "/v1/events", "/v1/events", None));
    }
    for number in 0..args.records {
        in_trace(TRACE, || tracing::debug!(number, "record"));
    }
    answer(&registry, started.elapsed())?;
    for line in std::io::stdin().lock().lines() {
        line?;
        answer(&registry, started.elapsed())?;
    }
    let stopping = Instant::now();
    telemetry.shutdown();
    answer(&registry, stopping.elapsed())
}

fn answer(registry: &Registry, took: Duration) -> anyhow::Result<()> {
    let answer = serde_json::json!({ "took_s": took.as_secs_f64(), "metrics": registry.snapshot() });
    println!("{answer}");
    Ok(())
}
