//! Which cluster, and why there is none.

use crate::fixture::{Fixture, Testbed};
use kube::config::Kubeconfig;
use std::fs;
use test_cluster::{ADMIN, Cluster};

#[tokio::test(flavor = "multi_thread")]
async fn cluster_that_cannot_be_used_is_told_in_words() {
    let mut fixture = Fixture::start().await;
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let (code, said) = Testbed::start(&["undeploy", "--yes"], &absent).run().await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("there is no kubeconfig at") && said.contains("k3s.yaml"), "{said}");

    let (code, said) = fixture.testbed(&["undeploy", "--yes", "--context", "amdin"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(r#"no context "amdin""#) && said.contains("it has admin"), "{said}");

    // The certificate authority and the user of another cluster.
    let other = Cluster::start().await;
    let foreign =
        fs::read_to_string(other.kubeconfig(ADMIN)).unwrap().replace(&other.url(), &fixture.cluster.url());
    let path = folder.path().join("foreign");
    fs::write(&path, foreign).unwrap();
    let (code, said) = Testbed::start(&["undeploy", "--yes"], &path).run().await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("fetch the kubeconfig again"), "{said}");

    // The right authority, and a user that only the other cluster knows.
    let own: Kubeconfig = Kubeconfig::read_from(fixture.cluster.kubeconfig(ADMIN)).unwrap();
    let mut unknown = Kubeconfig::read_from(other.kubeconfig(ADMIN)).unwrap();
    unknown.clusters = own.clusters;
    let path = folder.path().join("unknown");
    fs::write(&path, serde_json::to_string(&unknown).unwrap()).unwrap();
    let (code, said) = Testbed::start(&["undeploy", "--yes"], &path).run().await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("does not know this user (401)") && said.contains("fetch a new one"), "{said}");

    fixture.cluster.kill_api_server();
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("nothing listens there") && said.contains(&fixture.cluster.url()), "{said}");
}
