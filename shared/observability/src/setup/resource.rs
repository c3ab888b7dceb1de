//! The resource: what reports, from which build, on which machine.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use super::arguments::{KubernetesArgs, given};

/// Who reports.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The default of `service.name`.
    pub service: &'static str,
    pub version: &'static str,
    /// The default of `service.instance.id`.
    pub instance: String,
    /// Git revision of the build.
    pub revision: Option<&'static str>,
    /// Further attributes, such as [`RUN_ID`](crate::RUN_ID).
    pub attributes: Vec<(&'static str, String)>,
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over what is known here.
pub(super) fn resource(identity: &Identity, kubernetes: &KubernetesArgs) -> Resource {
    let from_environment = Resource::builder().build();
    let is_default = |pair: &KeyValue| {
        let found = from_environment.get(&pair.key);
        found.is_none_or(|value| value.as_str().starts_with("unknown_service"))
    };
    let known = attributes(identity, kubernetes).into_iter().filter(is_default);
    Resource::builder().with_attributes(known.collect::<Vec<_>>()).build()
}

fn attributes(identity: &Identity, kubernetes: &KubernetesArgs) -> Vec<KeyValue> {
    let node = given(kubernetes.k8s_node_name.as_ref());
    // The host name of a pod is the pod's; the host is the node.
    let host = node.map_or_else(host_name, str::to_owned);
    let mut known = vec![
        KeyValue::new("service.name", identity.service),
        KeyValue::new("service.version", identity.version),
        KeyValue::new("service.instance.id", identity.instance.clone()),
        KeyValue::new("host.arch", host_arch()),
        KeyValue::new("host.name", host),
        KeyValue::new("os.type", std::env::consts::OS),
    ];
    known.extend(identity.revision.map(|revision| KeyValue::new("vcs.ref.head.revision", revision)));
    let pod = [
        ("k8s.node.name", &kubernetes.k8s_node_name),
        ("k8s.pod.name", &kubernetes.k8s_pod_name),
        ("k8s.pod.uid", &kubernetes.k8s_pod_uid),
        ("k8s.namespace.name", &kubernetes.k8s_namespace_name),
    ];
    known.extend(pod.into_iter().filter_map(|(name, value)| {
        given(value.as_ref()).map(|value| KeyValue::new(name, value.to_owned()))
    }));
    known.extend(identity.attributes.iter().map(|(name, value)| KeyValue::new(*name, value.clone())));
    known
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

/// The architecture as OpenTelemetry, Go and OCI name it.
fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_and_run_are_attributes_and_the_node_is_the_host() {
        let identity = Identity {
            service: "simulator",
            version: "1",
            instance: "a".to_owned(),
            revision: Some("abc"),
            attributes: vec![("testbed.run.id", "run-1".to_owned())],
        };
        let kubernetes = KubernetesArgs {
            k8s_node_name: Some("pi-5".to_owned()),
            k8s_pod_name: Some("simulator-x".to_owned()),
            k8s_pod_uid: Some(String::new()),
            ..KubernetesArgs::default()
        };
        let known = attributes(&identity, &kubernetes);
        let of = |name: &str| {
            known.iter().find(|pair| pair.key.as_str() == name).map(|pair| pair.value.as_str().into_owned())
        };
        assert_eq!(of("host.name").as_deref(), Some("pi-5"));
        assert_eq!(of("k8s.pod.name").as_deref(), Some("simulator-x"));
        assert_eq!(of("k8s.pod.uid"), None);
        assert_eq!(of("testbed.run.id").as_deref(), Some("run-1"));
        assert_eq!(of("vcs.ref.head.revision").as_deref(), Some("abc"));
    }
}
