use ratatui::layout::Rect;
use ratatui::style::Stylize as _;
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

use super::*;

fn buffer(columns: u16, lines: &[&str]) -> Buffer {
    let area = Rect::new(0, 0, columns, lines.len() as u16);
    let mut buffer = Buffer::empty(area);
    for (line, row) in lines.iter().zip(area.rows()) {
        Line::from(*line).render(row, &mut buffer);
    }
    buffer
}

/// What a painter wrote, with its escape sequences readable.
fn written(painter: Painter<Vec<u8>>) -> String {
    String::from_utf8(painter.out).unwrap().replace("\x1b[", "^")
}

#[test]
fn lines_take_the_place_of_those_before() {
    let mut painter = Painter::new(Vec::new());
    painter.paint(&buffer(9, &["one", ""])).unwrap();
    painter.paint(&buffer(9, &["two"])).unwrap();
    let expected = "^?2026hone\n\n^?2026l^?2026h\r^2A^Jtwo\n^?2026l";
    assert_eq!(written(painter), expected);
}

#[test]
fn lines_of_the_log_go_above() {
    let mut painter = Painter::new(Vec::new());
    painter.paint(&buffer(9, &["screen"])).unwrap();
    painter.out.clear();
    painter.insert_above(b"log\n", 9).unwrap();
    assert_eq!(written(painter), "\r^1A^Jlog\nscreen\n");
}

#[test]
fn lines_that_a_narrower_terminal_has_broken_are_taken_away_whole() {
    let mut painter = Painter::new(Vec::new());
    painter.paint(&buffer(9, &["123456789", "1"])).unwrap();
    painter.out.clear();
    painter.paint(&buffer(4, &["1"])).unwrap();
    assert_eq!(written(painter), "^?2026h\r^4A^J1\n^?2026l");
}

#[test]
fn nothing_is_painted_after_the_end() {
    let mut painter = Painter::new(Vec::new());
    painter.paint(&buffer(9, &["one"])).unwrap();
    painter.close().unwrap();
    painter.out.clear();
    painter.paint(&buffer(9, &["two"])).unwrap();
    painter.insert_above(b"log\n", 9).unwrap();
    painter.close().unwrap();
    assert_eq!(written(painter), "log\n");
}

#[test]
fn colours_end_with_what_they_colour() {
    let mut buffer = buffer(9, &["", "plain"]);
    Line::from(vec!["a".green().bold(), " b".into()]).render(Rect::new(0, 0, 9, 1), &mut buffer);
    let mut out = Vec::new();
    assert_eq!(write_row(&mut out, &buffer, 0).unwrap(), 3);
    assert_eq!(write_row(&mut out, &buffer, 1).unwrap(), 5);
    let written = String::from_utf8(out).unwrap().replace("\x1b[", "^");
    // Where NO_COLOR is set, crossterm writes an empty colour.
    assert!(written.starts_with("^0m^") && written.contains("^1ma^0m b\nplain\n"), "{written}");
}
