//! Whether volumes can be mounted where pods may run.

use super::findings::Findings;
use super::placement::{eligible, names};
use crate::doctor::facts::{
    ClusterFacts, Facts, NodeFacts, VolumeFacts, VolumeSource, Workload, term_allows,
};
use crate::images::check::Failure;

const REMEDY: &str = "use an emptyDir: all of the testbed's data can be had again from Redis";

/// Volumes keep no pod from a node that it may run on.
pub(super) fn volumes(facts: &Facts, findings: &mut Findings) {
    findings.unplaced(facts, "no node satisfies both the pod's placement and its volume", REMEDY);
    findings.unlisted(facts, "persistentvolumeclaims");
    findings.unlisted(facts, "persistentvolumes");
    let Some(manifests) = findings.known("manifests", &facts.manifests) else { return };
    for workload in &manifests.workloads {
        let before = workload.volumes.len();
        let mut is_free = true;
        for volume in &workload.volumes {
            match &volume.source {
                VolumeSource::Claim(claim) => {
                    is_free = false;
                    claimed(facts, workload, claim, findings);
                }
                VolumeSource::HostPath(path) => {
                    is_free = false;
                    let cause = "a folder of the node is mounted, which differs from node to node and which restricted pod security refuses";
                    findings.error(
                        workload.subject(),
                        Failure::new(cause, format!("volume {} is hostPath {path}", volume.name), REMEDY),
                    );
                }
                _ => {}
            }
        }
        if is_free {
            findings.pass(workload.subject(), format!("none of its {before} volumes belongs to a node"));
        }
    }
}

fn claimed(facts: &Facts, workload: &Workload, claim: &str, findings: &mut Findings) {
    let bound = facts.cluster.known().ok().and_then(|cluster| bound_volume(cluster, claim));
    let Some(volume) = bound else {
        let cause = "a claim of a volume can pin the pod to the node on which the volume is first made (local-path of k3s does)";
        return findings
            .warn(workload.subject(), Failure::new(cause, format!("volume claim {claim}"), REMEDY));
    };
    let may_run = eligible(facts, workload);
    let (mountable, others): (Vec<&NodeFacts>, Vec<&NodeFacts>) =
        may_run.iter().partition(|node| mounts(volume, node));
    let on: Vec<&NodeFacts> = facts.nodes.iter().filter(|node| mounts(volume, node)).collect();
    if others.is_empty() {
        return findings.pass(
            workload.subject(),
            format!("volume {} can be mounted on all of {}", volume.name, names(&mountable)),
        );
    }
    let evidence = format!(
        "claim {claim} is volume {} on {}, the pod may run on {}",
        volume.name,
        names(&on),
        names(&may_run)
    );
    if mountable.is_empty() {
        let cause = "the volume is on a node on which the pod may not run, so the pod is never started";
        findings.error(workload.subject(), Failure::new(cause, evidence, REMEDY));
    } else {
        let cause = "the volume pins the pod to some of the nodes on which it may run";
        findings.warn(workload.subject(), Failure::new(cause, evidence, REMEDY));
    }
}

fn bound_volume<'a>(cluster: &'a ClusterFacts, claim: &str) -> Option<&'a VolumeFacts> {
    let claim = cluster.claims.iter().find(|other| other.name == claim)?;
    let name = claim.volume.as_ref()?;
    cluster.volumes.iter().find(|volume| volume.name == *name)
}

fn mounts(volume: &VolumeFacts, node: &NodeFacts) -> bool {
    volume.nodes.is_empty() || volume.nodes.iter().any(|term| term_allows(term, &node.labels))
}
