//! Waiting until nothing is on its way through the pipeline any more.

use crate::console::{count, or_unknown};
use crate::http_client::{HttpClient, HttpError};
use crate::statz::Pipeline;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// What was still on its way when patience ended.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// Events are still being processed, or their results read.
    #[error("the pipeline has not drained within {patience_s} s: {state}")]
    NotDrained {
        /// How long it was waited for.
        patience_s: f64,
        /// How far it was.
        state: String,
    },
    /// The query API does not tell.
    #[error(transparent)]
    Unknown(#[from] HttpError),
}

/// Waits until the backlog is 0 and the query API has read all results.
///
/// # Errors
/// What was still on its way after `patience`.
pub async fn wait(client: &HttpClient, query_url: &str, patience: Duration) -> Result<(), DrainError> {
    let deadline = Instant::now() + patience;
    loop {
        let pipeline = look(client, query_url).await;
        match pipeline {
            Ok(pipeline) if pipeline.is_drained() => return Ok(()),
            Ok(pipeline) if Instant::now() >= deadline => {
                let state = describe(&pipeline);
                return Err(DrainError::NotDrained { patience_s: patience.as_secs_f64(), state });
            }
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            _ => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// Number of partitions that the query API follows; 1 where it does not tell.
pub(super) async fn partitions(client: &HttpClient, query_url: &str) -> u16 {
    let followed = look(client, query_url).await.map_or(1, |pipeline| pipeline.partitions.len());
    u16::try_from(followed).unwrap_or(u16::MAX).clamp(1, events::PARTITIONS_MAX)
}

async fn look(client: &HttpClient, query_url: &str) -> Result<Pipeline, HttpError> {
    client.get_json(&format!("{}/v1/pipeline", query_url.trim_end_matches('/')), &[]).await
}

fn describe(pipeline: &Pipeline) -> String {
    let behind: Option<u64> = pipeline.partitions.iter().map(|partition| partition.results_behind).sum();
    let caught_up = if pipeline.caught_up { "has caught up" } else { "has not caught up" };
    format!(
        "{} accepted events are not settled, query-api {caught_up} ({} entries behind)",
        or_unknown(pipeline.backlog(), count),
        or_unknown(behind, count)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_says_what_is_on_its_way() {
        let text =
            r#"{"caught_up":false,"partitions":[{"partition":0,"backlog":1200,"results_behind":null}]}"#;
        let pipeline: Pipeline = serde_json::from_str(text).unwrap();
        let expected =
            "1,200 accepted events are not settled, query-api has not caught up (– entries behind)";
        assert_eq!(describe(&pipeline), expected);
    }

    #[tokio::test]
    async fn absent_query_api_is_told_after_the_patience() {
        let port = crate::stack::ports::unused(1).unwrap()[0];
        let client = HttpClient::new(None, Duration::from_secs(1));
        let url = format!("http://127.0.0.1:{port}/");
        let error = wait(&client, &url, Duration::from_millis(10)).await.unwrap_err();
        assert!(matches!(error, DrainError::Unknown(_)), "{error}");
    }
}
