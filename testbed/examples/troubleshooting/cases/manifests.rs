//! Manifests, builds and collector configurations that cannot work.

use super::change::{crash, known, workload};
use testbed::doctor::facts::{
    ClaimFacts, Facts, Requirement, Unresolved, Validation, Volume, VolumeFacts, VolumeSource,
};

pub(super) fn placeholder_tag(facts: &mut Facts) {
    let text = "192.168.0.35:5000/testbed/ingest-api:VERSION_PLACEHOLDER".to_owned();
    workload(facts, "ingest-api").containers[0].image.clone_from(&text);
    let object = "Deployment ingest-api".to_owned();
    let field = "spec.template.spec.containers[0].image".to_owned();
    known(&mut facts.manifests).unresolved.push(Unresolved { object, field, text });
}

pub(super) fn unpinned(facts: &mut Facts) {
    workload(facts, "query-api").containers[0].image =
        "192.168.0.35:5000/testbed/query-api:0123456789ab".to_owned();
}

pub(super) fn https_builder(facts: &mut Facts) {
    known(&mut facts.builder).plain_http.clear();
}

pub(super) fn shared_tag(facts: &mut Facts) {
    let targets = &mut known(&mut facts.build).targets;
    let mut other = targets[0].clone();
    other.name = "ingest-api-arm64".to_owned();
    targets.push(other);
}

/// What the collector 0.155.0 says of it.
pub(super) fn removed_exporter(facts: &mut Facts) {
    known(&mut facts.collector).components.push("exporters/logging".to_owned());
    refused(facts, "'exporters' the logging exporter has been deprecated, use the debug exporter instead");
}

/// What the collector 0.155.0 says of it.
pub(super) fn misspelt_key(facts: &mut Facts) {
    refused(
        facts,
        "'processors' error reading configuration for \"memory_limiter\": 'memorylimiter.Config' has invalid keys: spike_limit_mb",
    );
}

fn refused(facts: &mut Facts, error: &str) {
    let validation = Validation { version: "0.155.0".to_owned(), error: Some(error.to_owned()) };
    known(&mut facts.collector).validation = Some(validation);
}

pub(super) fn out_of_memory(facts: &mut Facts) {
    workload(facts, "query-api").containers[0].limits.memory_bytes = Some(48 * 1024 * 1024);
    crash(facts, "query-api", "OOMKilled", 137, "");
}

pub(super) fn many_schedulers(facts: &mut Facts) {
    let mut scheduler = workload(facts, "redis").clone();
    (scheduler.name, scheduler.service) = ("scheduler".to_owned(), "scheduler".to_owned());
    scheduler.replicas = 10;
    scheduler.containers[0].limits.memory_bytes = Some(64 * 1024 * 1024);
    known(&mut facts.manifests).workloads.push(scheduler);
}

/// As local-path of k3s binds them.
pub(super) fn pinning_volume(facts: &mut Facts) {
    let source = VolumeSource::Claim("cache".to_owned());
    workload(facts, "query-api").volumes = vec![Volume { name: "cache".to_owned(), source }];
    let on_clus1 = Requirement {
        key: "kubernetes.io/hostname".to_owned(),
        operator: "In".to_owned(),
        values: vec!["clus1".to_owned()],
    };
    let cluster = known(&mut facts.cluster);
    cluster.volumes.push(VolumeFacts { name: "pvc-1".to_owned(), nodes: vec![vec![on_clus1]] });
    cluster.claims.push(ClaimFacts {
        name: "cache".to_owned(),
        phase: "Bound".to_owned(),
        volume: Some("pvc-1".to_owned()),
        services: vec!["query-api".to_owned()],
    });
}

pub(super) fn separate_data(facts: &mut Facts) {
    let environment = &mut workload(facts, "query-api").containers[0].environment;
    environment.insert("REDIS_URL".to_owned(), "redis://query-redis:6379".to_owned());
}
