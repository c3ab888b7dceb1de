//! What prevents `testbed up`, and what it leaves behind: nothing. With scripts in place of the services.

use crate::testbed::{Testbed, gone, port, ports, running, scripts};
use rustix::process::Signal;
use std::net::TcpListener;
use std::path::Path;

const WAITING: [(&str, &str); 4] =
    [("ingest-api", "waits"), ("process-worker", "waits"), ("query-api", "waits"), ("simulator", "waits")];

fn arguments(directory: &Path, programs: &Path, ports: &[String]) -> Vec<String> {
    let mut arguments = vec!["up".to_owned()];
    for (flag, path) in [("--dir", directory), ("--programs", programs)] {
        arguments.extend([flag.to_owned(), path.display().to_string()]);
    }
    arguments.extend_from_slice(ports);
    arguments
}

#[tokio::test]
async fn missing_programs_name_the_command_that_builds_them() {
    let (directory, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut arguments = arguments(directory.path(), empty.path(), &ports());
    arguments.extend([
        "--env-path".into(),
        "/nowhere".into(),
        "--redis-server".into(),
        "/usr/bin/env".into(),
    ]);
    let (code, _, stderr) = Testbed::run(&arguments).await;
    assert_eq!(code, 1);
    assert!(stderr.starts_with("testbed: /usr/bin/env is not a redis-server that runs"), "{stderr}");
    let mut arguments = arguments[..arguments.len() - 2].to_vec();
    arguments[0] = "up".into();
    // One that is not looked for.
    arguments.extend(["--redis-url".into(), "redis://127.0.0.1:1".into()]);
    let (code, _, stderr) = Testbed::run(&arguments).await;
    assert_eq!(code, 1);
    assert!(
        stderr.starts_with("testbed: ingest-api, process-worker, query-api, simulator not found"),
        "{stderr}"
    );
    assert!(stderr.contains("cargo build --release --workspace"), "{stderr}");
}

#[tokio::test]
async fn missing_redis_server_names_the_package() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(WAITING));
    let arguments = arguments(directory.path(), programs.path(), &ports());
    let mut testbed = Testbed::start_with(&arguments, &[("PATH", "/nowhere")]);
    assert_eq!(testbed.end().await.code(), Some(1));
    assert!(testbed.stderr().contains("sudo apt-get install redis-server"), "{}", testbed.stderr());
}

#[tokio::test]
async fn taken_port_names_its_holder_and_the_flag() {
    let (directory, programs, ports) = (tempfile::tempdir().unwrap(), scripts(WAITING), ports());
    let taken = port(&ports, "--query-port");
    let _listener = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let (code, _, stderr) = Testbed::run(&arguments(directory.path(), programs.path(), &ports)).await;
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("testbed: port {taken} for query-api is taken by ")), "{stderr}");
    assert!(stderr.contains(&format!("(pid {})", std::process::id())), "{stderr}");
    assert!(stderr.ends_with("choose another port with --query-port\n"), "{stderr}");
}

#[tokio::test]
async fn service_that_dies_at_start_ends_everything_with_its_last_words() {
    let mut names = WAITING;
    names[2].1 = "dies";
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(names));
    let (code, _, stderr) = Testbed::run(&arguments(directory.path(), programs.path(), &ports())).await;
    assert_eq!(code, 1);
    assert!(stderr.starts_with("testbed: query-api ended while it was starting: exit status 64"), "{stderr}");
    assert!(stderr.ends_with("  | LISTEN_ADDR: not an address\n"), "{stderr}");
    assert!(crate::testbed::parts(directory.path()).is_empty());
}

#[tokio::test]
async fn second_testbed_in_one_directory_is_refused() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(WAITING));
    let first = Testbed::start(&arguments(directory.path(), programs.path(), &ports()));
    running(directory.path(), 4).await;
    let (code, _, stderr) = Testbed::run(&arguments(directory.path(), programs.path(), &ports())).await;
    assert_eq!(code, 1);
    assert!(stderr.contains(&format!("is in use by another testbed (pid {})", first.pid())), "{stderr}");
}

#[tokio::test]
async fn interrupt_while_starting_stops_everything() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(WAITING));
    let mut testbed = Testbed::start(&arguments(directory.path(), programs.path(), &ports()));
    let parts = running(directory.path(), 4).await;
    testbed.signal(Signal::INT);
    assert_eq!(testbed.end().await.code(), Some(0));
    gone(&parts).await;
}

#[tokio::test]
async fn nothing_survives_a_testbed_that_is_killed() {
    let mut names = WAITING;
    names[1].1 = "ignores";
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(names));
    let mut testbed = Testbed::start(&arguments(directory.path(), programs.path(), &ports()));
    let parts = running(directory.path(), 4).await;
    testbed.signal(Signal::KILL);
    testbed.end().await;
    gone(&parts).await;
}

#[tokio::test]
async fn second_interrupt_kills_what_does_not_stop() {
    let mut names = WAITING;
    names[1].1 = "ignores";
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(names));
    let mut testbed = Testbed::start(&arguments(directory.path(), programs.path(), &ports()));
    let parts = running(directory.path(), 4).await;
    testbed.signal(Signal::INT);
    testbed.says("stopping (ctrl-c again kills)").await;
    testbed.signal(Signal::TERM);
    assert_eq!(testbed.end().await.code(), Some(1));
    assert!(testbed.stderr().contains("all parts were killed"), "{}", testbed.stderr());
    gone(&parts).await;
}

#[tokio::test]
async fn wrong_arguments_exit_with_64() {
    for arguments in
        [&["up", "--partitions", "257"][..], &["up", "--work", "sleep"], &["audit", "--run"], &["dance"]]
    {
        let (code, _, stderr) = Testbed::run(arguments).await;
        assert_eq!(code, 64, "{arguments:?}: {stderr}");
    }
    assert_eq!(Testbed::run(&["--help"]).await.0, 0);
}

#[tokio::test]
async fn password_of_redis_is_neither_shown_nor_passed_as_an_argument() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), scripts(WAITING));
    let redis = test_support::RedisServer::start().await;
    let mut arguments = arguments(directory.path(), programs.path(), &ports());
    let url = format!("redis://default:sesame@127.0.0.1:{}", redis.port());
    arguments.extend(["--redis-url".into(), url]);
    let mut testbed = Testbed::start(&arguments);
    for (name, pid) in running(directory.path(), 3).await {
        let command_line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!command_line.contains("sesame"), "{name}: {command_line}");
    }
    testbed.signal(Signal::INT);
    testbed.end().await;
    let said = testbed.stdout() + &testbed.stderr();
    assert!(!said.contains("sesame"), "{said}");
}
