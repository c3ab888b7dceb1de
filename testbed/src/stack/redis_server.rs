//! The Redis that testbed starts itself: the server's version, its configuration, and waiting until it answers.

use super::process::Process;
use super::programs::{in_path, named};
use redis::InfoDict;
use service::redis::RedisConfig;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Servers in order of preference, as they are called in `PATH`.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];

/// The services need XAUTOCLAIM with its answer of 7.0.
const MAJOR_VERSION_MIN: u32 = 7;

/// Why there is no Redis server to start.
#[derive(Debug, thiserror::Error)]
pub enum RedisServerError {
    /// Neither Redis nor Valkey is installed.
    #[error(
        "there is no redis-server or valkey-server in PATH: install one with `sudo apt-get install redis-server`, \
         or name one with --redis-server"
    )]
    Missing,
    /// The given program cannot be started.
    #[error("cannot start {}: {error}: give the path of a redis-server or valkey-server with --redis-server", program.display())]
    Unusable {
        /// The program.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// What it says of its version is not understood.
    #[error("{} is not a redis-server that runs: it says {said:?}", program.display())]
    NotRedis {
        /// The program.
        program: PathBuf,
        /// What it said.
        said: String,
    },
    /// It is too old.
    #[error(
        "{} has version {found}, at least {MAJOR_VERSION_MIN}.0 is needed: install a newer one, or name it with \
         --redis-server", program.display()
    )]
    TooOld {
        /// The program.
        program: PathBuf,
        /// Its version.
        found: String,
    },
}

/// A server program that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisServer {
    /// Its absolute path.
    pub program: PathBuf,
    /// `redis` or `valkey`.
    pub product: String,
    /// Its version, such as `7.0.15`.
    pub version: String,
}

/// Finds a server: `program` if given, else the first of redis-server and valkey-server that there is in `search_path`.
///
/// # Errors
/// Where there is none, or it is too old.
pub fn find(program: Option<&Path>, search_path: Option<&OsStr>) -> Result<RedisServer, RedisServerError> {
    if let Some(program) = program {
        return examine(&named(program, search_path));
    }
    let mut last = RedisServerError::Missing;
    for program in SERVERS.iter().filter_map(|name| in_path(Path::new(name), search_path)) {
        match examine(&program) {
            Err(error) => last = error,
            found => return found,
        }
    }
    Err(last)
}

fn examine(program: &Path) -> Result<RedisServer, RedisServerError> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| RedisServerError::Unusable { program: program.to_owned(), error })?;
    // A program that cannot run, for want of a library for instance, says so on the other stream.
    let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    judge(program, String::from_utf8_lossy(said).trim())
}

fn judge(program: &Path, said: &str) -> Result<RedisServer, RedisServerError> {
    let (product, version) = parse_version(said)
        .ok_or_else(|| RedisServerError::NotRedis { program: program.to_owned(), said: said.to_owned() })?;
    if is_too_old(&version) {
        return Err(RedisServerError::TooOld { program: program.to_owned(), found: version });
    }
    Ok(RedisServer { program: program.to_owned(), product, version })
}

fn is_too_old(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_none_or(|major| major < MAJOR_VERSION_MIN)
}

/// Product and version of a line such as `Redis server v=7.0.15 sha=…`.
fn parse_version(said: &str) -> Option<(String, String)> {
    let product = said.split_whitespace().next()?.to_lowercase();
    let version = said.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let known = matches!(product.as_str(), "redis" | "valkey");
    known.then(|| (product, version.to_owned()))
}

/// Writes the server's configuration, `directives` in place of the usual ones, and makes its data directory; gives its
/// arguments.
///
/// # Errors
/// Where the files cannot be written.
pub fn configure(directory: &Path, port: u16, directives: &[(String, String)]) -> io::Result<Vec<OsString>> {
    fs::create_dir_all(directory)?;
    let file = directory.join("redis.conf");
    fs::write(&file, configuration(directory, port, directives))?;
    Ok(vec![file.into()])
}

