//! Checks of manifests: placeholders, pins, users, replicas, volumes, addresses.

use crate::facts::{found, healthy, known, only, pod, workload};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::{
    AutoscalerFacts, ClaimFacts, Facts, Unresolved, Volume, VolumeFacts, VolumeSource,
};

#[test]
fn a_placeholder_is_found_with_its_field() {
    let mut facts = healthy();
    let image = "192.168.0.35:5000/testbed/ingest-api:VERSION_PLACEHOLDER".to_owned();
    workload(&mut facts, "ingest-api").containers[0].image = image.clone();
    let field = "spec.template.spec.containers[0].image".to_owned();
    known(&mut facts.manifests).unresolved =
        vec![Unresolved { object: "Deployment ingest-api".to_owned(), field, text: image }];
    let found = only(&facts, Check::Placeholder, Severity::Error);
    assert_eq!(found.subject, "Deployment ingest-api");
    assert!(found.tells("placeholder", "containers[0].image is \"192", "testbed images pin"), "{found:#?}");
}

#[test]
fn a_tag_beside_a_digest_is_pinned() {
    let mut facts = healthy();
    let image = &mut workload(&mut facts, "ingest-api").containers[0].image;
    *image = image.replace('@', ":0123456789ab@");
    assert!(found(&facts).is_empty());
}

#[test]
fn a_tag_in_place_of_a_digest_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "ingest-api").containers[0].image =
        "192.168.0.35:5000/testbed/ingest-api:0123456789ab".to_owned();
    let found = only(&facts, Check::Pinned, Severity::Error);
    assert!(found.tells("by a tag", "ingest-api:0123456789ab", "testbed images pin"), "{found:#?}");
}

#[test]
fn others_images_need_a_version() {
    for image in ["valkey/valkey", "valkey/valkey:latest"] {
        let mut facts = healthy();
        workload(&mut facts, "redis").containers[0].image = image.to_owned();
        let found = only(&facts, Check::Pinned, Severity::Warning);
        assert!(found.tells("without a version", image, "digest"), "{found:#?}");
    }
}

#[test]
fn a_container_that_may_be_root_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "ingest-api").run_as_non_root = false;
    let found = only(&facts, Check::NonRoot, Severity::Error);
    assert!(found.tells("as root", "runAsNonRoot is not set", "numeric runAsUser"), "{found:#?}");
    workload(&mut facts, "ingest-api").run_as_non_root = true;
    workload(&mut facts, "ingest-api").containers[0].run_as_user = Some(0);
    assert!(only(&facts, Check::NonRoot, Severity::Error).tells("as root", "runAsUser is 0", ""));
}

#[test]
fn several_of_what_may_run_once_are_found() {
    for (name, severity) in [("redis", Severity::Error), ("otel-collector", Severity::Error)] {
        let mut facts = healthy();
        // Nothing else is to speak of them.
        known(&mut facts.cluster).quotas.clear();
        workload(&mut facts, name).replicas = 2;
        let found = only(&facts, Check::Singletons, severity);
        assert!(found.tells("each", "2 replicas", "replicas to 1"), "{found:#?}");
    }
}

#[test]
fn several_simulators_are_shards_of_one_job() {
    let mut facts = healthy();
    let redis = workload(&mut facts, "redis");
    (redis.kind, redis.service, redis.replicas) = ("Job".to_owned(), "simulator".to_owned(), 2);
    let is_found = |facts: &Facts| found(facts).iter().any(|found| found.check == Check::Singletons);
    assert!(!is_found(&facts));
    workload(&mut facts, "redis").kind = "Deployment".to_owned();
    assert!(is_found(&facts), "each makes the whole load");
}

#[test]
fn what_nobody_knows_is_doubted_in_several() {
    let mut facts = healthy();
    known(&mut facts.cluster).quotas.clear();
    workload(&mut facts, "redis").service = "scheduler".to_owned();
    workload(&mut facts, "redis").replicas = 10;
    let found = only(&facts, Check::Singletons, Severity::Warning);
    assert!(found.tells("every periodic job", "10 replicas", "lease"), "{found:#?}");
}

