//! Pods that do not come up: told early, with cause and remedy.

use crate::fixture::Fixture;
use test_cluster::{Behaviour, PullError};

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_cannot_run_end_the_wait_with_their_cause() {
    let fixture = Fixture::start().await;
    let cases = [
        (Behaviour::ExecFormatError, "the program of query-api is not for", "exec format error"),
        (Behaviour::PullFails(PullError::HttpRegistry), "speaks plain HTTP", "registries.yaml"),
        (
            Behaviour::PullFails(PullError::NoPlatform),
            "no child for this node's architecture",
            "build-images",
        ),
        (Behaviour::PullFails(PullError::NotFound), "does not have this image", "push it"),
        (Behaviour::PermissionDenied, "may not execute its program", "outside /root"),
        (Behaviour::NamedUser("app".into()), "only a number", "65532"),
        (Behaviour::RunsAsRoot, "runs as root", "65532"),
        (Behaviour::OutOfMemory, "its limit of 128Mi", "raise the limit"),
        (Behaviour::Crashes { exit_code: 64 }, "refuses its configuration", "the variable"),
    ];
    for (index, (behaviour, cause, remedy)) in cases.into_iter().enumerate() {
        fixture.does(behaviour.clone());
        // Another setting makes another pod.
        fixture.configure(u32::try_from(index).unwrap() + 10);
        let (code, said) = fixture.deploy(&["--yes", "--timeout-s", "60"]).await;
        assert_eq!(code, 2, "{behaviour:?}: {said}");
        assert!(said.contains("does not come up"), "{behaviour:?}: {said}");
        assert!(said.contains(cause) && said.contains(remedy), "{behaviour:?}: {said}");
    }
    fixture.does(Behaviour::Runs);
    fixture.configure(4);
    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 0, "what is repaired comes up: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pod_that_is_never_ready_ends_the_wait_when_time_is_up() {
    let fixture = Fixture::start().await;
    fixture.does(Behaviour::NeverReady);
    let (code, said) = fixture.deploy(&["--yes", "--timeout-s", "5"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("not everything runs after 5 s") && said.contains("waits for its probes"),
        "{said}"
    );
}
