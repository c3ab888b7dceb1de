//! A Kubernetes cluster of a test's own: a real API server with etcd, scheduler and controllers, and nodes that are
//! made up. The programs come from `tests/control-plane`.

mod behaviour;
mod certificates;
mod containers;
mod execution;
mod image;
mod kubelet;
mod logs;
mod node;
mod pods;
mod port_forward;
mod program;
mod server;
mod status;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use kube::api::{Api, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::interval;

use certificates::{Authority, Purpose};
use program::Program;
use test_support::free_port;

pub use behaviour::{Behaviour, PullError, Script};
pub use kubelet::Kubelet;
pub use node::Node;

/// Longest wait for the control plane; it takes five seconds of two cores.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// The user that may do everything.
pub const ADMIN: &str = "admin";
/// Of TEST-NET-1: the API server wants an address that is not loopback for an endpoint that nothing uses here.
const ADVERTISED: &str = "192.0.2.1";

/// A control plane on free loopback ports, with its data in a temporary directory. Killed when dropped, and when the
/// test ends in any other way.
pub struct Cluster {
    authority: Authority,
    port: u16,
    api_server: Program,
    api_server_arguments: Vec<String>,
    others: Vec<Program>,
    // Last: dropped when nothing writes into it any more.
    directory: TempDir,
}

impl Cluster {
    /// The one cluster of this test program; started by the first who asks. Tests keep to namespaces and nodes of their own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a cluster without nodes, and waits until it serves and its controllers run.
    ///
    /// # Panics
    /// Where a program is missing or ends, and after two minutes.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let authority = Authority::new(directory.path());
        let path = directory.path();
        let (etcd_port, port) = (free_port(), free_port());
        write_credentials(path, &authority);
        let etcd = Program::start_owning("etcd", path, &etcd_arguments(path, etcd_port));
        let api_server_arguments = api_server_arguments(path, port, etcd_port);
        let api_server = Program::start("kube-apiserver", path, &api_server_arguments);
        let others = vec![etcd];
        let mut cluster = Self { authority, port, api_server, api_server_arguments, others, directory };
        cluster.wait_until_ready().await;
        let admin = cluster.client(ADMIN).await;
        let kubeconfig = cluster.kubeconfig(ADMIN);
        for (name, arguments) in [
            ("kube-controller-manager", manager_arguments(cluster.directory.path())),
            ("kube-scheduler", Vec::new()),
        ] {
            let mut all = vec![format!("--kubeconfig={}", kubeconfig.display())];
            all.extend(["--leader-elect=false", "--secure-port=0"].map(str::to_owned));
            all.extend(arguments);
            cluster.others.push(Program::start(name, cluster.directory.path(), &all));
        }
        let accounts: Api<ServiceAccount> = Api::namespaced(admin, "default");
        cluster
            .wait("the controllers run", async || accounts.get_opt("default").await.ok().flatten().is_some())
            .await;
        cluster
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A kubeconfig file for this user, whose context is called after them. They have no rights before [`Cluster::grant`],
    /// except [`ADMIN`].
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        let path = self.directory.path().join(format!("{user}.kubeconfig"));
        if !path.exists() {
            let group = (user == ADMIN).then_some("system:masters");
            let identity = self.authority.issue(user, group, Purpose::Client);
            let content = identity.kubeconfig(user, &self.url(), &self.authority.certificate);
            fs::write(&path, content).expect("a kubeconfig can be written");
        }
        path
    }

    /// A client of the runtime that this is called in.
    pub async fn client(&self, user: &str) -> Client {
        client_of(&self.kubeconfig(user)).await
    }

    /// Lets a user do this in a namespace, or in the whole cluster.
    pub async fn grant(&self, user: &str, namespace: Option<&str>, rules: Vec<PolicyRule>) {
        let client = self.client(ADMIN).await;
        let metadata = ObjectMeta { generate_name: Some(format!("{user}-")), ..ObjectMeta::default() };
        let subject = Subject { kind: "User".into(), name: user.into(), ..Subject::default() };
        let subjects = Some(vec![subject]);
        let reference = |kind: &str, name: Option<String>| RoleRef {
            api_group: "rbac.authorization.k8s.io".into(),
            kind: kind.into(),
            name: name.expect("what was created has a name"),
        };
        let parameters = PostParams::default();
        if let Some(namespace) = namespace {
            let role = Role { metadata: metadata.clone(), rules: Some(rules) };
            let role = Api::namespaced(client.clone(), namespace).create(&parameters, &role).await;
            let role_ref = reference("Role", role.expect("a role can be created").metadata.name);
            let binding = RoleBinding { metadata, role_ref, subjects };
            Api::namespaced(client, namespace)
                .create(&parameters, &binding)
                .await
                .expect("a role can be bound");
        } else {
            let role =
                ClusterRole { metadata: metadata.clone(), rules: Some(rules), ..ClusterRole::default() };
            let role = Api::all(client.clone()).create(&parameters, &role).await;
            let role_ref = reference("ClusterRole", role.expect("a role can be created").metadata.name);
            let binding = ClusterRoleBinding { metadata, role_ref, subjects };
            Api::all(client).create(&parameters, &binding).await.expect("a role can be bound");
        }
    }

