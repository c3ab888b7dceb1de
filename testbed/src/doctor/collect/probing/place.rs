//! Where the pods run: in the testbed's namespace, whose policies then hold for them, or in a temporary one before the first
//! deployment.

use super::super::cluster::{COMPONENT, ClusterSource, DOCTOR, said};
use super::{DELETE_TIMEOUT, is_gone};
use crate::cluster::rights::{self, Right};
use crate::cluster::{MANAGED_BY, MANAGER, PART_OF};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;
use std::collections::BTreeSet;

/// A label of this run's objects alone, by which they are found again.
const RUN: &str = "testbed/doctor-run";

/// A namespace for pods.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) namespace: String,
    /// Made for this run: nothing of the testbed is in it, so names of its services do not resolve.
    pub(super) is_temporary: bool,
    /// Whether policies decide what pods connect to.
    pub(super) has_policies: bool,
    run: String,
}

impl Place {
    /// Finds or makes it.
    ///
    /// # Errors
    /// Why no pods can be started.
    pub(super) async fn find(source: &ClusterSource) -> Result<Self, String> {
        let namespaces: Api<Namespace> = Api::all(source.cluster.client.clone());
        let run = format!("{:x}", jiff::Timestamp::now().as_nanosecond());
        // Where it may not be asked for, it is taken to be there: creating the pods tells.
        let is_there = !matches!(namespaces.get_opt(&source.namespace).await, Ok(None));
        require(source, is_there).await?;
        if is_there {
            let has_policies = has_policies(source).await;
            return Ok(Self { namespace: source.namespace.clone(), is_temporary: false, has_policies, run });
        }
        let object = serde_json::from_value(namespace(&run)).map_err(|error| error.to_string())?;
        let created = namespaces.create(&PostParams::default(), &object).await;
        let created: Namespace =
            created.map_err(|error| format!("no temporary namespace can be made: {}", said(&error)))?;
        let namespace = created.metadata.name.unwrap_or_default();
        Ok(Self { namespace, is_temporary: true, has_policies: false, run })
    }

    /// Labels of pods: the simulator's, for which the policies of the services hold.
    pub(super) fn labels(&self) -> serde_json::Value {
        json!({
            "app.kubernetes.io/name": "simulator",
            COMPONENT: DOCTOR,
            PART_OF: "testbed",
            MANAGED_BY: MANAGER,
            RUN: self.run,
        })
    }

    /// The pods of this run, as `kubectl --selector` takes it.
    pub(super) fn selector(&self) -> String {
        format!("{RUN}={}", self.run)
    }

    /// Deletes the namespace if it is a temporary one; gives what to do where it fails.
    pub(super) async fn leave(self, source: &ClusterSource) -> Option<String> {
        if !self.is_temporary {
            return None;
        }
        let namespaces: Api<Namespace> = Api::all(source.cluster.client.clone());
        let parameters = DeleteParams::default();
        let deleted = namespaces.delete(&self.namespace, &parameters);
        let error = match tokio::time::timeout(DELETE_TIMEOUT, deleted).await {
            Ok(Err(error)) if !is_gone(&error) => said(&error),
            Ok(_) => return None,
            Err(_) => "the API server does not answer".to_owned(),
        };
        let name = self.namespace;
        Some(format!(
            "the temporary namespace cannot be deleted: {error}: run `kubectl delete namespace {name}`"
        ))
    }
}

/// Asked before anything is created: who may create and not delete would leave something behind.
async fn require(source: &ClusterSource, is_there: bool) -> Result<(), String> {
    let namespace = is_there.then_some(source.namespace.as_str());
    let mut needed: BTreeSet<Right> =
        ["create", "get", "list", "delete"].map(|verb| Right::new(verb, "", "pods", namespace)).into();
    needed.insert(Right::new("get", "", "pods/log", namespace));
    if !is_there {
        needed.extend(["create", "delete"].map(|verb| Right::new(verb, "", "namespaces", None)));
    }
    let missing = rights::missing(&source.cluster, needed).await.map_err(|error| format!("{error:#}"))?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.iter().map(Right::to_string).collect();
    Err(format!("no pods were started on nodes, because your user may not {}", missing.join(", ")))
}

/// Where it cannot be known, there may be some.
async fn has_policies(source: &ClusterSource) -> bool {
    let api: Api<NetworkPolicy> = Api::namespaced(source.cluster.client.clone(), &source.namespace);
    api.list_metadata(&ListParams::default()).await.map_or(true, |policies| !policies.items.is_empty())
}

/// With the pod security of the testbed's own.
fn namespace(run: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "generateName": "testbed-doctor-",
            "labels": {
                MANAGED_BY: MANAGER,
                PART_OF: "testbed",
                COMPONENT: DOCTOR,
                RUN: run,
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/audit": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
    })
}
