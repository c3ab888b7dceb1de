//! The state as one plain line, for a pipe, a log or a CI run.

use super::board::{Board, Curve};
use super::observe::Health;
use crate::console::{count, or_unknown, rate, seconds};
use std::time::Duration;

/// One line with what matters.
#[must_use]
pub fn line(board: &Board, elapsed: Duration) -> String {
    let per_s = |curve: &Curve| or_unknown(curve.last(), |value| format!("{}/s", rate(value)));
    let queryable = board.stages.last();
    let duration = |value: Option<f64>| or_unknown(value, seconds);
    let ready = board.parts.iter().filter(|part| part.observed.health == Health::Ready).count();
    let mut line = format!(
        "{:>5} s  accepted {}  processed {}  queryable {}  backlog {}  accepted→queryable p50 {} p99 {}  ready {ready}/{}",
        elapsed.as_secs(),
        per_s(&board.accepted),
        per_s(&board.processed),
        per_s(&board.queryable),
        or_unknown(board.backlog.last(), |events| count(events as u64)),
        duration(queryable.and_then(|stage| stage.p50_s)),
        duration(queryable.and_then(|stage| stage.p99_s)),
        board.parts.len(),
    );
    for part in &board.parts {
        match &part.observed.health {
            Health::NotReady(reason) => line.push_str(&format!("  {}: {reason}", part.observed.name)),
            Health::Silent => line.push_str(&format!("  {}: does not answer", part.observed.name)),
            Health::Ready | Health::Ended(_) => {}
        }
    }
    line
}

/// A short line about a load that has an end, for one line of a terminal.
#[must_use]
pub fn progress(board: &Board, elapsed: Duration, length: Duration) -> String {
    let per_s = |curve: &Curve| or_unknown(curve.last(), |value| format!("{}/s", rate(value)));
    format!(
        "{:>5}/{} s  accepted {}  queryable {}  backlog {}",
        elapsed.min(length).as_secs(),
        length.as_secs(),
        per_s(&board.accepted),
        per_s(&board.queryable),
        or_unknown(board.backlog.last(), |events| count(events as u64)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Role;
    use crate::watch::board::tests::{board, part, worker};
    use crate::watch::observe::PartObservation;

    #[test]
    fn line_has_figures_dashes_and_what_is_wrong() {
        let silent = PartObservation { health: Health::Silent, ..part(Role::Query, "query-api", None) };
        let board = board(&[vec![worker("a", 0), silent.clone()], vec![worker("a", 4000), silent]]);
        assert_eq!(
            line(&board, Duration::from_secs(5)),
            "    5 s  accepted –  processed 2,000/s  queryable –  backlog –  accepted→queryable p50 – p99 –  ready 1/2  \
             query-api: does not answer"
        );
    }
}
