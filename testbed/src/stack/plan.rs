//! What a testbed consists of, as decided before anything starts, and how each part is launched.

use super::Role;
use super::collector::Collector;
use super::directory::Directory;
use super::ports::Claim;
use super::process::Launch;
use super::programs::Programs;
use super::redis_server::{self, RedisServer};
use super::special::Special;
use service::config::Secret;
use service::redis::{RedisArgs, RedisConfig};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A whole testbed.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Redis.
    pub redis: RedisPlan,
    /// Where the services listen.
    pub addresses: Addresses,
    /// Number of partitions.
    pub partitions: u16,
    /// Kind and amount of the work on each event.
    pub work: (String, u32),
    /// Programs of the services.
    pub programs: Programs,
    /// The testbed program, through which parts are started so that they die with it; see `testbed guard`.
    pub guard: Option<PathBuf>,
    /// What becomes of the services' telemetry.
    pub telemetry: TelemetryPlan,
    /// File with the token of ingest and query, and the token itself.
    pub token: Option<(PathBuf, Secret)>,
    /// How long the parts have to become ready.
    pub ready_timeout: Duration,
    /// How long a part has to stop before it is killed.
    pub stop_timeout: Duration,
    /// What is special about the parts of a role.
    pub special: BTreeMap<Role, Special>,
}

/// Which Redis is used.
#[derive(Debug, Clone)]
pub enum RedisPlan {
    /// One of our own.
    Own {
        /// The program.
        server: RedisServer,
        /// Its port on 127.0.0.1.
        port: u16,
    },
    /// One that runs already. User and password reach the services through the environment, as they reached us.
    Running {
        /// Its address.
        url: Secret,
        /// Connection settings.
        config: RedisConfig,
    },
}

/// What becomes of the services' telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryPlan {
    /// There is none.
    Off,
    /// It goes where the environment says, which the services read.
    Environment {
        /// How much, as the services' `--telemetry` takes it; `None` where the environment says that too.
        mode: Option<String>,
    },
    /// It goes to a collector of our own.
    Collector {
        /// The collector.
        collector: Collector,
        /// How much, as the services' `--telemetry` takes it.
        mode: String,
    },
}

/// Where the services listen.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// ingest-api.
    pub ingest: SocketAddr,
    /// query-api.
    pub query: SocketAddr,
    /// Each process-worker.
    pub workers: Vec<SocketAddr>,
    /// simulator.
    pub simulator: SocketAddr,
}

/// A load for the simulator.
#[derive(Debug, Clone)]
pub struct Load {
    /// Events a second.
    pub rate: f64,
    /// How long; `None` until it is stopped.
    pub duration: Option<Duration>,
    /// Events a request.
    pub batch: u32,
    /// Seed of schedule and events.
    pub seed: u64,
    /// Name of the run.
    pub run: String,
}

/// Variables that are about another Redis than our own.
const REDIS_CREDENTIALS: [&str; 4] =
    ["REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_CA_FILE"];

impl RedisPlan {
    /// Its address for the services.
    #[must_use]
    pub fn url(&self) -> Secret {
        match self {
            Self::Own { port, .. } => Secret::new(format!("redis://127.0.0.1:{port}")),
            Self::Running { url, .. } => url.clone(),
        }
    }

    /// Connection settings.
    ///
    /// # Errors
    /// None that can be expected: the address of our own is valid.
    pub fn config(&self) -> anyhow::Result<RedisConfig> {
        match self {
            Self::Own { .. } => Ok(redis_args(self.url()).convert()?),
            Self::Running { config, .. } => Ok(config.clone()),
        }
    }
}

/// Settings of a Redis without user and password.
#[must_use]
pub fn redis_args(redis_url: Secret) -> RedisArgs {
    RedisArgs {
        redis_url,
        redis_username: None,
        redis_password_file: None,
        redis_password: None,
        redis_ca_file: None,
    }
}

impl Plan {
    /// Ports that must be free, with the simulator's where there will be one.
    #[must_use]
    pub fn claims(&self, with_simulator: bool) -> Vec<Claim> {
        let claim = |address, part: &str, flag| Claim { address, part: part.to_owned(), flag };
        let mut claims = Vec::new();
        if let RedisPlan::Own { port, .. } = self.redis {
            claims.push(claim(SocketAddr::from(([127, 0, 0, 1], port)), "redis", "--redis-port"));
        }
        claims.push(claim(self.addresses.ingest, "ingest-api", "--ingest-port"));
        claims.push(claim(self.addresses.query, "query-api", "--query-port"));
        for (index, address) in self.addresses.workers.iter().enumerate() {
            claims.push(claim(*address, &self.worker_name(index), "--worker-port"));
        }
        if with_simulator {
            claims.push(claim(self.addresses.simulator, "simulator", "--simulator-port"));
        }
        if let TelemetryPlan::Collector { collector, .. } = &self.telemetry {
            let address = SocketAddr::from(([127, 0, 0, 1], collector.ports.metrics));
            claims.push(claim(address, "collector", "--metrics-port"));
        }
        claims
    }

    /// Name of a worker: numbered where there are several.
    #[must_use]
    pub fn worker_name(&self, index: usize) -> String {
        if self.addresses.workers.len() == 1 {
            "process-worker".into()
        } else {
            format!("process-worker-{}", index + 1)
        }
    }

