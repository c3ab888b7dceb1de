//! A meter outside of the machine that writes a CSV while it measures: a column `time` (unix seconds, or RFC 3339) and a column
//! `watts`, a row each second or more often.

use anyhow::{Context, ensure};
use serde::Deserialize;
use std::path::Path;

/// A row that is older than this says nothing about now.
const AGE_MAX_S: f64 = 5.0;

#[derive(Debug, Deserialize)]
struct Row {
    time: String,
    watts: f64,
}

/// What it has counted from its first row to `now_s`, in joules: by the trapezoidal rule, and by its last row from there on.
///
/// # Errors
/// A log that cannot be read, or that has stopped.
pub(super) fn joules(path: &Path, now_s: f64) -> anyhow::Result<f64> {
    let of = || path.display().to_string();
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read the meter's log {}", of()))?;
    let (mut all_j, mut last): (f64, Option<(f64, f64)>) = (0.0, None);
    for row in reader.deserialize::<Row>() {
        // The meter may be about to write its last row.
        let Ok(Row { time, watts }) = row else { break };
        let time_s = time_s(&time).with_context(|| format!("{}: {time:?} is no time", of()))?;
        if time_s > now_s {
            break;
        }
        let begin = last.map(|(last_s, last_watts)| (time_s - last_s) * f64::midpoint(last_watts, watts));
        ensure!(
            begin.is_none_or(|joules| joules.is_finite() && time_s >= last.map_or(0.0, |last| last.0)),
            "{}: the row of {time} is before the one that it follows",
            of()
        );
        all_j += begin.unwrap_or(0.0);
        last = Some((time_s, watts));
    }
    let (last_s, watts) = last.with_context(|| format!("{} has no row with time and watts yet", of()))?;
    let age_s = now_s - last_s;
    ensure!(
        age_s <= AGE_MAX_S,
        "the last row of {} is {age_s:.0} s old: the meter has stopped, or its clock is wrong",
        of()
    );
    Ok(all_j + age_s * watts)
}

fn time_s(text: &str) -> Option<f64> {
    let unix = text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite());
    unix.or_else(|| Some(text.trim().parse::<jiff::Timestamp>().ok()?.as_microsecond() as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str, now_s: f64) -> anyhow::Result<f64> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        joules(file.path(), now_s)
    }

    #[test]
    fn watts_are_added_up_over_time_to_this_moment() {
        let text = "time,watts\n1000,4\n1001,6\n1970-01-01T00:16:43Z,6\n";
        assert_eq!(counted(text, 1003.5).unwrap(), 5.0 + 12.0 + 3.0);
        assert_eq!(counted(text, 1001.0).unwrap(), 5.0);
        assert_eq!(counted(&format!("{text}1004,"), 1003.5).unwrap(), 20.0, "a row is being written");
    }

    #[test]
    fn meter_that_has_stopped_is_no_meter() {
        let error = counted("time,watts\n1000,4\n", 1020.0).unwrap_err().to_string();
        assert!(error.contains("is 20 s old: the meter has stopped"), "{error}");
        assert!(counted("time,watts\n", 1.0).unwrap_err().to_string().contains("has no row"));
        assert!(counted("time,watts\n2,1\n1,1\n", 3.0).unwrap_err().to_string().contains("before the one"));
    }
}
