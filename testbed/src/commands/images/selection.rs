//! Which images a command means, and how their registry is spoken to.

use crate::images::name::{self, SERVICES};
use crate::images::registry::RegistryOptions;
use anyhow::Context as _;
use clap::Args;
use service::config::ConfigError;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// The images of the four services, where none are named.
#[derive(Debug, Clone, Args)]
pub(super) struct SelectionArgs {
    /// References of images; by default those of the four services, REGISTRY/testbed/SERVICE:REVISION
    #[arg(value_name = "IMAGE")]
    pub(super) images: Vec<String>,
    /// The registry that holds the four services, such as registry.example:5000
    #[arg(long, value_name = "HOST:PORT", env = "REGISTRY")]
    pub(super) registry: Option<String>,
    /// The tag of the four services [default: that of the working tree, as scripts/build-images makes it]
    #[arg(long, value_name = "TAG", env = "REVISION")]
    pub(super) revision: Option<String>,
    #[command(flatten)]
    pub(super) connection: RegistryArgs,
}

/// How registries are spoken to.
#[derive(Debug, Clone, Args)]
pub(in crate::commands) struct RegistryArgs {
    /// A registry that is spoken to without TLS; may be repeated. Others are tried with TLS first
    #[arg(long, value_name = "HOST:PORT", env = "REGISTRY_PLAIN_HTTP", value_delimiter = ',')]
    plain_http: Vec<String>,
    /// A PEM file with the certificate of a registry's authority, besides those of the system; may be repeated
    #[arg(long, value_name = "FILE", env = "REGISTRY_CA_FILE", value_delimiter = ',')]
    ca_file: Vec<PathBuf>,
}

impl RegistryArgs {
    pub(in crate::commands) fn options(&self) -> RegistryOptions {
        RegistryOptions {
            // An empty variable is one empty name.
            plain_http: self.plain_http.iter().filter(|host| !host.is_empty()).cloned().collect(),
            ca_files: self.ca_file.iter().filter(|file| !file.as_os_str().is_empty()).cloned().collect(),
            docker_config: None,
        }
    }
}

impl SelectionArgs {
    /// The references: those that were named, else those of the four services.
    pub(super) fn references(&self) -> anyhow::Result<Vec<String>> {
        if !self.images.is_empty() {
            let mut named = BTreeSet::new();
            return Ok(self.images.iter().filter(|image| named.insert(*image)).cloned().collect());
        }
        let registry = self.registry()?;
        let revision = self.revision()?;
        Ok(SERVICES.map(|service| name::of_service(registry, service, &revision)).into())
    }

    /// The revision that was said, else that of the working tree.
    pub(super) fn revision(&self) -> anyhow::Result<String> {
        match &self.revision {
            Some(revision) => Ok(revision.clone()),
            None => working_tree_revision(),
        }
    }

    fn registry(&self) -> Result<&str, ConfigError> {
        let registry = self.registry.as_deref().unwrap_or_default().trim_end_matches('/');
        if registry.is_empty() {
            let message = "is not set: say where the images are, export REGISTRY=registry.example:5000, or name them as arguments";
            return Err(ConfigError::new("REGISTRY", message));
        }
        if registry.contains("://") {
            let message =
                format!("{registry} is a URL: write HOST:PORT, and add --plain-http HOST:PORT for http");
            return Err(ConfigError::new("REGISTRY", message));
        }
        Ok(registry)
    }
}

/// The commit, with `-dirty` where files were changed since: the same rule as in scripts/lib/revision. Pins are written
/// after an image is built, and change nothing in it.
fn working_tree_revision() -> anyhow::Result<String> {
    let unknown = "cannot tell the revision of the working tree: say --revision TAG";
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).context(unknown)?;
    let is_dirty = !git(&["status", "--porcelain", "--", ":/", ":(top,exclude)kubernetes/images"])
        .context(unknown)?
        .is_empty();
    Ok(if is_dirty { format!("{commit}-dirty") } else { commit })
}

fn git(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").args(arguments).output().context("git cannot be started")?;
    anyhow::ensure!(
        output.status.success(),
        "git {} says: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        selection: SelectionArgs,
    }

    fn selection(line: &[&str]) -> SelectionArgs {
        Line::try_parse_from(["images"].iter().chain(line)).unwrap().selection
    }

    #[test]
    fn the_four_services_are_meant_where_nothing_is_named() {
        let references = selection(&["--registry", "host:5000", "--revision", "abc"]).references().unwrap();
        assert_eq!(
            references,
            [
                "host:5000/testbed/ingest-api:abc",
                "host:5000/testbed/process-worker:abc",
                "host:5000/testbed/query-api:abc",
                "host:5000/testbed/simulator:abc"
            ]
        );
    }

    #[test]
    fn named_images_need_no_registry_and_count_once() {
        let named = ["host:5000/b:1", "host:5000/a:1", "host:5000/b:1"];
        assert_eq!(selection(&named).references().unwrap(), ["host:5000/b:1", "host:5000/a:1"]);
    }

    #[test]
    fn an_empty_registry_says_how_to_set_it() {
        let error = selection(&["--registry", "", "--revision", "abc"]).references().unwrap_err();
        assert!(error.is::<ConfigError>());
        assert!(error.to_string().contains("export REGISTRY=registry.example:5000"), "{error}");
    }

    #[test]
    fn a_registry_is_no_url() {
        let error =
            selection(&["--registry", "http://host:5000", "--revision", "abc"]).references().unwrap_err();
        assert!(error.to_string().contains("HOST:PORT"), "{error}");
    }

    #[test]
    fn the_working_tree_has_a_revision() {
        let revision = working_tree_revision().unwrap();
        assert!(name::is_tag(&revision) && revision.len() >= 12, "{revision}");
    }
}
