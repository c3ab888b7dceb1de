//! A real image registry of its own for a test: `docker-registry`, as Debian names it, or upstream's `registry`.

mod token_server;

pub use token_server::TokenServer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

use crate::wait::free_port;

/// Longest wait for a registry to answer.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// A port that was free may be taken a moment later, rarely twice.
const PORTS_MAX: usize = 5;

/// A registry on a free loopback port, with its storage in a temporary directory. Killed when dropped.
pub struct RegistryServer {
    directory: TempDir,
    port: u16,
    tls: bool,
    process: Option<Child>,
}

/// How a registry is started. Plain http for everybody by default.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Serve TLS with this certificate and key, in PEM, in place of plain http.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub authentication: Authentication,
}

/// Who is let in.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    #[default]
    None,
    Basic {
        user: String,
        password: String,
    },
    /// By the tokens that a [`TokenServer`] signs.
    Token(TokenAuthentication),
}

/// What a registry has to know of the server that issues its tokens.
#[derive(Clone, Debug)]
pub struct TokenAuthentication {
    /// The address that clients are sent to.
    pub realm: String,
    pub service: String,
    pub issuer: String,
    /// A file of PEM with the certificate of the key that signs.
    pub certificate: PathBuf,
}

impl RegistryServer {
    /// Starts a registry that speaks plain http to everybody.
    pub async fn start() -> Self {
        Self::start_with(RegistryOptions::default()).await
    }

    /// # Panics
    /// Where the program is missing or does not answer.
    pub async fn start_with(options: RegistryOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut server = Self { directory, port: free_port(), tls: false, process: None };
        for _ in 0..PORTS_MAX {
            match server.try_restart(&options).await {
                Err(log) if log.contains("address already in use") => server.port = free_port(),
                started => {
                    started.unwrap_or_else(|log| panic!("the registry does not start:\n{log}"));
                    return server;
                }
            }
        }
        panic!("{PORTS_MAX} ports that were free were taken a moment later")
    }

    /// Starts the registry again on the same port with what its storage holds: images may be pushed without TLS and
    /// credentials, and then be asked for with both.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn restart_with(&mut self, options: &RegistryOptions) {
        self.try_restart(options).await.unwrap_or_else(|log| panic!("the registry does not start:\n{log}"));
    }

    /// Gives the log of a registry that ended or does not answer.
    async fn try_restart(&mut self, options: &RegistryOptions) -> Result<(), String> {
        self.kill();
        self.tls = options.tls.is_some();
        let path = |name: &str| self.directory.path().join(name);
        fs::write(path("registry.json"), self.configuration(options).to_string())
            .expect("the configuration can be written");
        let log = path("registry.log");
        let output = File::create(&log).expect("the log can be written");
        let mut command = Command::new(program());
        // Variables named REGISTRY_… would replace the configuration.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("REGISTRY_") {
                command.env_remove(name);
            }
        }
        let process = command
            .args(["serve", "registry.json"])
            .current_dir(self.directory.path())
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file can be opened twice"))
            .stderr(output)
            .spawn()
            .expect("a program that shows its version can be started");
        self.process = Some(process);
        self.wait_until_it_answers(&log).await
    }

    /// Kills the registry with SIGKILL; its port then refuses connections.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our child can be killed");
            process.wait().expect("our child can be waited for");
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`, as the names of its images begin.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// The directory with everything that was pushed.
    pub fn storage(&self) -> PathBuf {
        self.directory.path().join("storage")
    }

    /// The file that holds a blob or manifest of the digest `sha256:…`, to damage it.
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").expect("a digest is sha256:…");
        self.storage().join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    /// JSON is YAML too. See distribution's `docs/content/about/configuration.md`.
    fn configuration(&self, options: &RegistryOptions) -> serde_json::Value {
        let mut configuration = serde_json::json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": { "filesystem": { "rootdirectory": self.storage() }, "delete": { "enabled": true } },
            "http": { "addr": self.address() },
        });
        if let Some((certificate, key)) = &options.tls {
            configuration["http"]["tls"] = serde_json::json!({ "certificate": certificate, "key": key });
        }
        match &options.authentication {
            Authentication::None => {}
            Authentication::Basic { user, password } => {
                // The lowest cost that bcrypt knows: this hides nothing.
                let hash = bcrypt::hash(password, 4).expect("a short password can be hashed");
                let path = self.directory.path().join("htpasswd");
                fs::write(&path, format!("{user}:{hash}\n")).expect("the password can be written");
                configuration["auth"]["htpasswd"] = serde_json::json!({ "realm": "test", "path": path });
            }
            Authentication::Token(token) => {
                configuration["auth"]["token"] = serde_json::json!({
                    "realm": token.realm,
                    "service": token.service,
                    "issuer": token.issuer,
                    "rootcertbundle": token.certificate,
                });
            }
        }
        configuration
    }

    /// Any answer will do: one that wants TLS or credentials answers too, with a refusal. The log tells whether it is ours.
    async fn wait_until_it_answers(&mut self, log: &Path) -> Result<(), String> {
        let started = Instant::now();
        let mut ticks = interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            let text = fs::read_to_string(log).unwrap_or_default();
            if text.contains("listening on") && answers(&self.address()).await.is_ok_and(|answered| answered)
            {
                return Ok(());
            }
            let exited = self.process.as_mut().and_then(|process| process.try_wait().expect("our child"));
            if exited.is_some() || started.elapsed() > START_DEADLINE {
                return Err(fs::read_to_string(log).unwrap_or_default());
            }
        }
    }
}

/// Whether something is said to a request without TLS.
async fn answers(address: &str) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n").await?;
    Ok(connection.read(&mut [0; 64]).await? > 0)
}

/// The registry's program that is installed here.
///
/// # Panics
/// Where there is none.
fn program() -> &'static str {
    let is_registry = |program: &&str| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("distribution"))
    };
    ["docker-registry", "registry"].into_iter().find(is_registry).unwrap_or_else(|| {
        panic!(
            "there is no docker-registry on the PATH; install it (Debian: apt-get install docker-registry) or run the \
             tests with PATH=\"$PATH:$(scripts/lib/registry)\""
        )
    })
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        self.kill();
    }
}
