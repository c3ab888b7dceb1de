//! Events and loads that the comparisons share.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use events::Keys;
use events::entry::EventsEntry;
use redis::aio::MultiplexedConnection;

/// Seconds of one measurement with wrk.
pub(crate) const WRK_SECONDS: u32 = 3;

/// Events an entry in streams that are filled for the worker.
pub(crate) const ENTRY_EVENTS: usize = 100;

/// One event of about 300 bytes, as the simulator would send it.
pub(crate) fn event(sequence: usize, sources: usize) -> String {
    let source = sequence.wrapping_mul(2_654_435_761) % sources;
    format!(
        concat!(
            r#"{{"specversion":"1.0","id":"bench-{:010}","source":"/sensors/{:04}","type":"testbed.reading","#,
            r#""time":"2026-01-01T00:00:00.000000Z","runid":"bench","sequence":"{}","#,
            r#""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00","#,
            r#""data":{{"value":{}.5,"unit":"C","pad":"xxxxxxxxxxxxxxxx"}}}}"#
        ),
        sequence,
        source,
        sequence,
        sequence % 40
    )
}

/// Appends `count` events to partition 0 as ingest would, `ENTRY_EVENTS` an entry.
pub(crate) async fn fill(connection: &mut MultiplexedConnection, count: usize) -> anyhow::Result<()> {
    let keys = Keys::new(0);
    for chunk in (0..count).step_by(ENTRY_EVENTS * 50) {
        let mut pipeline = redis::pipe();
        for first in (chunk..(chunk + ENTRY_EVENTS * 50).min(count)).step_by(ENTRY_EVENTS) {
            let lines: Vec<_> = (first..first + ENTRY_EVENTS).map(|sequence| event(sequence, 1000)).collect();
            let text = lines.join("\n");
            let accepted_us = service::clock::unix_us();
            let entry = EventsEntry { count: ENTRY_EVENTS, accepted_us, by: "bench", events: &text };
            let command = pipeline.cmd("XADD").arg(&keys.events).arg("*");
            for (name, value) in entry.fields() {
                command.arg(name).arg(value.as_ref());
            }
            command.ignore();
        }
        pipeline.exec_async(connection).await?;
    }
    redis::cmd("HSET").arg(&keys.counters).arg("accepted").arg(count).exec_async(connection).await?;
    Ok(())
}

/// Requests a second of `wrk -t1 -c64`, posting this body for some seconds.
pub(crate) fn wrk(url: &str, content_type: &str, body: &str, seconds: u32) -> anyhow::Result<f64> {
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("post.lua");
    std::fs::write(&script, wrk_script(content_type, body))?;
    let output = Command::new("wrk")
        .args(["-t1", "-c64", &format!("-d{seconds}s"), "-s"])
        .arg(&script)
        .arg(url)
        .stdout(Stdio::null())
        .output()
        .context("wrk (Debian: apt-get install wrk)")?;
    let line = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let numbers: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [0.0, requests, duration_us, ..] => Ok(requests / duration_us * 1e6),
        [errors, ..] => bail!("{errors} requests to {url} were refused"),
        _ => bail!("wrk said: {line}"),
    }
}

/// A script for wrk that posts this body. At the end it writes to stderr how many requests were refused, how many there
/// were, for how long, and the median, the 99th percentile and the maximum of their latencies; times in µs.
pub(crate) fn wrk_script(content_type: &str, body: &str) -> String {
    format!(
        "wrk.method = 'POST'\nwrk.headers['content-type'] = '{content_type}'\nwrk.body = [==[{body}]==]\n\
         function done(summary, latency)\n\
         io.stderr:write(table.concat({{summary.errors.status, summary.requests, summary.duration,\n\
         latency:percentile(50), latency:percentile(99), latency.max}}, ' '), '\\n')\nend\n"
    )
}