/// Appends are forced to disk once a second: a crash of the machine can lose that second, a crash of the server
/// loses nothing. Nothing may be evicted, since every key is data. Snapshots would only repeat the file.
fn configuration(directory: &Path, port: u16, directives: &[(String, String)]) -> String {
    let mut text = String::new();
    let settings = [
        ("bind", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("daemonize", "no".to_owned()),
        ("dir", quoted(&directory.to_string_lossy())),
        ("appendonly", "yes".to_owned()),
        ("appendfsync", "everysec".to_owned()),
        ("save", "\"\"".to_owned()),
        ("maxmemory-policy", "noeviction".to_owned()),
    ];
    let is_usual = |name: &str| directives.iter().all(|(directive, _)| directive != name);
    let usual = settings.into_iter().filter(|(name, _)| is_usual(name));
    let special = directives.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in usual.chain(special) {
        // Writing to a String cannot fail.
        writeln!(text, "{name} {value}").unwrap_or_default();
    }
    text
}

/// A value in double quotes, as redis.conf takes paths with spaces.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Waits until the server at `config` answers, has loaded its data, is new enough, and is the one that
/// `process` is.
///
/// # Errors
/// What was last in the way, once `patience` is over. The end of `process` is for the caller to see.
pub async fn answers(
    config: &RedisConfig,
    process: Option<&Process>,
    patience: Duration,
) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let obstacle = match identify(config).await {
            Ok((_, version)) if is_too_old(&version) => {
                format!("it has version {version}, at least {MAJOR_VERSION_MIN}.0 is needed")
            }
            Ok((pid, _)) => match process {
                Some(process) if pid != process.pid() => format!("another redis (pid {pid}) answers there"),
                _ => return Ok(()),
            },
            Err(error) => error,
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(format!("redis at {}: {obstacle}", config.address()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Process id and version of the server.
async fn identify(config: &RedisConfig) -> Result<(u32, String), String> {
    let describe = |error| service::redis::describe(&error);
    let mut connection = config.connect_once(Duration::from_secs(1)).await.map_err(describe)?;
    // PING also fails while the server is loading, unlike INFO.
    redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(describe)?;
    let info: InfoDict =
        redis::cmd("INFO").arg("server").query_async(&mut connection).await.map_err(describe)?;
    let version = info.get("redis_version").ok_or("it does not say its version")?;
    Ok((info.get("process_id").unwrap_or(0), version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_and_valkey_are_known() {
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d";
        assert_eq!(parse_version(redis), Some(("redis".into(), "7.0.15".into())));
        assert_eq!(
            parse_version("Valkey server v=8.1.4 sha=0 malloc=libc"),
            Some(("valkey".into(), "8.1.4".into()))
        );
        assert_eq!(parse_version("nginx version: 1.2"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn old_server_is_refused_with_its_version() {
        let message = judge(Path::new("redis-server"), "Redis server v=6.2.1 sha=0").unwrap_err().to_string();
        assert!(message.contains("has version 6.2.1, at least 7.0 is needed"), "{message}");
    }

    #[test]
    fn other_program_is_refused() {
        let message = find(Some(Path::new("/bin/echo")), None).unwrap_err().to_string();
        assert!(message.starts_with("/bin/echo is not a redis-server that runs: it says "), "{message}");
    }

    #[test]
    fn missing_program_says_which_flag_names_one() {
        let message = find(Some(Path::new("/nowhere/redis-server")), None).unwrap_err().to_string();
        assert!(message.starts_with("cannot start /nowhere/redis-server: "), "{message}");
        assert!(message.contains("--redis-server"), "{message}");
    }

    #[test]
    fn server_of_the_search_path_is_known_by_its_absolute_path() {
        let directory = tempfile::tempdir().unwrap();
        let server = directory.path().join("redis-server");
        std::os::unix::fs::symlink("/bin/echo", &server).unwrap();
        for named in [None, Some(Path::new("redis-server"))] {
            let message = find(named, Some(directory.path().as_os_str())).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{} is not a redis-server", server.display())), "{message}");
        }
        let message = find(None, Some(OsStr::new("/nowhere"))).unwrap_err().to_string();
        assert!(message.starts_with("there is no redis-server"), "{message}");
    }

    #[test]
    fn configuration_keeps_every_write_and_quotes_the_directory() {
        let text = configuration(Path::new("/a \"b\"\\c"), 6390, &[]);
        for line in [
            "bind 127.0.0.1",
            "port 6390",
            "dir \"/a \\\"b\\\"\\\\c\"",
            "appendonly yes",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn directive_takes_the_place_of_the_usual_one() {
        let directives = [("appendonly".into(), "no".into()), ("io-threads".into(), "2".into())];
        let text = configuration(Path::new("/data"), 6390, &directives);
        let of = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        assert_eq!((of("appendonly "), of("io-threads ")), (vec!["appendonly no"], vec!["io-threads 2"]));
    }
}
