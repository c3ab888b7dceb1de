//! Which cluster is meant, and a client for it.

use super::words::explain;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server on the same network answers within milliseconds; a small board under load within seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Where k3s writes its kubeconfig, readable by root alone.
const K3S_KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// Which cluster.
#[derive(Debug, Clone, Args)]
pub struct ConnectionArgs {
    /// The kubeconfig, or several separated by colons [default: ~/.kube/config]
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<OsString>,
    /// The context of the kubeconfig to use [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// A cluster that has answered.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    /// The kubeconfig's name for it.
    pub context: String,
    /// The address of its API server.
    pub server: String,
    /// What the server says it is: `v1.34.4+k3s1`.
    pub version: String,
}

/// Why there is no cluster to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{}", no_kubeconfig(.0))]
    NoKubeconfig(Vec<PathBuf>),
    #[error("cannot read the kubeconfig {path}: {source}", path = .0.display(), source = .1)]
    Unreadable(PathBuf, io::Error),
    #[error("{path} is no kubeconfig: {reason}", path = .0.display(), reason = .1)]
    Malformed(PathBuf, String),
    #[error("there is no context {wanted:?} in the kubeconfig: {}", listed(.known))]
    UnknownContext { wanted: String, known: Vec<String> },
    #[error("the kubeconfig has no current context: say --context NAME; {}", listed(.0))]
    NoContext(Vec<String>),
    #[error("the kubeconfig's context {context:?} cannot be used: {reason}")]
    UnusableContext { context: String, reason: String },
    #[error("{0}")]
    Server(String),
}

fn listed(contexts: &[String]) -> String {
    if contexts.is_empty() { "it has none".to_owned() } else { format!("it has {}", contexts.join(", ")) }
}

fn no_kubeconfig(looked: &[PathBuf]) -> String {
    let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
    let hint = if Path::new(K3S_KUBECONFIG).exists() {
        format!("k3s on this machine has one: copy {K3S_KUBECONFIG} there as root, and let your user own it")
    } else {
        format!("on k3s it is {K3S_KUBECONFIG} of the server: copy it, and put the server's address in")
    };
    format!("there is no kubeconfig at {}: say --kubeconfig FILE; {hint}", looked.join(", "))
}

/// Connects, and has the server say its version.
///
/// # Errors
/// [`ConnectError`], in words for whoever wrote the kubeconfig.
pub async fn connect(args: &ConnectionArgs) -> Result<Cluster, ConnectError> {
    let kubeconfig = read(&paths(args)?)?;
    let context = chosen(&kubeconfig, args.context.as_deref())?;
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let unusable = |reason: String| ConnectError::UnusableContext { context: context.clone(), reason };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| unusable(error.to_string()))?;
    config.connect_timeout = Some(ANSWER_TIMEOUT);
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = Client::try_from(config).map_err(|error| unusable(explain(&error, &server)))?;
    let version = match tokio::time::timeout(ANSWER_TIMEOUT, client.apiserver_version()).await {
        Ok(Ok(version)) => version.git_version,
        Ok(Err(error)) => return Err(ConnectError::Server(explain(&error, &server))),
        Err(_) => {
            let timeout = kube::Error::Service(Box::new(io::Error::from(io::ErrorKind::TimedOut)));
            return Err(ConnectError::Server(explain(&timeout, &server)));
        }
    };
    Ok(Cluster { client, context, server, version })
}

/// The files to read; those that do not exist are left out, as kubectl does.
fn paths(args: &ConnectionArgs) -> Result<Vec<PathBuf>, ConnectError> {
    let said: Vec<PathBuf> = args.kubeconfig.iter().flat_map(std::env::split_paths).collect();
    let mut wanted: Vec<PathBuf> = said.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
    if wanted.is_empty() {
        wanted.push(std::env::home_dir().unwrap_or_else(|| PathBuf::from("/")).join(".kube/config"));
    }
    let present: Vec<PathBuf> = wanted.iter().filter(|path| path.exists()).cloned().collect();
    if present.is_empty() { Err(ConnectError::NoKubeconfig(wanted)) } else { Ok(present) }
}

fn read(paths: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    let malformed = |path: &Path, error: &KubeconfigError| {
        ConnectError::Malformed(
            path.to_owned(),
            error.to_string().lines().next().unwrap_or_default().to_owned(),
        )
    };
    let mut merged = Kubeconfig::default();
    for path in paths {
        let read = Kubeconfig::read_from(path).map_err(|error| match error {
            KubeconfigError::ReadConfig(source, path) => ConnectError::Unreadable(path, source),
            error => malformed(path, &error),
        })?;
        merged = merged.merge(read).map_err(|error| malformed(path, &error))?;
    }
    Ok(merged)
}

/// The name of the context to use.
fn chosen(kubeconfig: &Kubeconfig, wanted: Option<&str>) -> Result<String, ConnectError> {
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    match wanted.or(current) {
        None => Err(ConnectError::NoContext(known)),
        Some(name) if known.iter().any(|known| known == name) => Ok(name.to_owned()),
        Some(name) => Err(ConnectError::UnknownContext { wanted: name.to_owned(), known }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(kubeconfig: &Path) -> ConnectionArgs {
        ConnectionArgs { kubeconfig: Some(kubeconfig.into()), context: None }
    }

    fn two_contexts() -> Kubeconfig {
        Kubeconfig::from_yaml(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\ncontexts:\n- {name: lab, context: {cluster: a, user: a}}\n\
             - {name: prod, context: {cluster: b, user: b}}\n",
        )
        .unwrap()
    }

    #[test]
    fn context_is_the_current_one_unless_said() {
        assert_eq!(chosen(&two_contexts(), None).unwrap(), "lab");
        assert_eq!(chosen(&two_contexts(), Some("prod")).unwrap(), "prod");
    }

    #[test]
    fn unknown_context_lists_those_there_are() {
        let error = chosen(&two_contexts(), Some("lba")).unwrap_err().to_string();
        assert_eq!(error, r#"there is no context "lba" in the kubeconfig: it has lab, prod"#);
    }

    #[test]
    fn missing_kubeconfig_names_where_it_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = paths(&args(&folder.path().join("config"))).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()) && error.contains("k3s.yaml"),
            "{error}"
        );
    }

    #[test]
    fn several_files_are_merged_and_absent_ones_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let yaml = format!(
                "apiVersion: v1\nkind: Config\ncontexts: [{{name: {name}, context: {{cluster: c}}}}]\n"
            );
            std::fs::write(folder.path().join(name), yaml).unwrap();
        }
        let list =
            std::env::join_paths(["one", "absent", "two"].map(|name| folder.path().join(name))).unwrap();
        let merged = read(&paths(&args(Path::new(&list))).unwrap()).unwrap();
        let names: Vec<&str> = merged.contexts.iter().map(|context| context.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn file_that_is_no_kubeconfig_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "contexts: 3").unwrap();
        let error = read(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} is no kubeconfig", path.display())), "{error}");
    }
}
