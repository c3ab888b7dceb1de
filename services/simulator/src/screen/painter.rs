//! Writes lines to a terminal in place of those that it wrote before, and others above them.

use std::io::{self, Write};

use ratatui::backend::IntoCrossterm as _;
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::queue;
use ratatui::crossterm::style::{Attribute, Color as TerminalColor, Print, SetAttribute, SetForegroundColor};
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::style::{Color, Modifier};

/// Lines at the end of a terminal. The cursor is below them, where anybody else would write.
pub(super) struct Painter<W> {
    out: W,
    /// What is there, as it was written.
    painted: Vec<u8>,
    /// How many columns each of its lines takes.
    widths: Vec<u16>,
    is_closed: bool,
}

impl<W: Write> Painter<W> {
    /// With nothing painted yet.
    pub(super) fn new(out: W) -> Self {
        Self { out, painted: Vec::new(), widths: Vec::new(), is_closed: false }
    }

    /// Replaces what is painted. Blanks at the end of a line are not written.
    pub(super) fn paint(&mut self, buffer: &Buffer) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let mut frame = Vec::new();
        queue!(frame, BeginSynchronizedUpdate)?;
        self.take_away(&mut frame, buffer.area.width)?;
        self.painted.clear();
        self.widths.clear();
        for y in buffer.area.top()..buffer.area.bottom() {
            let width = write_row(&mut self.painted, buffer, y)?;
            self.widths.push(width);
        }
        frame.extend_from_slice(&self.painted);
        queue!(frame, EndSynchronizedUpdate)?;
        self.write(&frame)
    }

    /// Writes whole lines above what is painted, on a terminal of so many columns.
    pub(super) fn insert_above(&mut self, lines: &[u8], columns: u16) -> io::Result<()> {
        let mut frame = Vec::new();
        self.take_away(&mut frame, columns)?;
        frame.extend_from_slice(lines);
        frame.extend_from_slice(&self.painted);
        self.write(&frame)
    }

    /// Takes away what is painted, for good.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let mut frame = Vec::new();
        let columns = self.widths.iter().copied().max().unwrap_or(1);
        self.take_away(&mut frame, columns)?;
        self.painted.clear();
        self.widths.clear();
        self.is_closed = true;
        self.write(&frame)
    }

    /// A terminal that has become narrower has broken lines into several.
    fn take_away(&self, frame: &mut Vec<u8>, columns: u16) -> io::Result<()> {
        let rows: u16 = self.widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        if rows > 0 {
            write!(frame, "\r\x1b[{rows}A")?;
            queue!(frame, Clear(ClearType::FromCursorDown))?;
        }
        Ok(())
    }

    /// At once, so that nobody sees half of it.
    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        self.out.write_all(frame)?;
        self.out.flush()
    }
}

/// Writes a row; gives the columns that it takes.
fn write_row(out: &mut Vec<u8>, buffer: &Buffer, y: u16) -> io::Result<u16> {
    let columns = buffer.area.left()..buffer.area.right();
    let last = columns.clone().rev().find(|x| buffer[(*x, y)].symbol() != " ");
    let width = last.map_or(0, |last| last + 1 - columns.start);
    let mut style = (Color::Reset, Modifier::empty());
    for x in columns.take(usize::from(width)) {
        let cell: &Cell = &buffer[(x, y)];
        if (cell.fg, cell.modifier) != style {
            style = (cell.fg, cell.modifier);
            write_style(out, style)?;
        }
        queue!(out, Print(cell.symbol()))?;
    }
    if style != (Color::Reset, Modifier::empty()) {
        write_style(out, (Color::Reset, Modifier::empty()))?;
    }
    out.extend_from_slice(b"\n");
    Ok(width)
}

fn write_style(out: &mut Vec<u8>, (color, modifier): (Color, Modifier)) -> io::Result<()> {
    queue!(out, SetAttribute(Attribute::Reset))?;
    if color != Color::Reset {
        let color: TerminalColor = color.into_crossterm();
        queue!(out, SetForegroundColor(color))?;
    }
    if modifier.contains(Modifier::BOLD) {
        queue!(out, SetAttribute(Attribute::Bold))?;
    }
    if modifier.contains(Modifier::DIM) {
        queue!(out, SetAttribute(Attribute::Dim))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
