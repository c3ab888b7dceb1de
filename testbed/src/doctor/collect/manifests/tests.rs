//! Manifests as they are rendered, in short.

use super::facts;
use crate::cluster::objects::parse;
use crate::doctor::facts::{ManifestFacts, VolumeSource};
use serde_json::Value;

const RENDERED: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: testbed}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pipeline-1}
data:
  REDIS_URL: redis://user:secret@redis:6379
  SOMETHING: else
  collector.yaml: |
    endpoint: ${env:HOST}
    level: detailed
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {REDIS_PASSWORD: CHANGEME-never-shown}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingest-api}
spec:
  replicas: 2
  template:
    metadata: {labels: {app.kubernetes.io/name: ingest-api}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 65532}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [arm64]}]
      containers:
        - name: ingest-api
          image: 192.168.0.35:5000/testbed/ingest-api:VERSION_PLACEHOLDER
          envFrom: [{configMapRef: {name: pipeline-1}}]
          env: [{name: PARTITIONS, value: "4"}, {name: TOKEN, value: secret}]
          resources: {requests: {cpu: 250m}, limits: {memory: 128Mi, cpu: 1}}
        - {name: second, image: process-worker}
      volumes:
        - {name: cache, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
        - {name: data, persistentVolumeClaim: {claimName: data}}
        - {name: token, configMap: {name: pipeline-1, defaultMode: 0444}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: ingest-api}
spec: {scaleTargetRef: {name: ingest-api}, maxReplicas: 6}
"#;

fn rendered() -> ManifestFacts {
    let objects: Vec<Value> = parse(RENDERED).unwrap().into_iter().map(|object| object.value).collect();
    facts("placement any", &objects)
}

#[test]
fn a_deployment_is_read_with_its_configuration() {
    let manifests = rendered();
    let workload = &manifests.workloads[0];
    assert_eq!((workload.subject().as_str(), workload.replicas), ("Deployment ingest-api", 2));
    assert_eq!(workload.node_terms[0][0].values, ["arm64"]);
    let container = &workload.containers[0];
    assert_eq!((container.requests.cpu_millicores, container.limits.cpu_millicores), (Some(250), Some(1000)));
    assert_eq!(container.limits.memory_bytes, Some(128 * 1024 * 1024));
    assert_eq!(
        workload.volumes[0].source,
        VolumeSource::EmptyDir { is_memory: true, size_limit_bytes: Some(64 * 1024 * 1024) }
    );
    assert_eq!(workload.volumes[1].source, VolumeSource::Claim("data".to_owned()));
    assert_eq!((manifests.namespace.as_str(), manifests.autoscalers[0].replicas_max), ("testbed", 6));
}

#[test]
fn only_what_checks_read_is_kept_and_no_password() {
    let json = serde_json::to_string(&rendered()).unwrap();
    assert!(json.contains("redis://***@redis:6379") && json.contains("PARTITIONS"), "{json}");
    for secret in ["secret", "SOMETHING", "TOKEN", "never-shown"] {
        assert!(!json.contains(secret), "{secret}: {json}");
    }
}

#[test]
fn placeholders_are_found_but_in_files() {
    let unresolved = rendered().unresolved;
    let texts: Vec<&str> = unresolved.iter().map(|unresolved| unresolved.text.as_str()).collect();
    assert_eq!(texts, ["192.168.0.35:5000/testbed/ingest-api:VERSION_PLACEHOLDER", "process-worker"]);
    assert_eq!(unresolved[0].field, "spec.template.spec.containers[0].image");
}
