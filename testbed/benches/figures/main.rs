//! The figures of the project, measured side by side in one run and reported as ratios.
//!
//! `cargo bench -p testbed` runs it; it needs redis-server, redis-benchmark, wrk and other load generators, and a
//! release build of the services. Rounds are interleaved: each round measures every contender once, so that a noisy neighbour hits all.

mod hot_path;
mod ingest;
mod latency;
mod load;
mod processes;
mod queries;
mod report;
mod simulator;
mod start;
mod telemetry;
mod worker;

use std::path::Path;

use anyhow::Context as _;

use crate::report::Report;

/// Rounds of each comparison; the report gives their medians.
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    // The benchmark starts itself as the servers that others are compared with, or measured against.
    if let Some(port) = std::env::args().skip_while(|argument| argument != "--constant-server").nth(1) {
        return ingest::serve_constant(port.parse()?);
    }
    if std::env::args().any(|argument| argument == simulator::server::ARGUMENT) {
        return simulator::server::serve();
    }
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut report = Report::default();
    if wanted("ingest") {
        runtime.block_on(ingest::measure(&mut report)).context("ingest")?;
    }
    if wanted("worker") {
        runtime.block_on(worker::measure(&mut report)).context("worker")?;
    }
    if wanted("latency") {
        runtime.block_on(latency::measure(&mut report)).context("latency")?;
    }
    if wanted("queries") {
        runtime.block_on(queries::measure(&mut report)).context("queries")?;
    }
    if wanted("start") {
        runtime.block_on(start::measure(&mut report)).context("start")?;
    }
    if wanted("telemetry") {
        hot_path::measure(&mut report).context("hot path")?;
        runtime.block_on(telemetry::measure(&mut report)).context("telemetry")?;
    }
    if wanted("simulator") {
        simulator::measure(&mut report).context("simulator")?;
    }
    report.print();
    // This program is target/release/deps/figures-….
    let own = std::env::current_exe()?;
    report.save(&own.ancestors().nth(3).unwrap_or(Path::new(".")).join("figures.json"))
}
