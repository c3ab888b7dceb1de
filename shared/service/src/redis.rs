//! Connections to Redis: settings with secrets from files, and a link that connects again until it is told to stop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use observability::Outage;
use observability::metrics::{Counter, Metric, Registry};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisError,
    TlsCertificates,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::config::{ConfigError, Secret, read_secret};
use crate::health::Condition;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where Redis is and who we are there.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisArgs {
    /// redis://[USER@]HOST[:PORT][/DB], or rediss:// for TLS
    #[arg(long, env = "REDIS_URL", default_value = "redis://127.0.0.1:6379", hide_env_values = true)]
    pub redis_url: Secret,
    /// User name, in place of the one in the address
    #[arg(long, env = "REDIS_USERNAME")]
    pub redis_username: Option<String>,
    /// File with the password, in place of the one in the address
    #[arg(long, env = "REDIS_PASSWORD_FILE", conflicts_with = "redis_password")]
    pub redis_password_file: Option<PathBuf>,
    /// The password; a file is safer. Environment only: arguments are seen by every user of the machine
    #[arg(long, env = "REDIS_PASSWORD", hide = true, hide_env_values = true)]
    pub redis_password: Option<Secret>,
    /// PEM file with the certificate authority of a rediss:// server, in place of the system's
    #[arg(long, env = "REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,
}

/// Checked settings of Redis.
#[derive(Clone)]
pub struct RedisConfig {
    client: Client,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address())
    }
}

impl RedisArgs {
    /// # Errors
    /// An address that is not understood, or a file that cannot be read.
    pub fn convert(&self) -> Result<RedisConfig, ConfigError> {
        let url = |error: RedisError| {
            ConfigError::new(
                "REDIS_URL",
                format!("{} (use redis://HOST:PORT or rediss://HOST:PORT)", describe(&error)),
            )
        };
        let mut info = self.redis_url.expose().into_connection_info().map_err(url)?;
        let mut settings = info.redis_settings().clone();
        if let Some(username) = &self.redis_username {
            settings = settings.set_username(username);
        }
        let from_file =
            self.redis_password_file.as_deref().map(|path| read_secret("REDIS_PASSWORD_FILE", path));
        if let Some(password) = from_file.transpose()?.or_else(|| self.redis_password.clone()) {
            settings = settings.set_password(password.expose());
        }
        info = info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let authority = self.redis_ca_file.as_deref().map(|path| {
            std::fs::read(path).map_err(|error| {
                ConfigError::new("REDIS_CA_FILE", format!("cannot read {}: {error}", path.display()))
            })
        });
        Ok(RedisConfig { client: client(info, authority.transpose()?).map_err(url)? })
    }
}

fn client(info: ConnectionInfo, authority: Option<Vec<u8>>) -> Result<Client, RedisError> {
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        // An error says that another part of the process has installed one already.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    match authority {
        Some(pem) => Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem) }),
        None => Client::open(info),
    }
}

impl RedisConfig {
    /// Host and port, without secrets.
    pub fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// One attempt to connect. `response_timeout` must be longer than any blocking command.
    ///
    /// # Errors
    /// What Redis or the network said.
    pub async fn connect_once(
        &self,
        response_timeout: Duration,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response_timeout));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }
}

/// Why an operation on Redis failed, in words for a log or a reason; never the command's arguments.
pub fn describe(error: &RedisError) -> String {
    error.to_string()
}

/// A connection that is made again whenever it is lost. Each has one owner.
pub struct Link {
    config: RedisConfig,
    response_timeout: Duration,
    outage: Outage,
    condition: Option<Condition>,
    reconnects: Counter,
    was_connected: AtomicBool,
}

impl Link {
    /// `condition` follows whether the link is up.
    pub fn new(
        config: &RedisConfig,
        response_timeout: Duration,
        registry: &Registry,
        condition: Option<Condition>,
    ) -> Self {
        Self {
            config: config.clone(),
            response_timeout,
            outage: Outage::new(format!("redis at {}", config.address())),
            condition,
            reconnects: registry.counter(Metric::RedisReconnects, &[]),
            was_connected: AtomicBool::new(false),
        }
    }

    /// Connects, and tries again with growing delays until it works; `None` once `shutdown` is cancelled.
    pub async fn connect(&self, shutdown: &CancellationToken) -> Option<MultiplexedConnection> {
        let mut backoff = Backoff::default();
        loop {
            let attempt = tokio::select! {
                () = shutdown.cancelled() => return None,
                attempt = self.config.connect_once(self.response_timeout) => attempt,
            };
            match attempt {
                Ok(connection) => {
                    self.connected();
                    return Some(connection);
                }
                Err(error) => self.lost(&error),
            }
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = sleep(backoff.next_delay()) => {}
            }
        }
    }

    /// Says that an operation on the connection failed; [`Link::connect`] next.
    pub fn lost(&self, error: &RedisError) {
        self.outage.failed(error);
        if let Some(condition) = &self.condition {
            condition.set_not_ready(describe(error));
        }
    }

    fn connected(&self) {
        self.outage.recovered();
        if self.was_connected.swap(true, Ordering::Relaxed) {
            self.reconnects.add(1);
        }
        if let Some(condition) = &self.condition {
            condition.set_ready();
        }
    }
}
