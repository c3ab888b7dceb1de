//! Whether a run id was used more than once: then the rows of the run are not those of one run.

use crate::http_client::{HttpClient, HttpError};
use events::Position;
use jiff::{SignedDuration, Timestamp};
use measurement::LedgerFile;
use serde::Deserialize;

/// The ledger has the simulator's clock and positions that of Redis; rows older than the run by less than this may be
/// its own.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// What to do about it.
const REMEDY: &str = "choose another with --run-id, or start with fresh data";

#[derive(Deserialize)]
struct Page {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    position: String,
    #[serde(default)]
    event: Attributes,
}

#[derive(Deserialize, Default)]
struct Attributes {
    time: Option<String>,
}

/// When an event of a run was made and taken.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// By the clock of Redis.
    accepted_at: Timestamp,
    /// By the clock of its sender, which is that of the ledger if the event is of the ledger's run.
    time: Option<Timestamp>,
}

impl Row {
    fn is_before(&self, moment: Timestamp) -> bool {
        self.accepted_at < moment && self.time.is_some_and(|time| time < moment)
    }

    fn is_after(&self, moment: Timestamp) -> bool {
        self.accepted_at > moment && self.time.is_some_and(|time| time > moment)
    }
}

/// Why the rows that the query API has are not of the ledger's run alone, and what to do; none where they may be.
/// `run` is the run as a part of an address.
///
/// # Errors
/// Where the query API does not answer.
pub(super) async fn doubt(
    client: &HttpClient,
    query_url: &str,
    run: &str,
    ledger: &LedgerFile,
) -> Result<Option<String>, HttpError> {
    let Some(first) = outermost(client, query_url, run, "asc").await? else { return Ok(None) };
    let Some(last) = outermost(client, query_url, run, "desc").await? else { return Ok(None) };
    Ok(explain(ledger, first, last))
}

/// The first row of the run in an order.
async fn outermost(
    client: &HttpClient,
    query_url: &str,
    run: &str,
    order: &str,
) -> Result<Option<Row>, HttpError> {
    let url = format!("{}/v1/events?runid={run}&order={order}&limit=1", query_url.trim_end_matches('/'));
    let page: Page = client.get_json(&url, &[]).await?;
    Ok(page.events.first().and_then(|event| {
        let position: Position = event.position.parse().ok()?;
        let accepted_at = Timestamp::from_millisecond(position.entry.ms.try_into().ok()?).ok()?;
        Some(Row { accepted_at, time: event.event.time.as_deref().and_then(|time| time.parse().ok()) })
    }))
}

fn explain(ledger: &LedgerFile, first: Row, last: Row) -> Option<String> {
    let LedgerFile { runid, started_at, ended_at, .. } = ledger;
    let is_long_before = first.accepted_at.duration_until(*started_at) > CLOCK_TOLERANCE;
    if is_long_before || first.is_before(*started_at) {
        return Some(format!(
            "the run id was used before: the first event of {runid} was accepted at {:.3} by the clock of redis, and \
             this run began at {started_at:.3}; {REMEDY}",
            first.accepted_at
        ));
    }
    last.is_after(*ended_at).then(|| {
        format!(
            "the run id was used again: the last event of {runid} was accepted at {:.3} by the clock of redis, and \
             this run ended at {ended_at:.3}; {REMEDY}",
            last.accepted_at
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::Ledger;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-21T{time}Z").parse().unwrap()
    }

    /// A run of ten seconds, whose rows have these times; an empty one is none.
    fn of_run(first: (&str, &str), last: (&str, &str)) -> Option<String> {
        let ledger = LedgerFile::new("run-1", at("12:00:00"), at("12:00:10"), Ledger::default());
        let row = |(accepted_at, time): (&str, &str)| Row {
            accepted_at: at(accepted_at),
            time: (!time.is_empty()).then(|| at(time)),
        };
        explain(&ledger, row(first), row(last))
    }

    #[test]
    fn rows_of_the_run_alone_raise_no_doubt() {
        let last = ("12:00:09.900", "12:00:09.800");
        for first in [
            ("12:00:00.001", "12:00:00"),
            // The clock of redis is behind, or the sender says nothing of time.
            ("11:59:00", "12:00:00"),
            ("11:59:00", ""),
        ] {
            assert_eq!(of_run(first, last), None, "{first:?}");
        }
        let first = ("12:00:00.001", "12:00:00");
        for last in [
            // The clock of redis is ahead, or an event without an answer was taken late.
            ("12:05:00", "12:00:10"),
            // A sender that replays old or future times.
            ("12:00:10", "12:30:00"),
        ] {
            assert_eq!(of_run(first, last), None, "{last:?}");
        }
        assert_eq!(of_run(("12:00:00.001", "09:00:00"), last), None, "old readings are sent now");
    }

    #[test]
    fn rows_of_an_earlier_run_are_told_even_where_it_was_just_before() {
        let last = ("12:00:09.900", "12:00:09.800");
        let text = of_run(("11:59:49.123", "11:59:49.1"), last).unwrap();
        assert_eq!(
            text,
            "the run id was used before: the first event of run-1 was accepted at 2026-11-21T11:59:49.123Z by the \
             clock of redis, and this run began at 2026-11-21T12:00:00.000Z; choose another with --run-id, or start \
             with fresh data"
        );
        assert!(of_run(("11:58:59.999", ""), last).is_some(), "by the clock of redis alone");
    }

    #[test]
    fn rows_of_a_later_run_are_told() {
        let text = of_run(("12:00:00.001", "12:00:00"), ("12:00:40", "12:00:39.9")).unwrap();
        assert!(
            text.starts_with("the run id was used again: the last event of run-1 was accepted "),
            "{text}"
        );
        assert!(text.contains(", and this run ended at 2026-11-21T12:00:10.000Z; choose another "), "{text}");
    }
}
