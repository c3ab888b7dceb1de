//! Checks of the builder, the bake file and the collector's configuration.

use crate::facts::{container, healthy, known, only, reasons};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::MISSING;

#[test]
fn a_builder_of_the_docker_driver_is_found() {
    let mut facts = healthy();
    known(&mut facts.builder).driver = "docker".to_owned();
    let found = only(&facts, Check::Builder, Severity::Error);
    assert!(
        found.tells("several platforms", "driver docker", "--driver docker-container --buildkitd-config"),
        "{found:#?}"
    );
    known(&mut facts.builder).has_containerd_store = true;
    let found = only(&facts, Check::Builder, Severity::Warning);
    assert!(found.tells("does not read buildkitd.toml", "speaks http", "insecure-registries"), "{found:#?}");
    known(&mut facts.builder).registry_is_plain_http = Some(false);
    assert!(crate::facts::found(&facts).is_empty(), "it pushes indexes to a registry with TLS");
}

#[test]
fn a_builder_that_speaks_https_to_a_plain_registry_is_found() {
    let mut facts = healthy();
    known(&mut facts.builder).plain_http = vec!["registry:5000".to_owned()];
    let found = only(&facts, Check::Builder, Severity::Error);
    assert!(found.tells("https", "192.168.0.35:5000 speaks http", "scripts/build-images"), "{found:#?}");
    known(&mut facts.builder).registry_is_plain_http = Some(false);
    assert!(crate::facts::found(&facts).is_empty(), "a registry with TLS needs no such configuration");
}

#[test]
fn a_builder_that_is_not_there_is_only_noted() {
    let mut facts = healthy();
    let builder = known(&mut facts.builder);
    (builder.driver, builder.status) = (String::new(), MISSING.to_owned());
    builder.plain_http.clear();
    let found = only(&facts, Check::Builder, Severity::Info);
    assert!(found.tells("no builder yet", "does not know it", "scripts/build-images"), "{found:#?}");
}

#[test]
fn an_engine_that_does_not_run_is_found() {
    let mut facts = healthy();
    let error =
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
    known(&mut facts.builder).error = Some(error.to_owned());
    let found = only(&facts, Check::Builder, Severity::Error);
    assert!(found.tells("cannot tell", error, "systemctl start docker"), "{found:#?}");
}

#[test]
fn a_registry_that_was_not_asked_is_not_passed() {
    let mut facts = healthy();
    known(&mut facts.builder).registry_is_plain_http = None;
    assert_eq!(reasons(&facts, Check::Builder), ["the registry was not asked whether it speaks plain http"]);
    facts.about.registry = None;
    assert_eq!(reasons(&facts, Check::Builder), ["no registry was said (--registry)"]);
}

#[test]
fn two_targets_that_push_one_tag_are_found() {
    let mut facts = healthy();
    let targets = &mut known(&mut facts.build).targets;
    targets[1].tags = targets[0].tags.clone();
    let found = only(&facts, Check::TagCollision, Severity::Error);
    assert_eq!(found.subject, "192.168.0.35:5000/testbed/ingest-api:0123456789ab");
    assert!(found.tells("last one wins", "ingest-api and process-worker", "a tag of its own"), "{found:#?}");
}

#[test]
fn a_removed_exporter_is_found_with_what_took_its_place() {
    let mut facts = healthy();
    let collector = known(&mut facts.collector);
    collector.components.push("exporters/logging".to_owned());
    // It is what the program complains of as well, and is told once.
    collector.validation.as_mut().unwrap().error = Some("unknown type: \"logging\"".to_owned());
    let found = only(&facts, Check::CollectorConfiguration, Severity::Error);
    assert!(found.tells("does not have any more", "exporters/logging", "debug"), "{found:#?}");
}

#[test]
fn what_the_collector_refuses_is_found_with_what_it_means() {
    for (error, cause, remedy) in [
        ("'memorylimiter.Config' has invalid keys: spike_limit_mb", "a key that its component", "README"),
        ("'exporters' unknown type: \"jaeger\" for id: \"jaeger\"", "does not have", "contrib"),
        (
            "'exporters' the logging exporter has been deprecated, use the debug exporter instead",
            "any more",
            "in its place",
        ),
        ("exporters::otlp_grpc/tempo: requires a non-empty \"endpoint\"", "refuses", "otelcol validate"),
    ] {
        let mut facts = healthy();
        known(&mut facts.collector).validation.as_mut().unwrap().error = Some(error.to_owned());
        let found = only(&facts, Check::CollectorConfiguration, Severity::Error);
        assert!(found.tells(cause, error, remedy), "{found:#?}");
    }
}

#[test]
fn a_variable_that_the_collector_is_not_given_is_found() {
    let mut facts = healthy();
    let collector = known(&mut facts.collector);
    collector.unset.push("TESTBED_TEMPO_ENDPOINT".to_owned());
    // It is what the program complains of as well, and is told once.
    collector.validation.as_mut().unwrap().error = Some("requires a non-empty \"endpoint\"".to_owned());
    let found = only(&facts, Check::CollectorConfiguration, Severity::Error);
    assert!(
        found.tells("not given", "${env:TESTBED_TEMPO_ENDPOINT}", "set TESTBED_TEMPO_ENDPOINT"),
        "{found:#?}"
    );
}

#[test]
fn a_pipeline_with_an_unknown_exporter_is_found() {
    let mut facts = healthy();
    known(&mut facts.collector).undefined.push("traces: exporters/tempo".to_owned());
    let found = only(&facts, Check::CollectorConfiguration, Severity::Error);
    assert!(found.tells("not configured", "traces: exporters/tempo", "configure it"), "{found:#?}");
}

#[test]
fn another_version_than_will_run_proves_nothing() {
    let mut facts = healthy();
    known(&mut facts.collector).validation.as_mut().unwrap().version = "0.140.0".to_owned();
    let reasons = reasons(&facts, Check::CollectorConfiguration);
    assert!(reasons[0].contains("0.140.0") && reasons[0].contains(":0.155.0"), "{reasons:?}");
}

#[test]
fn a_collector_that_crashes_is_found() {
    let mut facts = healthy();
    let collector = container(&mut facts, "otel-collector");
    (collector.ended, collector.exit_code) = (Some("Error".to_owned()), Some(1));
    assert!(crate::facts::found(&facts).is_empty(), "it ended once and runs again");
    container(&mut facts, "otel-collector").waiting = Some("CrashLoopBackOff".to_owned());
    let found = only(&facts, Check::CollectorConfiguration, Severity::Error);
    assert!(found.tells("as soon as", "Error", "--previous"), "{found:#?}");
    container(&mut facts, "otel-collector").ended = Some("OOMKilled".to_owned());
    only(&facts, Check::Memory, Severity::Error);
}
