//! The live screen: rates and latencies side by side, the parts, messages, and where to reach what.

use super::board::{Board, Curve, PartRow};
use super::observe::Health;
use crate::console::{clock, count, mebibytes, or_unknown, rate, seconds};
use crate::stack::process::describe;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table};
use std::time::Duration;

/// Height of the upper panels: a title and one line a stage.
const PANEL_HEIGHT: u16 = 8;

/// From this height on the curves get three lines each.
const TALL: u16 = 34;

/// Width of the figure before a curve.
const FIGURE_WIDTH: u16 = 24;

/// What does not change while a testbed runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What runs, such as `redis 7.0.15 · 4 partitions · work hash`.
    pub summary: String,
    /// Where to reach what: name and address.
    pub addresses: Vec<(&'static str, String)>,
}

/// Something that went wrong.
#[derive(Debug, Clone)]
pub struct Message {
    /// What, in one line.
    pub headline: String,
    /// The end of a log, shown as far as there is room.
    pub details: String,
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, facts: &Facts, board: &Board, messages: &[Message], elapsed: Duration) {
    let area = frame.area();
    let curve_height = if area.height >= TALL { 3 } else { 1 };
    let panel_height = PANEL_HEIGHT.max(1 + 4 * curve_height);
    let parts_height = u16::try_from(board.parts.len()).unwrap_or(u16::MAX).saturating_add(2);
    let addresses_height = u16::try_from(facts.addresses.len()).unwrap_or(u16::MAX);
    // With messages the parts give way, so that nobody misses what went wrong.
    let messages_height = if messages.is_empty() { 0 } else { 4 };
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(panel_height),
        Constraint::Max(parts_height),
        Constraint::Min(messages_height),
        Constraint::Length(addresses_height),
    ]);
    let [top, panels, parts, below, addresses] = rows.areas(area);
    draw_top(frame, top, facts, elapsed);
    let [rates, latencies] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(41)]).spacing(2).areas(panels);
    draw_rates(frame, rates, board, curve_height);
    draw_latencies(frame, latencies, board);
    draw_parts(frame, parts, board);
    draw_messages(frame, below, messages);
    draw_addresses(frame, addresses, facts);
}

fn title(text: &str) -> Block<'_> {
    let style = Style::new().add_modifier(Modifier::BOLD);
    Block::new().borders(Borders::TOP).title(Span::styled(format!(" {text} "), style)).border_style(dim())
}

fn dim() -> Style {
    Style::new().fg(Color::DarkGray)
}

fn draw_top(frame: &mut Frame<'_>, area: Rect, facts: &Facts, elapsed: Duration) {
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(8)]).areas(area);
    let name = Span::styled("testbed ", Style::new().add_modifier(Modifier::BOLD));
    let rest = Span::raw(format!(" up {} · {}", clock(elapsed), facts.summary));
    frame.render_widget(Line::from(vec![name, rest]), left);
    frame.render_widget(Line::from(Span::styled("q stops", dim())).right_aligned(), right);
}

fn draw_rates(frame: &mut Frame<'_>, area: Rect, board: &Board, curve_height: u16) {
    let block = title("events");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let curves = [
        ("accepted", &board.accepted, "/s"),
        ("processed", &board.processed, "/s"),
        ("queryable", &board.queryable, "/s"),
        ("backlog", &board.backlog, "  "),
    ];
    let rows = Layout::vertical([Constraint::Length(curve_height); 4]).split(inner);
    for ((name, curve, unit), row) in curves.into_iter().zip(rows.iter()) {
        draw_curve(frame, *row, name, curve, unit);
    }
}

fn draw_curve(frame: &mut Frame<'_>, area: Rect, name: &str, curve: &Curve, unit: &str) {
    let [figure, graph] =
        Layout::horizontal([Constraint::Length(FIGURE_WIDTH), Constraint::Fill(1)]).areas(area);
    let form = |value: f64| if unit == "/s" { rate(value) + unit } else { count(value as u64) + unit };
    let text = format!("{name:<10}{:>13}", or_unknown(curve.last(), form));
    frame.render_widget(Text::from(text), figure);
    let values = curve.tail(usize::from(graph.width));
    // Sparkline begins at the left; blanks before the first value put the newest one at the right.
    let blanks = usize::from(graph.width) - values.len();
    let data: Vec<Option<u64>> = std::iter::repeat_n(None, blanks).chain(values).collect();
    let graph_widget = Sparkline::default().data(data).style(Style::new().fg(Color::Cyan));
    frame.render_widget(graph_widget.absent_value_symbol(" "), graph);
}

fn draw_latencies(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let widths = [Constraint::Length(19), Constraint::Length(10), Constraint::Length(10)];
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let rows = board.stages.iter().map(|stage| {
        let duration = |value| right(or_unknown(value, seconds));
        Row::new([Cell::from(stage.name), duration(stage.p50_s), duration(stage.p99_s)])
    });
    frame.render_widget(Table::new(rows, widths).block(title("latency, last seconds")), area);
    // The heads of the columns stand in the line of the title, which saves one.
    let columns = Layout::horizontal(widths).spacing(1).split(area);
    for (head, column) in [" p50", " p99"].into_iter().zip(columns.iter().skip(1)) {
        let place = Rect { x: column.right().saturating_sub(4), width: 4, height: 1, ..*column };
        frame.render_widget(Text::styled(head, dim()), place.intersection(area));
    }
}