    /// How our own Redis is launched; writes its configuration. `None` where a running one is used.
    ///
    /// # Errors
    /// Where the configuration cannot be written.
    pub fn launch_redis(&self, directory: &Directory) -> io::Result<Option<Launch>> {
        let RedisPlan::Own { server, port } = &self.redis else { return Ok(None) };
        Ok(Some(Launch {
            name: "redis".into(),
            program: server.program.clone(),
            arguments: redis_server::configure(&directory.redis(), *port, self.directives())?,
            log: directory.logs().join("redis.log"),
            ..Launch::default()
        }))
    }

    /// How our own collector is launched; writes its configuration. `None` where there is none.
    ///
    /// # Errors
    /// Where the configuration cannot be written.
    pub fn launch_collector(&self, directory: &Directory) -> io::Result<Option<Launch>> {
        let TelemetryPlan::Collector { collector, .. } = &self.telemetry else { return Ok(None) };
        let data = directory.telemetry();
        Ok(Some(Launch {
            name: "collector".into(),
            program: collector.program.clone(),
            arguments: collector.configure(&data)?,
            environment: collector.environment(&data),
            log: directory.logs().join("collector.log"),
            ..Launch::default()
        }))
    }

    /// How ingest-api is launched.
    #[must_use]
    pub fn launch_ingest(&self, directory: &Directory) -> Launch {
        let mut launch =
            self.service(directory, "ingest-api", &self.programs.ingest_api, self.addresses.ingest);
        launch.environment.extend(self.token_file());
        launch
    }

    /// How query-api is launched.
    #[must_use]
    pub fn launch_query(&self, directory: &Directory) -> Launch {
        let mut launch = self.service(directory, "query-api", &self.programs.query_api, self.addresses.query);
        launch.environment.extend(self.token_file());
        launch.environment.push(("CACHE_PATH", directory.caches().join("query-api.db").into()));
        launch
    }

    /// How the worker `index` is launched.
    #[must_use]
    pub fn launch_worker(&self, directory: &Directory, index: usize) -> Launch {
        let name = self.worker_name(index);
        let address = self.addresses.workers[index];
        let mut launch = self.service(directory, &name, &self.programs.process_worker, address);
        // Numbered in any case: a worker finds its own entries again when the number of workers changes.
        let instance = format!("process-worker-{}", index + 1);
        launch.environment.retain(|(name, _)| *name != "INSTANCE_ID");
        launch.environment.extend([
            ("CACHE_PATH", directory.caches().join(format!("{instance}.db")).into()),
            ("INSTANCE_ID", instance.into()),
            ("WORK_KIND", self.work.0.clone().into()),
            ("WORK_AMOUNT", self.work.1.to_string().into()),
        ]);
        launch
    }

    /// How a simulator with `load` is launched.
    #[must_use]
    pub fn launch_simulator(&self, directory: &Directory, load: &Load) -> Launch {
        let mut launch =
            self.service(directory, "simulator", &self.programs.simulator, self.addresses.simulator);
        launch.arguments = vec!["run".into()];
        match load.duration {
            Some(duration) => {
                launch.environment.push(("DURATION", format!("{}ms", duration.as_millis()).into()));
            }
            None => {
                launch.arguments.push("--forever".into());
                // An inherited one would contradict.
                launch.environment_removed.push("DURATION");
            }
        }
        launch.environment.extend(self.token_file());
        launch.environment.extend([
            ("TARGET_URL", base_url(self.addresses.ingest).into()),
            ("RATE", load.rate.to_string().into()),
            ("BATCH", load.batch.to_string().into()),
            ("SEED", load.seed.to_string().into()),
            ("RUN_ID", load.run.clone().into()),
            ("RESULTS_DIR", directory.results().into()),
        ]);
        launch
    }

    /// How a service is launched, with what all of them have in common.
    pub(crate) fn service(
        &self,
        directory: &Directory,
        name: &str,
        program: &std::path::Path,
        address: SocketAddr,
    ) -> Launch {
        // Settings go through the environment: arguments are seen by every user, and a Redis address may hold a
        // password.
        let mut environment: Vec<(&'static str, OsString)> = vec![
            ("LISTEN_ADDR", address.to_string().into()),
            ("REDIS_URL", self.redis.url().expose().into()),
            ("PARTITIONS", self.partitions.to_string().into()),
            ("INSTANCE_ID", name.into()),
        ];
        match &self.telemetry {
            TelemetryPlan::Off => environment.push(("TELEMETRY", "off".into())),
            TelemetryPlan::Environment { mode } => {
                environment.extend(mode.iter().map(|mode| ("TELEMETRY", mode.into())));
            }
            TelemetryPlan::Collector { collector, mode } => {
                environment.extend(collector.environment_of_services());
                environment.push(("TELEMETRY", mode.into()));
            }
        }
        let is_own = matches!(self.redis, RedisPlan::Own { .. });
        Launch {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: Vec::new(),
            environment,
            environment_removed: if is_own { REDIS_CREDENTIALS.to_vec() } else { Vec::new() },
            log: directory.logs().join(format!("{name}.log")),
            ..Launch::default()
        }
    }

    /// Lines of `redis.conf` in place of the usual ones.
    fn directives(&self) -> &[(String, String)] {
        self.special.get(&Role::Redis).map_or(&[], |special| &special.directives)
    }

    fn token_file(&self) -> Option<(&'static str, OsString)> {
        self.token.as_ref().map(|(path, _)| ("AUTH_TOKEN_FILE", path.clone().into()))
    }
}

/// The URL of a port on this machine.
pub(super) fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The URL of a service for someone on this machine: where it listens on all addresses, by 127.0.0.1.
#[must_use]
pub fn base_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

#[cfg(test)]
pub(super) mod tests;
