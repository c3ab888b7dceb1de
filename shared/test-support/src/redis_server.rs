//! A real Redis or Valkey server of its own for a test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use service::config::Secret;
use service::redis::{RedisArgs, RedisConfig};
use tempfile::TempDir;
use tokio::time::{Instant, interval};

use crate::wait::free_port;

/// Longest wait for a server to answer.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// A server on a free loopback port, with its data in a temporary directory. Killed when dropped.
pub struct RedisServer {
    directory: TempDir,
    options: RedisOptions,
    port: u16,
    process: Option<Child>,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// `redis-server` or `valkey-server`.
    pub program: String,
    pub append_only: bool,
    /// Serve TLS with this certificate and key in place of plain TCP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// More arguments, as on the command line.
    pub arguments: Vec<String>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { program: "redis-server".to_owned(), append_only: true, tls: None, arguments: Vec::new() }
    }
}

/// The server programs that are installed here; tests of the stream contract run against each.
pub fn server_programs() -> Vec<String> {
    let is_installed = |program: &&str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    ["redis-server", "valkey-server"].into_iter().filter(is_installed).map(str::to_owned).collect()
}

impl RedisServer {
    /// Starts a server with an append-only file and waits until it answers.
    pub async fn start() -> Self {
        Self::start_with(RedisOptions::default()).await
    }

    /// # Panics
    /// Where the program is missing or does not answer.
    pub async fn start_with(options: RedisOptions) -> Self {
        let mut server = Self::prepare(options);
        server.restart().await;
        server
    }

    /// Reserves a port and a directory without starting anything: Redis that is down.
    pub fn prepare(options: RedisOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        Self { directory, options, port: free_port(), process: None }
    }

    /// Starts the server, again with what its append-only file holds.
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "kill the server first");
        let log = self.directory.path().join("redis.log");
        let output = std::fs::File::create(&log).expect("the log can be written");
        let mut command = Command::new(&self.options.program);
        command.current_dir(self.directory.path()).stdout(output).stdin(Stdio::null());
        let port = self.port.to_string();
        match &self.options.tls {
            None => command.args(["--port", &port]),
            Some((certificate, key)) => command
                .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(certificate)
                .arg("--tls-key-file")
                .arg(key),
        };
        let append_only = if self.options.append_only { "yes" } else { "no" };
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", append_only]);
        command.args(&self.options.arguments);
        let process = command.spawn().unwrap_or_else(|error| {
            panic!(
                "cannot start {}: {error}; install it (Debian: apt-get install redis-server)",
                self.options.program
            )
        });
        self.process = Some(process);
        self.wait_until_it_answers(&log).await;
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our child can be killed");
            process.wait().expect("our child can be waited for");
        }
    }

    /// The server's pid, to stop and continue it.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The settings that a service would be given.
    pub fn config(&self) -> RedisConfig {
        redis_args(&self.url()).convert().expect("the server's address is valid")
    }

    /// A connection for the test itself.
    pub async fn connection(&self) -> MultiplexedConnection {
        self.config().connect_once(Duration::from_secs(10)).await.expect("the server answers")
    }

    /// Waits for a TCP connection only: a server may ask for a password or for TLS.
    async fn wait_until_it_answers(&self, log: &Path) {
        let started = Instant::now();
        let mut ticks = interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            let accepts =
                std::fs::read_to_string(log).is_ok_and(|text| text.contains("Ready to accept connections"));
            if accepts {
                return;
            }
            let text = std::fs::read_to_string(log).unwrap_or_default();
            assert!(started.elapsed() < START_DEADLINE, "{} does not answer:\n{text}", self.options.program);
        }
    }
}

/// Redis arguments as if only the address had been given.
pub fn redis_args(url: &str) -> RedisArgs {
    RedisArgs {
        redis_url: Secret::new(url),
        redis_username: None,
        redis_password_file: None,
        redis_password: None,
        redis_ca_file: None,
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
