//! Telemetry as a contract: what `shared/observability` declares arrives in a real Prometheus, through a real collector,
//! from the real services; every span finds its parent and its links; every panel of every dashboard shows data.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod dashboards;
mod logs;
mod metrics;
mod programs;
mod prometheus;
mod run;
mod traces;

use crate::run::Run;

#[tokio::test]
async fn everything_that_is_declared_can_be_seen() {
    let run = Run::start().await;
    let mut failures = Vec::new();
    failures.extend(metrics::exist_with_zero_before_the_first_event(&run).await);
    run.load().await;
    failures.extend(metrics::are_all_there_with_their_labels(&run).await);
    failures.extend(dashboards::show_data(&run).await);
    failures.extend(metrics::agree_with_the_audit(&run).await);
    let telemetry = run.stop().await;
    failures.extend(traces::are_whole(&telemetry));
    failures.extend(logs::join_the_traces(&telemetry));
    if !failures.is_empty() {
        let kept = telemetry.keep();
        panic!("{} failures, see {}:\n  {}", failures.len(), kept.display(), failures.join("\n  "));
    }
}
