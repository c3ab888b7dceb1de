//! What runs leave in a cluster, at the end of all of them.

use super::{ClusterTarget, NAMESPACE};
use crate::cluster::connect::Cluster;
use crate::cluster::deployment::{self, NamespaceEnd};
use crate::cluster::inventory;
use crate::cluster::rights::{self, Right};
use crate::doctor::collect::{ClusterSource, sweep};
use anyhow::Context;

/// What runs leave in a cluster.
#[derive(Clone)]
pub struct Remains {
    cluster: Cluster,
}

impl Remains {
    pub(super) fn of(target: &ClusterTarget) -> Self {
        Self { cluster: target.cluster.clone() }
    }

    /// Takes away the deployment of a run that was interrupted, and the namespace where it was made for runs. Gives what became of
    /// the namespace in words; none where runs have left nothing.
    ///
    /// # Errors
    /// Where the cluster refuses, or something does not go: what is still there, the next run takes away.
    pub async fn take_away(&self) -> anyhow::Result<Option<String>> {
        let cluster = &self.cluster;
        let left = inventory::read(cluster).await?;
        if !left.is_some_and(|inventory| inventory.is_of_experiment) {
            return Ok(None);
        }
        deployment::clear(cluster).await?;
        sweep(&ClusterSource { cluster: cluster.clone(), namespace: NAMESPACE.to_owned() }).await?;
        let left = inventory::read(cluster).await?.context("the inventory has gone meanwhile")?;
        let right = Right::new("delete", "", "namespaces", None);
        if left.has_namespace() && !rights::missing(cluster, [right].into()).await?.is_empty() {
            return Ok(Some("stays, empty, as your user may not delete namespaces".to_owned()));
        }
        Ok(Some(match deployment::leave_namespace(cluster, &left).await? {
            NamespaceEnd::Gone => "is gone".to_owned(),
            NamespaceEnd::Stays(why) => why,
        }))
    }
}
