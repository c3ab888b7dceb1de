//! Recorded traces.

use std::path::Path;
use std::time::Duration;

use simulator::trace::{Record, TimeUnit, Trace, TraceColumns};

fn read(file: &str, text: &str, columns: &TraceColumns) -> Result<Trace, String> {
    Trace::parse(Path::new(file), text.as_bytes(), columns).map_err(|error| error.to_string())
}

fn error(file: &str, text: &str, columns: &TraceColumns) -> String {
    read(file, text, columns).unwrap_err()
}

fn seconds() -> TraceColumns {
    TraceColumns { time_unit: Some(TimeUnit::S), ..TraceColumns::default() }
}

fn name(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn csv_columns_become_records() {
    let columns = TraceColumns {
        time: "date".to_owned(),
        time_format: name("%Y/%m/%d %H:%M"),
        value: name("temp"),
        unit: name("fahrenheit"),
        source: name("station"),
        event_type: name("what"),
        ..TraceColumns::default()
    };
    let text = "station,date,temp,what\nnorth,2010/01/01 00:00,39.4,a\n\"so,uth\",2010/01/01 01:00,-1e1,b\nnorth,2010/01/01 01:00,3,a\n";
    let trace = read("t.csv", text, &columns).unwrap();
    assert_eq!(trace.len(), 3);
    let offsets: Vec<_> = (0..3).map(|number| trace.offset(number).as_secs()).collect();
    assert_eq!(offsets, [0, 3600, 3600]);
    let expected = Record {
        source: Some("so,uth"),
        kind: Some("b"),
        value: Some(-10.0),
        data: None,
        unit: Some("fahrenheit"),
    };
    assert_eq!(trace.record(1), expected);
    assert_eq!((trace.record(0).source, trace.record(2).source), (Some("north"), Some("north")));
    assert_eq!((trace.span(), trace.mean_gap()), (Duration::from_secs(3600), Duration::from_secs(1800)));
}

#[test]
fn ndjson_members_become_records() {
    let columns = TraceColumns {
        time: "t".to_owned(),
        data: name("payload"),
        source: name("id"),
        value: name("v"),
        ..TraceColumns::default()
    };
    let text = "{\"t\":\"2020-01-01T00:00:00Z\",\"payload\":{\"a\": [1,\"ü\"]},\"id\":7,\"v\":1.5,\"more\":null}\n\n\
                {\"v\":\"2\",\"t\":\"2020-01-01T01:00:00.5+01:00\",\"payload\":null,\"id\":\"x\\\"y\"}";
    let trace = read("t.ndjson", text, &columns).unwrap();
    let first = trace.record(0);
    assert_eq!((first.source, first.value, first.data), (Some("7"), Some(1.5), Some("{\"a\": [1,\"ü\"]}")));
    let second = trace.record(1);
    assert_eq!((second.source, second.value, second.data), (Some("x\"y"), Some(2.0), Some("null")));
    assert_eq!(trace.offset(1), Duration::from_millis(500));
}

#[test]
fn what_is_not_named_is_not_there() {
    let trace = read("t.csv", "time,value\n1,5\n2.25,6\n", &seconds()).unwrap();
    assert_eq!(trace.record(1), Record::default());
    assert_eq!(trace.offset(1), Duration::from_millis(1250));
}

#[test]
fn numbers_are_times_in_their_unit() {
    let units = [(TimeUnit::Ms, 1_000_000), (TimeUnit::Us, 1000), (TimeUnit::Ns, 1)];
    for (unit, ns) in units {
        let columns = TraceColumns { time_unit: Some(unit), ..TraceColumns::default() };
        let trace = read("t.csv", "time\n1700000000000000001\n1700000000000000004\n", &columns).unwrap();
        assert_eq!(trace.offset(1), Duration::from_nanos(3 * ns), "{unit:?}");
    }
}

#[test]
fn faulty_csv_is_refused_by_line() {
    let value = TraceColumns { value: name("v"), ..seconds() };
    let no_column = TraceColumns { time: "when".to_owned(), ..seconds() };
    let source = TraceColumns { source: name("v"), ..seconds() };
    let data = TraceColumns { data: name("v"), ..seconds() };
    let format = TraceColumns { time_format: name("%Y"), ..TraceColumns::default() };
    let rfc = TraceColumns::default();
    let cases = [
        ("time,v\n1,1\n,2\n", &value, "t.csv:3: no time in column \"time\", fill it in or remove the record"),
        (
            "time,v\n1,1\n5,1\n2,2\n",
            &value,
            "t.csv:4: time \"2\" is before the one of the record above, sort the trace",
        ),
        ("time,v\n1,1\n2,two\n", &value, "t.csv:3: value \"two\" is not a number"),
        ("time,v\n1,1\n2,\n", &value, "t.csv:3: value \"\" is not a number"),
        ("time,v\n1,NaN\n", &value, "t.csv:2: value \"NaN\" is not a number"),
        ("time,v\n1,1\n2\n", &value, "t.csv:3: has 1 columns, the header 2"),
        ("time,v\n", &value, "t.csv: has no records"),
        ("", &value, "t.csv: is empty"),
        ("time,v\n1,1\n", &no_column, "t.csv:1: no column \"when\", name one with time = ; found: time, v"),
        ("time\n1\n", &value, "t.csv:1: no column \"v\", name one with value = ; found: time"),
        ("time,v\n1,\n", &source, "t.csv:2: has an empty source or type"),
        ("time,v\n1,1\n", &data, "t.csv: data is for NDJSON"),
        ("time\nnoon\n", &seconds(), "t.csv:2: time \"noon\" is not a number"),
        ("time\n1.1.2020\n", &rfc, "t.csv:2: time \"1.1.2020\" is not one of RFC 3339"),
        ("time\nx\n", &format, "t.csv:2: time \"x\" is not written as format = \"%Y\" says"),
        ("time\n0\n99999999999\n", &seconds(), "t.csv:3: is over 580 years after the first record"),
    ];
    for (text, columns, expected) in cases {
        let error = error("t.csv", text, columns);
        assert!(error.starts_with(expected), "{text:?}\n{error}");
    }
    let latin = Trace::parse(Path::new("t.csv"), &b"time,v\n1,\xfc\n"[..], &seconds()).unwrap_err();
    assert_eq!(latin.to_string(), "t.csv:2: is not UTF-8, convert the file");
}

#[test]
fn faulty_ndjson_is_refused_by_line() {
    let columns = TraceColumns { value: name("v"), ..seconds() };
    let good = "{\"time\":1,\"v\":1}\n";
    let cases = [
        ("{\"v\":1}", ":2: no member \"time\", name one with time = ; found: v"),
        ("{\"time\":2}", ":2: no member \"v\", name one with value = ; found: time"),
        ("{\"time\":null,\"v\":1}", ":2: null is neither a text nor a number"),
        ("{\"time\":0,\"v\":1}", ":2: time \"0\" is before"),
        ("{\"time\":2,\"v\":\"x\"}", ":2: value \"x\" is not a number"),
        ("[1]", ":2: is not a JSON object"),
        ("{\"time\":2", ":2: is not a JSON object"),
    ];
    for (line, expected) in cases {
        let error = error("t.jsonl", &format!("{good}{line}\n"), &columns);
        assert!(error.starts_with(&format!("t.jsonl{expected}")), "{line}\n{error}");
    }
    assert!(error("t.ndjson", "\n\n", &columns).contains("has no records"));
}

#[test]
fn kind_is_that_of_the_extension_or_as_told() {
    let error = error("t.log", "", &seconds());
    assert_eq!(error, "t.log: is neither .csv nor .ndjson, say which with kind = \"csv\"");
    let told = TraceColumns { kind: Some(simulator::trace::TraceKind::Csv), ..seconds() };
    assert_eq!(read("t.log", "time\n1\n", &told).unwrap().len(), 1);
}

#[test]
fn oversized_data_is_refused() {
    let columns = TraceColumns { data: name("d"), ..seconds() };
    let text = format!("{{\"time\":1,\"d\":\"{}\"}}", "x".repeat(simulator::PAYLOAD_BYTES_MAX));
    assert!(error("t.ndjson", &text, &columns).starts_with("t.ndjson:1: data has 61442 bytes"));
}
