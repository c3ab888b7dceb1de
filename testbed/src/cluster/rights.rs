//! What the user may do, asked before anything is done.

use super::connect::Cluster;
use super::kinds::Kinds;
use super::objects::ObjectKey;
use super::words::explain;
use futures_util::StreamExt as _;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use std::collections::BTreeSet;
use std::fmt;

/// Questions that are asked at the same time: an API server on a small board has few cores.
const ASKED_AT_ONCE: usize = 4;

/// A right that is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// None for the whole cluster.
    pub namespace: Option<String>,
    /// Empty for the core.
    pub group: String,
    /// With its subresource after a slash: `pods/log`.
    pub resource: String,
    /// Such as `patch`.
    pub verb: String,
}

impl Right {
    /// The right to do `verb` with the core's `resource` in `namespace`.
    #[must_use]
    pub fn new(verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> Self {
        Self {
            namespace: namespace.map(str::to_owned),
            group: group.to_owned(),
            resource: resource.to_owned(),
            verb: verb.to_owned(),
        }
    }

    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource.as_str(), None),
        };
        ResourceAttributes {
            group: Some(self.group.clone()),
            namespace: self.namespace.clone(),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(self.verb.clone()),
            ..ResourceAttributes::default()
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(formatter, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(formatter, " in namespace {namespace}"),
            None => write!(formatter, " in the whole cluster"),
        }
    }
}

/// The rights to do `verbs` with each of `keys`.
#[must_use]
pub fn on_objects(kinds: &Kinds, keys: &[&ObjectKey], verbs: &[&str]) -> BTreeSet<Right> {
    let of_key = |key: &&ObjectKey| {
        let resource = kinds.resource(key)?;
        let right =
            |verb: &&str| Right::new(verb, &resource.group, &resource.plural, key.namespace.as_deref());
        Some(verbs.iter().map(right).collect::<Vec<_>>())
    };
    keys.iter().filter_map(of_key).flatten().collect()
}

/// The rights to watch pods come up in `namespace`.
#[must_use]
pub fn to_watch(namespace: &str) -> BTreeSet<Right> {
    let namespace = Some(namespace);
    [
        Right::new("list", "", "pods", namespace),
        Right::new("get", "", "pods/log", namespace),
        Right::new("list", "", "events", namespace),
        Right::new("list", "apps", "replicasets", namespace),
        Right::new("list", "", "nodes", None),
    ]
    .into()
}

/// Those of `rights` that the user does not have.
///
/// # Errors
/// Where the API server cannot be asked.
pub async fn missing(cluster: &Cluster, rights: BTreeSet<Right>) -> anyhow::Result<Vec<Right>> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let asked = rights.into_iter().map(|right| {
        let reviews = reviews.clone();
        async move {
            let spec = SelfSubjectAccessReviewSpec {
                resource_attributes: Some(right.attributes()),
                ..SelfSubjectAccessReviewSpec::default()
            };
            let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
            let answer = reviews.create(&PostParams::default(), &review).await?;
            let is_allowed = answer.status.is_some_and(|status| status.allowed);
            Ok::<_, kube::Error>((!is_allowed).then_some(right))
        }
    });
    let answers: Vec<_> = futures_util::stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await;
    let mut missing = Vec::new();
    for answer in answers {
        let answer = answer.map_err(|error| {
            anyhow::anyhow!("cannot ask what you may do: {}", explain(&error, &cluster.server))
        })?;
        missing.extend(answer);
    }
    Ok(missing)
}

/// Refuses where rights are missing, and names every one.
///
/// # Errors
/// The rights that are missing.
pub async fn require(cluster: &Cluster, rights: BTreeSet<Right>) -> anyhow::Result<()> {
    let missing = missing(cluster, rights).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let lines: String = missing.iter().map(|right| format!("\n  {right}")).collect();
    anyhow::bail!(
        "the user of context {} may not do what is needed; ask the cluster's administrator for a role with:{lines}",
        cluster.context
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_says_verb_resource_and_where() {
        let right = Right::new("patch", "apps", "deployments", Some("testbed"));
        assert_eq!(right.to_string(), "patch deployments.apps in namespace testbed");
        assert_eq!(Right::new("list", "", "nodes", None).to_string(), "list nodes in the whole cluster");
    }

    #[test]
    fn subresource_is_asked_for_as_such() {
        let attributes = Right::new("get", "", "pods/log", Some("testbed")).attributes();
        assert_eq!(
            (attributes.resource.as_deref(), attributes.subresource.as_deref()),
            (Some("pods"), Some("log"))
        );
    }
}
