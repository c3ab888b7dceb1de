//! How parts are launched.

use super::*;
use crate::stack::collector::Ports;
use std::path::Path;

pub(in crate::stack) fn plan(programs: Programs, workers: usize) -> Plan {
    let mut ports = crate::stack::ports::unused(4 + workers).unwrap();
    let mut address = || SocketAddr::from(([127, 0, 0, 1], ports.pop().unwrap()));
    let server =
        RedisServer { program: "redis-server".into(), product: "redis".into(), version: "7.0.0".into() };
    Plan {
        redis: RedisPlan::Own { server, port: address().port() },
        addresses: Addresses {
            ingest: address(),
            query: address(),
            simulator: address(),
            workers: (0..workers).map(|_| address()).collect(),
        },
        partitions: 4,
        work: ("hash".into(), 10),
        programs,
        guard: None,
        telemetry: TelemetryPlan::Off,
        token: None,
        ready_timeout: Duration::from_secs(10),
        stop_timeout: Duration::from_secs(10),
        special: BTreeMap::new(),
    }
}

fn value<'a>(launch: &'a Launch, name: &str) -> Option<&'a str> {
    launch.environment.iter().find(|(one, _)| *one == name).and_then(|(_, value)| value.to_str())
}

fn programs() -> Programs {
    let path = |name: &str| PathBuf::from(format!("/programs/{name}"));
    Programs {
        ingest_api: path("ingest-api"),
        process_worker: path("process-worker"),
        query_api: path("query-api"),
        simulator: path("simulator"),
    }
}

#[test]
fn workers_have_names_instances_and_caches_of_their_own() {
    let parent = tempfile::tempdir().unwrap();
    let directory = Directory::open(parent.path()).unwrap();
    let two = plan(programs(), 2);
    let launches = [two.launch_worker(&directory, 0), two.launch_worker(&directory, 1)];
    assert_eq!(launches[1].name, "process-worker-2");
    assert_eq!(value(&launches[1], "INSTANCE_ID"), Some("process-worker-2"));
    assert_eq!(launches[1].environment.iter().filter(|(name, _)| *name == "INSTANCE_ID").count(), 1);
    assert_ne!(value(&launches[0], "CACHE_PATH"), value(&launches[1], "CACHE_PATH"));
    assert_eq!(value(&launches[0], "WORK_KIND"), Some("hash"));
    assert_eq!(value(&launches[0], "PARTITIONS"), Some("4"));
    let single = plan(programs(), 1).launch_worker(&directory, 0);
    assert_eq!(single.name, "process-worker");
    assert_eq!(value(&single, "INSTANCE_ID"), Some("process-worker-1"));
}

#[test]
fn own_redis_gets_no_credentials_of_another() {
    let parent = tempfile::tempdir().unwrap();
    let directory = Directory::open(parent.path()).unwrap();
    let own = plan(programs(), 1);
    assert!(own.launch_ingest(&directory).environment_removed.contains(&"REDIS_PASSWORD"));
    let url = Secret::new("redis://user:secret@example.test:7000");
    let config = redis_args(url.clone()).convert().unwrap();
    let other = Plan { redis: RedisPlan::Running { url, config }, ..own };
    let launch = other.launch_ingest(&directory);
    assert!(launch.environment_removed.is_empty() && launch.arguments.is_empty());
    assert_eq!(value(&launch, "REDIS_URL"), Some("redis://user:secret@example.test:7000"));
    assert!(other.launch_redis(&directory).unwrap().is_none());
}

#[test]
fn services_send_their_telemetry_where_the_plan_says() {
    let parent = tempfile::tempdir().unwrap();
    let directory = Directory::open(parent.path()).unwrap();
    let off = plan(programs(), 1);
    assert_eq!(value(&off.launch_query(&directory), "TELEMETRY"), Some("off"));
    assert!(off.launch_collector(&directory).unwrap().is_none());
    let environment = Plan { telemetry: TelemetryPlan::Environment { mode: None }, ..off.clone() };
    assert_eq!(value(&environment.launch_query(&directory), "TELEMETRY"), None);
    let ports = Ports { grpc: 1, http: 2, health: 3, own_metrics: 4, metrics: 5 };
    let collector = Collector { program: "otelcol".into(), ports };
    let own = Plan { telemetry: TelemetryPlan::Collector { collector, mode: "full".into() }, ..off };
    let query = own.launch_query(&directory);
    assert_eq!(value(&query, "TELEMETRY"), Some("full"));
    assert_eq!(value(&query, "OTEL_EXPORTER_OTLP_ENDPOINT"), Some("http://127.0.0.1:1"));
    let launch = own.launch_collector(&directory).unwrap().unwrap();
    assert_eq!(value(&launch, "TESTBED_COLLECTOR_PROMETHEUS_PORT"), Some("5"));
    assert!(launch.arguments.iter().all(|argument| argument == "--config" || Path::new(argument).is_file()));
    assert_eq!(own.claims(false).last().map(|claim| claim.flag), Some("--metrics-port"));
}

#[test]
fn simulator_ends_by_itself_only_where_the_load_has_an_end() {
    let parent = tempfile::tempdir().unwrap();
    let directory = Directory::open(parent.path()).unwrap();
    let plan = plan(programs(), 1);
    let load = Load {
        rate: 200.0,
        duration: Some(Duration::from_millis(1500)),
        batch: 1,
        seed: 7,
        run: "up-1".to_owned(),
    };
    let bounded = plan.launch_simulator(&directory, &load);
    assert_eq!(bounded.arguments, ["run"]);
    assert_eq!(value(&bounded, "DURATION"), Some("1500ms"));
    assert_eq!(value(&bounded, "RUN_ID"), Some("up-1"));
    let endless = plan.launch_simulator(&directory, &Load { duration: None, ..load });
    assert_eq!(endless.arguments, ["run", "--forever"]);
    assert_eq!(value(&endless, "DURATION"), None);
    assert!(endless.environment_removed.contains(&"DURATION"));
}

#[test]
fn claims_name_the_flag_of_every_port() {
    let claims = plan(programs(), 2).claims(true);
    let flags: Vec<&str> = claims.iter().map(|claim| claim.flag).collect();
    let expected = [
        "--redis-port",
        "--ingest-port",
        "--query-port",
        "--worker-port",
        "--worker-port",
        "--simulator-port",
    ];
    assert_eq!(flags, expected);
}

#[test]
fn url_of_a_service_that_listens_everywhere_can_be_used() {
    assert_eq!(base_url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
    assert_eq!(base_url("[::1]:8080".parse().unwrap()), "http://[::1]:8080");
}
