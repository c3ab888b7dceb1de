//! Claims and volumes, as the API server has them.

use crate::doctor::facts::{ClaimFacts, NodeTerm, Requirement, VolumeFacts};
use k8s_openapi::api::core::v1::{NodeSelectorTerm, PersistentVolume, PersistentVolumeClaim, Pod};
use std::collections::BTreeSet;

pub(super) fn claim(claim: &PersistentVolumeClaim, pods: &[Pod]) -> ClaimFacts {
    let name = claim.metadata.name.clone().unwrap_or_default();
    let services: BTreeSet<String> =
        pods.iter().filter(|pod| mounts(pod, &name)).filter_map(service).collect();
    ClaimFacts {
        phase: claim.status.clone().unwrap_or_default().phase.unwrap_or_default(),
        volume: claim.spec.clone().unwrap_or_default().volume_name.filter(|volume| !volume.is_empty()),
        services: services.into_iter().collect(),
        name,
    }
}

fn mounts(pod: &Pod, name: &str) -> bool {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref()).any(|claim| claim.claim_name == name)
}

fn service(pod: &Pod) -> Option<String> {
    pod.metadata.labels.as_ref()?.get("app.kubernetes.io/name").cloned()
}

pub(super) fn volume(volume: &PersistentVolume) -> VolumeFacts {
    let affinity = volume.spec.clone().unwrap_or_default().node_affinity.unwrap_or_default();
    let terms = affinity.required.map(|required| required.node_selector_terms).unwrap_or_default();
    VolumeFacts {
        name: volume.metadata.name.clone().unwrap_or_default(),
        nodes: terms.iter().map(term).collect(),
    }
}

fn term(term: &NodeSelectorTerm) -> NodeTerm {
    let expressions = term.match_expressions.iter().flatten();
    let requirement = |expression: &k8s_openapi::api::core::v1::NodeSelectorRequirement| Requirement {
        key: expression.key.clone(),
        operator: expression.operator.clone(),
        values: expression.values.clone().unwrap_or_default(),
    };
    expressions.map(requirement).collect()
}
