//! The states that a container passes through, by what it does.

use std::time::Duration;

use k8s_openapi::api::core::v1::Container;

use crate::behaviour::{Behaviour, PullError};
use crate::image::{parts, resolved};

/// Between two states. Long enough for a watch to see each, short enough for a test.
const PACE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Since the step before.
    pub(crate) after: Duration,
    pub(crate) state: State,
    pub(crate) ready: bool,
    pub(crate) restarts: i32,
    pub(crate) events: Vec<Event>,
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    /// `created`: the image was pulled and there is a container.
    Waiting {
        reason: &'static str,
        message: Option<String>,
        created: bool,
    },
    Running,
    Terminated {
        exit_code: i32,
        reason: &'static str,
        message: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) is_warning: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The pod that a container is of, as kubelet's messages name it.
pub(crate) struct PodName<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) uid: &'a str,
    /// `restartPolicy: Never`.
    pub(crate) never_restarts: bool,
}

impl std::fmt::Display for PodName<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}_{}({})", self.name, self.namespace, self.uid)
    }
}

/// The steps of a container, from when its pod was bound to the node.
pub(crate) fn steps(behaviour: &Behaviour, container: &Container, pod: &PodName<'_>) -> Vec<Step> {
    let mut steps = vec![waiting("ContainerCreating", None, Vec::new())];
    match behaviour {
        // An execution has no steps that are known before.
        Behaviour::Executes(_) => {}
        Behaviour::Runs | Behaviour::Evicted { .. } => steps.extend(running(container, Some(PACE))),
        Behaviour::ReadyAfter(delay) => steps.extend(running(container, Some(*delay))),
        Behaviour::NeverReady => steps.extend(running(container, None)),
        Behaviour::PullFails(error) => steps.extend(pull_fails(*error, container)),
        Behaviour::ExecFormatError => steps.extend(crashes(255, "Error", container, pod)),
        Behaviour::PermissionDenied => steps.extend(cannot_start(container, pod)),
        Behaviour::Crashes { exit_code } => steps.extend(crashes(*exit_code, "Error", container, pod)),
        Behaviour::OutOfMemory => steps.extend(crashes(137, "OOMKilled", container, pod)),
        Behaviour::ConfigurationMissing { message } => steps.push(configuration_error(message.clone())),
        Behaviour::RunsAsRoot => steps.push(configuration_error(format!(
            "container has runAsNonRoot and image will run as root (pod: \"{pod}\", container: {})",
            container.name
        ))),
        Behaviour::NamedUser(user) => steps.push(configuration_error(format!(
            "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root (pod: \"{pod}\", container: {})",
            container.name
        ))),
        Behaviour::Completes { after } => {
            steps.extend(running(container, Some(PACE)));
            steps.push(Step { after: *after, ..terminated(0, "Completed", None, 0) });
        }
    }
    steps
}

/// By kubelet.
pub(crate) fn killed() -> Step {
    terminated(137, "Error", None, 0)
}

/// The program that a container executes; that of an image is not known here.
pub(crate) fn program(container: &Container) -> String {
    let command = container.command.as_ref().and_then(|command| command.first());
    command.cloned().unwrap_or_else(|| format!("/usr/local/bin/{}", container.name))
}

fn running(container: &Container, ready_after: Option<Duration>) -> Vec<Step> {
    let image = image(container);
    let events = vec![
        normal("Pulled", format!("Container image \"{image}\" already present on machine")),
        normal("Created", format!("Created container: {}", container.name)),
        normal("Started", format!("Started container {}", container.name)),
    ];
    let started = Step { events, ..run(0) };
    let next = match ready_after {
        Some(after) => Step { after, ready: true, ..run(0) },
        None => {
            let message = "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned();
            Step { events: vec![warning("Unhealthy", message)], ..run(0) }
        }
    };
    vec![started, next]
}

