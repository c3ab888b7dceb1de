//! What a failed call to the API server means, in words that say what to do.

use kube::core::Status;
use rustls::CertificateError;
use std::error::Error;
use std::fmt::Write as _;
use std::io::ErrorKind;

/// Explains an error of a call to `server`.
#[must_use]
pub fn explain(error: &kube::Error, server: &str) -> String {
    match error {
        kube::Error::Api(status) => of_status(status),
        kube::Error::Auth(auth) => format!(
            "the kubeconfig's way to log in does not work: {}: renew the login, such as with your provider's command",
            chain(auth)
        ),
        error => of_transport(error, server),
    }
}

/// Explains an answer of the API server that refuses.
#[must_use]
pub fn of_status(status: &Status) -> String {
    match status.code {
        401 => "the cluster does not know this user (401): the token or certificate in the kubeconfig has expired or \
                belongs to another cluster; fetch a new one, on k3s from /etc/rancher/k3s/k3s.yaml of the server"
            .to_owned(),
        _ if is_malformed(status) => format!(
            "{}: correct the manifest, or leave out what Kubernetes of this version does not know",
            status.message
        ),
        403 if has_cause(status, "NamespaceTerminating") => namespace_goes("that it is in"),
        403 => format!("the cluster refuses (403): {}: ask for a role that allows it", status.message),
        409 => conflict(status),
        503 | 429 => format!("the API server is busy or starting ({}): {}: try again", status.code, status.message),
        _ => format!("the cluster refuses ({} {}): {}", status.code, status.reason, status.message),
    }
}

/// Whether fields or their types are none of the kind's. Server-side apply answers that with 500, and without a reason.
#[must_use]
pub fn is_malformed(status: &Status) -> bool {
    status.code == 500 && status.message.contains("failed to create typed patch object")
}

fn has_cause(status: &Status, reason: &str) -> bool {
    status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == reason)
}

/// Nothing can be put into a namespace that is being deleted.
#[must_use]
pub fn namespace_goes(name: &str) -> String {
    format!(
        "the namespace {name} is being deleted: try again when it is gone; where it stays, `kubectl describe namespace` says what \
         holds it"
    )
}

/// Tells whose fields an apply would overwrite.
fn conflict(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut text = String::new();
    for cause in causes.filter(|cause| cause.reason == "FieldManagerConflict") {
        // Reads `conflict with "kubectl-edit" using apps/v1`.
        let manager = cause.message.split('"').nth(1).unwrap_or(&cause.message);
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        write!(text, "{separator}{} is held by {manager}", cause.field).unwrap_or_default();
    }
    if text.is_empty() {
        return format!("the object has changed meanwhile (409): {}: try again", status.message);
    }
    format!("{text}: undo that change, or say --overwrite to take these fields over")
}

fn of_transport(error: &kube::Error, server: &str) -> String {
    for source in sources(error) {
        if let Some(certificate) = refused_certificate(source) {
            return of_certificate(certificate, server);
        }
        let Some(io) = source.downcast_ref::<std::io::Error>() else { continue };
        let reason = match io.kind() {
            ErrorKind::ConnectionRefused => "nothing listens there",
            ErrorKind::TimedOut => "it does not answer",
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "there is no way to it",
            _ => continue,
        };
        return format!("cannot reach the API server at {server}: {reason}: {}", UNREACHABLE);
    }
    let reasons = chain(error);
    if reasons.contains("dns error") || reasons.contains("lookup address") {
        return format!(
            "cannot reach the API server at {server}: its name cannot be resolved: {UNREACHABLE}"
        );
    }
    format!("cannot talk to the API server at {server}: {reasons}: {UNREACHABLE}")
}

/// The fault of a certificate. An I/O error that carries it, once or twice wrapped, does not name it as its source.
fn refused_certificate<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    if let Some(rustls::Error::InvalidCertificate(certificate)) = error.downcast_ref() {
        return Some(certificate);
    }
    refused_certificate(error.downcast_ref::<std::io::Error>()?.get_ref()?)
}

/// What helps in most cases.
const UNREACHABLE: &str = "is k3s running there, is its port (6443) open from here, and is this the right context? \
    A k3s.yaml that was copied to another machine still says 127.0.0.1";

fn of_certificate(error: &CertificateError, server: &str) -> String {
    let what = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired: restart k3s, which renews certificates that are about to expire, or check this machine's clock"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: check the clocks of this machine and of the server"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is signed by an authority that the kubeconfig does not name: fetch the kubeconfig again, \
             the cluster may have been installed anew"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is not for this address: use a name or address that it is for, or start k3s with --tls-san ADDRESS"
        }
        other => return format!("the certificate of the API server at {server} is refused: {other:?}"),
    };
    format!("the certificate of the API server at {server} {what}")
}

/// The error and what caused it, outermost first.
fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// All reasons in one line, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for source in sources(error) {
        let reason = source.to_string();
        if !text.contains(&reason) {
            let separator = if text.is_empty() { "" } else { ": " };
            // Writing to a String cannot fail.
            write!(text, "{separator}{reason}").unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://192.168.0.35:6443";

    fn service(error: std::io::Error) -> kube::Error {
        kube::Error::Service(Box::new(error))
    }

    fn api(json: &str) -> kube::Error {
        kube::Error::Api(Box::new(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn refused_connection_names_the_address() {
        let text = explain(&service(ErrorKind::ConnectionRefused.into()), SERVER);
        assert!(text.contains(SERVER) && text.contains("nothing listens"), "{text}");
    }

    #[test]
    fn each_fault_of_a_certificate_has_its_own_remedy() {
        let words = [
            (CertificateError::Expired, "has expired"),
            (CertificateError::UnknownIssuer, "fetch the kubeconfig again"),
            (CertificateError::NotValidForName, "--tls-san"),
            (CertificateError::NotValidYet, "clocks"),
        ];
        for (certificate, expected) in words {
            let inner = std::io::Error::other(rustls::Error::InvalidCertificate(certificate));
            let text = explain(&service(std::io::Error::other(inner)), SERVER);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn unknown_user_is_told_where_a_token_comes_from() {
        let text = explain(
            &api(r#"{"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#),
            SERVER,
        );
        assert!(text.contains("401") && text.contains("k3s.yaml"), "{text}");
    }

    #[test]
    fn namespace_that_goes_is_no_lack_of_rights() {
        let text = explain(
            &api(
                r#"{"status":"Failure","message":"services \"a\" is forbidden: unable to create new content in namespace testbed because it is being terminated",
                "reason":"Forbidden","details":{"causes":[{"reason":"NamespaceTerminating","message":"","field":"metadata.namespace"}]},"code":403}"#,
            ),
            SERVER,
        );
        assert!(text.contains("being deleted") && !text.contains("role"), "{text}");
    }

    #[test]
    fn conflict_names_the_field_and_who_holds_it() {
        let text = explain(
            &api(
                r#"{"status":"Failure","message":"Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1: .spec.replicas",
                "reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict",
                "message":"conflict with \"kubectl-edit\" using apps/v1","field":".spec.replicas"}]},"code":409}"#,
            ),
            SERVER,
        );
        assert!(text.starts_with(".spec.replicas is held by kubectl-edit"), "{text}");
    }
}
