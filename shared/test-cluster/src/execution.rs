//! Pods whose container is really executed: a program of this machine, with the arguments and the environment of the pod, with
//! its volumes in a temporary directory, and with addresses of this machine in place of the services that it is told of.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, Pod};
use kube::{Api, ResourceExt as _};
use tempfile::TempDir;
use test_support::free_port;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::containers::{State, Step};
use crate::logs::{Key, Logs, written_now};
use crate::pods::Pods;
use crate::status::{self, ContainerView, Place, Transitions};

/// Between two looks whether a program is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What pods call services by, with their ports.
const SERVICES: [&str; 3] = ["redis:6379", "ingest-api:8080", "query-api:8081"];

/// What is executed on this machine.
#[derive(Default)]
pub(crate) struct Executions(Mutex<Running>);

#[derive(Default)]
struct Running {
    /// Where a service is, by its name and port.
    services: HashMap<String, u16>,
    /// Ports of pods that run.
    taken: HashSet<u16>,
    /// Process ids by pod, also of those that have ended.
    pids: BTreeMap<String, u32>,
    /// Pods whose program runs.
    alive: HashSet<String>,
    /// Pods whose program is not started again.
    ending: HashSet<String>,
}

impl Executions {
    pub(crate) fn pids(&self) -> BTreeMap<String, u32> {
        self.0.lock().expect("no holder panics").pids.clone()
    }

    /// A pod's program runs now.
    fn began(&self, pod: &str, pid: u32) {
        let mut state = self.0.lock().expect("no holder panics");
        state.pids.insert(pod.to_owned(), pid);
        state.alive.insert(pod.to_owned());
    }

    /// It has ended. Gives whether it was asked to.
    fn ended(&self, pod: &str) -> bool {
        let mut state = self.0.lock().expect("no holder panics");
        state.alive.remove(pod);
        state.ending.contains(pod)
    }

    /// Asks the program of a pod to end, and waits until it has, but no longer than `grace`.
    pub(crate) async fn end(&self, pod: &str, grace: Duration) {
        let is_alive = || self.0.lock().expect("no holder panics").alive.contains(pod);
        self.0.lock().expect("no holder panics").ending.insert(pod.to_owned());
        let Some(pid) = self.pids().get(pod).copied().filter(|_| is_alive() && !grace.is_zero()) else {
            return;
        };
        // One that ends at this moment takes no signal.
        drop(Command::new("kill").args(["-TERM", &pid.to_string()]).stderr(Stdio::null()).status().await);
        let gone = async {
            while is_alive() {
                sleep(LOOK_EVERY).await;
            }
        };
        drop(timeout(grace, gone).await);
    }

    /// The port of a service, the same for all who ask.
    fn of_service(&self, name: &str) -> u16 {
        *self.0.lock().expect("no holder panics").services.entry(name.to_owned()).or_insert_with(free_port)
    }

    /// A port for a pod: that of its service, where no other pod has it.
    fn take(self: &Arc<Self>, name: &str) -> Taken {
        let of_service = self.of_service(name);
        let mut state = self.0.lock().expect("no holder panics");
        let port = if state.taken.contains(&of_service) { free_port() } else { of_service };
        state.taken.insert(port);
        Taken { port, executions: Arc::clone(self) }
    }
}

/// A port that is given back when its pod is gone.
struct Taken {
    port: u16,
    executions: Arc<Executions>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.executions.0.lock().expect("no holder panics").taken.remove(&self.port);
    }
}

/// What a pod executes, and where.
struct Execution {
    command: Command,
    port: Option<Taken>,
    speaks_http: bool,
    /// Its volumes: gone with it.
    _volumes: TempDir,
}

