//! What a plan makes: the same requests at the same times for the same seed, with the statistics it asks for.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::HashMap;
use std::time::Duration;

use events::{Event, TraceContext};
use simulator::{Arrival, Arrivals, ContentType, PAYLOAD_BYTES_MAX, Plan, RequestWriter, Schedule, Target};

const START_UNIX_US: i64 = 1_700_000_000_000_000;

fn plan() -> Plan {
    Plan {
        run_id: "run-1".to_owned(),
        target: "http://receiver:8080".to_owned(),
        arrivals: Arrivals::Constant,
        rate_per_s: Some(10_000.0),
        duration_s: 1.5,
        seed: 42,
        sources: 100,
        zipf: 1.0,
        payload_bytes: 100,
        payload_sigma: 0.0,
        batch_events: 1,
        content_type: ContentType::Structured,
        connections: 1,
        queue_requests_max: 1,
        timeout_s: 1.0,
    }
}

fn poisson() -> Plan {
    Plan { arrivals: Arrivals::Poisson, duration_s: 10.0, ..plan() }
}

fn request(plan: &Plan, arrival: Arrival) -> String {
    let target = Target::new(&plan.target, None).unwrap();
    let writer = RequestWriter::new(plan, &target, START_UNIX_US).unwrap();
    String::from_utf8(writer.make(arrival)).unwrap()
}

fn body(plan: &Plan, index: u64) -> String {
    let request = request(plan, Arrival { index, offset: Duration::from_millis(index) });
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let length = head.rsplit_once("content-length:").unwrap().1.trim();
    assert_eq!(length.parse(), Ok(body.len()));
    body.to_owned()
}

