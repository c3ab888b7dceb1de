//! Containers that do not start, or end.

use super::{Diagnosis, message_of};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Event, Pod};

/// How often a program ends before another start is not worth waiting for: the first may have been too early for what it
/// needs.
const ENDS_MAX: i32 = 2;

/// Of services that refuse their configuration (sysexits.h: EX_USAGE).
const EXIT_USAGE: i32 = 64;

/// 128 and SIGILL.
const EXIT_ILLEGAL_INSTRUCTION: i32 = 132;

/// 128 and SIGKILL.
const EXIT_KILLED: i32 = 137;

/// Where a container runs.
pub(super) struct Place<'a> {
    pub(super) node: &'a str,
    pub(super) architecture: &'a str,
}

/// How a container has ended.
pub(super) struct Faulty<'a> {
    ended: &'a ContainerStateTerminated,
}

impl<'a> Faulty<'a> {
    /// Its end, or the one before it was started again; none where all went well.
    pub(super) fn of(container: &'a ContainerStatus) -> Option<Self> {
        let states = [container.state.as_ref(), container.last_state.as_ref()].into_iter().flatten();
        let ended =
            states.filter_map(|state| state.terminated.as_ref()).find(|ended| ended.exit_code != 0)?;
        Some(Self { ended })
    }
}

/// Why a container that waits is not created.
pub(super) fn of_waiting(container: &ContainerStatus, place: &Place<'_>) -> Option<Diagnosis> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "CreateContainerConfigError" => Some(of_configuration(&container.name, message)),
        "CreateContainerError" | "RunContainerError" | "StartError" => {
            Some(of_start(&container.name, message, place))
        }
        _ => None,
    }
}

fn of_configuration(name: &str, message: &str) -> Diagnosis {
    let (cause, remedy) = match message {
        _ if message.contains("non-numeric user") => (
            "the image names its user by a name, and the cluster can check only a number",
            "USER 65532:65532 in the Dockerfile, or runAsUser in the pod",
        ),
        _ if message.contains("will run as root") => (
            "the image runs as root, and the pod must not",
            "USER 65532:65532 in the Dockerfile, or runAsUser in the pod",
        ),
        _ if message.contains("not found") => {
            ("it needs a ConfigMap or Secret that does not exist", "create it, or correct its name")
        }
        _ => ("its configuration cannot be used", "see the message"),
    };
    Diagnosis::new(format!("{name} cannot be created: {cause}"), message, remedy, true)
}

/// Why the node could not start the program. The texts are runc's and the kernel's.
fn of_start(name: &str, message: &str, place: &Place<'_>) -> Diagnosis {
    if let Some(diagnosis) = of_program(name, message, place) {
        return diagnosis;
    }
    Diagnosis::new(
        format!("{} cannot start {name}", place.node),
        message,
        "the log of containerd on the node says more: /var/lib/rancher/k3s/agent/containerd/containerd.log",
        false,
    )
}

/// A program that the kernel refuses to execute.
fn of_program(name: &str, text: &str, place: &Place<'_>) -> Option<Diagnosis> {
    let line = |fragment: &str| text.lines().find(|line| line.contains(fragment));
    if let Some(line) = line("exec format error") {
        return Some(Diagnosis::new(
            format!("the program of {name} is not for {} ({})", place.node, place.architecture),
            line,
            "pinned to one architecture, or built for another than it says: `testbed images verify`, then `scripts/build-images`",
            true,
        ));
    }
    if let Some(line) = line("permission denied").filter(|line| line.contains("exec")) {
        return Some(Diagnosis::new(
            format!("the user of {name} may not execute its program"),
            line,
            "install it outside /root, readable and executable for all: `testbed images verify` names the folder",
            true,
        ));
    }
    let line = line("no such file or directory").filter(|line| line.contains("exec"))?;
    Some(Diagnosis::new(
        format!("the program of {name}, or the loader that it needs, is not in its image"),
        line,
        "`testbed images verify` names what is missing",
        true,
    ))
}

/// Why a container has ended.
pub(super) fn of_ended(
    pod: &Pod,
    container: &ContainerStatus,
    events: &[&Event],
    place: &Place<'_>,
    last_lines: &[String],
) -> Option<Diagnosis> {
    let Faulty { ended } = Faulty::of(container)?;
    let name = &container.name;
    let message = ended.message.as_deref().unwrap_or_default();
    let said = last_lines.join("\n");
    if let Some(diagnosis) = of_program(name, message, place).or_else(|| of_program(name, &said, place)) {
        return Some(diagnosis);
    }
    let is_running = container.state.as_ref().is_some_and(|state| state.running.is_some());
    let ends = container.restart_count + i32::from(!is_running);
    let is_repeated = ends >= ENDS_MAX;
    let code = ended.exit_code;
    if ended.reason.as_deref() == Some("OOMKilled") {
        return Some(Diagnosis::new(
            format!("{name} needed more memory than its limit of {}", memory_limit(pod, name)),
            &format!("OOMKilled, exit status {code}, {} restarts", container.restart_count),
            "raise the limit, or lower what it holds: its budgets, partitions and what lies in memory-backed volumes",
            is_repeated,
        ));
    }
    let evidence = if said.is_empty() { format!("exit status {code} {message}") } else { said };
    let (cause, remedy, is_final) = match code {
        EXIT_USAGE => ("refuses its configuration", "correct the variable that it names", true),
        EXIT_ILLEGAL_INSTRUCTION => (
            "uses an instruction that this processor does not have (exit status 132)",
            "build it for the plainest processor: no target-cpu, no ARMv8.1 allocator; `testbed images verify` finds it",
            true,
        ),
        EXIT_KILLED => of_kill(events, is_repeated),
        _ => ("ends by itself", "see what it wrote last: `testbed logs --previous`", is_repeated),
    };
    Some(Diagnosis::new(format!("{name} on {} {cause}", place.node), &evidence, remedy, is_final))
}

/// Killed, but not for its memory: by probes, or from outside.
fn of_kill(events: &[&Event], is_repeated: bool) -> (&'static str, &'static str, bool) {
    let by_probe = message_of(events, "Killing").is_some_and(|message| message.contains("probe"));
    if by_probe {
        let remedy = "see what it wrote last: `testbed logs --previous`; on a slow board, give its startup probe more time";
        return ("was killed because its probe failed", remedy, is_repeated);
    }
    ("was killed (exit status 137)", "see whether the node ran out of memory: `dmesg` there", is_repeated)
}

fn memory_limit(pod: &Pod, name: &str) -> String {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let own = containers.into_iter().find(|container| container.name == name);
    let limits = own.and_then(|container| container.resources.as_ref()?.limits.as_ref());
    limits
        .and_then(|limits| limits.get("memory"))
        .map_or_else(|| "the node".to_owned(), |limit| limit.0.clone())
}
