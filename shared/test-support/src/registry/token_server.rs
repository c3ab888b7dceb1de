//! Issues tokens for a registry, by distribution's token authentication specification.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::{Authentication, TokenAuthentication};

const SERVICE: &str = "test-registry";
const ISSUER: &str = "test-issuer";

/// A server of tokens on a free loopback port. It grants one user all that is asked for; nobody else anything: those
/// without credentials get a token that allows nothing, wrong credentials are refused. Stopped when dropped.
pub struct TokenServer {
    directory: TempDir,
    realm: String,
    task: AbortHandle,
}

struct Signer {
    key: EcdsaKeyPair,
    /// DER.
    certificate: Vec<u8>,
    /// The `Authorization` of the one user.
    authorization: String,
}

impl TokenServer {
    /// # Panics
    /// Where no loopback port is free.
    pub async fn start(user: &str, password: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let key = KeyPair::generate().expect("a key can be made");
        let parameters = CertificateParams::new(vec![ISSUER.to_owned()]).expect("the name is valid");
        let certificate = parameters.self_signed(&key).expect("a certificate can be signed");
        std::fs::write(directory.path().join("certificate.pem"), certificate.pem())
            .expect("the certificate can be written");
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let signer = Arc::new(Signer {
            key: EcdsaKeyPair::from_pkcs8(algorithm, &key.serialize_der(), &SystemRandom::new())
                .expect("the key is of P-256"),
            certificate: certificate.der().to_vec(),
            authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        });

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().route("/token", axum::routing::get(token)).with_state(signer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { directory, realm: format!("http://{address}/token"), task }
    }

    /// What a registry is started with to trust these tokens.
    pub fn authentication(&self) -> Authentication {
        Authentication::Token(TokenAuthentication {
            realm: self.realm.clone(),
            service: SERVICE.to_owned(),
            issuer: ISSUER.to_owned(),
            certificate: self.directory.path().join("certificate.pem"),
        })
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn token(State(signer): State<Arc<Signer>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let is_user = match headers.get(header::AUTHORIZATION) {
        None => false,
        Some(given) if given.as_bytes() == signer.authorization.as_bytes() => true,
        Some(_) => return StatusCode::UNAUTHORIZED.into_response(),
    };
    let granted: Vec<Value> = if is_user { scopes(&query.unwrap_or_default()) } else { Vec::new() };
    let token = signer.token(&granted);
    Json(json!({ "token": token, "access_token": token, "expires_in": 300 })).into_response()
}

/// `scope=repository:NAME:pull,push`, any number of them, as an access entry each.
fn scopes(query: &str) -> Vec<Value> {
    let url =
        reqwest::Url::parse(&format!("http://localhost/?{query}")).expect("a query fits into an address");
    let entry = |scope: &str| {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        Some(json!({ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }))
    };
    url.query_pairs()
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, value)| value.split(' ').filter_map(entry).collect::<Vec<_>>())
        .collect()
}

impl Signer {
    /// A JSON Web Token by RFC 7519, signed with ES256; the certificate is in it (`x5c`, RFC 7515).
    fn token(&self, access: &[Value]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)] });
        let claims = json!({
            "iss": ISSUER, "sub": "test", "aud": SERVICE, "jti": now.to_string(),
            "iat": now, "nbf": now - 10, "exp": now + 300, "access": access,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("the key signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
