//! How a run goes on, in one line that is overwritten.

use crate::console::{ProgressLine, UNKNOWN, count, or_unknown, rate};
use crate::experiment::run::Progress;
use experiment::sample::Sample;

/// Shows how runs go on.
pub(super) type Watcher = Box<dyn FnMut(Progress<'_>)>;

/// A line on standard error, where somebody looks at it.
pub(super) fn watch() -> Watcher {
    let mut line = ProgressLine::of_stderr();
    let mut last: Option<Sample> = None;
    Box::new(move |progress| match progress {
        Progress::Starting => {
            last = None;
            line.show("  starting");
        }
        Progress::Load(sample) => {
            line.show(&of_load(last.as_ref(), sample));
            last = Some(sample.clone());
        }
        Progress::Waiting { noise, waited } => {
            let noise: Vec<String> = noise.iter().map(ToString::to_string).collect();
            line.show(&format!("  waiting for quiet, {} s: {}", waited.as_secs(), noise.join("; ")));
        }
        Progress::Auditing => line.show("  auditing"),
        Progress::Ended => line.clear(),
    })
}

fn of_load(last: Option<&Sample>, sample: &Sample) -> String {
    let settled = last.and_then(|last| {
        let events = sample.settled?.checked_sub(last.settled?)?;
        Some(events as f64 / (sample.at_s - last.at_s))
    });
    let settled = settled.map_or_else(|| UNKNOWN.to_owned(), rate);
    format!(
        "  load, {:.0} s: {settled} events/s stored, backlog {}",
        sample.at_s,
        or_unknown(sample.backlog, count)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_that_since_the_last_sample() {
        let sample = |at_s, settled| Sample { at_s, settled, backlog: Some(1200), ..Sample::default() };
        let last = sample(1.0, Some(1000));
        assert_eq!(
            of_load(Some(&last), &sample(3.0, Some(1500))),
            "  load, 3 s: 250 events/s stored, backlog 1,200"
        );
        assert_eq!(of_load(Some(&last), &sample(3.0, None)), "  load, 3 s: – events/s stored, backlog 1,200");
        assert_eq!(of_load(None, &sample(3.0, Some(1500))), "  load, 3 s: – events/s stored, backlog 1,200");
    }
}
