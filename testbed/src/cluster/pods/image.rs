//! Images that a node cannot pull. The texts are containerd's, as kubelet passes them on.

use super::container::Place;
use super::{Diagnosis, message_of};
use k8s_openapi::api::core::v1::{ContainerStatus, Event};

/// A text of containerd or a registry, and what it means.
struct Rule {
    /// Any of them.
    texts: &'static [&'static str],
    cause: &'static str,
    remedy: &'static str,
    is_final: bool,
}

/// The first that fits: what is more special stands first.
const RULES: [Rule; 9] = [
    Rule {
        texts: &["server gave HTTP response to HTTPS client"],
        cause: "the node asks the registry by HTTPS, and the registry speaks plain HTTP",
        remedy: "write the registry into /etc/rancher/k3s/registries.yaml of the node and restart k3s (or k3s-agent): \
                 `scripts/install-registries`; where it is there, the image may be absent: `testbed images verify`",
        is_final: true,
    },
    Rule {
        texts: &["no match for platform in manifest"],
        cause: "the image has no child for this node's architecture",
        remedy: "build it for both platforms and pin it again: `scripts/build-images`",
        is_final: true,
    },
    Rule {
        texts: &["parent snapshot", "failed to prepare extraction snapshot"],
        cause: "the node's image store does not have a layer below, as where an image names another architecture",
        remedy: "check the image with `testbed images verify`; if it is right, remove it on the node: `k3s crictl rmi IMAGE`",
        is_final: false,
    },
    Rule {
        texts: &["no space left on device"],
        cause: "the node's disk is full",
        remedy: "free some: `k3s crictl rmi --prune` on the node",
        is_final: false,
    },
    Rule {
        texts: &["x509:", "certificate signed by unknown authority"],
        cause: "the node does not trust the registry's certificate",
        remedy: "name its authority under `configs` in registries.yaml of the node, and restart k3s",
        is_final: true,
    },
    Rule {
        texts: &[
            "401 Unauthorized",
            "403 Forbidden",
            "insufficient_scope",
            "authorization failed",
            "no basic auth credentials",
        ],
        cause: "the registry wants a login, or the repository does not exist there",
        remedy: "put the login into registries.yaml of each node, or check the name: `testbed images verify`",
        is_final: true,
    },
    Rule {
        texts: &["no such host", "server misbehaving"],
        cause: "the node cannot resolve the registry's name",
        remedy: "use the registry's IP address, or give the node a DNS server that knows it",
        is_final: false,
    },
    Rule {
        texts: &[
            "connection refused",
            "i/o timeout",
            "no route to host",
            "network is unreachable",
            "context deadline exceeded",
        ],
        cause: "the node cannot reach the registry",
        remedy: "start the registry, and check firewall and address from the node: `curl http://REGISTRY/v2/`",
        is_final: false,
    },
    Rule {
        texts: &["not found", "manifest unknown", "does not exist"],
        cause: "the registry does not have this image",
        remedy: "push it and pin it again: `scripts/build-images`",
        is_final: true,
    },
];

/// Why the image of a container that waits is not there.
pub(super) fn of_waiting(
    container: &ContainerStatus,
    events: &[&Event],
    place: &Place<'_>,
) -> Option<Diagnosis> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "InvalidImageName" => Some(Diagnosis::new(
            format!("{:?} is no name of an image", container.image),
            message,
            "pin the images with `testbed images pin`, and deploy again",
            true,
        )),
        "ErrImageNeverPull" => Some(Diagnosis::new(
            "the image is not on the node, and it must not be pulled",
            message,
            "use imagePullPolicy: IfNotPresent",
            true,
        )),
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => {
            Some(of_pull(&container.image, full_text(message, events), place))
        }
        _ => None,
    }
}

/// While it backs off, older kubelets say so alone; the events still have the reason.
fn full_text<'a>(message: &'a str, events: &[&'a Event]) -> &'a str {
    if message.contains("failed to") {
        return message;
    }
    let mut failed = events.iter().rev().filter(|event| event.reason.as_deref() == Some("Failed"));
    let with_reason =
        failed.find_map(|event| event.message.as_deref().filter(|text| text.contains("failed to")));
    with_reason.or_else(|| message_of(events, "Failed")).unwrap_or(message)
}

fn of_pull(image: &str, text: &str, place: &Place<'_>) -> Diagnosis {
    let rule = RULES.iter().find(|rule| rule.texts.iter().any(|fragment| text.contains(fragment)));
    match rule {
        Some(rule) => Diagnosis::new(
            format!("{} ({}) cannot pull {image}: {}", place.node, place.architecture, rule.cause),
            text,
            rule.remedy,
            rule.is_final,
        ),
        None => Diagnosis::new(
            format!("{} ({}) cannot pull {image}", place.node, place.architecture),
            text,
            "the log of containerd on the node says more: /var/lib/rancher/k3s/agent/containerd/containerd.log",
            false,
        ),
    }
}
