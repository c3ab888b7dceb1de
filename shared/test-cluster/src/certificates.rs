//! The certificates of a cluster: one authority, and who it vouches for.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// PEM.
    pub(crate) certificate: String,
}

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Client,
    /// Of 127.0.0.1.
    Server,
}

impl Authority {
    /// Its certificate is `ca.crt` of this directory.
    pub(crate) fn new(directory: &Path) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names are valid names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        parameters.distinguished_name.push(DnType::CommonName, "test-cluster");
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters.self_signed(&key).expect("a certificate can be signed").pem();
        fs::write(directory.join("ca.crt"), &certificate).expect("the certificate can be written");
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    /// Kubernetes reads a client's name as the user and the organization as their group.
    pub(crate) fn issue(&self, name: &str, group: Option<&str>, purpose: Purpose) -> Identity {
        let (names, usage) = match purpose {
            Purpose::Client => (Vec::new(), ExtendedKeyUsagePurpose::ClientAuth),
            Purpose::Server => (vec!["127.0.0.1".to_owned()], ExtendedKeyUsagePurpose::ServerAuth),
        };
        let mut parameters = CertificateParams::new(names).expect("an address is a valid name");
        parameters.extended_key_usages = vec![usage];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.distinguished_name.push(DnType::CommonName, name);
        if let Some(group) = group {
            parameters.distinguished_name.push(DnType::OrganizationName, group);
        }
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate can be signed");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, directory: &Path, name: &str) {
        fs::write(directory.join(format!("{name}.crt")), &self.certificate)
            .expect("a certificate can be written");
        fs::write(directory.join(format!("{name}.key")), &self.key).expect("a key can be written");
    }

    /// JSON is YAML too.
    pub(crate) fn kubeconfig(&self, user: &str, server: &str, authority: &str) -> String {
        let cluster = json!({"server": server, "certificate-authority-data": STANDARD.encode(authority)});
        let credentials = json!({
            "client-certificate-data": STANDARD.encode(&self.certificate),
            "client-key-data": STANDARD.encode(&self.key),
        });
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user}}],
            "current-context": user,
        });
        format!("{config:#}\n")
    }
}
