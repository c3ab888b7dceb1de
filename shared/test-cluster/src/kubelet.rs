//! A stand-in for the kubelets of nodes that are made up: it registers them, keeps their leases, and moves the pods that
//! the scheduler bound to them through their states. No container runs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node as ApiNode, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::interval;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::behaviour::{Script, Scripts};
use crate::certificates::Purpose;
use crate::execution::Executions;
use crate::logs::{Logs, written_now};
use crate::node::Node;
use crate::pods::Pods;
use crate::{ADMIN, Cluster, server};

/// As kubelet's; the controllers take a node for lost after 50 s.
const LEASE_EVERY: Duration = Duration::from_secs(10);

/// The kubelets of some nodes, in a thread of their own. Stopped when dropped; the nodes stay registered, and get lost.
pub struct Kubelet {
    scripts: Arc<Scripts>,
    logs: Arc<Logs>,
    executions: Arc<Executions>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    /// Registers the nodes, and waits until pods can be placed on those that are ready.
    ///
    /// # Panics
    /// Where a node of that name exists.
    pub async fn start(cluster: &Cluster, nodes: Vec<Node>) -> Self {
        let (scripts, logs) = (Arc::<Scripts>::default(), Arc::<Logs>::default());
        let executions = Arc::<Executions>::default();
        let stop = CancellationToken::new();
        let identity = cluster.authority().issue("kubelet", None, Purpose::Server);
        let acceptor = server::acceptor(&identity, &cluster.authority().certificate);
        let (ready, is_ready) = oneshot::channel();
        let kubeconfig = cluster.kubeconfig(ADMIN);
        let work = Work {
            nodes,
            scripts: Arc::clone(&scripts),
            logs: Arc::clone(&logs),
            executions: Arc::clone(&executions),
            acceptor,
        };
        let token = stop.clone();
        // A runtime of its own: those of tests end with them.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                let client = crate::client_of(&kubeconfig).await;
                tokio::select! {
                    () = token.cancelled() => {}
                    () = work.run(client, ready) => {}
                }
            });
        });
        is_ready.await.expect("the kubelet starts");
        Self { scripts, logs, executions, stop, thread: Some(thread) }
    }

    /// Containers that are created from now on in this namespace, or in any if it is empty, with this name or with this in
    /// their image's name, do this.
    /// The newest script counts; without one they run.
    pub fn script(&self, namespace: &str, container: &str, script: Script) {
        self.scripts.add(namespace, container, script);
    }

    /// A container writes one more line.
    pub fn log(&self, namespace: &str, pod: &str, container: &str, line: &str) {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned());
        self.logs.update(&key, |logs| {
            logs.current.get_or_insert_default().extend(written_now(&[line.to_owned()]))
        });
    }

    /// Process ids of the programs that are really executed, by their pods, also of those that have ended.
    pub fn executed(&self) -> BTreeMap<String, u32> {
        self.executions.pids()
    }

    /// The streams of logs that are open break after the first half of this line, which the container writes at this moment.
    pub fn break_logs(&self, namespace: &str, pod: &str, container: &str, line: &str) {
        self.logs.break_streams();
        self.log(namespace, pod, container, line);
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of it was printed where it happened.
            drop(thread.join());
        }
    }
}

struct Work {
    nodes: Vec<Node>,
    scripts: Arc<Scripts>,
    logs: Arc<Logs>,
    executions: Arc<Executions>,
    acceptor: TlsAcceptor,
}

impl Work {
    async fn run(self, client: Client, ready: oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has free ports");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let server = tokio::spawn(server::serve(listener, self.acceptor.clone(), Arc::clone(&self.logs)));
        for node in &self.nodes {
            register(&client, node, port).await;
        }
        for node in self.nodes.iter().filter(|node| node.is_ready()) {
            placeable(&client, node).await;
        }
        if ready.send(()).is_err() {
            // The test has given up.
            return;
        }
        tokio::select! {
            () = keep_leases(&client, &self.nodes) => {}
            () = self.watch(&client) => {}
            _ = server => panic!("the kubelet's server ended"),
        }
    }

