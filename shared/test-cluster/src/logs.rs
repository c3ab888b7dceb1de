//! What containers have written.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;

/// Namespace, pod and container.
pub(crate) type Key = (String, String, String);

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) time: Timestamp,
    pub(crate) text: String,
}

/// Lines that are written at the same moment.
pub(crate) fn written_now(texts: &[String]) -> Vec<Line> {
    let time = Timestamp::now();
    texts.iter().map(|text| Line { time, text: text.clone() }).collect()
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerLogs {
    /// Of the container that runs or ended last; none before the first.
    pub(crate) current: Option<Vec<Line>>,
    pub(crate) previous: Option<Vec<Line>>,
    /// Why it waits, while it does.
    pub(crate) waiting: &'static str,
}

/// All logs of a kubelet's containers, and the ports that its pods serve.
pub(crate) struct Logs {
    containers: Mutex<HashMap<Key, ContainerLogs>>,
    ports: Mutex<HashMap<(String, String), HashMap<u16, SocketAddr>>>,
    /// Changes with every line.
    changes: watch::Sender<()>,
    /// Changes when the streams that are open break.
    breaks: watch::Sender<()>,
}

impl Default for Logs {
    fn default() -> Self {
        let (changes, breaks) = (watch::Sender::new(()), watch::Sender::new(()));
        Self { containers: Mutex::default(), ports: Mutex::default(), changes, breaks }
    }
}

impl Logs {
    pub(crate) fn get(&self, key: &Key) -> Option<ContainerLogs> {
        self.containers.lock().expect("no holder panics").get(key).cloned()
    }

    /// Makes the container's entry where there is none.
    pub(crate) fn update(&self, key: &Key, change: impl FnOnce(&mut ContainerLogs)) {
        change(self.containers.lock().expect("no holder panics").entry(key.clone()).or_default());
        self.changes.send_replace(());
    }

    pub(crate) fn forget(&self, namespace: &str, pod: &str) {
        let mut containers = self.containers.lock().expect("no holder panics");
        containers.retain(|key, _| key.0 != namespace || key.1 != pod);
        drop(containers);
        self.ports.lock().expect("no holder panics").remove(&(namespace.to_owned(), pod.to_owned()));
        self.changes.send_replace(());
    }

    pub(crate) fn break_streams(&self) {
        self.breaks.send_replace(());
    }

    pub(crate) fn breaks(&self) -> watch::Receiver<()> {
        self.breaks.subscribe()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(crate) fn serve(&self, namespace: &str, pod: &str, ports: &HashMap<u16, SocketAddr>) {
        let mut all = self.ports.lock().expect("no holder panics");
        all.entry((namespace.to_owned(), pod.to_owned())).or_default().extend(ports);
    }

    /// Where the port of a pod is served; nothing for a pod that is not here.
    pub(crate) fn ports(&self, namespace: &str, pod: &str) -> Option<HashMap<u16, SocketAddr>> {
        self.ports.lock().expect("no holder panics").get(&(namespace.to_owned(), pod.to_owned())).cloned()
    }
}
