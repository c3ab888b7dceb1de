//! The logs of pods, taken up again where a connection breaks or a container starts anew.

use super::NAMESPACE;
use super::connect::Cluster;
use super::words::explain;
use crate::console::complain;
use futures_util::io::AsyncBufReadExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, LogParams};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// How often to look for pods that have come.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long the API server may be silent: k3s restarts within half a minute.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What to show.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The service; all of the testbed where it is none.
    pub service: Option<String>,
    /// The run of each container before the one that runs.
    pub is_previous: bool,
    /// How far back to begin; from the start where it is none.
    pub since: Option<Duration>,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    pod: String,
    container: String,
    /// What stands before its lines.
    prefix: String,
}

/// How far a container's log was shown.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    /// Of the last line that was shown.
    time: Option<Timestamp>,
    /// Lines of that moment that were shown.
    lines: usize,
}

impl Position {
    /// Whether the next line of a stream is to be shown; `seen` counts the lines of the last moment in this stream.
    fn passes(&mut self, time: Option<Timestamp>, seen: &mut usize) -> bool {
        let Some(time) = time else { return true };
        match self.time.map(|last| time.cmp(&last)) {
            Some(Ordering::Less) => false,
            Some(Ordering::Equal) => {
                *seen += 1;
                let is_new = *seen > self.lines;
                self.lines += usize::from(is_new);
                is_new
            }
            Some(Ordering::Greater) | None => {
                (self.time, self.lines, *seen) = (Some(time), 1, 1);
                true
            }
        }
    }
}

/// Follows all pods and sends their lines, until the receiver is gone. Without following, where runs before are wanted.
///
/// # Errors
/// Where pods cannot be listed.
pub async fn follow(cluster: &Cluster, wanted: &Wanted, lines: Sender<String>) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let mut followed: BTreeMap<Source, JoinHandle<Position>> = BTreeMap::new();
    let mut silent_since: Option<Instant> = None;
    loop {
        let sources = match sources(cluster, &pods, wanted).await {
            Ok(sources) => sources,
            Err(error) => {
                if silent_since.is_none() {
                    complain(&format!("{error:#}: asking again for {} s", SILENCE_MAX.as_secs()));
                }
                let since = *silent_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= SILENCE_MAX {
                    return Err(error);
                }
                sleep(LOOK_INTERVAL).await;
                continue;
            }
        };
        silent_since = None;
        for source in &sources {
            let position = match followed.remove(source) {
                Some(task) if !task.is_finished() => {
                    followed.insert(source.clone(), task);
                    continue;
                }
                Some(task) => task.await?,
                None => Position::default(),
            };
            let task = read(pods.clone(), source.clone(), wanted.clone(), position, lines.clone());
            followed.insert(source.clone(), tokio::spawn(task));
        }
        if wanted.is_previous {
            for (_, task) in followed {
                task.await?;
            }
            return Ok(());
        }
        // Pods that are gone are not asked again; what they still say is read to its end.
        followed.retain(|source, task| sources.contains(source) || !task.is_finished());
        tokio::select! {
            () = sleep(LOOK_INTERVAL) => {}
            () = lines.closed() => return Ok(()),
        }
    }
}

async fn sources(cluster: &Cluster, pods: &Api<Pod>, wanted: &Wanted) -> anyhow::Result<Vec<Source>> {
    let selector = match &wanted.service {
        Some(service) => format!("app.kubernetes.io/name={service}"),
        None => "app.kubernetes.io/part-of=testbed".to_owned(),
    };
    let listed = pods.list(&ListParams::default().labels(&selector)).await;
    let listed =
        listed.map_err(|error| anyhow::anyhow!("cannot list pods: {}", explain(&error, &cluster.server)))?;
    Ok(listed.items.iter().flat_map(|pod| of_pod(pod, wanted.is_previous)).collect())
}

/// The containers of a pod that have something to say.
fn of_pod(pod: &Pod, is_previous: bool) -> Vec<Source> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let statuses = pod.status.iter().flat_map(|status| {
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
    });
    let with_log: Vec<_> = statuses
        .filter(|container| {
            let has_run = |state: Option<&k8s_openapi::api::core::v1::ContainerState>| {
                state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
            };
            let before = has_run(container.last_state.as_ref());
            if is_previous { before } else { before || has_run(container.state.as_ref()) }
        })
        .collect();
    let prefix =
        |container: &str| if with_log.len() > 1 { format!("{name}/{container}") } else { name.clone() };
    let source = |container: &str| Source {
        pod: name.clone(),
        container: container.to_owned(),
        prefix: prefix(container),
    };
    with_log.iter().map(|container| source(&container.name)).collect()
}

