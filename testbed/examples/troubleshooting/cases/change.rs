//! The recording of a healthy cluster, and what is changed in it.

use node_facts::ProbeFacts;
use std::path::{Path, PathBuf};
use testbed::doctor::facts::{Collected, ContainerFacts, Facts, NodeFacts, PodFacts, Workload};
use testbed::images::check::{Check as ImageCheck, Failure, Outcome as ImageOutcome};
use testbed::images::platform::Platform;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doctor/healthy")
}

pub(crate) fn healthy() -> Facts {
    Facts::read(&folder()).unwrap()
}

pub(crate) fn known<T>(fact: &mut Collected<T>) -> &mut T {
    match fact {
        Collected::Known(fact) => fact,
        Collected::Missing(reason) => panic!("{reason}"),
    }
}

pub(crate) fn node<'a>(facts: &'a mut Facts, name: &str) -> &'a mut NodeFacts {
    facts.nodes.iter_mut().find(|node| node.name == name).unwrap()
}

pub(crate) fn probe<'a>(facts: &'a mut Facts, name: &str) -> &'a mut ProbeFacts {
    known(&mut node(facts, name).probe)
}

pub(crate) fn workload<'a>(facts: &'a mut Facts, name: &str) -> &'a mut Workload {
    known(&mut facts.manifests).workloads.iter_mut().find(|workload| workload.name == name).unwrap()
}

/// The first pod of a service.
pub(crate) fn pod<'a>(facts: &'a mut Facts, service: &str) -> &'a mut PodFacts {
    known(&mut facts.cluster).pods.iter_mut().find(|pod| pod.service == service).unwrap()
}

pub(crate) fn container<'a>(facts: &'a mut Facts, service: &str) -> &'a mut ContainerFacts {
    &mut pod(facts, service).containers[0]
}

/// Has the first container of a service end again and again, and what the kubelet says of it.
pub(crate) fn crash(facts: &mut Facts, service: &str, ended: &str, exit_code: i32, message: &str) {
    pod(facts, service).is_ready = false;
    let container = container(facts, service);
    container.waiting = Some("CrashLoopBackOff".to_owned());
    (container.ended, container.exit_code) = (Some(ended.to_owned()), Some(exit_code));
    container.message = Some(message.to_owned()).filter(|message| !message.is_empty());
    container.restarts = 12;
}

/// Has `images verify` find this in the image of a service.
pub(crate) fn fail_image(
    facts: &mut Facts,
    service: &str,
    check: ImageCheck,
    architecture: Option<&str>,
    failure: Failure,
) {
    let platform = architecture.map(Platform::linux);
    let results = &mut known(&mut facts.images).results;
    let result = results.iter_mut().find(|result| {
        result.image.contains(service) && result.check == check && result.platform == platform
    });
    result.unwrap().outcome = ImageOutcome::Failed(failure);
}

/// As [`fail_image`], of what keeps it from the checks behind it.
pub(crate) fn stop_image(
    facts: &mut Facts,
    service: &str,
    check: ImageCheck,
    architecture: Option<&str>,
    failure: Failure,
) {
    fail_image(facts, service, check, architecture, failure);
    let platform = architecture.map(Platform::linux);
    let results = known(&mut facts.images).results.iter_mut();
    let behind = results.filter(|result| {
        result.image.contains(service)
            && result.check > check
            && (platform.is_none() || result.platform == platform)
    });
    behind.for_each(|result| result.outcome = ImageOutcome::Skipped { reason: format!("{check} failed") });
}
