//! The live screen of a run: some lines at the end of the terminal, drawn anew once a second, with the log above them.
//!
//! Neither raw mode nor cursor queries: a run in the background or with its output in a file must go on, and whatever
//! ends the program leaves a usable terminal behind.

mod draw;
mod painter;

use std::io::{self, Stderr, Write};
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use observability::log::{TakenOver, take_over};
use ratatui::buffer::Buffer;
use ratatui::crossterm::terminal;
use tokio::sync::watch;

use crate::plan::Plan;
use crate::progress::Progress;
use painter::Painter;

/// What a terminal that does not tell its size is taken for.
const SIZE: (u16, u16) = (80, 24);

/// The lines on standard error; taken away when dropped.
struct Screen {
    painter: Arc<Mutex<Painter<Stderr>>>,
    _log: TakenOver,
}

/// What puts the lines of the log above the screen.
struct Above(Arc<Mutex<Painter<Stderr>>>);

/// Shows the run until it is dropped.
pub(crate) async fn show(mut progress: watch::Receiver<Progress>, plan: &Plan) {
    let screen = Screen::new();
    loop {
        let buffer = {
            let progress = progress.borrow_and_update();
            draw::draw(plan, &progress, terminal::size().unwrap_or(SIZE))
        };
        screen.show(&buffer);
        if progress.changed().await.is_err() {
            // The run is at its end, and this about to be dropped.
            std::future::pending::<()>().await;
        }
    }
}

impl Screen {
    fn new() -> Self {
        let painter = Arc::new(Mutex::new(Painter::new(io::stderr())));
        let log = take_over(Above(Arc::clone(&painter)));
        take_away_on_panic(&painter);
        Self { painter, _log: log }
    }

    fn show(&self, buffer: &Buffer) {
        // A screen that nobody can see is no reason to end a run.
        lock(&self.painter).paint(buffer).ok();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        lock(&self.painter).close().ok();
    }
}

impl Write for Above {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        lock(&self.0).insert_above(line, terminal::size().unwrap_or(SIZE).0)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The message of a panic, on whatever thread, would be painted over otherwise.
fn take_away_on_panic(painter: &Arc<Mutex<Painter<Stderr>>>) {
    let painter = Arc::downgrade(painter);
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |information| {
        // A panic while it paints holds the lock.
        if let Some(painter) = painter.upgrade()
            && let Ok(mut painter) = painter.try_lock()
        {
            painter.close().ok();
        }
        next(information);
    }));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
