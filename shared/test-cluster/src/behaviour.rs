//! What a container does on a node that is made up.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::core::v1::Container;

/// What a container does. Messages are those of kubelet 1.34, runc 1.2, and containerd 2.1 as k3s configures it
/// (`use_local_image_pull`): without that, it says `failed to resolve image: ` instead of `failed to resolve reference "…": `.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Gets ready, and stays so.
    Runs,
    /// Gets ready this long after it has started.
    ReadyAfter(Duration),
    /// Its readiness probe gets a 503 for ever.
    NeverReady,
    /// `ErrImagePull`, then `ImagePullBackOff`.
    PullFails(PullError),
    /// A program of another architecture: exits with 255 again and again.
    ExecFormatError,
    /// A program that its user may not execute: `RunContainerError`, then `CrashLoopBackOff`.
    PermissionDenied,
    /// Exits again and again, such as with 132 for an illegal instruction.
    Crashes { exit_code: i32 },
    /// Killed for its memory limit again and again.
    OutOfMemory,
    /// `CreateContainerConfigError`: `configmap "testbed" not found`.
    ConfigurationMissing { message: String },
    /// `runAsNonRoot` with an image of root.
    RunsAsRoot,
    /// `runAsNonRoot` with an image of a user that is not a number.
    NamedUser(String),
    /// Runs, then its pod is evicted: `The node was low on resource: memory. …`.
    Evicted { message: String },
    /// Runs, then exits with 0: a Job.
    Completes { after: Duration },
    /// Really runs this program of the workspace, or a Redis server, with the arguments, the settings and the volumes of its pod.
    Executes(PathBuf),
}

/// Why an image cannot be pulled.
#[derive(Clone, Copy, Debug)]
pub enum PullError {
    NotFound,
    /// A plain-http registry that the node takes for one of https.
    HttpRegistry,
    NoPlatform,
}

/// What a container does, writes, and serves.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) behaviour: Behaviour,
    pub(crate) logs: Vec<String>,
    pub(crate) ports: HashMap<u16, SocketAddr>,
    remaining: Option<usize>,
}

impl Script {
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, logs: Vec::new(), ports: HashMap::new(), remaining: None }
    }

    /// What each run of the container writes.
    #[must_use]
    pub fn logs(mut self, lines: &[&str]) -> Self {
        self.logs = lines.iter().map(|line| (*line).to_owned()).collect();
        self
    }

    /// Forwarding to this port of the pod reaches `address`.
    #[must_use]
    pub fn port(mut self, port: u16, address: SocketAddr) -> Self {
        self.ports.insert(port, address);
        self
    }

    /// Holds for so many containers, those after them run. Without it a Deployment replaces evicted pods for ever.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.remaining = Some(times);
        self
    }
}

/// The scripts of a kubelet, newest last.
#[derive(Default)]
pub(crate) struct Scripts(Mutex<Vec<(String, String, Script)>>);

impl Scripts {
    pub(crate) fn add(&self, namespace: &str, container: &str, script: Script) {
        let mut scripts = self.0.lock().expect("no holder panics");
        scripts.push((namespace.to_owned(), container.to_owned(), script));
    }

    /// The newest script for the container, by its name or a part of its image's.
    pub(crate) fn take(&self, namespace: &str, container: &Container) -> Script {
        let image = container.image.as_deref().unwrap_or_default();
        let mut scripts = self.0.lock().expect("no holder panics");
        let found = scripts.iter_mut().rev().find(|(scope, part, script)| {
            let fits = *part == container.name || image.contains(part.as_str());
            let is_in_scope = scope.is_empty() || scope == namespace;
            is_in_scope && fits && script.remaining != Some(0)
        });
        let Some((_, _, script)) = found else { return Script::new(Behaviour::Runs) };
        script.remaining = script.remaining.map(|remaining| remaining - 1);
        script.clone()
    }
}
