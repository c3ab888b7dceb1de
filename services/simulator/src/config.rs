//! Arguments of the simulator and their conversion into a plan that can be carried out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use events::rfc3339_from_unix_us;
use rand::RngExt as _;
use service::clock::unix_us;
use service::config::{AuthArgs, CommonArgs, CommonConfig, ConfigError};

use crate::plan::{Arrivals, ContentType, Plan};
use crate::request::{PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MIN};
use crate::target::Target;

/// More events a second than any generator of this kind can send.
const RATE_MAX: f64 = 1e8;
/// A year keeps all times far from any overflow.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
const BATCH_EVENTS_MAX: u64 = 10_000;
const CONNECTIONS_MAX: usize = 10_000;
/// An arrival in the queue takes about 50 bytes.
const QUEUE_REQUESTS_MAX: usize = 1_000_000;
const RUN_ID_BYTES_MAX: usize = 64;

/// Sends a reproducible load of events and keeps a ledger of what became of each.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "simulator", version = service::build::VERSION)]
pub struct Args {
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl AsRef<CommonArgs> for Args {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}

/// When requests are sent, and where to.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Load")]
struct LoadArgs {
    /// Base URL of ingest-api, http://host:port
    #[arg(
        long = "target",
        env = "TARGET_URL",
        value_name = "TARGET_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    target: String,
    /// Events a second
    #[arg(long, env = "RATE", default_value_t = 200.0)]
    rate: f64,
    /// How arrivals follow each other
    #[arg(long, env = "ARRIVALS", value_enum, default_value_t = Arrivals::Constant)]
    arrivals: Arrivals,
    /// Length of the run: 500ms, 30s, 5m, 2h, or seconds
    #[arg(long, env = "DURATION", default_value = "30s", value_parser = parse_duration)]
    duration: Duration,
    /// Connections to the target
    #[arg(long, env = "CONNECTIONS", default_value_t = 16)]
    connections: usize,
    /// Requests that may wait for a free connection; those beyond are counted as unsent
    #[arg(long, env = "QUEUE", default_value_t = 65_536)]
    queue: usize,
    /// How long an answer may take before the outcome counts as unknown
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// How long to wait for the target before the run; 0 to begin in any case
    #[arg(long, env = "START_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    start_timeout: Duration,
}

/// What the events are like.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Events")]
struct EventArgs {
    /// Seed of the schedule and the events; the same one gives the same run
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// Run id, the runid of every event [default: from the time]
    #[arg(long, env = "RUN_ID")]
    run_id: Option<String>,
    /// Number of sources
    #[arg(long, env = "SOURCES", default_value_t = 100)]
    sources: u64,
    /// Exponent of the sources' popularity: 0 all alike, 1 the classic Zipf law
    #[arg(long, env = "ZIPF", default_value_t = 1.0)]
    zipf: f64,
    /// Bytes of an event's data; the median, where sizes vary
    #[arg(long, env = "PAYLOAD_BYTES", default_value_t = 100)]
    payload_bytes: usize,
    /// Spread of lognormal sizes (standard deviation of the logarithm); 0 for a constant size
    #[arg(long, env = "PAYLOAD_SIGMA", default_value_t = 0.0)]
    payload_sigma: f64,
    /// Events a request
    #[arg(long, env = "BATCH", default_value_t = 1)]
    batch: u64,
    /// How a request is written [default: structured for one event, else batch]
    #[arg(long, env = "CONTENT_TYPE", value_enum)]
    content_type: Option<ContentType>,
}

/// Where results go.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Directory that gets a directory with result.json and ledger.json for the run
    #[arg(long = "results", env = "RESULTS_DIR", value_name = "RESULTS_DIR", default_value = "results")]
    results: PathBuf,
    /// Print result.json instead of the summary
    #[arg(long, env = "JSON")]
    json: bool,
    /// Serve /livez, /readyz and /statz here during the run
    #[arg(long = "listen", alias = "listen-addr", env = "LISTEN_ADDR", value_name = "LISTEN_ADDR")]
    listen: Option<SocketAddr>,
}

/// A validated configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What all services have.
    pub common: CommonConfig,
    /// The load.
    pub plan: Plan,
    /// Its receiver.
    pub target: Target,
    /// How long to try for a first connection; zero to begin without one.
    pub start_timeout: Duration,
    /// Parent of the run's directory.
    pub results_dir: PathBuf,
    /// Whether standard output gets the result as JSON.
    pub is_json: bool,
    /// Where health and statistics are served, if at all.
    pub listen: Option<SocketAddr>,
    /// Whether standard error gets a line about the progress now and then.
    pub shows_progress: bool,
}

