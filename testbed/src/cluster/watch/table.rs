//! Shows the pods: a table that is drawn again on a terminal, and a line for each change elsewhere.

use super::snapshot::{Fault, Snapshot};
use crate::cluster::pods::PodState;
use crate::console::{UNKNOWN, clock, say};
use crossterm::cursor::MoveUp;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType, size};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::Duration;

/// Hexadecimal digits of a digest that tell images apart.
const DIGEST_LENGTH: usize = 12;

/// Columns left of the state; it gets the rest, or a line of its own where that is too narrow to be read.
const COLUMNS: [&str; 5] = ["pod", "node", "arch", "image", "phase"];

/// Narrowest column for the state, in characters.
const STATE_WIDTH_MIN: usize = 28;

/// Between columns, and in front of lines that continue the one above.
const GAP: &str = "  ";

/// Where the state goes, and what it looked like last.
#[derive(Debug)]
pub(super) struct Display {
    is_silent: bool,
    is_terminal: bool,
    /// Lines of the table that stands on the terminal.
    drawn: u16,
    /// The line that was written last for each pod.
    said: BTreeMap<String, String>,
}

impl Display {
    pub(super) fn new() -> Self {
        Self { is_silent: false, is_terminal: stdout().is_terminal(), drawn: 0, said: BTreeMap::new() }
    }

    /// Shows nothing.
    pub(super) fn silent() -> Self {
        Self { is_silent: true, is_terminal: false, drawn: 0, said: BTreeMap::new() }
    }

    pub(super) fn show(&mut self, snapshot: &Snapshot, elapsed: Duration) {
        if self.is_silent {
            return;
        }
        if self.is_terminal {
            self.draw(snapshot, &snapshot.faults(), elapsed);
            return;
        }
        for pod in &snapshot.pods {
            let (cells, state) = (cells(pod).join(GAP), state(pod));
            let cause = pod.diagnosis.as_ref().map(|diagnosis| format!(": {}", diagnosis.cause));
            let line = format!("{cells}{GAP}{state}{}", cause.unwrap_or_default());
            if self.said.get(&pod.name) != Some(&line) {
                say(&format!("{}{GAP}{line}", clock(elapsed)));
                self.said.insert(pod.name.clone(), line);
            }
        }
    }

    /// Draws for the last time, without the faults that are told below it.
    pub(super) fn end(&mut self, snapshot: &Snapshot, elapsed: Duration) {
        if self.is_terminal {
            self.draw(snapshot, &[], elapsed);
        }
    }

    /// Leaves what stands on the terminal: something else is written below it.
    pub(super) fn keep(&mut self) {
        self.drawn = 0;
    }

    fn draw(&mut self, snapshot: &Snapshot, faults: &[Fault], elapsed: Duration) {
        // Some terminals do not know their size, and say 0.
        let (width, height) =
            size().ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((80, 24));
        // The last column would wrap, and what has left the screen cannot be drawn again.
        let (width, height) = (usize::from(width.saturating_sub(1)), usize::from(height.saturating_sub(1)));
        let lines = fitting(snapshot, faults, elapsed, width, height);
        let mut out = stdout().lock();
        let drawn = if self.drawn == 0 { Ok(()) } else { queue!(out, MoveUp(self.drawn)) };
        let drawn = drawn
            .and_then(|()| queue!(out, Clear(ClearType::FromCursorDown)))
            .and_then(|()| writeln!(out, "{}", lines.join("\n")))
            .and_then(|()| out.flush());
        // Nobody is left to be shown anything where it cannot be written.
        drawn.unwrap_or_default();
        self.drawn = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    }
}

/// As many lines as there is room for: pods that are ready give way first.
fn fitting(
    snapshot: &Snapshot,
    faults: &[Fault],
    elapsed: Duration,
    width: usize,
    height: usize,
) -> Vec<String> {
    let all: Vec<&PodState> = snapshot.pods.iter().collect();
    let mut lines = lines(snapshot, &all, elapsed, width);
    let told: Vec<String> = faults.iter().flat_map(|fault| told(fault, width)).collect();
    if lines.len() + told.len() > height {
        let unready: Vec<&PodState> = all.into_iter().filter(|pod| !pod.is_ready).collect();
        lines = self::lines(snapshot, &unready, elapsed, width);
    }
    lines.extend(told);
    lines.truncate(height);
    lines
}

/// What is wrong, and what helps.
fn told(fault: &Fault, width: usize) -> Vec<String> {
    let mut lines = wrapped(&format!("{}: {}", fault.name, fault.diagnosis.cause), width);
    lines.extend(indented(&format!("→ {}", fault.diagnosis.remedy), GAP, width));
    lines
}

/// The table of these pods.
fn lines(snapshot: &Snapshot, pods: &[&PodState], elapsed: Duration, width: usize) -> Vec<String> {
    let done = snapshot.rollouts.iter().filter(|rollout| rollout.is_done).count();
    let left_out = snapshot.pods.len() - pods.len();
    let left_out =
        if left_out == 0 { String::new() } else { format!(", {left_out} pods that are ready are not shown") };
    let head =
        format!("{}{GAP}{done} of {} workloads run{left_out}", clock(elapsed), snapshot.rollouts.len());
    let mut lines = wrapped(&head, width);
    let rows: Vec<[String; 5]> =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(pods.iter().map(|pod| cells(pod))).collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(widest);
    let left = widths.iter().map(|width| width + GAP.len()).sum::<usize>();
    let states: Vec<String> =
        std::iter::once(String::new()).chain(pods.iter().map(|pod| state(pod))).collect();
    let longest = states.iter().map(|state| state.chars().count()).max().unwrap_or(0);
    let is_narrow = left + longest.min(STATE_WIDTH_MIN) > width;
    for (row, state) in rows.iter().zip(states) {
        let padded: String =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}{GAP}")).collect();
        if is_narrow {
            lines.extend(wrapped(padded.trim_end(), width));
            lines.extend(indented(&state, GAP, width));
            continue;
        }
        let mut state = wrapped(&state, width - left).into_iter();
        lines.push(format!("{padded}{}", state.next().unwrap_or_default()).trim_end().to_owned());
        lines.extend(state.map(|rest| format!("{:left$}{rest}", "")));
    }
    lines
}

