//! What this project asks of every pod. Each rule gives what is wrong, in words.

use serde_json::Value;

use crate::objects::{Object, at, list, text};
use crate::quantity::{bytes, millicpus};
use crate::repository::REGISTRY;

/// What a program needs beside files that are kept in memory.
const PROGRAM_BYTES: u64 = 128 << 20;

/// Everything that is wrong with the pods of a workload.
pub(crate) fn faults(workload: &Object) -> Vec<String> {
    let mut faults = pod(workload);
    for container in workload.containers() {
        let name = text(at(container, "/name"));
        let found =
            [security(container), resources(container), image(container), mounts(workload, container)];
        faults.extend(found.concat().into_iter().map(|fault| format!("{name}: {fault}")));
    }
    faults.extend(volumes(workload));
    faults.extend(probes(workload));
    faults
}

/// The words of the conditions that do not hold.
fn unmet(conditions: &[(bool, &str)]) -> Vec<String> {
    conditions.iter().filter(|(holds, _)| !holds).map(|(_, words)| (*words).to_owned()).collect()
}

fn pod(workload: &Object) -> Vec<String> {
    let pod = workload.at("/spec/template/spec");
    let is_true = |pointer: &str| at(pod, pointer) == true;
    let asks_the_api = workload.name() == "otel-collector";
    let affinity = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = list(at(pod, affinity));
    // One term that holds is enough for the scheduler.
    let is_64_bit = terms.iter().all(|term| list(at(term, "/matchExpressions")).iter().any(is_64_bit));
    let label = |key: &str| workload.labels().get(format!("app.kubernetes.io/{key}")).is_some();
    unmet(&[
        (is_true("/securityContext/runAsNonRoot"), "runs as root"),
        (at(pod, "/securityContext/runAsUser").as_u64().is_some_and(|user| user > 0), "has no numeric user"),
        (at(pod, "/securityContext/fsGroup").is_u64(), "cannot write to its volumes"),
        (at(pod, "/securityContext/seccompProfile/type") == "RuntimeDefault", "has no seccomp profile"),
        (
            !is_true("/hostNetwork") && !is_true("/hostPID") && !is_true("/hostIPC"),
            "shares the host's namespaces",
        ),
        (at(pod, "/nodeName").is_null(), "leaves out the scheduler by nodeName"),
        (asks_the_api || at(pod, "/automountServiceAccountToken") == false, "has a token of the API"),
        (at(pod, "/enableServiceLinks") == false, "gets variables of services"),
        (label("name") && label("part-of") && label("component"), "lacks a label"),
        (!terms.is_empty() && is_64_bit, "may land on a node that its image is not built for"),
    ])
}

/// Whether an expression lets through amd64 and arm64 alone.
fn is_64_bit(expression: &Value) -> bool {
    let values = list(at(expression, "/values"));
    at(expression, "/key") == "kubernetes.io/arch"
        && at(expression, "/operator") == "In"
        && values.iter().all(|value| value == "amd64" || value == "arm64")
}

fn security(container: &Value) -> Vec<String> {
    let context = at(container, "/securityContext");
    let host_ports = list(at(container, "/ports")).iter().any(|port| port.get("hostPort").is_some());
    unmet(&[
        (at(context, "/allowPrivilegeEscalation") == false, "may escalate privileges"),
        (at(context, "/readOnlyRootFilesystem") == true, "may write to its image"),
        (at(context, "/capabilities/drop") == &serde_json::json!(["ALL"]), "keeps capabilities"),
        (at(context, "/capabilities/add").is_null(), "adds capabilities"),
        (at(context, "/privileged") != true, "is privileged"),
        (
            at(context, "/runAsUser").is_null() && at(context, "/runAsNonRoot").is_null(),
            "has a user of its own",
        ),
        (!host_ports, "takes a port of the node"),
    ])
}

fn resources(container: &Value) -> Vec<String> {
    let of = |pointer: &str| at(container, &format!("/resources/{pointer}"));
    let (requested, allowed) = (of("requests/cpu"), of("limits/cpu"));
    let (memory, memory_max) = (bytes(of("requests/memory")), bytes(of("limits/memory")));
    let (disk, disk_max) = (bytes(of("requests/ephemeral-storage")), bytes(of("limits/ephemeral-storage")));
    unmet(&[
        (millicpus(requested) > 0, "requests no processor"),
        (memory > 0 && memory <= memory_max, "requests no memory, or more than its limit"),
        (disk > 0 && disk <= disk_max, "requests no ephemeral storage, or more than its limit"),
        // Else it is throttled within each period, and that is measured.
        (allowed.is_null() || is_whole(container), "has a limit of the processor without being Guaranteed"),
    ])
}

