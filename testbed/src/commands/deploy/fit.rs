//! Whether the nodes take what is to be deployed. One that is not ready for a moment is waited for.

use crate::cluster::connect::Cluster;
use crate::cluster::objects::Object;
use crate::cluster::placement::{as_if_ready, misfits, narrow_nodes, unready_nodes};
use crate::cluster::words::explain;
use crate::console::{complain, say};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A kubelet that was restarted reports within some seconds, and a controller takes its taint away some seconds later.
const UNREADY_MAX: Duration = Duration::from_secs(60);

/// How often to look at the nodes.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What to do about nodes that are not ready.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unready {
    /// Wait for them, at most so long.
    Wait(Duration),
    /// Say it, and go on.
    Accept,
}

/// The nodes of the cluster.
pub(super) async fn nodes(cluster: &Cluster) -> anyhow::Result<Vec<Node>> {
    let nodes = Api::all(cluster.client.clone()).list(&ListParams::default()).await;
    let nodes =
        nodes.map_err(|error| anyhow::anyhow!("cannot list nodes: {}", explain(&error, &cluster.server)))?;
    Ok(nodes.items)
}

/// Whether the nodes can take it; complains where they cannot.
pub(super) async fn fits(
    cluster: &Cluster,
    objects: &[Object],
    mut nodes: Vec<Node>,
    unready: Unready,
) -> anyhow::Result<bool> {
    for (name, architecture) in narrow_nodes(&nodes) {
        say(&format!("{name} has a system for {architecture}: it takes no images of the testbed"));
    }
    let started = Instant::now();
    let mut has_said = false;
    loop {
        let refused = misfits(objects, &nodes);
        let names = unready_nodes(&nodes).collect::<Vec<_>>().join(", ");
        if refused.is_empty() {
            if !names.is_empty() {
                say(&format!("{names}: not ready; pods go to other nodes"));
            }
            return Ok(true);
        }
        if !misfits(objects, &as_if_ready(&nodes)).is_empty() {
            for misfit in &refused {
                complain(misfit);
            }
            complain("nothing was applied: choose another --placement, or change the nodes");
            return Ok(false);
        }
        let Unready::Wait(longest) = unready else {
            say(&format!("{names}: not ready; pods that fit nowhere else wait until that changes"));
            return Ok(true);
        };
        let longest = longest.min(UNREADY_MAX);
        if started.elapsed() >= longest {
            for misfit in &refused {
                complain(misfit);
            }
            complain(&format!(
                "nothing was applied: {names} stayed not ready for {} s; see whether it is switched on, and k3s runs there \
                 (`systemctl status k3s-agent`); --no-wait applies all the same, and pods start when it is ready; another \
                 --placement does without it",
                longest.as_secs()
            ));
            return Ok(false);
        }
        if !has_said {
            say(&format!("{names}: not ready; waiting for it for up to {} s", longest.as_secs()));
            has_said = true;
        }
        sleep(LOOK_INTERVAL).await;
        nodes = self::nodes(cluster).await?;
    }
}
