//! Credentials as docker keeps them: in its `config.json`, or with a helper that it names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use hyper::header::HeaderValue;
use service::config::Secret;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

/// The name under which docker keeps the credentials of Docker Hub.
const DOCKER_HUB: (&str, &str) = ("index.docker.io", "https://index.docker.io/v1/");

/// What is known of a registry.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    login: Option<(String, Secret)>,
    /// Why there are none although docker's configuration may hold some.
    pub(super) note: Option<String>,
}

impl Credentials {
    /// Those of `registry`, from the folder or from where docker keeps them. A helper may be asked, which is a process.
    pub(super) async fn find(registry: &str, folder: Option<&PathBuf>) -> Self {
        let key = if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry }.to_owned();
        let folder = folder.cloned();
        let found = tokio::task::spawn_blocking(move || match folder {
            Some(folder) => from_folder(&folder, &key),
            None => from_docker(&key),
        });
        found
            .await
            .unwrap_or_else(|error| Self::none(Some(format!("docker's credentials cannot be read: {error}"))))
    }

    pub(super) fn exist(&self) -> bool {
        self.login.is_some()
    }

    /// The `Authorization` of RFC 7617.
    pub(super) fn basic(&self) -> Option<HeaderValue> {
        let (user, password) = self.login.as_ref()?;
        let encoded = STANDARD.encode(format!("{user}:{}", password.expose()));
        secret_header(&format!("Basic {encoded}"))
    }

    fn none(note: Option<String>) -> Self {
        Self { login: None, note }
    }
}

/// A header that is not shown where requests are; none where the text cannot be one.
pub(super) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn from_folder(folder: &Path, key: &str) -> Credentials {
    let path = folder.join("config.json");
    match File::open(&path) {
        Ok(file) => understood(docker_credential::get_credential_from_reader(BufReader::new(file), key)),
        Err(error) if error.kind() == ErrorKind::NotFound => Credentials::none(None),
        Err(error) => Credentials::none(Some(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn from_docker(key: &str) -> Credentials {
    match docker_credential::get_credential(key) {
        // Also where there is no configuration at all, which is nothing to tell.
        Err(CredentialRetrievalError::ConfigReadError) => Credentials::none(None),
        found => understood(found),
    }
}

fn understood(found: Result<DockerCredential, CredentialRetrievalError>) -> Credentials {
    use CredentialRetrievalError::{ConfigNotFound, NoCredentialConfigured};
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Credentials { login: Some((user, Secret::new(password))), note: None }
        }
        Ok(DockerCredential::IdentityToken(_)) => Credentials::none(Some(
            "docker's configuration holds an identity token, which is not understood here: log in with a password or \
             an access token"
                .to_owned(),
        )),
        Err(ConfigNotFound | NoCredentialConfigured) => Credentials::none(None),
        Err(error) => Credentials::none(Some(format!("docker's credentials: {}", one_line(&error.to_string())))),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    async fn found(config: &str, registry: &str) -> Credentials {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        Credentials::find(registry, Some(&folder.path().to_owned())).await
    }

    #[tokio::test]
    async fn credentials_are_those_of_the_host_and_port() {
        // base64 of "user:secret".
        let config = r#"{"auths": {"host:5000": {"auth": "dXNlcjpzZWNyZXQ="}}}"#;

        let own = found(config, "host:5000").await;
        let other = found(config, "host:5001").await;

        assert_eq!(own.basic().unwrap(), "Basic dXNlcjpzZWNyZXQ=");
        assert!(!format!("{own:?} {:?}", own.basic()).contains("ecret="), "secrets are not shown");
        assert!(!other.exist() && other.note.is_none());
    }

    #[tokio::test]
    async fn docker_hub_is_looked_up_by_the_name_that_docker_gives_it() {
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpzZWNyZXQ="}}}"#;
        let reference: oci_spec::distribution::Reference = "redis:8".parse().unwrap();
        assert!(found(config, reference.resolve_registry()).await.exist());
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_told_and_not_used() {
        let unusable = [
            "no json",
            r#"{"auths": {"host:5000": {"auth": "bm9jb2xvbg=="}}}"#,
            r#"{"auths": {"host:5000": {"identitytoken": "secret-token"}}}"#,
            r#"{"credsStore": "testbed-does-not-exist"}"#,
        ];
        for config in unusable {
            let credentials = found(config, "host:5000").await;
            let note = credentials.note.clone().unwrap_or_else(|| panic!("nothing is told of {config}"));
            assert!(!credentials.exist(), "{config}");
            assert!(!note.contains("secret-token") && !note.contains('\n'), "{note}");
        }
    }

    #[tokio::test]
    async fn no_configuration_means_anonymous() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = Credentials::find("host:5000", Some(&folder.path().to_owned())).await;
        assert!(!credentials.exist() && credentials.note.is_none());
    }
}
