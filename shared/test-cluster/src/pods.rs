//! A pod on a node that is made up: its containers' steps, written to the API.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Event as ApiEvent, EventSource, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::behaviour::{Behaviour, Script, Scripts};
use crate::containers::{self, PodName, State, Step};
use crate::execution::Executions;
use crate::logs::{Key, Logs, written_now};
use crate::status::{self, ContainerView, Place, Transitions};

/// Between the start of an evicted pod and its end.
const EVICTED_AFTER: Duration = Duration::from_millis(300);

/// What the pods of a kubelet share.
pub(crate) struct Pods {
    pub(crate) client: Client,
    pub(crate) scripts: Arc<Scripts>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) executions: Arc<Executions>,
}

/// A container with what it does.
struct Actor {
    container: Container,
    script: Script,
    view: ContainerView,
    key: Key,
    steps: Vec<Step>,
}

impl Pods {
    /// Moves a pod that was bound to a node through its states, until the last of them.
    pub(crate) async fn run(
        self: Arc<Self>,
        pod: Pod,
        host_ip: String,
        pod_ip: String,
    ) -> Result<(), kube::Error> {
        let namespace = pod.namespace().unwrap_or_default();
        let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
        let Some(spec) = &pod.spec else { return Ok(()) };
        let restart_policy = spec.restart_policy.as_deref().unwrap_or("Always");
        let never_restarts = restart_policy == "Never";
        let pod_name = PodName { name: &name, namespace: &namespace, uid: &uid, never_restarts };
        let mut actors: Vec<Actor> =
            spec.containers.iter().map(|container| self.actor(container, &pod_name)).collect();
        let start_time = now();
        let always_restarts = restart_policy == "Always";
        let place = Place { host_ip: &host_ip, pod_ip: &pod_ip, start_time: &start_time, always_restarts };
        if let Some(Behaviour::Executes(program)) = actors.first().map(|actor| &actor.script.behaviour) {
            return self.execute(&pod, program, &place).await;
        }
        let mut transitions = Transitions::new();

        let started = Instant::now();
        for (at, index, step) in timeline(&actors) {
            sleep_until(started + at).await;
            let now = now();
            let actor = &mut actors[index];
            self.write_logs(actor, &step);
            actor.view.apply(&step, &uid, &now);
            if !actors.iter().all(|actor| actor.view.is_known()) {
                continue;
            }
            let views: Vec<&ContainerView> = actors.iter().map(|actor| &actor.view).collect();
            let patch = status::patch(&views, &place, &mut transitions, &now);
            self.patch(&namespace, &name, patch).await?;
            for event in &step.events {
                self.record(&pod, &actors[index].container, event).await?;
            }
        }
        let evicted = actors.iter().find_map(|actor| match &actor.script.behaviour {
            Behaviour::Evicted { message } => Some(message.clone()),
            _ => None,
        });
        if let Some(message) = evicted {
            sleep_until(Instant::now() + EVICTED_AFTER).await;
            self.evict(&pod, &message, &mut actors).await?;
        }
        Ok(())
    }

