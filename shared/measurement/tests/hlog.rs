//! Interval logs that are written and read again. What other tools make of them: `scripts/lib/hlog-readers`.

use std::time::Duration;

use measurement::Histogram;
use measurement::hlog::{HlogError, Interval, IntervalLogWriter, intervals, is_tag, merged};
use proptest::prelude::*;

const PHASES: [&str; 3] = ["warm-up", "steady", "Überlast/2"];

fn recorded(durations_ns: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    durations_ns.iter().for_each(|&duration_ns| histogram.record(Duration::from_nanos(duration_ns)));
    histogram
}

fn log(lines: &[Interval]) -> Vec<u8> {
    let started_at = "2026-11-21T12:00:00.5Z".parse().expect("a time");
    let mut writer = IntervalLogWriter::new(Vec::new(), started_at).expect("memory can be written");
    for Interval { phase, start, length, histogram } in lines {
        writer.write(phase, *start, *length, histogram).expect("memory can be written");
    }
    writer.into_inner()
}

fn lines() -> impl Strategy<Value = Vec<Interval>> {
    let duration_ns = prop_oneof![0..10_000_000_u64, any::<u64>()];
    let line = (prop::sample::select(PHASES.to_vec()), prop::collection::vec(duration_ns, 0..20));
    prop::collection::vec(line, 0..12).prop_map(|lines| {
        let interval = |(index, (phase, durations_ns)): (usize, (&str, Vec<u64>))| Interval {
            phase: phase.to_owned(),
            start: Duration::from_millis(1001 * index as u64),
            length: Duration::from_millis(999),
            histogram: recorded(&durations_ns),
        };
        lines.into_iter().enumerate().map(interval).collect()
    })
}

proptest! {
    // A histogram is large, so a case takes a while.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn log_gives_back_what_was_written(lines in lines()) {
        let log = log(&lines);
        prop_assert_eq!(&intervals(&log).collect::<Result<Vec<_>, _>>().unwrap(), &lines);

        let merged = merged(&log).unwrap();
        for phase in PHASES {
            let mut whole = Histogram::new();
            let of_phase: Vec<&Interval> = lines.iter().filter(|line| line.phase == phase).collect();
            of_phase.iter().for_each(|line| whole.merge(&line.histogram));
            prop_assert_eq!(merged.get(phase), (!of_phase.is_empty()).then_some(&whole));
        }
    }
}

#[test]
fn header_and_columns_are_those_of_the_format() {
    let line = Interval {
        phase: "steady".to_owned(),
        start: Duration::from_secs(61),
        length: Duration::from_secs(1),
        histogram: recorded(&[2_000_000]),
    };
    let log = String::from_utf8(log(&[line])).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "#[Histogram log format version 1.3]",
            "#[Values are nanoseconds, Interval_Max is in milliseconds]",
            "#[StartTime: 1795262400.500 (seconds since epoch), 2026-11-21T12:00:00.5Z]",
            "#[BaseTime: 1795262400.500 (seconds since epoch)]",
            r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#,
        ]
    );
    // The largest value of the bucket that holds 2 ms, and the cookie of a compressed V2 histogram.
    assert!(lines[5].starts_with("Tag=steady,61.000,1.000,2.001,HISTFAAA"), "{}", lines[5]);
}

#[test]
fn name_that_would_break_a_line_is_refused() {
    let mut writer = IntervalLogWriter::new(Vec::new(), "2026-11-21T12:00:00Z".parse().unwrap()).unwrap();
    for phase in ["", "a,b", "a b", "a\nb"] {
        assert!(!is_tag(phase));
        let error = writer.write(phase, Duration::ZERO, Duration::ZERO, &Histogram::new()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    assert_eq!(merged(&writer.into_inner()).unwrap().len(), 0);
}

#[test]
fn cut_off_and_foreign_logs_are_refused() {
    let line = Interval {
        phase: "steady".to_owned(),
        start: Duration::ZERO,
        length: Duration::from_secs(1),
        histogram: recorded(&[5]),
    };
    let log = log(&[line.clone(), line]);
    let cut = merged(&log[..log.len() - 3]).unwrap_err();
    assert!(matches!(cut, HlogError::Line { offset } if log[offset..].starts_with(b"Tag=")), "{cut}");
    let foreign = merged(b"Tag=a,0.0,1.0,1.0,HISTFAAA\n").unwrap_err();
    assert!(matches!(foreign, HlogError::Histogram { .. }), "{foreign}");
}
