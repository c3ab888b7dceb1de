//! The registry of tests lets in whom it should.

use reqwest::StatusCode;
use test_support::registry::{Authentication, RegistryOptions, RegistryServer, TokenServer};

async fn catalog(registry: &RegistryServer, authorization: Option<String>) -> StatusCode {
    let mut request = reqwest::Client::new().get(format!("{}/v2/_catalog", registry.url()));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.send().await.expect("answered").status()
}

#[tokio::test]
async fn plain_registry_lets_everybody_in() {
    let registry = RegistryServer::start().await;
    assert_eq!(catalog(&registry, None).await, StatusCode::OK);
}

#[tokio::test]
async fn basic_authentication_asks_for_the_password() {
    let authentication = Authentication::Basic { user: "ann".to_owned(), password: "secret".to_owned() };
    let registry = RegistryServer::start_with(RegistryOptions { tls: None, authentication }).await;

    assert_eq!(catalog(&registry, None).await, StatusCode::UNAUTHORIZED);
    // ann:secret, ann:wrong
    assert_eq!(catalog(&registry, Some("Basic YW5uOnNlY3JldA==".to_owned())).await, StatusCode::OK);
    assert_eq!(catalog(&registry, Some("Basic YW5uOndyb25n".to_owned())).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_of_the_token_server_are_trusted() {
    let tokens = TokenServer::start("ann", "secret").await;
    let authentication = tokens.authentication();
    let Authentication::Token(token) = &authentication else { unreachable!("it is the server of tokens") };
    let realm = format!("{}?service={}&scope=registry:catalog:*", token.realm, token.service);
    let registry =
        RegistryServer::start_with(RegistryOptions { tls: None, authentication: authentication.clone() })
            .await;

    assert_eq!(catalog(&registry, None).await, StatusCode::UNAUTHORIZED);
    let ask = async |password: Option<&str>| {
        let request = reqwest::Client::new().get(&realm);
        let request = if password.is_some() { request.basic_auth("ann", password) } else { request };
        request.send().await.expect("answered")
    };
    let bearer = async |password| {
        let answer: serde_json::Value = ask(password).await.json().await.expect("JSON");
        Some(format!("Bearer {}", answer["token"].as_str().expect("a token")))
    };
    assert_eq!(catalog(&registry, bearer(Some("secret")).await).await, StatusCode::OK);
    assert_eq!(catalog(&registry, bearer(None).await).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(Some("wrong")).await.status(), StatusCode::UNAUTHORIZED);
}
