//! Logs and forwarded ports come through the API server from the kubelet's own endpoint.

use futures_util::{AsyncBufReadExt as _, TryStreamExt as _};
use kube::api::LogParams;
use test_cluster::{Behaviour, PullError, Script};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::fixtures::{Fixture, is_ready};

#[tokio::test]
async fn logs_are_read_through_the_api_server() {
    let fixture = Fixture::start("logs").await;
    fixture.run(Script::new(Behaviour::Runs).logs(&["first", "second", "third"])).await;
    fixture.until("a", "the pod is ready", is_ready).await;

    let all = fixture.pods().logs("a", &LogParams::default()).await.expect("logs can be read");
    let end = LogParams { tail_lines: Some(1), ..LogParams::default() };
    let end = fixture.pods().logs("a", &end).await.expect("logs can be read");

    assert_eq!((all.as_str(), end.as_str()), ("first\nsecond\nthird\n", "third\n"));
}

#[tokio::test]
async fn logs_are_followed() {
    let fixture = Fixture::start("follow").await;
    fixture.run(Script::new(Behaviour::Runs).logs(&["first"])).await;
    fixture.until("a", "the pod is ready", is_ready).await;
    let parameters = LogParams { follow: true, ..LogParams::default() };

    let mut lines = fixture.pods().log_stream("a", &parameters).await.expect("logs can be read").lines();

    assert_eq!(lines.try_next().await.expect("a line").as_deref(), Some("first"));
    fixture.kubelet.log("follow", "a", "ingest-api", "second");
    assert_eq!(lines.try_next().await.expect("a line").as_deref(), Some("second"));
}

#[tokio::test]
async fn logs_of_the_run_before_are_kept() {
    let fixture = Fixture::start("previous").await;
    let script = Script::new(Behaviour::Crashes { exit_code: 1 }).logs(&["out of luck"]);
    fixture.kubelet.script("previous", "ingest-api", script);
    fixture.create(crate::fixtures::pod("previous", "a")).await;
    let restarted =
        |pod: &_| crate::fixtures::waiting(pod).is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    fixture.until("a", "the container waits for its next run", restarted).await;

    let parameters = LogParams { previous: true, ..LogParams::default() };
    let logs = fixture.pods().logs("a", &parameters).await.expect("logs can be read");

    assert_eq!(logs, "out of luck\n");
}

#[tokio::test]
async fn a_container_that_never_ran_has_no_logs() {
    let fixture = Fixture::start("no-logs").await;
    fixture.waits(Behaviour::PullFails(PullError::NotFound), "ImagePullBackOff").await;

    let refused = fixture.pods().logs("a", &LogParams::default()).await;

    let Err(kube::Error::Api(status)) = refused else { panic!("not refused: {refused:?}") };
    assert!(
        status.message.ends_with("is waiting to start: trying and failing to pull image"),
        "{}",
        status.message
    );
}

#[tokio::test]
async fn ports_are_forwarded_to_a_real_server() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has free ports");
    let address = server.local_addr().expect("a bound socket has an address");
    let fixture = Fixture::start("forward").await;
    fixture.run(Script::new(Behaviour::Runs).port(8080, address)).await;
    fixture.until("a", "the pod is ready", is_ready).await;

    let mut forwarder = fixture.pods().portforward("a", &[8080]).await.expect("the port can be forwarded");
    let mut stream = forwarder.take_stream(8080).expect("the port was asked for");
    let (mut served, _) = server.accept().await.expect("a connection comes");
    stream.write_all(b"question").await.expect("the stream is open");
    let mut question = [0; 8];
    served.read_exact(&mut question).await.expect("the question comes");
    served.write_all(b"answer").await.expect("the connection is open");
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).await.expect("the answer comes");

    assert_eq!((&question, &answer), (b"question", b"answer"));
}

#[tokio::test]
async fn a_port_that_nothing_serves_is_refused() {
    let fixture = Fixture::start("refused").await;
    fixture.run(Script::new(Behaviour::Runs)).await;
    fixture.until("a", "the pod is ready", is_ready).await;

    let mut forwarder = fixture.pods().portforward("a", &[9]).await.expect("the port can be forwarded");
    let error = forwarder.take_error(9).expect("the port was asked for").await.expect("an error");

    assert!(error.contains("connection refused"), "{error}");
}