#[test]
fn an_autoscaler_counts_as_its_most() {
    let mut facts = healthy();
    let scaler = |target: &str| AutoscalerFacts {
        name: "scaler".to_owned(),
        target: target.to_owned(),
        replicas_max: 6,
    };
    known(&mut facts.manifests).autoscalers = vec![scaler("process-worker")];
    assert!(found(&facts).is_empty());
    known(&mut facts.manifests).autoscalers = vec![scaler("redis")];
    let found = only(&facts, Check::Singletons, Severity::Error);
    assert!(found.tells("own data", "up to 6 replicas", "autoscaler"), "{found:#?}");
}

#[test]
fn an_autoscaler_of_the_cluster_counts_too() {
    let mut facts = healthy();
    let name = "somebody".to_owned();
    let scaler = AutoscalerFacts { name, target: "redis".to_owned(), replicas_max: 3 };
    known(&mut facts.cluster).autoscalers.push(scaler);
    let found = only(&facts, Check::Singletons, Severity::Error);
    assert!(found.tells("own data", "somebody goes up to 3", "autoscaler"), "{found:#?}");
}

#[test]
fn a_cron_job_whose_runs_may_overlap_is_found() {
    let mut facts = healthy();
    let redis = workload(&mut facts, "redis");
    (redis.kind, redis.may_overlap) = ("CronJob".to_owned(), true);
    let found = only(&facts, Check::Singletons, Severity::Warning);
    assert_eq!(found.subject, "CronJob redis");
    assert!(found.tells("both do the same", "Allow", "Forbid"), "{found:#?}");
}

/// Has so many further pods of a service run.
fn scale(facts: &mut Facts, service: &str, count: usize) {
    let pod = pod(facts, service).clone();
    known(&mut facts.cluster).pods.extend(std::iter::repeat_n(pod, count));
}

#[test]
fn what_was_scaled_in_the_cluster_is_found() {
    for (service, severity, cause) in
        [("redis", Severity::Error, "own data"), ("scheduler", Severity::Warning, "every periodic job")]
    {
        let mut facts = healthy();
        pod(&mut facts, "redis").service = service.to_owned();
        scale(&mut facts, service, 9);
        let found = only(&facts, Check::Singletons, severity);
        assert_eq!(found.subject, format!("service {service}"));
        assert!(found.tells(cause, "10 pods run", "replicas to 1"), "{found:#?}");
    }
}

#[test]
fn pods_that_may_be_several_or_do_not_run_are_no_finding() {
    let mut facts = healthy();
    scale(&mut facts, "ingest-api", 3);
    assert!(found(&facts).is_empty());
    pod(&mut facts, "redis").service = "exporter".to_owned();
    pod(&mut facts, "exporter").controller = Some("DaemonSet".to_owned());
    scale(&mut facts, "exporter", 2);
    assert!(found(&facts).is_empty());
    pod(&mut facts, "exporter").controller = Some("ReplicaSet".to_owned());
    assert!(found(&facts).is_empty(), "one of a ReplicaSet and two of a DaemonSet");
    pod(&mut facts, "otel-collector").phase = "Succeeded".to_owned();
    scale(&mut facts, "otel-collector", 2);
    assert!(found(&facts).is_empty());
}

#[test]
fn a_namespace_that_lets_pods_run_as_root_is_found() {
    const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
    for (level, evidence) in
        [(None, "not set"), (Some("privileged"), "is privileged"), (Some("baseline"), "is baseline")]
    {
        let mut facts = healthy();
        let labels = level.map(|level: &str| (ENFORCE.to_owned(), level.to_owned()));
        known(&mut facts.cluster).namespace_labels = Some(labels.into_iter().collect());
        let found = only(&facts, Check::NonRoot, Severity::Warning);
        assert_eq!(found.subject, "namespace testbed");
        assert!(
            found.tells("restricted pod security", evidence, "kubectl label --overwrite namespace testbed"),
            "{found:#?}"
        );
    }
}

#[test]
fn a_namespace_that_is_not_there_yet_is_no_finding() {
    let mut facts = healthy();
    known(&mut facts.cluster).namespace_labels = None;
    assert!(found(&facts).is_empty());
    known(&mut facts.cluster).missing.push("get namespace testbed: forbidden".to_owned());
    assert_eq!(crate::facts::reasons(&facts, Check::NonRoot), ["its labels could not be read"]);
}

