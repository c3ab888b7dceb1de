//! Ports of this machine that lead to a pod of a service, through the API server's port-forward.

use super::NAMESPACE;
use super::connect::Cluster;
use super::words::explain;
use crate::console::{complain, say};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Connections through one port at the same time; each is a connection to the API server too.
const CONNECTIONS_MAX: usize = 64;

/// How long a connection waits for a pod to become ready: a pod that died is replaced within seconds.
const POD_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to look for one.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What the port of a service is called in its pods: one of these.
pub(crate) const PORT_NAMES: [&str; 2] = ["http", "redis"];

/// A port that was bound, and where it leads.
#[derive(Debug)]
pub struct Forward {
    service: String,
    listener: TcpListener,
    is_silent: bool,
}

impl Forward {
    /// Binds a port of this machine; 0 takes a free one.
    ///
    /// # Errors
    /// Where it is taken, in words.
    pub async fn bind(service: &str, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::AddrInUse => "something else listens there".to_owned(),
                ErrorKind::PermissionDenied => "ports below 1024 are root's".to_owned(),
                _ => error.to_string(),
            };
            anyhow::anyhow!("cannot listen on port {port} for {service}: {reason}: say --port {service}=PORT")
        })?;
        Ok(Self { service: service.to_owned(), listener, is_silent: false })
    }

    /// Does not say which pods it leads to.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes connections, each to a pod that is ready at that moment, until it is dropped.
    pub async fn serve(self, cluster: Cluster) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (last_pod, is_silent) = (Arc::new(Mutex::new(None)), self.is_silent);
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let connection = match self.listener.accept().await {
                Ok((connection, _)) => connection,
                // Out of descriptors: those of connections that end come back.
                Err(_) => {
                    sleep(LOOK_INTERVAL).await;
                    continue;
                }
            };
            let (cluster, service, last_pod) = (cluster.clone(), self.service.clone(), Arc::clone(&last_pod));
            tokio::spawn(async move {
                let last_pod = (!is_silent).then_some(&*last_pod);
                if let Err(error) = carry(&cluster, &service, connection, last_pod).await {
                    complain(&format!("{service}: {error}"));
                }
                drop(permit);
            });
        }
    }
}

/// Carries one connection to a pod and back.
async fn carry(
    cluster: &Cluster,
    service: &str,
    mut connection: TcpStream,
    last_pod: Option<&Mutex<Option<String>>>,
) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let deadline = Instant::now() + POD_TIMEOUT;
    loop {
        let Some((name, port)) = ready_pod(cluster, &pods, service).await? else {
            anyhow::ensure!(
                Instant::now() < deadline,
                "no pod is ready: `testbed logs {service}` may say why"
            );
            sleep(LOOK_INTERVAL).await;
            continue;
        };
        let mut forwarder = match pods.portforward(&name, &[port]).await {
            Ok(forwarder) => forwarder,
            // It has gone since it was listed.
            Err(error) if Instant::now() >= deadline => anyhow::bail!(explain(&error, &cluster.server)),
            Err(_) => {
                sleep(LOOK_INTERVAL).await;
                continue;
            }
        };
        if let Some(last_pod) = last_pod {
            tell(service, &name, last_pod);
        }
        let refusal = forwarder.take_error(port);
        let Some(mut stream) = forwarder.take_stream(port) else { return Ok(()) };
        // Either side may end it at any moment: that is how connections end.
        copy_bidirectional(&mut connection, &mut stream).await.map(|_| ()).unwrap_or_default();
        drop(stream);
        forwarder.abort();
        if let Some(refusal) = refusal
            && let Some(reason) = refusal.await
        {
            anyhow::bail!("{name} does not take connections: {reason}: `testbed logs {service}` may say why");
        }
        return Ok(());
    }
}

/// Says which pod answers now, where it is another one.
fn tell(service: &str, name: &str, last_pod: &Mutex<Option<String>>) {
    let mut last = last_pod.lock().unwrap_or_else(PoisonError::into_inner);
    if last.as_deref() != Some(name) {
        say(&format!("{service} → {name}"));
        *last = Some(name.to_owned());
    }
}

/// A pod of the service that is ready, and its port.
async fn ready_pod(
    cluster: &Cluster,
    pods: &Api<Pod>,
    service: &str,
) -> anyhow::Result<Option<(String, u16)>> {
    let of_service = ListParams::default().labels(&format!("app.kubernetes.io/name={service}"));
    let listed = pods.list(&of_service).await;
    let listed = listed.map_err(|error| anyhow::anyhow!(explain(&error, &cluster.server)))?;
    Ok(listed.items.iter().find_map(target))
}

/// Name and port of a pod that is ready.
fn target(pod: &Pod) -> Option<(String, u16)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let is_ready =
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    if !is_ready || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let containers = &pod.spec.as_ref()?.containers;
    let ports = containers.iter().flat_map(|container| container.ports.iter().flatten());
    let is_served = |name: &String| PORT_NAMES.contains(&name.as_str());
    let port = ports.into_iter().find(|port| port.name.as_ref().is_some_and(is_served))?;
    Some((pod.metadata.name.clone()?, u16::try_from(port.container_port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(is_ready: &str, is_going: bool) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "query-api-1", "deletionTimestamp": is_going.then_some("2026-01-01T00:00:00Z")},
            "spec": {"containers": [{"name": "query-api", "ports": [{"name": "metrics", "containerPort": 9}, {"name": "http", "containerPort": 8081}]}]},
            "status": {"conditions": [{"type": "Ready", "status": is_ready}]}
        }))
        .unwrap()
    }

    #[test]
    fn only_ready_pods_that_stay_are_reached() {
        assert_eq!(target(&pod("True", false)), Some(("query-api-1".to_owned(), 8081)));
        let redis = json!({
            "metadata": {"name": "redis-1"},
            "spec": {"containers": [{"name": "redis", "ports": [{"name": "redis", "containerPort": 6379}]}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}
        });
        let redis = serde_json::from_value(redis).unwrap();
        assert_eq!(target(&redis), Some(("redis-1".to_owned(), 6379)), "it speaks no HTTP");
        assert_eq!(target(&pod("False", false)), None);
        assert_eq!(target(&pod("True", true)), None);
    }

    #[tokio::test]
    async fn taken_port_is_named_with_the_way_out() {
        let taken = Forward::bind("ingest-api", 0).await.unwrap();
        let port = taken.address().unwrap().port();
        let error = Forward::bind("query-api", port).await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("port {port}")) && error.contains("--port query-api=PORT"),
            "{error}"
        );
    }
}
