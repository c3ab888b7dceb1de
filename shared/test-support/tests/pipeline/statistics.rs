use observability::metrics::{Metric, Presence};
use serde_json::Value;
use test_support::{RedisServer, ServiceProcess, eventually};

/// The metrics that a service should have from its start and does not.
fn missing(service: &str, statistics: &Value) -> Vec<&'static str> {
    let expected = Metric::all()
        .iter()
        .filter(|spec| spec.presence == Presence::FromStart && spec.services.contains(&service));
    // A counter that is read from elsewhere stands among the gauges: it is not a whole number.
    let is_missing = |name: &str| {
        ["counters", "gauges", "histograms"].iter().all(|group| statistics[group].get(name).is_none())
    };
    expected.map(|spec| spec.name).filter(|name| is_missing(name)).collect()
}

/// `/statz` as soon as it answers.
async fn first_statistics(service: &ServiceProcess) -> Value {
    eventually("the service answers", async || {
        reqwest::get(service.url("/statz")).await.ok()?.json().await.ok()
    })
    .await
}

#[tokio::test]
async fn every_metric_is_there_from_the_start() {
    let redis = RedisServer::start().await;
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let url = redis.url();
    let (worker, query, results) = (path("worker.db"), path("query.db"), path("results"));
    let cases: [(&str, &[&str]); 4] = [
        ("ingest-api", &["--redis-url", &url]),
        ("process-worker", &["--redis-url", &url, "--cache-path", &worker]),
        ("query-api", &["--redis-url", &url, "--cache-path", &query]),
        // Nobody listens there, so that it stays in its first phase.
        (
            "simulator",
            &["run", "--target", "http://127.0.0.1:1", "--start-timeout", "60s", "--results", &results],
        ),
    ];
    for (program, arguments) in cases {
        let service = ServiceProcess::start(program, arguments);
        let statistics = first_statistics(&service).await;
        let missing = missing(program, &statistics);
        assert!(missing.is_empty(), "{program} lacks {missing:?}");
        // Its main route exists before the first request; the others come with theirs.
        let requests = Metric::HttpRequestDuration.spec();
        let is_expected = requests.services.contains(&program);
        assert_eq!(statistics["histograms"].get(requests.name).is_some(), is_expected, "{program}");
    }
}
