//! Sequence numbers and ids of events as people read them: the first few.

use measurement::SequenceSet;

/// Ranges of sequence numbers that are written out.
const RANGES_SHOWN: usize = 20;

/// Ids that are written out.
const IDS_SHOWN: usize = 5;

/// The first ranges: `1-7, 9, 12-20 and 3 more ranges`.
pub(super) fn ranges(sequences: &SequenceSet) -> String {
    let mut all = sequences.ranges();
    let shown: Vec<String> = all
        .by_ref()
        .take(RANGES_SHOWN)
        .map(|range| match range.into_inner() {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        })
        .collect();
    match all.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more ranges", shown.join(", ")),
    }
}

/// The first ids; the simulator makes them of the run and the number.
pub(super) fn first(run: &str, sequences: &SequenceSet) -> Vec<String> {
    sequences.iter().take(IDS_SHOWN).map(|sequence| format!("{run}-{sequence}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_ranges_and_ids_are_written() {
        let many: SequenceSet = (0..50).map(|number| number * 2).collect();
        let text = ranges(&many);
        assert!(text.starts_with("0, 2, 4, ") && text.ends_with(", 38 and 30 more ranges"), "{text}");
        assert_eq!(first("run-1", &many), ["run-1-0", "run-1-2", "run-1-4", "run-1-6", "run-1-8"]);
    }
}
