//! What the simulators and the pods leave.

use crate::cluster::NAMESPACE;
use crate::cluster::connect::Cluster;
use crate::cluster::words::explain;
use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, LogParams};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// Results are some megabytes for each simulator, over a slow network to the cluster.
const FETCH_TIMEOUT: Duration = Duration::from_secs(600);
/// Lines of each log that are kept.
const LOG_LINES: i64 = 1000;
/// Lines that say why a simulator failed.
const LAST_LINES: i64 = 5;
const OF_TESTBED: &str = "app.kubernetes.io/part-of=testbed";
/// As the controller labels the pods of the job: what looks at nodes has the other labels of simulators.
const OF_JOB: &str = "batch.kubernetes.io/job-name=simulator";

/// Fetches the results of a run from Redis and puts them together in `directory`, with the simulator's own program.
///
/// # Errors
/// What it said.
pub(super) async fn fetch(
    simulator: &Path,
    redis_url: &str,
    run_id: &str,
    directory: &Path,
) -> anyhow::Result<()> {
    let scratch = tempfile::Builder::new().prefix(".results-").tempdir_in(directory)?;
    let merged = scratch.path().join("merged");
    let mut command = Command::new(simulator);
    command.args(["merge", "--run", run_id, "--redis-url", redis_url, "--out"]).arg(&merged);
    // What is said here is all: a password that somebody has exported is for another Redis.
    let ran = timeout(FETCH_TIMEOUT, command.env_clear().kill_on_drop(true).output()).await;
    let ran =
        ran.with_context(|| format!("the results cannot be fetched within {} s", FETCH_TIMEOUT.as_secs()))?;
    let ran = ran.with_context(|| format!("cannot start {}", simulator.display()))?;
    if !ran.status.success() {
        bail!("the results cannot be fetched: {}", String::from_utf8_lossy(&ran.stderr).trim());
    }
    for entry in fs::read_dir(&merged)? {
        let entry = entry?;
        let place = directory.join(entry.file_name());
        fs::rename(entry.path(), &place).with_context(|| format!("cannot write {}", place.display()))?;
    }
    Ok(())
}

/// Keeps the end of each pod's log in `directory`, also of the container before the one that runs.
///
/// # Errors
/// Where pods cannot be listed, or nothing can be written there. A log that cannot be had is left out.
pub(super) async fn keep_logs(cluster: &Cluster, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    for pod in list(cluster, &api, OF_TESTBED).await? {
        let name = pod.metadata.name.unwrap_or_default();
        for (previous, ending) in [(false, "log"), (true, "previous.log")] {
            let wanted = LogParams { previous, tail_lines: Some(LOG_LINES), ..LogParams::default() };
            let Ok(log) = api.logs(&name, &wanted).await else { continue };
            if !log.is_empty() {
                fs::write(directory.join(format!("{name}.{ending}")), log)?;
            }
        }
    }
    Ok(())
}

/// Whether no simulator runs any more, nor is about to end.
///
/// # Errors
/// Where pods cannot be listed.
pub(super) async fn simulators_have_ended(cluster: &Cluster) -> anyhow::Result<bool> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let phases = list(cluster, &api, OF_JOB).await?.into_iter().filter_map(|pod| pod.status?.phase);
    Ok(phases.into_iter().all(|phase| matches!(phase.as_str(), "Succeeded" | "Failed")))
}

/// Where the simulators were placed.
///
/// # Errors
/// Where pods cannot be listed.
pub(super) async fn nodes_of_simulators(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    Ok(list(cluster, &api, OF_JOB).await?.into_iter().filter_map(|pod| pod.spec?.node_name).collect())
}

/// The last words of the simulators that failed.
pub(super) async fn last_words(cluster: &Cluster) -> String {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let pods = list(cluster, &api, OF_JOB).await.unwrap_or_default();
    let mut words = Vec::new();
    for pod in pods {
        let phase = pod.status.and_then(|status| status.phase);
        let name = pod.metadata.name.unwrap_or_default();
        if phase.as_deref() != Some("Failed") {
            continue;
        }
        let wanted = LogParams { tail_lines: Some(LAST_LINES), ..LogParams::default() };
        let log = api.logs(&name, &wanted).await.unwrap_or_default();
        words.push(format!("{name}: {}", log.trim().replace('\n', " | ")));
    }
    if words.is_empty() { "none of its pods says why".to_owned() } else { words.join("; ") }
}

async fn list(cluster: &Cluster, api: &Api<Pod>, selector: &str) -> anyhow::Result<Vec<Pod>> {
    let listed = api.list(&ListParams::default().labels(selector)).await;
    let listed =
        listed.map_err(|error| anyhow::anyhow!("cannot list pods: {}", explain(&error, &cluster.server)))?;
    Ok(listed.items)
}
