use std::time::Duration;

use super::*;
use crate::arrival::Content;
use crate::plan::{Batch, PhasePlan};

fn writer(run_id: &str) -> RequestWriter {
    let phase = PhasePlan { name: "load".to_owned(), duration_s: 1.0, is_measured: true, load: Load::Closed };
    let plan = Plan {
        run_id: run_id.to_owned(),
        target: "http://receiver:8080".to_owned(),
        seed: 42,
        batch: Batch { min: 3, max: 3 },
        content_type: ContentType::Batch,
        ..Plan::plain(vec![phase])
    };
    let target = Target::new(&plan.target, None).unwrap();
    RequestWriter::new(&plan, &target, 0).unwrap()
}

fn arrival(kind: Kind) -> Arrival {
    let content = Content { index: 1, offset: Duration::ZERO, first: 3, events: 3, record: 0 };
    Arrival { index: 5, offset: Duration::ZERO, phase: 0, kind, content }
}

const CONTEXT: TraceContext = TraceContext { trace_id: 0xabc, span_id: 0xdef, sampled: true };

#[test]
fn sampled_request_has_one_context_in_its_head_and_in_all_its_events() {
    let run_id = "traceparent-00";
    let mut writer = writer(run_id);
    writer.has_context = true;
    let unsampled = writer.make(&arrival(Kind::New));
    let mut sampled = unsampled.clone();
    set_context(&mut sampled, CONTEXT);
    assert_eq!(sampled.len(), unsampled.len());
    let text = String::from_utf8(sampled).unwrap();
    assert_eq!(text.matches(&format!(r#""traceparent":"{CONTEXT}","type""#)).count(), 3, "{text}");
    assert_eq!(text.matches(run_id).count(), 6, "{text}");
    assert!(text.contains(&format!("\r\ntraceparent: {CONTEXT}\r\n\r\n[")), "{text}");
    let text = String::from_utf8(unsampled).unwrap();
    assert_eq!(text.matches("-00\"").count() + text.matches("-00\r").count(), 4 + 3, "{text}");
}

#[test]
fn without_telemetry_requests_have_no_context_of_their_own() {
    let mut request = writer("run-1").make(&arrival(Kind::New));
    set_context(&mut request, CONTEXT);
    let text = String::from_utf8(request).unwrap();
    assert!(!text.contains(CONTEXT_HEADER));
    assert_eq!(text.matches(&CONTEXT.to_string()).count(), 3, "{text}");
}

#[test]
fn what_is_cut_short_has_room_for_no_context() {
    let request = writer("run-1").make(&arrival(Kind::New));
    for length in 0..request.len() {
        set_context(&mut request[..length].to_vec(), CONTEXT);
    }
}

#[test]
fn repetition_has_the_context_of_its_original() {
    let mut writer = writer("run-1");
    writer.has_context = true;
    let original = Arrival { index: 1, ..arrival(Kind::New) };
    assert_eq!(writer.make(&arrival(Kind::Repeat)), writer.make(&original));
}