    /// Creates a namespace with these labels, and waits until pods can be created in it.
    pub async fn namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let client = self.client(ADMIN).await;
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let metadata = ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.expect("a new name");
        let accounts: Api<ServiceAccount> = Api::namespaced(client, name);
        test_support::eventually("the namespace has a service account", async || {
            accounts.get_opt("default").await.ok().flatten()
        })
        .await;
    }

    /// SIGKILL for the API server alone: a cluster that cannot be reached.
    pub fn kill_api_server(&mut self) {
        self.api_server.kill();
    }

    /// SIGSTOP for the API server: it takes connections and does not answer, until [`Cluster::release_api_server`].
    pub fn hold_api_server(&self) {
        self.api_server.signal("-STOP");
    }

    /// Lets the API server go on.
    pub fn release_api_server(&self) {
        self.api_server.signal("-CONT");
    }

    /// Starts the API server again after it was killed, and waits until it serves.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub async fn restart_api_server(&mut self) {
        self.api_server = Program::start("kube-apiserver", self.directory.path(), &self.api_server_arguments);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        let admin = self.client(ADMIN).await;
        self.wait("the API server is ready", async || is_ready(&admin).await).await;
    }

    /// The API server's identity towards kubelets, and what it checks theirs by.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    async fn wait(&mut self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let started = Instant::now();
        let mut ticks = interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if condition().await {
                return;
            }
            for program in self.others.iter_mut().chain([&mut self.api_server]) {
                program.assert_running();
            }
            let log = self.api_server.log_end();
            assert!(
                started.elapsed() < START_DEADLINE,
                "not within {START_DEADLINE:?}: {what}; kube-apiserver said:\n{log}"
            );
        }
    }
}

async fn client_of(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is ours");
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Client::try_from(config.expect("the kubeconfig is complete")).expect("a client can be made")
}

async fn is_ready(client: &Client) -> bool {
    let request = http::Request::get("/readyz").body(Vec::new()).expect("a request without a body");
    client.request_text(request).await.is_ok_and(|answer| answer == "ok")
}

fn write_credentials(directory: &Path, authority: &Authority) {
    authority.issue("kube-apiserver", None, Purpose::Server).write(directory, "api-server");
    // By the default roles, this group may use every kubelet.
    authority
        .issue("kubelet-client", Some("system:masters"), Purpose::Client)
        .write(directory, "kubelet-client");
    authority.issue("service-accounts", None, Purpose::Client).write(directory, "service-accounts");
}

fn etcd_arguments(directory: &Path, port: u16) -> Vec<String> {
    let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", free_port()));
    vec![
        format!("--data-dir={}", directory.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // The data does not outlive the test.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server_arguments(directory: &Path, port: u16, etcd_port: u16) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--advertise-address={ADVERTISED}"),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--cert-dir={}", directory.display()),
        format!("--tls-cert-file={}", file("api-server.crt")),
        format!("--tls-private-key-file={}", file("api-server.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--kubelet-certificate-authority={}", file("ca.crt")),
        format!("--kubelet-client-certificate={}", file("kubelet-client.crt")),
        format!("--kubelet-client-key={}", file("kubelet-client.key")),
        // Nodes have this beside the addresses that a test gives them.
        format!("--kubelet-preferred-address-types={}", node::KUBELET_ADDRESS),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", file("service-accounts.crt")),
        format!("--service-account-signing-key-file={}", file("service-accounts.key")),
        // As k3s has them.
        "--service-cluster-ip-range=10.43.0.0/16".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
    ]
}

fn manager_arguments(directory: &Path) -> Vec<String> {
    vec![
        format!("--service-account-private-key-file={}", directory.join("service-accounts.key").display()),
        format!("--root-ca-file={}", directory.join("ca.crt").display()),
        // A claim that is seen before its volume is looked at again only then; 15 s by default.
        "--pvclaimbinder-sync-period=1s".to_owned(),
    ]
}
