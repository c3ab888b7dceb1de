//! What a plan sends: valid events of the populations it describes, the same ones for the same seed.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod faults;
mod host;
mod populations;
mod replay;

use std::time::Duration;

use events::{Event, TraceContext};
use simulator::arrival::{Arrival, Content, Kind};
use simulator::plan::{
    ContentType, Load, PayloadSize, PhasePlan, Plan, Popularity, SourcesPlan, TypePlan, Values,
};
use simulator::request::RequestWriter;
use simulator::{PAYLOAD_BYTES_MIN, Target};

const START_UNIX_US: i64 = 1_700_000_000_000_000;

const PROCESSES: [Values; 6] = [
    Values::Uniform,
    Values::Temperature,
    Values::Humidity,
    Values::Pressure,
    Values::Vibration,
    Values::Counter,
];

/// One event a request of 100 bytes, from ten sources.
fn plan() -> Plan {
    let phase = PhasePlan { name: "load".to_owned(), duration_s: 1.0, is_measured: true, load: Load::Closed };
    Plan {
        run_id: "run-1".to_owned(),
        target: "http://receiver:8080".to_owned(),
        seed: 42,
        ..Plan::plain(vec![phase])
    }
}

fn kind(name: &str, weight: f64, values: Values) -> TypePlan {
    TypePlan { name: name.to_owned(), weight, values }
}

/// Request `index`, a millisecond after the one before it.
fn arrival(index: u64, events: u32) -> Arrival {
    let offset = Duration::from_millis(index);
    let first = index * u64::from(events);
    let content = Content { index, offset, first, events, record: first };
    Arrival { index, offset, phase: 0, kind: Kind::New, content }
}

fn writer(plan: &Plan) -> RequestWriter {
    RequestWriter::new(plan, &Target::new(&plan.target, None).unwrap(), START_UNIX_US).unwrap()
}

fn body(writer: &RequestWriter, arrival: &Arrival) -> Vec<u8> {
    let request = writer.make(arrival);
    let mut headers = [httparse::EMPTY_HEADER; 8];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(body_at) = parsed.parse(&request).unwrap() else {
        panic!("no whole head")
    };
    let length = parsed.headers.iter().find(|header| header.name == "content-length").unwrap();
    let length: usize = std::str::from_utf8(length.value).unwrap().parse().unwrap();
    assert_eq!(length, request.len() - body_at);
    request[body_at..].to_vec()
}

