//! An API server that goes away while it is needed, and people who do not want to wait.

use crate::fixture::{Fixture, NAMESPACE};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use test_cluster::{Behaviour, Script};

#[tokio::test(flavor = "multi_thread")]
async fn waiting_and_following_go_on_when_the_api_server_comes_back() {
    let mut fixture = Fixture::start().await;
    let script = Script::new(Behaviour::NeverReady).logs(&["serving"]);
    fixture.kubelet.script(NAMESPACE, "query-api", script);
    let mut deploy = fixture.start_deploy(&["--yes", "--timeout-s", "200"]);
    deploy.says("waits for its probes", 1).await;
    fixture.cluster.kill_api_server();
    deploy.says("nothing listens there", 1).await;
    deploy.says("asking again", 1).await;
    fixture.cluster.restart_api_server().await;
    deploy.says("the API server answers again", 1).await;
    fixture.cluster.hold_api_server();
    deploy.says("does not answer within 15 s", 1).await;
    fixture.cluster.release_api_server();
    deploy.says("the API server answers again", 2).await;

    deploy.interrupt();
    assert_eq!(deploy.end().await.code(), Some(2), "{}", deploy.said());
    deploy.says("interrupted: it was applied", 1).await;

    let logs = fixture.start_testbed(&["logs"]);
    logs.says("  serving", 1).await;
    fixture.cluster.kill_api_server();
    logs.says("asking again", 1).await;
    fixture.cluster.restart_api_server().await;
    let pods = fixture.api::<Pod>().list(&ListParams::default()).await.unwrap();
    fixture.kubelet.log(NAMESPACE, pods.items[0].metadata.name.as_ref().unwrap(), "query-api", "said later");
    logs.says("  said later", 1).await;

    let (code, said) = fixture.deploy(&["--timeout-s", "3"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("Deployment/query-api: 0 of 1 pods run"), "{said}");
    assert!(said.contains(") waits for its probes"), "{said}");
}
