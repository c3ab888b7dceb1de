//! What the generators print.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{Answer, Generator, Pacing};

/// Reads the latencies and the rate of a run.
pub(super) fn answer(generator: Generator, stdout: &str, stderr: &str) -> anyhow::Result<Answer> {
    match generator {
        Generator::Wrk => wrk(stderr),
        Generator::Hey => hey(stdout),
        Generator::Simulator => {
            let result: Value = serde_json::from_str(stdout)?;
            // A closed loop has service times only.
            let is_open = result["latency"]["response_time"].is_object();
            let latency = if is_open { "response_time" } else { "service_time" };
            Ok(Answer {
                requests_per_s: number(&result, "/rates/accepted_events_per_s")?,
                p50_ms: number(&result, &format!("/latency/{latency}/p50_us"))? / 1e3,
                p99_ms: number(&result, &format!("/latency/{latency}/p99_us"))? / 1e3,
                max_ms: number(&result, &format!("/latency/{latency}/max_us"))? / 1e3,
            })
        }
        Generator::Oha | Generator::OhaCorrected => {
            let result: Value = serde_json::from_str(stdout)?;
            Ok(Answer {
                requests_per_s: number(&result, "/summary/requestsPerSec")?,
                p50_ms: number(&result, "/latencyPercentiles/p50")? * 1e3,
                p99_ms: number(&result, "/latencyPercentiles/p99")? * 1e3,
                max_ms: number(&result, "/summary/slowest")? * 1e3,
            })
        }
        Generator::Locust => locust(&serde_json::from_str(stdout)?),
        Generator::K6 => {
            let result: Value = serde_json::from_str(stdout)?;
            Ok(Answer {
                requests_per_s: number(&result, "/http_reqs/values/rate")?,
                p50_ms: number(&result, "/http_req_duration/values/med")?,
                p99_ms: number(&result, "/http_req_duration/values/p(99)")?,
                max_ms: number(&result, "/http_req_duration/values/max")?,
            })
        }
    }
}

/// Reads what only the simulator says.
pub(super) fn pacing(stdout: &str) -> anyhow::Result<Pacing> {
    let result: Value = serde_json::from_str(stdout)?;
    Ok(Pacing {
        sent_per_s: number(&result, "/rates/sent_events_per_s")?,
        send_lateness_p99_us: number(&result, "/latency/send_lateness/p99_us")?,
        send_lateness_p999_us: number(&result, "/latency/send_lateness/p999_us")?,
        pacing_lateness_p99_us: number(&result, "/latency/pacing_lateness/p99_us")?,
        pacing_lateness_p999_us: number(&result, "/latency/pacing_lateness/p999_us")?,
    })
}

/// The line of [`crate::load::wrk_script`].
fn wrk(line: &str) -> anyhow::Result<Answer> {
    let numbers: Vec<f64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [0.0, requests, duration_us, p50_us, p99_us, max_us] = numbers[..] else {
        bail!("not six figures, or refused requests");
    };
    Ok(Answer {
        requests_per_s: requests / duration_us * 1e6,
        p50_ms: p50_us / 1e3,
        p99_ms: p99_us / 1e3,
        max_ms: max_us / 1e3,
    })
}

/// A summary for people is all that it has, beside a line for each request. It writes two percent signs.
fn hey(summary: &str) -> anyhow::Result<Answer> {
    let behind = |label: &str| {
        let (_, rest) = summary.split_once(label).with_context(|| format!("no {label:?}"))?;
        let number = rest.split_whitespace().find_map(|word| word.parse::<f64>().ok());
        number.with_context(|| format!("no number behind {label:?}"))
    };
    Ok(Answer {
        requests_per_s: behind("Requests/sec:")?,
        p50_ms: behind(" 50%")? * 1e3,
        p99_ms: behind(" 99%")? * 1e3,
        max_ms: behind("Slowest:")? * 1e3,
    })
}

/// A map of rounded times, ms, to numbers of requests.
fn locust(result: &Value) -> anyhow::Result<Answer> {
    let times =
        result.pointer("/0/response_times").and_then(Value::as_object).context("no response_times")?;
    let mut times: Vec<(f64, f64)> = times
        .iter()
        .map(|(ms, requests)| Ok((ms.parse()?, requests.as_f64().context("not a number")?)))
        .collect::<anyhow::Result<_>>()?;
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let requests = number(result, "/0/num_requests")?;
    let percentile = |share: f64| {
        let mut counted = 0.0;
        let found = times.iter().find(|(_, number)| {
            counted += number;
            counted >= share * requests
        });
        found.map_or(f64::NAN, |(ms, _)| *ms)
    };
    let elapsed_s = number(result, "/0/last_request_timestamp")? - number(result, "/0/start_time")?;
    Ok(Answer {
        requests_per_s: requests / elapsed_s,
        p50_ms: percentile(0.5),
        p99_ms: percentile(0.99),
        max_ms: number(result, "/0/max_response_time")?,
    })
}

fn number(value: &Value, pointer: &str) -> anyhow::Result<f64> {
    value.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("no number at {pointer}"))
}