/// The lines of many requests of an NDJSON plan.
fn lines(plan: &Plan, requests: u64) -> Vec<String> {
    let plan = Plan { content_type: ContentType::Ndjson, ..plan.clone() };
    (0..requests)
        .flat_map(|index| body(&plan, index).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn gaps_s(plan: &Plan) -> Vec<f64> {
    let offsets: Vec<_> = Schedule::new(plan).map(|arrival| arrival.offset).collect();
    offsets.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
}

#[test]
fn same_seed_gives_the_same_schedule_and_bytes() {
    let first: Vec<_> = Schedule::new(&poisson()).collect();
    assert_eq!(first, Schedule::new(&poisson()).collect::<Vec<_>>());
    let other_seed = Plan { seed: 43, ..poisson() };
    assert_ne!(first, Schedule::new(&other_seed).collect::<Vec<_>>());

    let batches = Plan { batch_events: 7, content_type: ContentType::Batch, payload_sigma: 1.0, ..poisson() };
    for arrival in first.into_iter().take(200) {
        assert_eq!(request(&batches, arrival), request(&batches, arrival));
        assert_ne!(request(&batches, arrival), request(&Plan { seed: 43, ..batches.clone() }, arrival));
    }
}

#[test]
fn schedule_and_bytes_are_those_of_earlier_versions() {
    let offsets_ns: Vec<_> =
        Schedule::new(&poisson()).take(4).map(|arrival| arrival.offset.as_nanos()).collect();
    assert_eq!(offsets_ns, POISSON_OFFSETS_NS);
    let arrival = Arrival { index: 17, offset: Duration::from_micros(1_234_567) };
    let expected = REQUEST_17.replace('\n', "\r\n").replace("VERSION", service::build::VERSION);
    assert_eq!(request(&plan(), arrival), expected);
}

const POISSON_OFFSETS_NS: [u128; 4] = [89_264, 236_316, 283_417, 309_860];
const REQUEST_17: &str = r#"POST /v1/events HTTP/1.1
host: receiver:8080
user-agent: testbed-simulator/VERSION
content-type: application/cloudevents+json
content-length:        373

{"specversion":"1.0","type":"testbed.reading","datacontenttype":"application/json","runid":"run-1","id":"run-1-17","sequence":"17","source":"/sensors/0001","time":"2023-11-14T22:13:21.234567Z","traceparent":"00-0e9c774aa008a14649de046f5a54c165-27a4dadc662addd5-00","data":{"value":99.280,"unit":"celsius","pad":"nfDuAZ7mN1KkrezCWqDFJ9EPuw0d8tQ7oh6BXuqbt84C-onVmYHoftCGWY"}}"#;

#[test]
fn constant_arrivals_come_in_equal_steps() {
    let arrivals: Vec<_> = Schedule::new(&plan()).collect();
    assert_eq!(arrivals.len(), 15_000);
    for (index, arrival) in arrivals.iter().enumerate() {
        assert_eq!(
            *arrival,
            Arrival { index: index as u64, offset: Duration::from_micros(100 * index as u64) }
        );
    }
    let batches = Plan { batch_events: 100, content_type: ContentType::Batch, ..plan() };
    assert_eq!(Schedule::new(&batches).count(), 150);
    let uneven = Plan { rate_per_s: Some(3.0), duration_s: 2.0, ..plan() };
    assert_eq!(Schedule::new(&uneven).count(), 6);
}

#[test]
fn poisson_gaps_are_exponential() {
    let gaps_s = gaps_s(&poisson());
    let count = gaps_s.len() as f64;
    // Four standard deviations of a Poisson count of 100,000.
    assert!((count - 100_000.0).abs() < 4.0 * 100_000_f64.sqrt(), "{count} arrivals");
    let mean = gaps_s.iter().sum::<f64>() / count;
    let variance = gaps_s.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
    let variation = variance.sqrt() / mean;
    assert!((variation - 1.0).abs() < 0.02, "coefficient of variation {variation}");
    for multiple in [0.5, 1.0, 2.0, 4.0] {
        let share = gaps_s.iter().filter(|gap| **gap > multiple * mean).count() as f64 / count;
        assert!(
            (share - (-multiple).exp()).abs() < 0.01,
            "{share} of the gaps are over {multiple} times the mean"
        );
    }
}

#[test]
fn poisson_arrivals_end_with_the_plan() {
    let arrivals: Vec<_> = Schedule::new(&poisson()).collect();
    assert!(arrivals.iter().is_sorted_by_key(|arrival| arrival.offset));
    assert!(arrivals.last().unwrap().offset < Duration::from_secs(10));
    assert!(arrivals.iter().enumerate().all(|(index, arrival)| arrival.index == index as u64));
}

#[test]
fn closed_loop_has_no_schedule() {
    assert_eq!(Schedule::new(&Plan { arrivals: Arrivals::Closed, rate_per_s: None, ..plan() }).next(), None);
}

#[test]
fn events_are_cloud_events_of_the_run() {
    for (content_type, batch_events) in
        [(ContentType::Structured, 1), (ContentType::Batch, 5), (ContentType::Ndjson, 5)]
    {
        let plan = Plan { content_type, batch_events, ..plan() };
        let body = body(&plan, 3);
        let events: Vec<serde_json::Value> = match content_type {
            ContentType::Batch => serde_json::from_str(&body).unwrap(),
            _ => body.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        };
        assert_eq!(events.len() as u64, batch_events);
        for (index, event) in (0_u64..).zip(&events) {
            let text = event.to_string();
            let event = Event::parse(&text).unwrap();
            let sequence = 3 * batch_events + index;
            assert_eq!((event.runid.as_deref(), event.sequence), (Some("run-1"), Some(sequence)));
            assert_eq!(
                (event.id.as_ref(), event.kind.as_ref()),
                (&*format!("run-1-{sequence}"), "testbed.reading")
            );
            assert_eq!(event.time.as_deref(), Some("2023-11-14T22:13:20.003000Z"));
            assert!((10.0..100.0).contains(&event.value().unwrap()));
            assert!(!event.trace_context().unwrap().sampled);
        }
    }
}

#[test]
fn traces_differ_between_events_and_between_runs() {
    let other_run = Plan { run_id: "run-2".to_owned(), ..plan() };
    let mut trace_ids: Vec<u128> = [lines(&plan(), 1000), lines(&other_run, 1000)]
        .concat()
        .iter()
        .map(|line| {
            Event::parse(line).unwrap().trace_context().map(|TraceContext { trace_id, .. }| trace_id).unwrap()
        })
        .collect();
    trace_ids.sort_unstable();
    trace_ids.dedup();
    assert_eq!(trace_ids.len(), 2000);
}

#[test]
fn sources_follow_the_zipf_law() {
    let shares = |zipf: f64| {
        let plan = Plan { zipf, sources: 50, batch_events: 500, ..plan() };
        let mut counts = HashMap::new();
        for line in lines(&plan, 100) {
            *counts.entry(Event::parse(&line).unwrap().source.into_owned()).or_insert(0.0) += 1.0 / 50_000.0;
        }
        counts
    };
    for zipf in [0.0, 1.0, 1.5] {
        let shares = shares(zipf);
        let weight = |rank: i32| f64::from(rank).powf(-zipf);
        let total: f64 = (1..=50).map(weight).sum();
        for rank in [1, 2, 5, 20, 50] {
            let expected = weight(rank) / total;
            let found = shares.get(&format!("/sensors/{rank:04}")).copied().unwrap_or_default();
            // Five standard deviations.
            let tolerance = 5.0 * (expected * (1.0 - expected) / 50_000.0).sqrt();
            assert!((found - expected).abs() < tolerance, "zipf {zipf} rank {rank}: {found}, not {expected}");
        }
        assert!(shares.len() <= 50);
    }
}

#[test]
fn payloads_have_the_size_that_is_asked_for() {
    let sizes = |plan: &Plan| -> Vec<usize> {
        let mut sizes: Vec<_> =
            lines(plan, 20).iter().map(|line| Event::parse(line).unwrap().data.unwrap().len()).collect();
        sizes.sort_unstable();
        sizes
    };
    let constant = sizes(&Plan { batch_events: 100, payload_bytes: 333, ..plan() });
    assert!(constant.iter().all(|size| *size == 333), "{constant:?}");

    let varying = sizes(&Plan { batch_events: 100, payload_bytes: 1000, payload_sigma: 1.0, ..plan() });
    let (median, sigma_above) = (varying[1000] as f64, varying[1683] as f64);
    assert!((median / 1000.0).ln().abs() < 0.15, "median {median}");
    assert!(((sigma_above / median).ln() - 1.0).abs() < 0.15, "one sigma above {sigma_above}");

    let wild = sizes(&Plan { batch_events: 100, payload_bytes: 10_000, payload_sigma: 4.0, ..plan() });
    assert_eq!(wild.last(), Some(&PAYLOAD_BYTES_MAX));
}
