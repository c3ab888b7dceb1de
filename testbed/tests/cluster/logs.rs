//! The logs of all pods.

use crate::fixture::{Fixture, NAMESPACE};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use test_cluster::{Behaviour, Script};

#[tokio::test(flavor = "multi_thread")]
async fn logs_go_on_with_the_next_pod() {
    let fixture = Fixture::start().await;
    fixture.kubelet.script(NAMESPACE, "query-api", Script::new(Behaviour::Runs).logs(&["serving"]));
    fixture.deployed().await;
    let logs = fixture.start_testbed(&["logs", "query-api"]);
    logs.says("  serving", 1).await;
    let pods = fixture.api::<Pod>().list(&ListParams::default()).await.unwrap();
    let first = pods.items[0].metadata.name.clone().unwrap();
    assert!(logs.said().contains(&format!("{first}  serving")), "{}", logs.said());

    fixture.kubelet.log(NAMESPACE, &first, "query-api", "one more");
    logs.says(&format!("{first}  one more"), 1).await;
    fixture.api::<Pod>().delete(&first, &DeleteParams::default()).await.unwrap();
    logs.says("  serving", 2).await;
    assert_eq!(logs.said().matches(&format!("{first}  serving")).count(), 1, "no line is shown twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_that_breaks_loses_and_doubles_no_line() {
    let fixture = Fixture::start().await;
    let script = Script::new(Behaviour::Runs).logs(&["first", "second"]);
    fixture.kubelet.script(NAMESPACE, "query-api", script);
    fixture.deployed().await;
    let pods = fixture.api::<Pod>().list(&ListParams::default()).await.unwrap();
    let pod = pods.items[0].metadata.name.clone().unwrap();
    let logs = fixture.start_testbed(&["logs"]);
    logs.says("  second", 1).await;
    let mut expected = vec!["first".to_owned(), "second".to_owned()];
    for round in 0..3 {
        let (whole, cut) = (format!("whole {round}"), format!("cut in its middle {round}"));
        fixture.kubelet.log(NAMESPACE, &pod, "query-api", &whole);
        logs.says(&whole, 1).await;
        fixture.kubelet.break_logs(NAMESPACE, &pod, "query-api", &cut);
        logs.says(&cut, 1).await;
        expected.extend([whole, cut]);
    }
    fixture.kubelet.log(NAMESPACE, &pod, "query-api", "last");
    logs.says("  last", 1).await;
    expected.push("last".to_owned());
    let said = logs.said();
    let lines: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once("  ")?.1)).collect();
    assert_eq!(lines, expected, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_before_says_why_it_ended() {
    let fixture = Fixture::start().await;
    let script = Script::new(Behaviour::Crashes { exit_code: 1 }).logs(&["cannot reach redis"]);
    fixture.kubelet.script(NAMESPACE, "query-api", script);
    let (code, said) = fixture.deploy(&["--yes"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("| cannot reach redis"), "{said}");
    let (code, said) = fixture.testbed(&["logs", "--previous"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("  cannot reach redis"), "{said}");
}
