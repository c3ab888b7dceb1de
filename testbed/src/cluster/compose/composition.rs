//! What people say of what is to be deployed, and what comes of it.

use super::render::{check, render, render_changed, render_folder};
use super::selection::{Parts, Selection, choose, choose_unpinned, pins};
use super::{ComposeError, Pin, Setting, changes, folder};
use crate::cluster::objects::Object;
use clap::Args;
use std::path::{Path, PathBuf};

/// What is to be deployed.
#[derive(Debug, Clone, Args)]
pub struct CompositionArgs {
    /// On which nodes: any, amd64, arm64, split, …: a folder components/placement-NAME, or local/components/placement-NAME
    #[arg(long, value_name = "NAME", default_value = "any")]
    pub placement: String,
    /// What else: observability, network-policy, external-redis instead of redis, …; repeat it for several
    #[arg(long = "component", value_name = "NAME")]
    pub components: Vec<String>,
    /// The images: a folder that `testbed images pin` wrote [default: images/current, or the only one]
    #[arg(long, value_name = "TAG")]
    pub revision: Option<String>,
    /// The folder with the manifests [default: kubernetes in the working directory, else in the checkout of this program]
    #[arg(long, value_name = "DIR")]
    pub kubernetes: Option<PathBuf>,
    /// Another value of a setting than the manifests have, such as process-worker.WORK_AMOUNT=50; may be repeated
    #[arg(long = "set", value_name = "CONFIGMAP.KEY=VALUE")]
    pub settings: Vec<Setting>,
    /// The node of one workload, whatever the placement, such as process-worker=NODE; may be repeated
    #[arg(long = "node", value_name = "WORKLOAD=NODE")]
    pub nodes: Vec<Pin>,
    /// A kustomization of your own, instead of all this
    #[arg(long, value_name = "DIR", conflicts_with_all = ["placement", "components", "revision", "settings", "nodes", "kubernetes"])]
    pub overlay: Option<PathBuf>,
}

/// What was rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    pub objects: Vec<Object>,
    /// Where its images are pinned; none where they are not, and for a kustomization of somebody's own.
    pub pins: Option<PathBuf>,
    /// What it is, for people: `placement arm64 with observability`, or the folder that was said.
    pub title: String,
}

impl CompositionArgs {
    /// Renders it, and refuses what could not run.
    ///
    /// # Errors
    /// [`ComposeError`], or where what was rendered is no list of objects.
    pub async fn deployable(&self) -> anyhow::Result<Composed> {
        let composed = match &self.overlay {
            Some(overlay) => of_overlay(overlay).await?,
            None => self.rendered(choose(&self.folder()?, &self.selection())?).await?,
        };
        check(&composed.objects)?;
        Ok(composed)
    }

    /// Renders it as it is, with names in place of images where none are pinned. Somebody's own kustomization comes with the pins
    /// that `testbed images pin` keeps for such.
    ///
    /// # Errors
    /// As [`Self::deployable`].
    pub async fn draft(&self) -> anyhow::Result<Composed> {
        if let Some(overlay) = &self.overlay {
            let pins = self.folder().and_then(|folder| pins(&folder, None)).ok();
            return Ok(Composed { pins, ..of_overlay(overlay).await? });
        }
        let folder = self.folder()?;
        let parts = match choose(&folder, &self.selection()) {
            Err(ComposeError::NothingPinned(_)) => choose_unpinned(&folder, &self.selection()),
            parts => parts,
        };
        self.rendered(parts?).await
    }

    /// The folder with the manifests.
    ///
    /// # Errors
    /// Where there is none.
    pub fn folder(&self) -> Result<PathBuf, ComposeError> {
        folder(self.kubernetes.as_deref())
    }

    async fn rendered(&self, parts: Parts) -> anyhow::Result<Composed> {
        let placement = format!("placement {}", self.placement);
        let names = std::iter::once(placement).chain(self.components.iter().cloned());
        let settings = self.settings.iter().map(|setting| format!("{}={}", setting.key, setting.value));
        let nodes = self.nodes.iter().map(|pin| format!("{} on {}", pin.workload, pin.node));
        let title = names.chain(settings).chain(nodes).collect::<Vec<_>>().join(", ");
        let mut objects = render(&parts).await?;
        if !self.settings.is_empty() || !self.nodes.is_empty() {
            let changes = changes::to_yaml(&self.settings, &self.nodes, &objects)?;
            objects = render_changed(&parts, Some(&changes)).await?;
        }
        Ok(Composed { objects, pins: parts.pins, title })
    }