impl Args {
    /// Checks everything that can be checked before the run.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn convert(&self) -> Result<Config, ConfigError> {
        let plan = self.plan()?;
        let Self { load, output, .. } = self;
        Ok(Config {
            common: self.common.convert()?,
            target: Target::new(&load.target, self.auth.convert()?)?,
            plan,
            start_timeout: load.start_timeout,
            results_dir: output.results.clone(),
            is_json: output.json,
            listen: output.listen,
            shows_progress: true,
        })
    }

    fn plan(&self) -> Result<Plan, ConfigError> {
        let Self { load, events, .. } = self;
        let run_id = events.run_id.clone().unwrap_or_else(generated_run_id);
        let is_open = load.arrivals != Arrivals::Closed;
        let default_content_type =
            if events.batch == 1 { ContentType::Structured } else { ContentType::Batch };
        let content_type = events.content_type.unwrap_or(default_content_type);
        let number = |is_fine: bool, variable, message: &str| {
            if is_fine { Ok(()) } else { Err(ConfigError::new(variable, message)) }
        };
        number(load.rate > 0.0 && load.rate <= RATE_MAX, "RATE", "must be above 0 and at most 1e8")?;
        number(within(load.duration, DURATION_MAX), "DURATION", "must be above 0 and at most a year")?;
        number(within(load.timeout, DURATION_MAX), "TIMEOUT", "must be above 0 and at most a year")?;
        number((1..=CONNECTIONS_MAX).contains(&load.connections), "CONNECTIONS", "must be 1 to 10000")?;
        number((1..=QUEUE_REQUESTS_MAX).contains(&load.queue), "QUEUE", "must be 1 to 1000000")?;
        number(
            is_run_id(&run_id),
            "RUN_ID",
            "must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot",
        )?;
        number((1..=1 << 32).contains(&events.sources), "SOURCES", "must be 1 to 2^32")?;
        number((0.0..=10.0).contains(&events.zipf), "ZIPF", "must be 0 to 10")?;
        let payload = PAYLOAD_BYTES_MIN..=PAYLOAD_BYTES_MAX;
        let message = format!("must be {PAYLOAD_BYTES_MIN} to {PAYLOAD_BYTES_MAX}");
        number(payload.contains(&events.payload_bytes), "PAYLOAD_BYTES", &message)?;
        number((0.0..=4.0).contains(&events.payload_sigma), "PAYLOAD_SIGMA", "must be 0 to 4")?;
        number((1..=BATCH_EVENTS_MAX).contains(&events.batch), "BATCH", "must be 1 to 10000")?;
        let is_writable = content_type != ContentType::Structured || events.batch == 1;
        number(is_writable, "CONTENT_TYPE", "structured carries one event, BATCH is more")?;
        Ok(Plan {
            run_id,
            target: load.target.clone(),
            arrivals: load.arrivals,
            rate_per_s: is_open.then_some(load.rate),
            duration_s: load.duration.as_secs_f64(),
            seed: events.seed,
            sources: events.sources,
            zipf: events.zipf,
            payload_bytes: events.payload_bytes,
            payload_sigma: events.payload_sigma,
            batch_events: events.batch,
            content_type,
            connections: load.connections,
            queue_requests_max: load.queue,
            timeout_s: load.timeout.as_secs_f64(),
        })
    }
}

fn within(duration: Duration, longest: Duration) -> bool {
    !duration.is_zero() && duration <= longest
}

/// Ids become directory names and stand in JSON as they are.
fn is_run_id(text: &str) -> bool {
    (1..=RUN_ID_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Sorts by time and tells runs of the same second apart.
fn generated_run_id() -> String {
    let seconds: String = rfc3339_from_unix_us(unix_us())
        .chars()
        .take(19)
        .filter(|character| !"-:".contains(*character))
        .collect();
    format!("run-{seconds}-{:04x}", rand::rng().random::<u16>())
}

/// Reads `500ms`, `30s`, `5m`, `2h` or a number of seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let seconds_per_unit = match &text[unit_at..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("use a unit of ms, s, m or h".to_owned()),
    };
    let number: f64 = text[..unit_at].parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn convert(flags: &[&str]) -> Result<Config, ConfigError> {
        Args::try_parse_from([&["simulator"], flags].concat()).unwrap().convert()
    }

    #[test]
    fn defaults_are_valid() {
        let config = convert(&[]).unwrap();
        assert_eq!(config.plan.rate_per_s, Some(200.0));
        assert_eq!(config.plan.content_type, ContentType::Structured);
        assert!(is_run_id(&config.plan.run_id), "{}", config.plan.run_id);
    }

    #[test]
    fn batches_are_json_arrays_unless_told_otherwise() {
        assert_eq!(convert(&["--batch", "2"]).unwrap().plan.content_type, ContentType::Batch);
        let lines = convert(&["--batch", "2", "--content-type", "ndjson"]).unwrap();
        assert_eq!(lines.plan.content_type, ContentType::Ndjson);
    }

    #[test]
    fn bad_values_name_their_variable() {
        let cases = [
            ("RATE", ["--rate", "0"]),
            ("RATE", ["--rate", "NaN"]),
            ("RATE", ["--rate", "inf"]),
            ("DURATION", ["--duration", "0s"]),
            ("TIMEOUT", ["--timeout", "0"]),
            ("CONNECTIONS", ["--connections", "0"]),
            ("QUEUE", ["--queue", "0"]),
            ("RUN_ID", ["--run-id", "../up"]),
            ("RUN_ID", ["--run-id", ""]),
            ("RUN_ID", ["--run-id", "a\"b"]),
            ("SOURCES", ["--sources", "0"]),
            ("ZIPF", ["--zipf", "-0.1"]),
            ("PAYLOAD_BYTES", ["--payload-bytes", "1"]),
            ("PAYLOAD_SIGMA", ["--payload-sigma", "NaN"]),
            ("BATCH", ["--batch", "0"]),
            ("TARGET_URL", ["--target", "https://host"]),
            ("AUTH_TOKEN_FILE", ["--auth-token-file", "/nowhere"]),
        ];
        for (variable, flags) in cases {
            let flags = [format!("{}={}", flags[0], flags[1])];
            let error = convert(&flags.each_ref().map(String::as_str)).unwrap_err();
            assert_eq!(error.variable, variable, "{flags:?}: {error}");
        }
        let error = convert(&["--batch", "2", "--content-type", "structured"]).unwrap_err();
        assert_eq!(error.variable, "CONTENT_TYPE");
    }

    #[test]
    fn durations_have_units() {
        let cases = [("500ms", 0.5), ("30s", 30.0), ("1.5m", 90.0), ("2h", 7200.0), ("7", 7.0), ("0", 0.0)];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "s", "-1s", "1d", "1e999", "1 s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
