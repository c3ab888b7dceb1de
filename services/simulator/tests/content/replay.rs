//! Events of a recorded trace.

use std::path::Path;
use std::sync::Arc;

use simulator::plan::ReplayPlan;
use simulator::trace::{Trace, TraceColumns, TraceKind};

use super::*;

fn replay(trace: &str, columns: TraceColumns) -> Plan {
    let trace = Trace::parse(Path::new("trace"), trace.as_bytes(), &columns).unwrap();
    let mut plan = plan();
    plan.phases[0].load = Load::Replay(ReplayPlan {
        file: "trace".into(),
        columns,
        speed: 1.0,
        repeats: true,
        trace: Arc::new(trace),
    });
    plan
}

fn column(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn records_say_who_measured_what() {
    let columns = TraceColumns {
        kind: Some(TraceKind::Csv),
        value: column("temp"),
        unit: column("fahrenheit"),
        source: column("station"),
        event_type: column("type"),
        ..TraceColumns::default()
    };
    let trace = "time,temp,station,type\n\
        2010-01-01T00:00:00Z,39.4,/stations/1,weather\n\
        2010-01-01T01:00:00Z,-1e-7,north of 5°,\"a \"\"quote\"\"\"\n";
    // Three events of two records: the trace begins again.
    let lines = lines(&replay(trace, columns), 1, 3);
    let events: Vec<_> = lines.iter().map(|line| Event::parse(line).unwrap()).collect();
    let found: Vec<_> = events
        .iter()
        .map(|event| (event.source.as_ref(), event.kind.as_ref(), event.value().unwrap()))
        .collect();
    let first = ("/stations/1", "weather", 39.4);
    assert_eq!(found, [first, ("north%20of%205%C2%B0", "a \"quote\"", -1e-7), first]);
    assert_eq!(events[1].time.as_deref(), Some("2023-11-14T22:13:20.000000Z"), "when it is sent");
    let data = events[0].data.unwrap();
    assert!(data.starts_with(r#"{"value":39.4,"unit":"fahrenheit","pad":""#), "{data}");
    assert!(lines.iter().all(|line| data_bytes(line) == 100), "{lines:?}");
}

#[test]
fn recorded_data_are_sent_as_they_are() {
    let columns =
        TraceColumns { kind: Some(TraceKind::Ndjson), data: column("payload"), ..TraceColumns::default() };
    let payload = r#"{"b": 1.50,"traceparent":"00-","a":["\u00e9"]}"#;
    let trace = format!("{{\"time\":\"2010-01-01T00:00:00Z\",\"payload\":{payload}}}\n");
    let lines = lines(&replay(&trace, columns), 1, 1);
    assert_eq!(Event::parse(&lines[0]).unwrap().data, Some(payload));
}

#[test]
fn what_a_trace_leaves_open_is_drawn() {
    let columns = TraceColumns { kind: Some(TraceKind::Csv), ..TraceColumns::default() };
    let mut plan = replay("time\n2010-01-01T00:00:00Z\n", columns);
    let lines_drawn = lines(&plan, 1, 1);
    let event = Event::parse(&lines_drawn[0]).unwrap();
    assert!(event.source.starts_with("/sensors/"));
    assert_eq!(event.kind, "testbed.reading");
    assert!((10.0..100.0).contains(&event.value().unwrap()));

    plan.events.types[0].values = Values::Trace;
    let lines = lines(&plan, 1, 1);
    let event = Event::parse(&lines[0]).unwrap();
    assert!(event.data.unwrap().starts_with(r#"{"value":null,"pad":""#), "{event:?}");
    assert_eq!(event.value(), None);
}