fn draw_parts(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let right = |text: &str| Cell::from(Line::from(text.to_owned()).right_aligned());
    let header =
        Row::new([Cell::from(""), right("pid"), right("cpu"), right("memory"), Cell::from(" state")]);
    let shown = usize::from(area.height.saturating_sub(2));
    let hidden = board.parts.len().saturating_sub(shown);
    let rows = board.parts.iter().take(shown).map(part_row);
    let widths = [
        Constraint::Length(18),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(11),
        Constraint::Fill(1),
    ];
    let name = if hidden > 0 { format!("parts ({hidden} more do not fit)") } else { "parts".into() };
    let table = Table::new(rows, widths).header(header.style(dim())).block(title(&name));
    frame.render_widget(table, area);
}

fn part_row(part: &PartRow) -> Row<'static> {
    let observed = &part.observed;
    let (color, state) = match &observed.health {
        Health::Ready => (Color::Green, "ready".to_owned()),
        Health::NotReady(reason) => (Color::Yellow, format!("not ready: {reason}")),
        Health::Silent => (Color::Yellow, "does not answer".to_owned()),
        Health::Ended(status) => (Color::Red, format!("ended: {}", describe(*status))),
    };
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    Row::new([
        Cell::from(observed.name.clone()),
        right(or_unknown(observed.pid, |pid| pid.to_string())),
        right(or_unknown(part.cpu, |share| format!("{:.0} %", share * 100.0))),
        right(or_unknown(observed.usage, |usage| mebibytes(usage.resident_bytes))),
        Cell::from(Span::styled(format!(" {state}"), Style::new().fg(color))),
    ])
}

/// All headlines, and of the last message as much of its end as fits: what a log says last says most.
fn draw_messages(frame: &mut Frame<'_>, area: Rect, messages: &[Message]) {
    let Some(last) = messages.last().filter(|_| area.height > 1) else { return };
    let width = usize::from(area.width.max(1));
    let headlines = messages.iter().flat_map(|message| broken(&message.headline, width));
    let mut lines: Vec<Line<'_>> =
        headlines.map(|line| Line::styled(line, Style::new().fg(Color::Red))).collect();
    let details: Vec<String> = last.details.lines().flat_map(|line| broken(line, width)).collect();
    let room = usize::from(area.height - 1);
    // The newest headline is the last of them.
    lines.drain(..lines.len().saturating_sub(room));
    let hidden = details.len().saturating_sub(room - lines.len());
    lines.extend(details.into_iter().skip(hidden).map(Line::from));
    frame.render_widget(Paragraph::new(lines).block(title("messages")), area);
}

/// A line in pieces of at most `width` characters.
fn broken(line: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    characters.chunks(width).map(|piece| piece.iter().collect()).collect()
}

fn draw_addresses(frame: &mut Frame<'_>, area: Rect, facts: &Facts) {
    let lines: Vec<Line<'_>> = facts
        .addresses
        .iter()
        .map(|(name, address)| {
            Line::from(vec![Span::styled(format!("{name:<8}"), dim()), Span::raw(address.as_str())])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Role;
    use crate::watch::board::tests::{board, part, worker};
    use crate::watch::observe::PartObservation;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(width: u16, height: u16, board: &Board, messages: &[Message]) -> Vec<String> {
        let facts = Facts {
            summary: "redis 7.0.15 · 1 partition · work none".into(),
            addresses: vec![("send", "http://127.0.0.1:8080/v1/events".into()), ("logs", "/logs".into())],
        };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &facts, board, messages, Duration::from_secs(61))).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(row).collect()
    }

    fn shows(lines: &[String], text: &str) -> bool {
        lines.iter().any(|line| line.contains(text))
    }

    fn running() -> Board {
        let query = part(Role::Query, "query-api", Some("{}"));
        board(&[
            vec![worker("process-worker", 0), query.clone()],
            vec![worker("process-worker", 4000), query],
        ])
    }

    #[test]
    fn small_screen_shows_figures_and_dashes_for_what_is_unknown() {
        let lines = screen(80, 24, &running(), &[]);
        assert!(lines[0].starts_with("testbed  up 00:01:01 · redis 7.0.15"), "{lines:#?}");
        assert!(lines[0].ends_with("q stops"), "{lines:#?}");
        assert!(shows(&lines, "processed       2,000/s"), "{lines:#?}");
        assert!(
            shows(&lines, "accepted              –") && shows(&lines, "accepted→queryable"),
            "{lines:#?}"
        );
        assert!(
            shows(&lines, "process-worker") && shows(&lines, "send    http://127.0.0.1:8080"),
            "{lines:#?}"
        );
    }

    fn message(headline: &str, details: &str) -> Message {
        Message { headline: headline.into(), details: details.into() }
    }

    #[test]
    fn headlines_and_the_end_of_the_last_log_are_shown() {
        let long = format!("its log ends with:\n{}\n  | the last line", "x".repeat(500));
        let messages = [message("query-api ended", "a log"), message("redis ended", &long)];
        let lines = screen(80, 24, &running(), &messages);
        for text in ["messages", "query-api ended", "redis ended", "  | the last line", "logs    /logs"] {
            assert!(shows(&lines, text), "{text:?} is missing: {lines:#?}");
        }
        let lines = screen(80, 40, &running(), &messages);
        assert!(shows(&lines, "its log ends with:"), "{lines:#?}");
    }

    #[test]
    fn parts_that_do_not_fit_are_counted() {
        let parts: Vec<PartObservation> = (0..30).map(|n| worker(&format!("worker-{n}"), 0)).collect();
        let lines = screen(80, 24, &board(&[parts]), &[]);
        assert!(shows(&lines, "more do not fit)"), "{lines:#?}");
        assert!(shows(&lines, "logs    /logs"), "{lines:#?}");
    }

    #[test]
    fn tiny_screens_do_not_break() {
        for (width, height) in [(1, 1), (10, 3), (40, 10), (200, 60)] {
            screen(width, height, &running(), &[message("a headline", "details")]);
        }
    }
}
