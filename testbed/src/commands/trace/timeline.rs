//! The hops of an event as a table with a bar for the time of each.

use crate::console::seconds;
use crate::spans::Span;
use crate::spans::journey::{Hop, Journey};
use observability::trace::attribute;
use std::collections::BTreeSet;
use std::fmt;

/// Width of the bars, in characters.
const BAR: usize = 22;

/// What of a span's attributes is said beside its name, and in which words.
const NOTES: [(&str, &str); 8] = [
    (attribute::HTTP_RESPONSE_STATUS_CODE, ""),
    (attribute::ERROR_TYPE, ""),
    (attribute::DB_SYSTEM_NAME, ""),
    (attribute::MESSAGING_BATCH_MESSAGE_COUNT, "events"),
    (attribute::DELIVERY, ""),
    (attribute::DELIVERY_COUNT, "×"),
    (attribute::OUTCOME, ""),
    (attribute::MESSAGING_MESSAGE_ID, ""),
];

/// The way of an event, to be printed.
pub(super) struct Timeline<'a> {
    /// What was asked for.
    pub(super) id: &'a str,
    pub(super) journey: &'a Journey,
    /// Of the output, in characters; `None` where it has no end.
    pub(super) width: Option<usize>,
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hops = &self.journey.hops;
        let (start_ns, end_ns) = self.journey.bounds_ns();
        let traces: Vec<&str> = self.journey.traces.iter().map(String::as_str).collect();
        let places: BTreeSet<&str> = hops.iter().map(|hop| hop.span.resource("host.arch")).collect();
        writeln!(
            formatter,
            "{} · trace {} · {} hops on {} · {} from the first to the last\n",
            self.id,
            traces.join(", "),
            hops.len(),
            places.into_iter().collect::<Vec<_>>().join(" and "),
            nanoseconds(end_ns - start_ns)
        )?;
        let services = hops.iter().map(|hop| hop.span.resource("service.name").len());
        let service_width = services.chain(["service".len()]).max().unwrap_or(0);
        let columns = format!(
            "{:<BAR$} {:>10} {:>10}  {:<service_width$}  {:<6} ",
            "", "start", "duration", "service", "arch"
        );
        writeln!(formatter, "{columns}hop")?;
        for hop in hops {
            let span = &hop.span;
            let row = format!(
                "{:<BAR$} {:>10} {:>10}  {:<service_width$}  {:<6} {}",
                bar(span, start_ns, end_ns),
                format!("+{}", nanoseconds(span.start_ns - start_ns)),
                nanoseconds(span.duration_ns()),
                span.resource("service.name"),
                span.resource("host.arch"),
                title(hop),
            );
            let shortened: String = row.chars().take(self.width.unwrap_or(usize::MAX)).collect();
            writeln!(formatter, "{}", shortened.trim_end())?;
        }
        writeln!(
            formatter,
            "\n● the event's own trace   ⇢ a batch that the event is part of, by a link, and └ its parts"
        )?;
        self.warn_of_clocks(formatter)
    }
}

impl Timeline<'_> {
    /// Parts of a way on two machines are as right as their clocks agree.
    fn warn_of_clocks(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: BTreeSet<&str> =
            self.journey.hops.iter().map(|hop| hop.span.resource("host.name")).collect();
        if hosts.len() > 1 {
            writeln!(
                formatter,
                "{} clocks are compared here ({}): a hop's duration is exact, its start only as far as they agree",
                hosts.len(),
                hosts.into_iter().collect::<Vec<_>>().join(", ")
            )?;
        }
        Ok(())
    }
}

fn title(hop: &Hop) -> String {
    let span = &hop.span;
    let mark = match (hop.is_batch, hop.is_part) {
        (false, _) => "●",
        (true, false) => "⇢",
        (true, true) => "  └",
    };
    let notes = NOTES.iter().filter_map(|(name, word)| {
        let value = span.attribute(name)?;
        Some(if word.is_empty() { value.to_owned() } else { format!("{value} {word}") })
    });
    let failed = span.is_error.then(|| "FAILED".to_owned());
    let words: Vec<String> = failed.into_iter().chain(notes).collect();
    format!("{mark} {}  {}", span.name, words.join(" · "))
}

/// The time of a span within the whole; too short for a character is half a one.
fn bar(span: &Span, start_ns: u64, end_ns: u64) -> String {
    let whole = (end_ns - start_ns).max(1) as f64;
    let column = |ns: u64| (ns - start_ns) as f64 / whole * BAR as f64;
    let begin = (column(span.start_ns) as usize).min(BAR - 1);
    let length = (column(span.end_ns.max(span.start_ns)).round() as usize).saturating_sub(begin);
    let block = if length == 0 { "▌".to_owned() } else { "█".repeat(length) };
    format!("{}{block}", " ".repeat(begin))
}

fn nanoseconds(ns: u64) -> String {
    if ns == 0 { "0".to_owned() } else { seconds(ns as f64 * 1e-9) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn hop(name: &str, start_ns: u64, end_ns: u64, is_part: bool, is_batch: bool, host: &str) -> Hop {
        let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let resource = texts(&[("service.name", "worker"), ("host.arch", "arm64"), ("host.name", host)]);
        let attributes = texts(&[(attribute::MESSAGING_BATCH_MESSAGE_COUNT, "3")]);
        let span = Span { name: name.into(), start_ns, end_ns, attributes, resource, ..Span::default() };
        Hop { span, is_part, is_batch }
    }

    #[test]
    fn hops_have_a_bar_where_they_happened() {
        let journey = Journey {
            traces: ["t1".to_owned()].into(),
            hops: vec![
                hop("POST", 1_000_000, 2_000_000, false, false, "pi"),
                hop("process", 2_000_000, 3_000_000, false, true, "pi"),
                hop("commit", 2_999_000, 3_000_000, true, true, "pi"),
            ],
        };
        let text = Timeline { id: "e1", journey: &journey, width: Some(120) }.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "e1 · trace t1 · 3 hops on arm64 · 2.00 ms from the first to the last");
        let half = "█".repeat(BAR / 2);
        assert_eq!(
            lines[3],
            format!("{half:<BAR$} {:>10} {:>10}  worker   arm64  ● POST  3 events", "+0", "1.00 ms")
        );
        assert_eq!(
            lines[4],
            format!("{half:>BAR$} {:>10} {:>10}  worker   arm64  ⇢ process  3 events", "+1.00 ms", "1.00 ms")
        );
        assert!(lines[5].ends_with("└ commit  3 events"), "{}", lines[5]);
        assert!(!text.contains("clocks"), "{text}");
    }

    #[test]
    fn clocks_of_several_machines_are_mentioned() {
        let journey = Journey {
            traces: BTreeSet::new(),
            hops: vec![hop("POST", 5, 9, false, false, "vm"), hop("process", 4, 9, false, true, "pi")],
        };
        let text = Timeline { id: "e1", journey: &journey, width: Some(120) }.to_string();
        assert!(text.contains("2 clocks are compared here (pi, vm)"), "{text}");
    }
}