/// Whole processors, and everything requested that is allowed: what cpuManagerPolicy static asks for.
pub(crate) fn is_whole(container: &Value) -> bool {
    let of = |pointer: &str| at(container, &format!("/resources/{pointer}"));
    let cpu = millicpus(of("limits/cpu"));
    cpu > 0
        && cpu.is_multiple_of(1000)
        && cpu == millicpus(of("requests/cpu"))
        && bytes(of("limits/memory")) == bytes(of("requests/memory"))
}

fn image(container: &Value) -> Vec<String> {
    let (name, image) = (text(at(container, "/name")), text(at(container, "/image")));
    let is_digest = |digest: &str| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    if crate::repository::PROGRAMS.contains(&name.as_str()) {
        let digest = image.strip_prefix(&format!("{REGISTRY}/testbed/{name}@sha256:")).map(str::to_owned);
        return unmet(&[(digest.is_some_and(|digest| is_digest(&digest)), "is not pinned by a digest")]);
    }
    let last = image.rsplit_once('/').map_or(image.as_str(), |(_, last)| last);
    let (name, digest) = last.split_once("@sha256:").map_or((last, None), |(name, rest)| (name, Some(rest)));
    let has_version = name.split_once(':').is_some_and(|(_, tag)| is_exact(tag));
    let is_whole = digest.is_none_or(is_digest);
    unmet(&[(has_version && is_whole, "has an image without an exact version")])
}

/// A release such as 7.4.7 or v3.5.0: tags such as 7.4 move.
fn is_exact(tag: &str) -> bool {
    let numbers = tag.trim_start_matches('v').split('.');
    numbers.clone().count() == 3 && numbers.into_iter().all(|number| number.parse::<u32>().is_ok())
}

fn mounts(workload: &Object, container: &Value) -> Vec<String> {
    let volumes = list(workload.at("/spec/template/spec/volumes"));
    let exists = |mount: &Value| volumes.iter().any(|volume| volume["name"] == mount["name"]);
    unmet(&[(list(at(container, "/volumeMounts")).iter().all(exists), "mounts a volume that is not there")])
}

fn volumes(workload: &Object) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut on_disk, mut in_memory) = (0, 0);
    for volume in list(workload.at("/spec/template/spec/volumes")) {
        let name = text(at(volume, "/name"));
        let sources: Vec<&str> =
            volume.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "name").collect();
        if !matches!(sources[..], ["emptyDir" | "configMap" | "secret" | "projected"]) {
            faults.push(format!(
                "volume {name} is of {sources:?}, which ties the pod to a node or outlives it"
            ));
        }
        if let Some(directory) = volume.get("emptyDir") {
            let size = bytes(at(directory, "/sizeLimit"));
            if size == 0 {
                faults.push(format!("volume {name} may fill the node"));
            }
            if at(directory, "/medium") == "Memory" { in_memory += size } else { on_disk += size }
        }
    }
    let limit = |kind: &str| {
        let limits = workload.containers().map(|it| bytes(at(it, &format!("/resources/limits/{kind}"))));
        limits.sum::<u64>()
    };
    if on_disk >= limit("ephemeral-storage") {
        faults.push("its volumes leave no ephemeral storage for logs".to_owned());
    }
    if in_memory > 0 && in_memory + PROGRAM_BYTES > limit("memory") {
        faults.push("its files in memory leave none for the program".to_owned());
    }
    faults
}

fn probes(workload: &Object) -> Vec<String> {
    let mut faults = Vec::new();
    // What has an end is not probed.
    let wanted: &[&str] = match (workload.kind(), workload.is_own()) {
        ("Job", _) => &[],
        (_, true) => &["startupProbe", "readinessProbe", "livenessProbe"],
        (_, false) => &["readinessProbe", "livenessProbe"],
    };
    let ports = workload.ports();
    for container in workload.containers() {
        for probe in wanted {
            let Some(probed) = container.get(*probe) else {
                faults.push(format!("has no {probe}"));
                continue;
            };
            let port = [at(probed, "/httpGet/port"), at(probed, "/tcpSocket/port")]
                .into_iter()
                .find(|it| !it.is_null());
            let asks_what_is_there =
                port.map_or(probed.get("exec").is_some(), |port| ports.contains_key(&text(port)));
            if !asks_what_is_there {
                faults.push(format!("{probe} asks a port that is not there"));
            }
            let path = at(probed, "/httpGet/path");
            let right = if *probe == "readinessProbe" { "/readyz" } else { "/livez" };
            if workload.is_own() && path != right {
                faults.push(format!("{probe} asks {path} instead of {right}"));
            }
        }
    }
    faults
}
