//! Packs the lines of many requests into few entries, and finds their positions afterwards.

use events::entry::{BYTES_MAX, EVENTS_MAX};
use events::{EntryId, Position};
use observability::trace::TraceContext;

use super::queue::{Submission, Written};

/// An entry to be written.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// NDJSON.
    pub(super) text: String,
    pub(super) count: usize,
}

/// Fills entries in the order of the submissions, each up to its bounds.
pub(super) fn entries(submissions: &[Submission]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in submissions.iter().flat_map(|submission| submission.lines.iter()) {
        let is_full =
            |entry: &Entry| entry.count == EVENTS_MAX || entry.text.len() + 1 + line.len() > BYTES_MAX;
        if entries.last().is_none_or(is_full) {
            entries.push(Entry::default());
        }
        if let Some(entry) = entries.last_mut() {
            if entry.count > 0 {
                entry.text.push('\n');
            }
            entry.text.push_str(line);
            entry.count += 1;
        }
    }
    entries
}

/// Tells each submission the positions of its lines, given the ids of the entries made from them, and the span of
/// the write.
pub(super) fn answer(
    submissions: Vec<Submission>,
    partition: u8,
    (entries, ids): (&[Entry], &[EntryId]),
    span: Option<TraceContext>,
) {
    let in_entry = |(entry, id): (&Entry, &EntryId)| {
        let id = *id;
        (0..entry.count).map(move |index| Position::new(id, partition, index as u16))
    };
    let mut positions = entries.iter().zip(ids).flat_map(in_entry);
    for submission in submissions {
        let positions = positions.by_ref().take(submission.lines.ends.len()).collect();
        submission.answer(Ok(Written { positions, span }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Lines;
    use crate::commit::Partition;

    const CONTEXT: TraceContext = TraceContext { trace_id: 1, span_id: 1, sampled: false };

    fn lines(sizes: &[usize]) -> Lines {
        let mut lines = Lines::default();
        for &size in sizes {
            lines.text.push_str(&"x".repeat(size));
            lines.ends.push(lines.text.len());
        }
        lines
    }

    #[test]
    fn positions_follow_the_lines_across_entries() {
        let partition = Partition::new(usize::MAX);
        partition.open();
        let requests = [lines(&[1; 300]), lines(&[1; 300])];
        let answers = requests.map(|lines| partition.submit(lines, CONTEXT).expect("open"));
        let submissions = partition.take();
        let entries = entries(&submissions);
        assert_eq!(entries.iter().map(|entry| entry.count).collect::<Vec<_>>(), [512, 88]);
        let ids = [EntryId::new(5, 0), EntryId::new(5, 1)];
        answer(submissions, 2, (&entries, &ids), None);
        let [first, second] =
            answers.map(|mut answer| answer.try_recv().expect("answered").expect("stored").positions);
        assert_eq!((first[299].to_string(), second[0].to_string()), ("5-0.299@2".into(), "5-0.300@2".into()));
        assert_eq!(second[299].to_string(), "5-1.87@2");
    }

    #[test]
    fn entries_keep_their_bound_of_bytes() {
        let partition = Partition::new(usize::MAX);
        partition.open();
        let answer = partition.submit(lines(&[BYTES_MAX - 2, 1, 1, BYTES_MAX]), CONTEXT);
        let entries = entries(&partition.take());
        assert_eq!(entries.iter().map(|entry| entry.count).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(entries[0].text.len(), BYTES_MAX);
        drop(answer);
    }
}