fn indented(text: &str, indent: &str, width: usize) -> Vec<String> {
    let lines = wrapped(text, width.saturating_sub(indent.len()));
    lines.into_iter().map(|line| format!("{indent}{line}")).collect()
}

/// Lines of at most `width` characters, broken between words where there are any. None for no text.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.trim_end().chars().collect();
    while rest.len() > width {
        // A blank just behind the line is a place to break, too.
        let blank = rest[..=width].iter().rposition(|character| *character == ' ');
        let at = blank.filter(|at| *at > 0).unwrap_or(width);
        let tail = rest.split_off(at);
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        rest = tail.into_iter().skip_while(|character| *character == ' ').collect();
    }
    if !rest.is_empty() {
        lines.push(rest.into_iter().collect());
    }
    lines
}

fn cells(pod: &PodState) -> [String; 5] {
    let or_unknown = |text: Option<&String>| text.cloned().unwrap_or_else(|| UNKNOWN.to_owned());
    let digest = pod.digest.as_ref().map(|digest| {
        let hexadecimal = digest.split_once(':').map_or(digest.as_str(), |(_, digits)| digits);
        hexadecimal.chars().take(DIGEST_LENGTH).collect::<String>()
    });
    [
        pod.name.clone(),
        or_unknown(pod.node.as_ref()),
        or_unknown(pod.architecture.as_ref()),
        or_unknown(digest.as_ref()),
        pod.phase.clone(),
    ]
}

fn state(pod: &PodState) -> String {
    let mut state = match &pod.waiting_for {
        Some(next) => format!("waits for {next}"),
        None if pod.is_ready => "ready".to_owned(),
        None => String::new(),
    };
    match pod.restarts {
        0 => {}
        1 => state.push_str(" (1 restart)"),
        restarts => state.push_str(&format!(" ({restarts} restarts)")),
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::pods::Diagnosis;

    fn pod(name: &str, node: Option<&str>, waiting_for: Option<&str>) -> PodState {
        PodState {
            name: name.into(),
            service: name.into(),
            node: node.map(str::to_owned),
            architecture: node.map(|_| "arm64".to_owned()),
            digest: node.map(|_| format!("sha256:{}", "a".repeat(64))),
            phase: if node.is_some() { "Running".into() } else { "Pending".into() },
            is_ready: waiting_for.is_none(),
            restarts: 0,
            waiting_for: waiting_for.map(str::to_owned),
            diagnosis: None,
        }
    }

    fn drawn(pods: Vec<PodState>, width: usize, height: usize) -> Vec<String> {
        let snapshot = Snapshot { pods, ..Snapshot::default() };
        fitting(&snapshot, &snapshot.faults(), Duration::from_secs(3), width, height)
    }

    #[test]
    fn table_has_a_row_for_each_pod_and_dashes_for_what_is_unknown() {
        let pods = vec![pod("ingest-api-1", Some("r3-node"), None), pod("query-api-1", None, Some("a node"))];
        assert_eq!(
            drawn(pods, 80, 24),
            [
                "00:00:03  0 of 0 workloads run",
                "pod           node     arch   image         phase",
                "ingest-api-1  r3-node  arm64  aaaaaaaaaaaa  Running  ready",
                "query-api-1   –        –      –             Pending  waits for a node",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_beside_a_pod_stands_below_it() {
        let pods = vec![pod("process-worker-7d8f9c6b5d-x2x9k", Some("r3-node"), Some("its probes"))];
        let narrow = drawn(pods.clone(), 79, 24);
        assert_eq!(
            narrow[2..],
            [
                "process-worker-7d8f9c6b5d-x2x9k  r3-node  arm64  aaaaaaaaaaaa  Running",
                "  waits for its probes"
            ]
        );
        assert!(drawn(pods, 119, 24)[2].ends_with("Running  waits for its probes"));
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let mut failing =
            pod("query-api-1", Some("r3-node"), Some(&"the image of query-api, being pulled ".repeat(4)));
        failing.diagnosis = Some(Diagnosis {
            cause: format!("cannot pull 192.168.0.35:5000/testbed/query-api@sha256:{}", "b".repeat(64)),
            evidence: String::new(),
            remedy: "push it and pin it again".into(),
            is_final: true,
        });
        for width in [20, 79, 119] {
            let lines = drawn(vec![failing.clone()], width, 100);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:#?}");
            let text = lines.concat().replace(' ', "");
            assert!(text.contains("→pushitandpinitagain"), "{width}: {lines:#?}");
        }
    }

    #[test]
    fn pods_that_are_ready_give_way_where_there_is_no_room() {
        let mut pods: Vec<PodState> =
            (0..30).map(|index| pod(&format!("ready-{index}"), Some("a"), None)).collect();
        pods.push(pod("query-api-1", None, Some("a node")));
        let lines = drawn(pods, 80, 10);
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[0].ends_with("30 pods that are ready are not shown"), "{lines:#?}");
        assert!(lines[2].starts_with("query-api-1"), "{lines:#?}");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("waits for its probes", 9), ["waits for", "its", "probes"]);
        assert_eq!(wrapped("sha256:abcdef", 5), ["sha25", "6:abc", "def"]);
        assert_eq!(wrapped("", 5), [""; 0]);
    }
}
