//! Events with readings of the machine.

use std::collections::BTreeSet;
use std::path::Path;

use simulator::host::HostReadings;

use super::*;

#[test]
fn readings_of_the_machine_are_events_of_its_own() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/observability/tests/fixtures/raspberry-pi-5");
    let mut plan = Plan { content_type: ContentType::Ndjson, ..plan() };
    plan.events.types = vec![kind("not used", 1.0, Values::Host)];
    let host = HostReadings::start(&fixture, "node 1").unwrap();
    let target = Target::new(&plan.target, None).unwrap();
    let writer = RequestWriter::with_host(&plan, &target, START_UNIX_US, Some(host)).unwrap();
    let body = String::from_utf8(body(&writer, &arrival(0, 6))).unwrap();
    let found: BTreeSet<_> = body
        .lines()
        .map(|line| {
            let event = Event::parse(line).unwrap();
            assert_eq!(event.data.unwrap().len(), 100);
            (event.kind.to_string(), event.source.to_string(), event.value().unwrap().to_string())
        })
        .collect();
    let reading = |kind: &str, path: &str, value: &str| {
        (format!("testbed.host.{kind}"), format!("/hosts/node%201/{path}"), value.to_owned())
    };
    let mut expected: BTreeSet<_> =
        (0..4).map(|cpu| reading("frequency", &format!("frequency/{cpu}"), "2400000000")).collect();
    expected.insert(reading("temperature", "temperature/cpu-thermal", "61.25"));
    expected.insert(reading("memory", "memory", "7168000000"));
    assert_eq!(found, expected);
}

#[test]
fn this_machine_has_readings() {
    let mut plan = plan();
    plan.events.types = vec![kind("not used", 1.0, Values::Host)];
    let request = body(&writer(&plan), &arrival(0, 1));
    let event = String::from_utf8(request).unwrap();
    let event = Event::parse(&event).unwrap();
    assert!(event.kind.starts_with("testbed.host."), "{event:?}");
    assert!(event.value().is_some(), "{event:?}");
}

#[test]
fn readings_that_nobody_takes_are_refused() {
    let mut plan = plan();
    plan.events.types = vec![kind("not used", 1.0, Values::Host)];
    let target = Target::new(&plan.target, None).unwrap();
    let error = RequestWriter::with_host(&plan, &target, START_UNIX_US, None).unwrap_err();
    assert_eq!(error.variable, "VALUES");
}