    /// Ends a pod that was asked to go, which `running` is moving: its program has the time that the pod says. The API keeps it
    /// until its kubelet says that it is gone.
    pub(crate) async fn finish(
        self: Arc<Self>,
        pod: Pod,
        running: Option<AbortHandle>,
    ) -> Result<(), kube::Error> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let grace_s = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
        self.executions.end(&name, Duration::from_secs(u64::try_from(grace_s).unwrap_or(0))).await;
        if let Some(running) = running {
            running.abort();
        }
        self.logs.forget(&namespace, &name);
        let preconditions = Some(Preconditions { uid: pod.uid(), resource_version: None });
        let parameters =
            DeleteParams { grace_period_seconds: Some(0), preconditions, ..DeleteParams::default() };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        pods.delete(&name, &parameters).await.map(drop)
    }

    fn actor(&self, container: &Container, pod: &PodName<'_>) -> Actor {
        let mut script = self.scripts.take(pod.namespace, container);
        if matches!(script.behaviour, Behaviour::ExecFormatError) {
            // Written by runc, into the container's own output.
            script.logs = vec![format!("exec {}: exec format error", containers::program(container))];
        }
        self.logs.serve(pod.namespace, pod.name, &script.ports);
        let key = (pod.namespace.to_owned(), pod.name.to_owned(), container.name.clone());
        let steps = containers::steps(&script.behaviour, container, pod);
        Actor { container: container.clone(), script, view: ContainerView::new(container), key, steps }
    }

    fn write_logs(&self, actor: &Actor, step: &Step) {
        self.logs.update(&actor.key, |logs| match &step.state {
            State::Waiting { reason, .. } => logs.waiting = reason,
            State::Running if logs.current.is_none() || step.restarts > 0 => {
                logs.waiting = "";
                logs.previous = logs.current.replace(written_now(&actor.script.logs));
            }
            State::Running | State::Terminated { .. } => logs.waiting = "",
        });
    }

    pub(crate) async fn patch(
        &self,
        namespace: &str,
        name: &str,
        patch: serde_json::Value,
    ) -> Result<(), kube::Error> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        pods.patch_status(name, &PatchParams::default(), &Patch::Strategic(patch)).await.map(drop)
    }

    async fn evict(&self, pod: &Pod, message: &str, actors: &mut [Actor]) -> Result<(), kube::Error> {
        let now = now();
        let uid = pod.uid().unwrap_or_default();
        for actor in actors.iter_mut() {
            actor.view.apply(&containers::killed(), &uid, &now);
        }
        let containers: Vec<_> = actors.iter().map(|actor| actor.view.status()).collect();
        let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now});
        let patch = json!({"status": {
            "phase": "Failed",
            "reason": "Evicted",
            "message": message,
            "containerStatuses": containers,
            "conditions": [
                condition("Ready", "False", "PodFailed", ""),
                condition("ContainersReady", "False", "PodFailed", ""),
                condition("DisruptionTarget", "True", "TerminationByKubelet", message),
            ],
        }});
        self.patch(&pod.namespace().unwrap_or_default(), &pod.name_any(), patch).await?;
        let event = containers::Event { is_warning: true, reason: "Evicted", message: message.to_owned() };
        self.record(pod, &actors[0].container, &event).await
    }

    async fn record(
        &self,
        pod: &Pod,
        container: &Container,
        event: &containers::Event,
    ) -> Result<(), kube::Error> {
        let namespace = pod.namespace().unwrap_or_default();
        let time = Some(Time(Timestamp::now()));
        let metadata =
            ObjectMeta { generate_name: Some(format!("{}.", pod.name_any())), ..ObjectMeta::default() };
        let event = ApiEvent {
            metadata,
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(pod.name_any()),
                namespace: Some(namespace.clone()),
                uid: pod.uid(),
                field_path: Some(format!("spec.containers{{{}}}", container.name)),
                ..ObjectReference::default()
            },
            type_: Some(if event.is_warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(event.reason.to_owned()),
            message: Some(event.message.clone()),
            source: Some(EventSource {
                component: Some("kubelet".to_owned()),
                host: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            }),
            count: Some(1),
            first_timestamp: time.clone(),
            last_timestamp: time,
            ..ApiEvent::default()
        };
        Api::namespaced(self.client.clone(), &namespace)
            .create(&PostParams::default(), &event)
            .await
            .map(drop)
    }
}

/// All steps of all containers in the order of their times, which count from the pod's start.
fn timeline(actors: &[Actor]) -> Vec<(Duration, usize, Step)> {
    let mut timeline = Vec::new();
    for (index, actor) in actors.iter().enumerate() {
        let mut at = Duration::ZERO;
        for step in &actor.steps {
            at += step.after;
            timeline.push((at, index, step.clone()));
        }
    }
    timeline.sort_by_key(|(at, ..)| *at);
    timeline
}

pub(crate) fn now() -> String {
    // Seconds are what kubelet writes.
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
