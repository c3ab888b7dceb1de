//! Whether a pin is the digest of an index, and of the one that the tag still leads to.

use crate::images::check::Failure;
use crate::images::manifest::{Content, Resolved};
use crate::images::registry::{Registry, RegistryError};
use oci_spec::distribution::Reference;

const PIN: &str = "pin the index, with `testbed images pin`";

/// Compares `resolved` with its pin.
pub(super) async fn check(
    reference: &Reference,
    resolved: &Resolved,
    pin: &str,
    registry: &Registry,
) -> Result<String, Failure> {
    match &resolved.content {
        Content::Manifest(_) if pin == resolved.digest => {
            Err(of_one_architecture(format!("{pin} is a manifest, not an index")))
        }
        Content::Index(_) if pin == resolved.digest => Ok(format!("{pin}, an index")),
        Content::Index(index) => match index.children.iter().find(|child| child.descriptor.digest == pin) {
            Some(child) => {
                let platform = child
                    .platform
                    .as_ref()
                    .map_or_else(|| "a".to_owned(), |platform| format!("the {platform}"));
                Err(of_one_architecture(format!(
                    "{pin} is {platform} child of the index {}",
                    resolved.digest
                )))
            }
            None => Err(other(reference, resolved, pin, registry).await),
        },
        Content::Manifest(_) => Err(other(reference, resolved, pin, registry).await),
    }
}

/// The failure of a pin that is something else than what the tag leads to.
async fn other(reference: &Reference, resolved: &Resolved, pin: &str, registry: &Registry) -> Failure {
    let now = format!("{reference} resolves to {}, the pin is {pin}", resolved.digest);
    match registry.resolve(&reference.clone_with_digest(pin.to_owned())).await {
        Ok(Resolved { content: Content::Manifest(_), .. }) => {
            of_one_architecture(format!("{pin} is a manifest, not an index"))
        }
        Ok(_) => Failure::new(
            "the tag was pushed again after it was pinned",
            now,
            "pin again with `testbed images pin`, and never push a tag twice",
        ),
        Err(RegistryError::Absent { .. }) => Failure::new(
            "the registry does not hold what is pinned",
            now,
            "push the pinned build again, or pin what is there with `testbed images pin`",
        ),
        Err(error) => Failure::new("the registry does not give what is pinned", error.to_string(), PIN),
    }
}

/// The failure of a pin that is a manifest.
fn of_one_architecture(evidence: String) -> Failure {
    let cause =
        "the pin is the digest of one architecture, which nodes of the others run too, without a look at it";
    Failure::new(cause, evidence, PIN)
}