/// The events of many requests, one a line.
fn lines(plan: &Plan, requests: u64, events: u32) -> Vec<String> {
    let writer = writer(&Plan { content_type: ContentType::Ndjson, ..plan.clone() });
    let body = |index| String::from_utf8(body(&writer, &arrival(index, events))).unwrap();
    (0..requests).flat_map(|index| body(index).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn data_bytes(line: &str) -> usize {
    Event::parse(line).unwrap().data.unwrap().len()
}

#[test]
fn same_content_gives_the_same_bytes() {
    let mut plan = Plan { content_type: ContentType::Batch, ..plan() };
    plan.events.types = PROCESSES.map(|values| kind("t", 1.0, values)).to_vec();
    plan.events.payload = PayloadSize::Lognormal { median_bytes: 200, sigma: 1.0 };
    let other_seed = writer(&Plan { seed: 43, ..plan.clone() });
    let (here, elsewhere) = (writer(&plan), writer(&plan));
    for index in 0..200 {
        let original = arrival(index, 7);
        let later = Duration::from_secs(3600);
        let repeat = Arrival { index: 9_000, offset: later, kind: Kind::Repeat, ..original };
        assert_eq!(here.make(&original), elsewhere.make(&repeat));
        assert_ne!(here.make(&original), other_seed.make(&original));
    }
}

#[test]
fn bytes_are_those_of_earlier_versions_and_of_other_architectures() {
    let mut plan = Plan { content_type: ContentType::Ndjson, ..plan() };
    plan.events.types = PROCESSES.map(|values| kind("t", 1.0, values)).to_vec();
    plan.events.sources.popularity = Popularity::Zipf { exponent: 1.1, shift_every_s: Some(0.5) };
    let lines = lines(&plan, 1000, 5);
    assert_eq!(lines.len(), 5000);
    assert_eq!(fnv(lines.concat().as_bytes()), FNV_OF_LINES);

    let request = writer(&Plan { content_type: ContentType::Structured, ..plan }).make(&arrival(17, 1));
    let expected = REQUEST_17.replace('\n', "\r\n").replace("VERSION", service::build::VERSION);
    assert_eq!(String::from_utf8(request).unwrap(), expected);
}

const FNV_OF_LINES: u64 = 16_449_673_339_226_398_189;
const REQUEST_17: &str = r#"POST /v1/events HTTP/1.1
host: receiver:8080
user-agent: testbed-simulator/VERSION
content-type: application/cloudevents+json
content-length:        359

{"specversion":"1.0","traceparent":"00-8afc5d73cb72a4c227a4dadc662addd5-3aa33dc0465d0807-00","type":"t","source":"/sensors/0006","datacontenttype":"application/json","runid":"run-1","id":"run-1-17","sequence":"17","time":"2023-11-14T22:13:20.017000Z","data":{"value":40.629,"unit":"celsius","pad":"CaMbjB2Sjg4_yXOrnpLnkbXrQP8WPw4HbNDjg1sDUravmsN7byZuYgPWhz"}}"#;

/// FNV-1a of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn events_are_cloud_events_of_the_run() {
    let formats = [(ContentType::Structured, 1), (ContentType::Batch, 5), (ContentType::Ndjson, 5)];
    for (content_type, events) in formats {
        let body = body(&writer(&Plan { content_type, ..plan() }), &arrival(3, events));
        let body = String::from_utf8(body).unwrap();
        let found: Vec<serde_json::Value> = match content_type {
            ContentType::Batch => serde_json::from_str(&body).unwrap(),
            _ => body.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        };
        assert_eq!(found.len() as u32, events);
        for (index, event) in (0_u64..).zip(&found) {
            let text = event.to_string();
            let event = Event::parse(&text).unwrap();
            let sequence = 3 * u64::from(events) + index;
            assert_eq!((event.runid.as_deref(), event.sequence), (Some("run-1"), Some(sequence)));
            let id = format!("run-1-{sequence}");
            assert_eq!((event.id.as_ref(), event.kind.as_ref()), (id.as_str(), "testbed.reading"));
            assert_eq!(event.time.as_deref(), Some("2023-11-14T22:13:20.003000Z"));
            assert!((10.0..100.0).contains(&event.value().unwrap()));
            assert!(!event.trace_context().unwrap().sampled);
        }
    }
}

#[test]
fn traces_differ_between_events_and_between_runs() {
    let other_run = Plan { run_id: "run-2".to_owned(), ..plan() };
    let both = [lines(&plan(), 1000, 1), lines(&other_run, 1000, 1)].concat();
    let trace_id = |TraceContext { trace_id, .. }| trace_id;
    let mut trace_ids: Vec<u128> =
        both.iter().map(|line| Event::parse(line).unwrap().trace_context().map(trace_id).unwrap()).collect();
    trace_ids.sort_unstable();
    trace_ids.dedup();
    assert_eq!(trace_ids.len(), 2000);
}

#[test]
fn values_of_every_process_have_their_unit_and_decimals() {
    let expected =
        [("celsius", 3), ("celsius", 2), ("percent", 2), ("hectopascal", 2), ("m/s2", 3), ("count", 0)];
    for (values, (unit, decimals)) in PROCESSES.into_iter().zip(expected) {
        let mut plan = plan();
        plan.events.types = vec![kind("t", 1.0, values)];
        for line in lines(&plan, 20, 10) {
            let data = Event::parse(&line).unwrap().data.unwrap().to_owned();
            assert!(data.contains(&format!(r#","unit":"{unit}","pad":""#)), "{data}");
            let value = data.strip_prefix(r#"{"value":"#).unwrap().split(',').next().unwrap();
            assert_eq!(value.split_once('.').map_or(0, |(_, fraction)| fraction.len()), decimals, "{data}");
        }
    }
}

#[test]
fn constant_sizes_are_exact_for_every_process() {
    for bytes in [PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MIN + 1, 333] {
        let mut plan = plan();
        plan.events.payload = PayloadSize::Constant { bytes };
        plan.events.types = PROCESSES.map(|values| kind("t", 1.0, values)).to_vec();
        assert!(lines(&plan, 20, 100).iter().all(|line| data_bytes(line) == bytes), "{bytes}");
    }
}
