//! Services under test: in this process on a free port, or as processes that can be killed.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::wait::eventually;

/// A service that runs in this process. Stopped when dropped.
pub struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    /// Starts `run` with a listener on a free port.
    pub async fn start<F>(run: impl FnOnce(TcpListener, CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(listener, shutdown.clone()));
        Self { address, shutdown, task: Some(task) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until `/readyz` answers 200.
    pub async fn ready(&self) {
        wait_ready(self.address).await;
    }

    /// Stops as SIGTERM would, and waits for the end.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("the service does not panic").expect("the service ends without an error");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A service in a process of its own. Killed when dropped.
pub struct ServiceProcess {
    program: String,
    arguments: Vec<String>,
    /// Where telemetry is sent to over OTLP/HTTP; none is sent without it.
    collector: Option<String>,
    address: SocketAddr,
    process: Child,
}

impl ServiceProcess {
    /// Starts a program of the workspace on a free port with these arguments; telemetry is off.
    ///
    /// # Panics
    /// Where the program has not been built: `cargo build --workspace`.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        Self::start_exporting(program, arguments, None)
    }

    /// As [`ServiceProcess::start`], with telemetry sent to a collector's OTLP/HTTP address.
    pub fn start_exporting(program: &str, arguments: &[&str], collector: Option<&str>) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], crate::wait::free_port()));
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let process = spawn(program, address, &arguments, collector);
        let collector = collector.map(str::to_owned);
        Self { program: program.to_owned(), arguments, collector, address, process }
    }

    /// Kills it and starts it again with the same arguments, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.process = spawn(&self.program, self.address, &self.arguments, self.collector.as_deref());
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until `/readyz` answers 200.
    pub async fn ready(&self) {
        wait_ready(self.address).await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        self.process.wait().expect("our child can be waited for");
    }

    /// Sends a signal by name, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} {}", self.pid());
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &str, address: SocketAddr, arguments: &[String], collector: Option<&str>) -> Child {
    let path = program_path(program);
    let mut command = Command::new(&path);
    // After a subcommand, which the simulator has.
    command.args(arguments).args(["--listen-addr", &address.to_string(), "--log-format", "text"]);
    match collector {
        None => command.args(["--otel-sdk-disabled", "true", "--log-level", "error"]),
        // The level holds for what is exported as well.
        Some(url) => command.args(["--log-level", "info"]).stdout(Stdio::null()).envs([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "200"),
        ]),
    };
    command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| {
        panic!("cannot start {}: {error}; cargo build --workspace first", path.display())
    })
}

/// Test programs lie in `target/PROFILE/deps`, the services beside that directory.
fn program_path(program: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests run from target/PROFILE/deps");
    profile.join(program)
}

async fn wait_ready(address: SocketAddr) {
    let url = format!("http://{address}/readyz");
    eventually(&format!("{url} answers 200"), async || {
        reqwest::get(&url).await.ok().filter(|response| response.status() == 200)
    })
    .await;
}