/// Reads a container's log to its end, and gives how far it was shown.
async fn read(
    pods: Api<Pod>,
    source: Source,
    wanted: Wanted,
    mut position: Position,
    lines: Sender<String>,
) -> Position {
    let since = wanted.since.filter(|_| position.time.is_none());
    let parameters = LogParams {
        container: Some(source.container.clone()),
        follow: !wanted.is_previous,
        previous: wanted.is_previous,
        since_seconds: since.and_then(|since| i64::try_from(since.as_secs().max(1)).ok()),
        // Its granularity is a second, to which kube rounds up as well as down: lines that were shown are left out below.
        since_time: position.time.and_then(|time| Timestamp::from_second(time.as_second()).ok()),
        timestamps: true,
        ..LogParams::default()
    };
    // A container that is not ready to be read is tried again.
    let Ok(mut stream) = pods.log_stream(&source.pod, &parameters).await else { return position };
    let mut seen = 0;
    loop {
        let mut bytes = Vec::new();
        // A connection that breaks is an error, also in the middle of a line, which is then read again from its start.
        if stream.read_until(b'\n', &mut bytes).await.is_err() || bytes.is_empty() {
            return position;
        }
        let line = String::from_utf8_lossy(&bytes);
        let (time, text) = stamped(line.trim_end_matches(['\r', '\n']));
        if position.passes(time, &mut seen) && lines.send(format!("{}  {text}", source.prefix)).await.is_err()
        {
            return position;
        }
    }
}

/// A line's moment and its text.
fn stamped(line: &str) -> (Option<Timestamp>, &str) {
    let (time, text) = line.split_once(' ').unwrap_or((line, ""));
    match time.parse() {
        Ok(time) => (Some(time), text),
        Err(_) => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_that_were_shown_are_left_out_after_a_break() {
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let (first, second) =
            (time("2026-01-01T00:00:00.000000001Z"), time("2026-01-01T00:00:00.000000002Z"));
        let mut position = Position::default();
        let mut shown = |times: &[Option<Timestamp>]| {
            let mut seen = 0;
            times.iter().map(|time| position.passes(*time, &mut seen)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[first, second, second]), [true, true, true]);
        // From the start of the second, as the API server gives it; two more lines have the moment of the last.
        assert_eq!(shown(&[first, second, second, second, second]), [false, false, false, true, true]);
        assert_eq!(shown(&[second, second, second, second, None]), [false, false, false, false, true]);
    }

    fn pod(containers: &serde_json::Value) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": "a-1"}, "status": {"containerStatuses": containers}}),
        )
        .unwrap()
    }

    fn container(name: &str, state: &serde_json::Value, last: &serde_json::Value) -> serde_json::Value {
        json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state, "lastState": last})
    }

    #[test]
    fn containers_that_never_ran_have_no_log() {
        let (waiting, running, ended) =
            (json!({"waiting": {}}), json!({"running": {}}), json!({"terminated": {"exitCode": 1}}));
        let pod = pod(&json!([
            container("new", &waiting, &json!({})),
            container("old", &running, &json!({})),
            container("again", &waiting, &ended)
        ]));
        let prefixes = |is_previous| {
            of_pod(&pod, is_previous).into_iter().map(|source| source.prefix).collect::<Vec<_>>()
        };
        assert_eq!(prefixes(false), ["a-1/old", "a-1/again"]);
        assert_eq!(prefixes(true), ["a-1"]);
    }

    #[test]
    fn moments_are_taken_off_lines() {
        let (time, text) = stamped("2026-11-21T17:00:00.123456789Z {\"message\":\"ready\"}");
        assert_eq!((time.unwrap().subsec_nanosecond(), text), (123_456_789, "{\"message\":\"ready\"}"));
        assert_eq!(stamped("no moment here"), (None, "no moment here"));
        assert_eq!(stamped("none"), (None, "none"));
        assert_eq!(stamped("2026-11-21T17:00:00Z").1, "");
    }
}