fn pull_fails(error: PullError, container: &Container) -> Vec<Step> {
    let image = image(container);
    let message = pull_message(error, image);
    let failed = vec![
        normal("Pulling", format!("Pulling image \"{image}\"")),
        warning("Failed", format!("Failed to pull image \"{image}\": {message}")),
        warning("Failed", "Error: ErrImagePull".to_owned()),
    ];
    let back_off = vec![
        normal("BackOff", format!("Back-off pulling image \"{image}\"")),
        warning("Failed", "Error: ImagePullBackOff".to_owned()),
    ];
    let backing_off = format!("Back-off pulling image \"{image}\": ErrImagePull: {message}");
    vec![
        waiting("ErrImagePull", Some(message), failed),
        waiting("ImagePullBackOff", Some(backing_off), back_off),
    ]
}

/// What containerd says. The kubelet strips the code of a call that failed with `Unknown`, and leaves any other before it.
fn pull_message(error: PullError, image: &str) -> String {
    let image = resolved(image);
    let pull = format!("failed to pull and unpack image \"{image}\"");
    let resolve = format!("failed to resolve reference \"{image}\"");
    match error {
        PullError::NotFound => {
            format!("rpc error: code = NotFound desc = {pull}: {resolve}: {image}: not found")
        }
        PullError::HttpRegistry => {
            let (repository, reference) = parts(&image);
            let (registry, name) = repository.split_once('/').expect("it begins with a registry");
            let url = format!("https://{registry}/v2/{name}/manifests/{reference}");
            format!(
                "{pull}: {resolve}: failed to do request: Head \"{url}\": http: server gave HTTP response to HTTPS client"
            )
        }
        PullError::NoPlatform => {
            format!("rpc error: code = NotFound desc = {pull}: no match for platform in manifest: not found")
        }
    }
}

/// Ends, is restarted at once, ends again; from then on kubelet waits longer each time. Or ends once for all.
fn crashes(exit_code: i32, reason: &'static str, container: &Container, pod: &PodName<'_>) -> Vec<Step> {
    let mut steps = running(container, None);
    steps.truncate(1);
    steps.push(terminated(exit_code, reason, None, 0));
    if pod.never_restarts {
        return steps;
    }
    steps.extend([run(1), terminated(exit_code, reason, None, 1), back_off(container, pod)]);
    steps
}

/// runc fails before the program runs: there are no logs, and kubelet tells why.
fn cannot_start(container: &Container, pod: &PodName<'_>) -> Vec<Step> {
    let program = program(container);
    let message = format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"{program}\": permission denied"
    );
    let events = vec![warning("Failed", format!("Error: {message}"))];
    let mut steps = vec![terminated(128, "StartError", Some(message.clone()), 0)];
    if !pod.never_restarts {
        let failed =
            State::Waiting { reason: "RunContainerError", message: Some(message.clone()), created: true };
        let failed = Step { state: failed, restarts: 1, events, ..run(1) };
        steps.extend([failed, terminated(128, "StartError", Some(message), 1), back_off(container, pod)]);
    }
    steps
}

fn back_off(container: &Container, pod: &PodName<'_>) -> Step {
    let name = &container.name;
    let message = format!("back-off 10s restarting failed container={name} pod={pod}");
    let event = warning("BackOff", format!("Back-off restarting failed container {name} in pod {pod}"));
    let state = State::Waiting { reason: "CrashLoopBackOff", message: Some(message), created: true };
    Step { state, restarts: 1, events: vec![event], ..run(1) }
}

fn configuration_error(message: String) -> Step {
    let events = vec![warning("Failed", format!("Error: {message}"))];
    waiting("CreateContainerConfigError", Some(message), events)
}

fn waiting(reason: &'static str, message: Option<String>, events: Vec<Event>) -> Step {
    let state = State::Waiting { reason, message, created: false };
    Step { after: PACE, state, ready: false, restarts: 0, events }
}

fn run(restarts: i32) -> Step {
    Step { after: PACE, state: State::Running, ready: false, restarts, events: Vec::new() }
}

fn terminated(exit_code: i32, reason: &'static str, message: Option<String>, restarts: i32) -> Step {
    Step { state: State::Terminated { exit_code, reason, message }, ..run(restarts) }
}

fn image(container: &Container) -> &str {
    container.image.as_deref().unwrap_or_default()
}

fn normal(reason: &'static str, message: String) -> Event {
    Event { is_warning: false, reason, message }
}

fn warning(reason: &'static str, message: String) -> Event {
    Event { is_warning: true, reason, message }
}
