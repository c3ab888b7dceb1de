//! What time it is on each node. Kubelets renew a lease every ten seconds and write their own time into it: what arrives over a
//! watch right after it was written tells the offset, without a program on the node.

use crate::doctor::facts::{Collected, NodeFacts};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::WatchParams;
use kube::core::WatchEvent;
use kube::{Api, Client};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Where kubelets have them.
const NAMESPACE: &str = "kube-node-lease";

/// One interval of renewals, and half as much again for a node under load.
const WATCHED: Duration = Duration::from_secs(15);

/// Watches until every node that is ready has told its time, or for [`WATCHED`].
pub(super) async fn measure(client: &Client, nodes: &mut [NodeFacts]) {
    let mut offsets = BTreeMap::new();
    let deadline = Instant::now() + WATCHED;
    let is_ready =
        |node: &&NodeFacts| node.conditions.iter().any(|one| one.kind == "Ready" && one.status == "True");
    let ready = nodes.iter().filter(is_ready).map(|node| node.name.clone()).collect();
    let watched = timeout_at(deadline, watch(client, ready, &mut offsets)).await;
    if let Ok(Err(error)) = &watched {
        let reason = format!("cannot watch leases: {}", super::said(error));
        nodes.iter_mut().for_each(|node| node.clock_offset_ms = Collected::Missing(reason.clone()));
    }
    for node in nodes {
        if let Some(offset_ms) = offsets.get(&node.name) {
            node.clock_offset_ms = Collected::Known(*offset_ms);
        }
    }
}

async fn watch(
    client: &Client,
    mut awaited: BTreeSet<String>,
    offsets: &mut BTreeMap<String, i64>,
) -> Result<(), kube::Error> {
    let api = Api::<Lease>::namespaced(client.clone(), NAMESPACE);
    let listed = api.list_metadata(&kube::api::ListParams::default()).await?;
    let version = listed.metadata.resource_version.unwrap_or_default();
    let events = api.watch(&WatchParams::default(), &version).await?;
    let mut events = std::pin::pin!(events);
    while !awaited.is_empty() {
        let Some(event) = events.try_next().await? else { break };
        let WatchEvent::Modified(lease) = event else { continue };
        let renewed = lease.spec.and_then(|spec| spec.renew_time);
        if let (Some(name), Some(renewed)) = (lease.metadata.name, renewed) {
            let offset_ms = renewed.0.as_millisecond() - Timestamp::now().as_millisecond();
            awaited.remove(&name);
            offsets.entry(name).or_insert(offset_ms);
        }
    }
    Ok(())
}
