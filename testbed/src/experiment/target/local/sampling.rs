//! What the parts use, looked at once a second.

use super::looking::Lookout;
use crate::http_client::HttpClient;
use crate::statz::Pipeline;
use experiment::sample::Sample;
use redis::InfoDict;
use redis::aio::MultiplexedConnection;
use std::time::Duration;

/// How long one answer may take: a second that is not known is better than seconds that are late.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Looks at the parts of a run.
pub(super) struct Sampler {
    lookout: Lookout,
    query_url: String,
    redis: Option<MultiplexedConnection>,
    client: HttpClient,
}

impl Sampler {
    /// Of these parts, each with its process.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub(super) fn new(
        parts: Vec<(String, u32)>,
        query_url: String,
        redis: Option<MultiplexedConnection>,
    ) -> std::io::Result<Self> {
        let client = HttpClient::new(None, ANSWER_TIMEOUT);
        Ok(Self { lookout: Lookout::of(parts)?, query_url, redis, client })
    }

    /// What all parts have used until now; `at_s` is as given.
    pub(super) async fn sample(&mut self, at_s: f64) -> Sample {
        let services = self.lookout.look().await;
        let mut sample = Sample { at_s, services, ..Sample::default() };
        if let Some(redis) = sample.services.get_mut("redis") {
            redis.network_bytes = self.redis_bytes().await;
        }
        let url = format!("{}/v1/pipeline", self.query_url);
        if let Ok(pipeline) = self.client.get_json::<Pipeline>(&url, &[]).await {
            sample.accepted = pipeline.accepted();
            sample.settled = pipeline.settled();
            sample.backlog = pipeline.backlog();
        }
        sample
    }

    /// Bytes that Redis has received and sent, by its own count, which has connections of any length.
    async fn redis_bytes(&mut self) -> Option<u64> {
        let connection = self.redis.as_mut()?;
        let mut command = redis::cmd("INFO");
        let asked = command.arg("stats").query_async::<InfoDict>(connection);
        let info = tokio::time::timeout(ANSWER_TIMEOUT, asked).await.ok()?.ok()?;
        let bytes = |name: &str| info.get::<u64>(name);
        Some(bytes("total_net_input_bytes")? + bytes("total_net_output_bytes")?)
    }
}
