//! Shows a running testbed until somebody stops it: on a screen, or in plain lines.

use crate::console::say;
use crate::stack::process::describe;
use crate::stack::{Ended, Stack};
use crate::watch::board::Board;
use crate::watch::observe::Observations;
use crate::watch::plain;
use crate::watch::screen::{Facts, Message, draw};
use anyhow::Context;
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;
use std::time::{Duration, Instant};

/// Between two looks at the keyboard and at the parts: a key feels immediate.
const KEY_INTERVAL: Duration = Duration::from_millis(50);

/// The terminal in its special state; as it was again once this is dropped, however that comes about.
struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The live screen, until q or Ctrl-C.
pub(super) async fn on_screen(stack: &mut Stack, facts: &Facts) -> anyhow::Result<()> {
    let mut screen = Screen(ratatui::try_init().context("cannot use the terminal: try --plain")?);
    let mut messages: Vec<Message> = Vec::new();
    let (mut board, start) = (Board::default(), Instant::now());
    let mut observations = Observations::of(stack);
    let mut keys = tokio::time::interval(KEY_INTERVAL);
    loop {
        let is_changed = tokio::select! {
            observation = observations.next() => {
                board.update(observation?);
                true
            }
            _ = keys.tick() => match pressed()? {
                Input::Stop => return Ok(()),
                Input::Resize => true,
                Input::Nothing => false,
            },
        };
        let ended: Vec<Message> = unexpected(stack).iter().map(message).collect();
        if is_changed || !ended.is_empty() {
            messages.extend(ended);
            screen.0.draw(|frame| draw(frame, facts, &board, &messages, start.elapsed()))?;
        }
    }
}

/// A plain line every `interval`, until it is dropped.
pub(super) async fn in_lines(stack: &mut Stack, interval: Duration) -> anyhow::Result<()> {
    let (mut board, start) = (Board::default(), Instant::now());
    let mut observations = Observations::of(stack);
    let mut looks = tokio::time::interval(KEY_INTERVAL);
    let mut lines = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    loop {
        tokio::select! {
            observation = observations.next() => board.update(observation?),
            _ = lines.tick() => say(&plain::line(&board, start.elapsed())),
            _ = looks.tick() => {
                for ended in unexpected(stack) {
                    say(&format!("{}; {}", message(&ended).headline, ended.log));
                }
            }
        }
    }
}

enum Input {
    Stop,
    Resize,
    Nothing,
}

/// What came from the terminal since the last look.
fn pressed() -> std::io::Result<Input> {
    let mut input = Input::Nothing;
    while event::poll(Duration::ZERO)? {
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('c' | 'd') if is_control => return Ok(Input::Stop),
                    KeyCode::Char('q' | 'Q') => return Ok(Input::Stop),
                    _ => {}
                }
            }
            Event::Resize(..) => input = Input::Resize,
            _ => {}
        }
    }
    Ok(input)
}

fn unexpected(stack: &mut Stack) -> Vec<Ended> {
    stack.newly_ended().into_iter().filter(|ended| !ended.is_fine()).collect()
}

fn message(ended: &Ended) -> Message {
    Message {
        headline: format!("{} ended: {}; the rest goes on", ended.name, describe(ended.status)),
        details: ended.log.clone(),
    }
}