    async fn watch(&self, client: &Client) {
        let (scripts, logs) = (Arc::clone(&self.scripts), Arc::clone(&self.logs));
        let executions = Arc::clone(&self.executions);
        let shared = Arc::new(Pods { client: client.clone(), scripts, logs, executions });
        let config = watcher::Config::default().fields("spec.nodeName!=");
        let mut events = watcher::watcher(Api::<Pod>::all(client.clone()), config).boxed();
        let mut tasks = JoinSet::new();
        let mut running: HashMap<String, AbortHandle> = HashMap::new();
        let mut finishing = HashSet::new();
        let mut count: u32 = 0;
        while let Some(event) = events.next().await {
            // The watcher starts again by itself.
            let Ok(event) = event else { continue };
            while let Some(result) = tasks.try_join_next() {
                report(result);
            }
            let (pod, gone) = match event {
                Event::Apply(pod) | Event::InitApply(pod) => (pod, false),
                Event::Delete(pod) => (pod, true),
                Event::Init | Event::InitDone => continue,
            };
            let Some(node) = self.node_of(&pod) else { continue };
            let uid = pod.uid().unwrap_or_default();
            if gone || pod.metadata.deletion_timestamp.is_some() {
                let task = running.remove(&uid);
                if !gone && finishing.insert(uid) {
                    tasks.spawn(Arc::clone(&shared).finish(pod, task));
                } else if let Some(task) = task {
                    task.abort();
                    self.logs.forget(&pod.namespace().unwrap_or_default(), &pod.name_any());
                }
            } else if !running.contains_key(&uid) && !is_over(&pod) {
                count += 1;
                let pod_ip = format!("10.42.{}.{}", count / 250, count % 250 + 2);
                let host_ip = node.internal_address().to_owned();
                running.insert(uid, tasks.spawn(Arc::clone(&shared).run(pod, host_ip, pod_ip)));
            }
        }
    }

    fn node_of(&self, pod: &Pod) -> Option<&Node> {
        let name = pod.spec.as_ref()?.node_name.as_deref()?;
        self.nodes.iter().find(|node| node.name == name)
    }
}

/// What went wrong, beside what the test was waiting for; a pod that is gone is none of it.
fn report(result: Result<Result<(), kube::Error>, JoinError>) {
    match result {
        Ok(Err(kube::Error::Api(status))) if status.code == 404 || status.code == 409 => {}
        Ok(Err(error)) => eprintln!("kubelet: {error}"),
        _ => {}
    }
}

fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

async fn register(client: &Client, node: &Node, port: u16) {
    let nodes: Api<ApiNode> = Api::all(client.clone());
    let object = serde_json::from_value(node.object()).expect("the node is a node");
    nodes.create(&PostParams::default(), &object).await.expect("the node's name is new");
    let status = node.status(port, &Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let parameters = PatchParams::default();
    nodes
        .patch_status(&node.name, &parameters, &Patch::Strategic(status))
        .await
        .expect("a node has a status");
}

/// New nodes have a taint until a controller has seen that they are ready.
async fn placeable(client: &Client, node: &Node) {
    let nodes: Api<ApiNode> = Api::all(client.clone());
    test_support::eventually("the node is ready", async || {
        let spec = nodes.get(&node.name).await.ok()?.spec?;
        let taints = spec.taints.unwrap_or_default();
        taints.iter().all(|taint| taint.key != "node.kubernetes.io/not-ready").then_some(())
    })
    .await;
}

async fn keep_leases(client: &Client, nodes: &[Node]) {
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    let mut ticks = interval(LEASE_EVERY);
    loop {
        ticks.tick().await;
        for node in nodes {
            let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": node.name},
                "spec": {"holderIdentity": node.name, "leaseDurationSeconds": 40, "renewTime": now},
            });
            let parameters = PatchParams::apply("kubelet").force();
            // The API server may be gone, on purpose.
            drop(leases.patch(&node.name, &parameters, &Patch::Apply(lease)).await);
        }
    }
}
