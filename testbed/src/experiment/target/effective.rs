//! What a service was really set to, by the same names on every target: runs here and there are compared.

use anyhow::Context;
use experiment::known::{is_of_the_testbed, redis_directives};
use redis::InfoDict;
use service::redis::RedisConfig;
use std::collections::BTreeMap;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The settings of a service: what its program takes if nobody says, and in its place what was set. Addresses and the like, which
/// the testbed chooses, are left out; `partitions` and `telemetry` are what the plan calls them.
pub(super) fn settings(
    defaults: BTreeMap<String, String>,
    set: impl IntoIterator<Item = (String, String)>,
    partitions: u16,
    telemetry: &str,
) -> BTreeMap<String, String> {
    let mut settings = defaults;
    settings.extend(set);
    settings.retain(|name, _| !is_of_the_testbed(name));
    settings.insert("PARTITIONS".into(), partitions.to_string());
    settings.insert("TELEMETRY".into(), telemetry.to_owned());
    settings
}

/// What a Redis says of itself.
#[derive(Debug, Clone)]
pub(super) struct RedisFacts {
    /// `redis 7.4.1`, `valkey 8.0.2`.
    pub(super) version: String,
    /// The directives that a plan can set, also those that it does not; what this version does not know is absent.
    pub(super) settings: BTreeMap<String, String>,
}

/// Asks it.
///
/// # Errors
/// A Redis that does not answer.
pub(super) async fn of_redis(redis: &RedisConfig) -> anyhow::Result<RedisFacts> {
    let mut connection = redis.connect_once(TIMEOUT).await.context("redis cannot be asked")?;
    let info: InfoDict = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let version = |product: &str| {
        info.get::<String>(&format!("{product}_version")).map(|version| format!("{product} {version}"))
    };
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(redis_directives().collect::<Vec<_>>());
    let settings = command.query_async(&mut connection).await.context("redis does not tell its settings")?;
    Ok(RedisFacts { version: version("valkey").or_else(|| version("redis")).unwrap_or_default(), settings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_stands_in_place_of_what_is_usual() {
        let of = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let defaults =
            of(&[("READERS", "4"), ("LISTEN_ADDR", "[::]:80"), ("LOG_LEVEL", "info"), ("TELEMETRY", "off")]);
        let set =
            of(&[("READERS", "8"), ("REDIS_URL", "redis://a"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b")]);
        let expected =
            of(&[("READERS", "8"), ("LOG_LEVEL", "info"), ("PARTITIONS", "2"), ("TELEMETRY", "full")]);
        assert_eq!(settings(defaults, set, 2, "full"), expected);
    }
}
