//! Every endpoint of the query API on a cache of a million events.

use std::time::Instant;

use cache::{Writer, WriterOptions};
use events::Event;
use events::entry::EventsEntry;

use crate::load::{self, ENTRY_EVENTS};
use crate::processes::{Process, redis};
use crate::report::Report;

const ROWS: usize = 1_000_000;

/// Events a second that the cache looks as if it had been filled with.
const RATE: usize = 200;

/// Requests to each endpoint; interleaved, so that a noisy neighbour hits all.
const REQUESTS: usize = 400;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (server, _connection) = redis().await;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("query.db");
    let fill_path = path.clone();
    let middle_us = tokio::task::spawn_blocking(move || fill(&fill_path)).await??;
    let cache = path.to_string_lossy().into_owned();
    let url = server.url();
    let query =
        Process::start("query-api", &["--redis-url", &url, "--cache-path", &cache, "--cache-follow", "off"])
            .await?;
    let (since, until) = (middle_us / 1_000_000, middle_us / 1_000_000 + 600);
    let client = reqwest::Client::new();
    let first: serde_json::Value = client.get(query.url("/v1/events?limit=1")).send().await?.json().await?;
    let position = first["events"][0]["position"].as_str().unwrap_or_default().to_owned();
    let paths = [
        ("/v1/events", "/v1/events".to_owned()),
        ("/v1/events, oldest first", "/v1/events?order=asc".to_owned()),
        ("/v1/events of a source", "/v1/events?source=/sensors/0777".to_owned()),
        ("/v1/events of a type", "/v1/events?type=testbed.reading".to_owned()),
        ("/v1/events of a run", "/v1/events?runid=bench".to_owned()),
        ("/v1/events in ten minutes", format!("/v1/events?since={since}&until={until}")),
        ("/v1/events/{position}", format!("/v1/events/{position}")),
        ("/v1/sources", "/v1/sources".to_owned()),
        ("/v1/sources/{source}/latest", "/v1/sources/%2Fsensors%2F0777/latest".to_owned()),
        ("/v1/summary by source", "/v1/summary?by=source".to_owned()),
        (
            "/v1/summary by source in ten minutes",
            format!("/v1/summary?by=source&since={since}&until={until}"),
        ),
        ("/v1/summary by type", "/v1/summary?by=type".to_owned()),
        ("/v1/summary by worker", "/v1/summary?by=worker".to_owned()),
        ("/v1/summary by arch", "/v1/summary?by=arch".to_owned()),
        ("/v1/summary by minute", "/v1/summary?by=minute".to_owned()),
        ("/v1/runs/{runid}/audit", "/v1/runs/bench/audit".to_owned()),
        ("/v1/pipeline", "/v1/pipeline".to_owned()),
    ];
    let mut durations = vec![Vec::with_capacity(REQUESTS); paths.len()];
    for _ in 0..REQUESTS {
        for ((name, path), samples) in paths.iter().zip(&mut durations) {
            let started = Instant::now();
            let answer = client.get(query.url(path)).send().await?;
            anyhow::ensure!(answer.status() == 200, "{name}: {}", answer.text().await?);
            answer.bytes().await?;
            samples.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    for ((name, _), mut samples) in paths.into_iter().zip(durations) {
        samples.sort_by(f64::total_cmp);
        let p99 = samples[samples.len() * 99 / 100];
        report.add_bounded(&format!("p99 of {name}"), "ms", vec![p99], 5.0);
    }
    Ok(())
}

/// Fills a cache; gives a moment in its middle, unix microseconds.
fn fill(path: &std::path::Path) -> anyhow::Result<i64> {
    let mut writer = Writer::open(path, WriterOptions::default())?;
    let span_us = (ROWS / RATE) as i64 * 1_000_000;
    let first_us = service::clock::unix_us() - span_us;
    for chunk in (0..ROWS).step_by(ENTRY_EVENTS * 20) {
        let texts: Vec<(i64, String)> = (chunk..chunk + ENTRY_EVENTS * 20)
            .step_by(ENTRY_EVENTS)
            .map(|first| {
                let lines = (first..first + ENTRY_EVENTS).map(|n| load::event(n, 1000)).collect::<Vec<_>>();
                (first_us + (first / RATE) as i64 * 1_000_000, lines.join("\n"))
            })
            .collect();
        let decoded: Vec<(EventsEntry<'_>, Vec<Event<'_>>)> = texts
            .iter()
            .map(|(accepted_us, text)| {
                let entry =
                    EventsEntry { count: ENTRY_EVENTS, accepted_us: *accepted_us, by: "bench", events: text };
                Ok((entry, text.lines().map(Event::parse).collect::<Result<_, _>>()?))
            })
            .collect::<Result<_, events::EventError>>()?;
        let entries: Vec<_> = decoded
            .iter()
            .enumerate()
            .map(|(n, (entry, events))| crate::worker::stored_entry((chunk + n) as u64, entry, events))
            .collect();
        writer.store(&entries, &[])?;
    }
    Ok(first_us + span_us / 2)
}