    fn selection(&self) -> Selection {
        Selection {
            placement: self.placement.clone(),
            components: self.components.clone(),
            revision: self.revision.clone(),
        }
    }
}

impl Composed {
    /// What its images are, in words: the revision, or the folder that was said.
    #[must_use]
    pub fn revision(&self) -> String {
        let name = self.pins.as_deref().and_then(Path::file_name);
        name.map_or_else(|| self.title.clone(), |name| name.to_string_lossy().into_owned())
    }
}

async fn of_overlay(overlay: &Path) -> anyhow::Result<Composed> {
    let title = overlay.display().to_string();
    Ok(Composed { objects: render_folder(overlay).await?, pins: None, title })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn own_kustomizations_have_the_pins_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for (name, yaml) in [("base", "resources: []"), ("images/1", ""), ("own", "resources: [a.yaml]")] {
            std::fs::create_dir_all(root.join(name)).unwrap();
            std::fs::write(root.join(name).join("kustomization.yaml"), yaml).unwrap();
        }
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: ingest-api}]}\n";
        std::fs::write(root.join("own/a.yaml"), pod).unwrap();
        let said = CompositionArgs {
            placement: "any".to_owned(),
            components: Vec::new(),
            revision: None,
            settings: Vec::new(),
            nodes: Vec::new(),
            kubernetes: Some(root.clone()),
            overlay: Some(root.join("own")),
        };
        let composed = said.draft().await.unwrap();
        assert_eq!(composed.pins, Some(root.join("images/1")));
        assert_eq!((composed.objects.len(), composed.title), (1, root.join("own").display().to_string()));
        let deployed = said.deployable().await.unwrap();
        assert_eq!(deployed.revision(), root.join("own").display().to_string());
    }

    /// Of the repository's own manifests.
    async fn changed(settings: &[&str], nodes: &[&str]) -> anyhow::Result<Composed> {
        let said = CompositionArgs {
            placement: "split".to_owned(),
            components: vec!["simulator-job".to_owned(), "network-policy".to_owned()],
            revision: None,
            settings: settings.iter().map(|text| text.parse().unwrap()).collect(),
            nodes: nodes.iter().map(|text| text.parse().unwrap()).collect(),
            kubernetes: Some(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes").canonicalize().unwrap(),
            ),
            overlay: None,
        };
        said.draft().await
    }

    fn object<'a>(composed: &'a Composed, kind: &str, name: &str) -> &'a serde_json::Value {
        let is_wanted = |object: &&Object| object.key.kind == kind && object.key.name.starts_with(name);
        &composed.objects.iter().find(is_wanted).unwrap().value
    }

    #[tokio::test]
    async fn settings_are_changed_without_the_files_and_restart_who_reads_them() {
        let plain = changed(&[], &[]).await.unwrap();
        let composed =
            changed(&["process-worker.WORK_AMOUNT=50", "simulator-job.SHARDS=5"], &[]).await.unwrap();
        let worker = object(&composed, "ConfigMap", "process-worker");
        assert_eq!(worker["data"]["WORK_AMOUNT"], "50");
        assert_eq!(worker["data"]["WORK_KIND"], "hash", "others stay");
        let job = object(&composed, "Job", "simulator");
        assert_eq!((&job["spec"]["completions"], &job["spec"]["parallelism"]), (&5.into(), &5.into()));
        let read = |composed: &Composed, name: &str| {
            object(composed, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["envFrom"]
                .clone()
        };
        assert_ne!(read(&composed, "process-worker"), read(&plain, "process-worker"));
        assert_eq!(read(&composed, "query-api"), read(&plain, "query-api"));
    }

    #[tokio::test]
    async fn node_of_a_workload_wins_over_the_placement() {
        let composed = changed(&[], &["process-worker=r3-node", "simulator=clus1"]).await.unwrap();
        let hosts = |kind: &str, name: &str| {
            let affinity =
                &object(&composed, kind, name)["spec"]["template"]["spec"]["affinity"]["nodeAffinity"];
            affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]["matchExpressions"][1]
                .clone()
        };
        assert_eq!(hosts("Deployment", "process-worker")["values"][0], "r3-node");
        assert_eq!(hosts("Job", "simulator")["values"][0], "clus1");
        assert!(hosts("Deployment", "query-api").is_null());
        let error = changed(&[], &["worker=r3-node"]).await.unwrap_err().to_string();
        assert!(
            error.contains("there is no workload \"worker\"") && error.contains("process-worker"),
            "{error}"
        );
    }
}
