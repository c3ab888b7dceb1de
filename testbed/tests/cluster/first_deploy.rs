//! The first deployment to a cluster: what can be known before, and the question whether this one is meant.

use crate::fixture::{Fixture, NAMESPACE};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_says_what_it_checked_and_what_it_could_not() {
    let fixture = Fixture::start().await;
    let (code, said) = fixture.deploy(&["--dry-run"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("+ Namespace/testbed") && said.contains("+ Deployment/query-api"), "{said}");
    assert!(said.contains("not checked: what only the namespace itself can refuse"), "{said}");

    let kustomization = "namespace: testbed\nresources: [all.yaml]\nconfigMapGenerator: [{name: query-api}]\n\
        patches: [{target: {kind: Deployment}, patch: '[{\"op\": \"add\", \"path\": \"/spec/replica\", \"value\": 2}]'}]\n";
    fixture.write("base/kustomization.yaml", kustomization);
    let (code, said) = fixture.deploy(&["--dry-run"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Deployment/query-api") && said.contains("replica"), "{said}");
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_yes_on_the_terminal_is_one() {
    let fixture = Fixture::start().await;
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    for answer in ["n\n", "\n"] {
        let (code, said) = fixture.on_terminal("deploy", answer);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("deploy it there? [y/N]") && said.contains("nothing was changed"), "{said}");
        assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none(), "{said}");
    }
    let (code, said) = fixture.on_terminal("deploy", "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 of 1 workloads run") && said.contains("everything runs"), "{said}");
}
