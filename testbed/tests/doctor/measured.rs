//! Checks of a measured run: nothing scales, and what is measured has its processors for itself.

use crate::facts::{found, healthy, known, node, only, pod, probe, workload};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::{AutoscalerFacts, Facts};

/// With a simulator in the manifests, and whole processors for the services.
fn measured() -> Facts {
    let mut facts = healthy();
    let mut simulator = workload(&mut facts, "query-api").clone();
    simulator.kind = "Job".to_owned();
    (simulator.name, simulator.service) = ("simulator".to_owned(), "simulator".to_owned());
    known(&mut facts.manifests).workloads.push(simulator);
    for name in ["ingest-api", "process-worker", "query-api"] {
        let container = &mut workload(&mut facts, name).containers[0];
        container.limits.cpu_millicores = Some(1000);
        container.requests = container.limits.clone();
    }
    facts
}

fn scaler(name: &str) -> AutoscalerFacts {
    AutoscalerFacts { name: name.to_owned(), target: "process-worker".to_owned(), replicas_max: 4 }
}

#[test]
fn a_run_that_nothing_disturbs_has_no_finding() {
    let found = found(&measured());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_autoscaler_is_found_in_the_manifests_or_in_the_cluster_once() {
    let mut facts = measured();
    known(&mut facts.manifests).autoscalers.push(scaler("worker"));
    let found = only(&facts, Check::PerformanceState, Severity::Warning);
    assert!(
        found.tells("number of replicas", "worker scales process-worker up to 4", "autoscaling"),
        "{found:#?}"
    );
    known(&mut facts.cluster).autoscalers.push(scaler("keda-hpa-worker"));
    let found = only(&facts, Check::PerformanceState, Severity::Warning);
    assert!(found.tells("", "keda-hpa-worker scales", "kubectl delete hpa keda-hpa-worker"), "{found:#?}");
    known(&mut facts.manifests).autoscalers.clear();
    only(&facts, Check::PerformanceState, Severity::Warning);
}

#[test]
fn an_autoscaler_disturbs_nobody_while_nothing_is_measured() {
    let mut facts = healthy();
    known(&mut facts.cluster).autoscalers.push(scaler("worker"));
    assert!(found(&facts).is_empty());
}

#[test]
fn a_simulator_that_runs_makes_a_measured_run() {
    for (phase, is_measured) in [("Running", true), ("Pending", true), ("Succeeded", false)] {
        let mut facts = healthy();
        known(&mut facts.cluster).autoscalers.push(scaler("worker"));
        let mut simulator = pod(&mut facts, "query-api").clone();
        (simulator.service, simulator.phase) = ("simulator".to_owned(), phase.to_owned());
        known(&mut facts.cluster).pods.push(simulator);
        let found = found(&facts);
        assert_eq!(found.iter().any(|found| found.subject == "autoscaler worker"), is_measured, "{found:#?}");
    }
}

#[test]
fn a_service_without_whole_processors_is_noted() {
    let mut facts = measured();
    workload(&mut facts, "query-api").containers[0].limits.cpu_millicores = Some(1500);
    let found = only(&facts, Check::PerformanceState, Severity::Info);
    assert_eq!(found.subject, "Deployment query-api");
    assert!(found.tells("shares its processors", "whole processors", "guaranteed-qos"), "{found:#?}");
    let container = &mut workload(&mut facts, "query-api").containers[0];
    (container.limits.cpu_millicores, container.requests.cpu_millicores) = (Some(2000), Some(1000));
    only(&facts, Check::PerformanceState, Severity::Info);
}

#[test]
fn a_kubelet_that_gives_no_processors_away_is_found() {
    let mut facts = measured();
    pod(&mut facts, "query-api").quality_of_service = "Guaranteed".to_owned();
    let found = only(&facts, Check::PerformanceState, Severity::Warning);
    assert_eq!(found.subject, "node r3-node");
    assert!(
        found.tells(
            "gives no whole processors",
            "processors 0-3 of 4, beside query-api-",
            "cpu-manager-policy=static"
        ),
        "{found:#?}"
    );
}

#[test]
fn a_kubelet_that_has_given_processors_away_is_passed() {
    for allowed in ["0,2-3", "0-2", "3"] {
        let mut facts = measured();
        pod(&mut facts, "query-api").quality_of_service = "Guaranteed".to_owned();
        probe(&mut facts, "r3-node").cpus_allowed = Some(allowed.to_owned());
        assert!(found(&facts).is_empty(), "{allowed}");
    }
    let mut facts = measured();
    pod(&mut facts, "query-api").quality_of_service = "Guaranteed".to_owned();
    node(&mut facts, "r3-node").processors = 8;
    assert!(found(&facts).is_empty());
}
