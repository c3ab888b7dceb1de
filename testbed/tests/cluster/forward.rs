//! Ports that lead into the cluster.

use crate::fixture::{Fixture, NAMESPACE};
use axum::Router;
use axum::routing::get;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use std::net::Ipv4Addr;
use test_cluster::{Behaviour, Script};
use test_support::eventually;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn port_reaches_a_pod_and_the_next_one_when_it_dies() {
    let fixture = Fixture::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/readyz", get(async || "ready"))).await.unwrap();
    });
    fixture.kubelet.script(NAMESPACE, "query-api", Script::new(Behaviour::Runs).port(8081, address));
    fixture.deployed().await;
    let forward = fixture.start_testbed(&["forward", "--port", "query-api=0"]);
    forward.says("http://127.0.0.1:", 1).await;
    let said = forward.said();
    let url = format!("{}/readyz", said.split_whitespace().find(|word| word.starts_with("http://")).unwrap());
    let answer = async || {
        // A connection of its own each time.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        client.get(&url).send().await.ok()?.text().await.ok().filter(|text| text == "ready")
    };
    eventually("the pod answers", answer).await;
    forward.says("query-api → query-api-", 1).await;

    for pod in fixture.api::<Pod>().list(&ListParams::default()).await.unwrap() {
        fixture.api::<Pod>().delete(&pod.metadata.name.unwrap(), &DeleteParams::default()).await.unwrap();
    }
    eventually("the next pod answers", async || {
        answer().await?;
        (forward.said().matches("query-api → query-api-").count() == 2).then_some(())
    })
    .await;
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn port_that_cannot_be_had_is_told() {
    let fixture = Fixture::start().await;
    let (code, said) = fixture.testbed(&["forward"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no service of the testbed") && said.contains("testbed deploy"), "{said}");
    fixture.deployed().await;
    let (code, said) = fixture.testbed(&["forward", "--port", "grafana=0"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("there is no service grafana"), "{said}");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = format!("query-api={}", taken.local_addr().unwrap().port());
    let (code, said) = fixture.testbed(&["forward", "--port", &port]).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("something else listens there") && said.contains("--port query-api=PORT"),
        "{said}"
    );

    let mut forward = fixture.start_testbed(&["forward", "--port", "query-api=0"]);
    forward.says("http://127.0.0.1:", 1).await;
    // The pod is ready, and its program does not listen.
    let said = forward.said();
    let url = said.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    // kube drops the reason where it cannot write the first bytes, because the pod's end has come before them.
    eventually("it says why", async || {
        assert!(reqwest::get(url).await.is_err());
        forward.said().contains("does not take connections: error forwarding port 8081").then_some(())
    })
    .await;
    forward.interrupt();
    assert_eq!(forward.end().await.code(), Some(0), "{}", forward.said());
}