fn claim(facts: &mut Facts, volume_on: &str) {
    let source = VolumeSource::Claim("cache".to_owned());
    workload(facts, "query-api").volumes = vec![Volume { name: "cache".to_owned(), source }];
    let requirement =
        format!(r#"[{{"key": "kubernetes.io/hostname", "operator": "In", "values": ["{volume_on}"]}}]"#);
    let cluster = known(&mut facts.cluster);
    cluster.claims.push(ClaimFacts {
        name: "cache".to_owned(),
        phase: "Bound".to_owned(),
        volume: Some("pvc-1".to_owned()),
        services: vec!["query-api".to_owned()],
    });
    let nodes = vec![serde_json::from_str(&requirement).unwrap()];
    cluster.volumes.push(VolumeFacts { name: "pvc-1".to_owned(), nodes });
}

#[test]
fn a_volume_on_a_node_that_the_pod_may_not_use_is_found() {
    let mut facts = healthy();
    claim(&mut facts, "clus1");
    let found = only(&facts, Check::Volumes, Severity::Warning);
    assert!(found.tells("pins the pod", "pvc-1 on clus1", "emptyDir"), "{found:#?}");
    workload(&mut facts, "query-api").node_terms[0][0].values = vec!["arm64".to_owned()];
    let found = only(&facts, Check::Volumes, Severity::Error);
    assert!(found.tells("never started", "the pod may run on r1-node and r3-node", "emptyDir"), "{found:#?}");
}

#[test]
fn a_volume_that_every_node_can_mount_pins_no_pod() {
    let mut facts = healthy();
    claim(&mut facts, "clus1");
    known(&mut facts.cluster).volumes[0].nodes.clear();
    assert!(found(&facts).is_empty());
}

#[test]
fn a_claim_without_a_volume_yet_is_doubted() {
    let mut facts = healthy();
    claim(&mut facts, "clus1");
    known(&mut facts.cluster).claims.clear();
    only(&facts, Check::Volumes, Severity::Warning);
}

#[test]
fn a_folder_of_the_node_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "query-api").volumes[0].source = VolumeSource::HostPath("/data".to_owned());
    let found = only(&facts, Check::Volumes, Severity::Error);
    assert!(found.tells("folder of the node", "/data", "emptyDir"), "{found:#?}");
}

#[test]
fn a_pod_that_its_volume_keeps_away_is_found() {
    for reason in
        ["1 node(s) had volume node affinity conflict", "pod has unbound immediate PersistentVolumeClaims"]
    {
        let mut facts = healthy();
        pod(&mut facts, "query-api").unschedulable = Some(format!("0/3 nodes are available: {reason}."));
        let found = only(&facts, Check::Volumes, Severity::Error);
        assert!(found.tells("placement and its volume", reason, "emptyDir"), "{found:#?}");
    }
}

#[test]
fn services_with_different_redis_are_found() {
    let mut facts = healthy();
    workload(&mut facts, "query-api").containers[0]
        .environment
        .insert("REDIS_URL".to_owned(), "redis://other:6379".to_owned());
    let found = only(&facts, Check::Dependencies, Severity::Error);
    assert_eq!(found.subject, "REDIS_URL");
    assert!(found.tells("never see", "redis://other:6379 in query-api", "once"), "{found:#?}");
}

#[test]
fn an_address_that_leads_back_into_the_pod_is_found() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
        ("TARGET_URL", "http://127.0.0.1:8080"),
        ("QUERY_URL", "http://***@[::1]:8081"),
    ] {
        let mut facts = healthy();
        workload(&mut facts, "ingest-api").containers[0]
            .environment
            .insert(name.to_owned(), value.to_owned());
        let found = only(&facts, Check::Dependencies, Severity::Error);
        assert!(found.tells("into the pod itself", value, "Service"), "{found:#?}");
    }
}

#[test]
fn what_could_not_be_listed_is_not_passed() {
    let mut facts = healthy();
    let refusal = "persistentvolumes is forbidden".to_owned();
    known(&mut facts.cluster).missing.push(format!("list persistentvolumes: {refusal}"));
    assert!(crate::facts::reasons(&facts, Check::Volumes)[0].contains(&refusal));
    assert!(crate::facts::reasons(&facts, Check::Memory).is_empty());
}

#[test]
fn a_service_without_redis_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "ingest-api").containers[0].environment.remove("REDIS_URL");
    let found = only(&facts, Check::Dependencies, Severity::Error);
    assert!(found.tells("its own pod", "not set", "ConfigMap"), "{found:#?}");
}