impl Pods {
    /// Executes the only container of a pod, again and again where it is to be restarted.
    pub(crate) async fn execute(
        &self,
        pod: &Pod,
        program: &Path,
        place: &Place<'_>,
    ) -> Result<(), kube::Error> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let container = &pod.spec.as_ref().expect("a pod has a spec").containers[0];
        let key = (namespace.clone(), name.clone(), container.name.clone());
        let mut execution = self.prepare(pod, container, program).await?;
        if let (Some(taken), Some(port)) = (&execution.port, container_port(container)) {
            let address = SocketAddr::from(([127, 0, 0, 1], taken.port));
            self.logs.serve(&namespace, &name, &HashMap::from([(port, address)]));
        }
        let mut view = ContainerView::new(container);
        let mut transitions = Transitions::new();
        for restarts in 0.. {
            let mut child = execution.command.spawn().unwrap_or_else(|error| {
                panic!("cannot execute {}: {error}; cargo build --workspace first", program.display())
            });
            self.keep_output(&key, &mut child);
            let pid = child.id().expect("it has not been waited for");
            self.executions.began(&name, pid);
            let mut show = async |state, ready| {
                let step = Step { after: Duration::ZERO, state, ready, restarts, events: Vec::new() };
                let now = crate::pods::now();
                view.apply(&step, &pod.uid().unwrap_or_default(), &now);
                self.patch(&namespace, &name, status::patch(&[&view], place, &mut transitions, &now)).await
            };
            show(State::Running, false).await?;
            let ended = tokio::select! {
                ended = child.wait() => Some(ended),
                () = ready(&execution) => None,
            };
            let ended = match ended {
                Some(ended) => ended,
                None => {
                    show(State::Running, true).await?;
                    child.wait().await
                }
            };
            let is_asked_to = self.executions.ended(&name);
            let exit_code = ended.ok().as_ref().and_then(ExitStatus::code).unwrap_or(137);
            let reason = if exit_code == 0 { "Completed" } else { "Error" };
            show(State::Terminated { exit_code, reason, message: None }, false).await?;
            if is_asked_to || !place.always_restarts {
                break;
            }
        }
        Ok(())
    }

    async fn prepare(
        &self,
        pod: &Pod,
        container: &Container,
        program: &Path,
    ) -> Result<Execution, kube::Error> {
        let volumes = tempfile::tempdir().expect("a temporary directory can be made");
        let namespace = pod.namespace().unwrap_or_default();
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        for source in container.env_from.iter().flatten().filter_map(|source| source.config_map_ref.as_ref())
        {
            environment.extend(maps.get(&source.name).await?.data.unwrap_or_default());
        }
        environment.extend(
            container.env.iter().flatten().map(|variable| (variable.name.clone(), value(variable, pod))),
        );
        let spec = pod.spec.as_ref().expect("a pod has a spec");
        let mut places: Vec<(String, String)> = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let directory = volumes.path().join(&mount.name);
            fs::create_dir_all(&directory).expect("a directory can be made");
            let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
            if let Some(source) = volume.and_then(|volume| volume.config_map.as_ref()) {
                for (file, text) in maps.get(&source.name).await?.data.unwrap_or_default() {
                    fs::write(directory.join(file), text).expect("a file can be written");
                }
            }
            places.push((mount.mount_path.clone(), directory.display().to_string()));
        }
        let label = pod.labels().get("app.kubernetes.io/name").cloned().unwrap_or_default();
        let port = container_port(container).map(|port| self.executions.take(&format!("{label}:{port}")));
        if let Some(listen) = environment.get_mut("LISTEN_ADDR") {
            *listen = format!("127.0.0.1:{}", port.as_ref().map_or(0, |taken| taken.port));
        }
        let here = |text: &str| self.here(text, &places);
        let mut command = Command::new(program);
        let is_redis = label == "redis";
        let arguments =
            container.args.iter().flatten().skip(usize::from(is_redis)).map(|argument| here(argument));
        command.args(arguments).envs(environment.iter().map(|(name, value)| (name, here(value))));
        if let Some(taken) = port.as_ref().filter(|_| is_redis) {
            command.args(["--bind", "127.0.0.1", "--port", &taken.port.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(Execution { command, port, speaks_http: !is_redis, _volumes: volumes })
    }

    /// A text with paths and addresses of this machine in place of the pod's.
    fn here(&self, text: &str, places: &[(String, String)]) -> String {
        for (inside, outside) in places {
            if let Some(rest) =
                text.strip_prefix(inside.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/'))
            {
                return format!("{outside}{rest}");
            }
        }
        SERVICES.iter().fold(text.to_owned(), |text, service| {
            text.replace(service, &format!("127.0.0.1:{}", self.executions.of_service(service)))
        })
    }

    fn keep_output(&self, key: &Key, child: &mut Child) {
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        tokio::spawn(keep(Arc::clone(&self.logs), key.clone(), output.expect("it is piped")));
        tokio::spawn(keep(Arc::clone(&self.logs), key.clone(), errors.expect("it is piped")));
    }
}

async fn keep(logs: Arc<Logs>, key: Key, output: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        logs.update(&key, |logs| logs.current.get_or_insert_default().extend(written_now(&[line])));
    }
}

/// Until it answers; at once where it serves nothing.
async fn ready(execution: &Execution) {
    let Some(taken) = &execution.port else { return };
    while !answers(taken.port, execution.speaks_http).await {
        sleep(LOOK_EVERY).await;
    }
}

async fn answers(port: u16, speaks_http: bool) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    if !speaks_http {
        return true;
    }
    let mut answer = [0; 12];
    let asked = stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await;
    asked.is_ok() && stream.read_exact(&mut answer).await.is_ok() && answer.ends_with(b" 200")
}

fn container_port(container: &Container) -> Option<u16> {
    let port = container.ports.iter().flatten().next()?;
    u16::try_from(port.container_port).ok()
}

/// What a variable is in this pod.
fn value(variable: &EnvVar, pod: &Pod) -> String {
    let field = variable.value_from.as_ref().and_then(|source| source.field_ref.as_ref());
    let Some(field) = field else { return variable.value.clone().unwrap_or_default() };
    let of = |all: &BTreeMap<String, String>| {
        let name = field.field_path.split_once("['")?.1.trim_end_matches("']");
        all.get(name).cloned()
    };
    match field.field_path.as_str() {
        "metadata.name" => Some(pod.name_any()),
        "metadata.uid" => pod.uid(),
        "metadata.namespace" => pod.namespace(),
        "spec.nodeName" => pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        path if path.starts_with("metadata.annotations") => of(pod.annotations()),
        path if path.starts_with("metadata.labels") => of(pod.labels()),
        path => panic!("the field {path} is not known here"),
    }
    .unwrap_or_default()
}
