//! Standard error as the output of the log. Who draws a screen there takes the lines over and puts them where they do
//! not spoil it.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

static TAKEN_OVER: Mutex<Option<Box<dyn Write + Send>>> = Mutex::new(None);

/// Standard error, or whoever has taken it over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console;

/// For as long as it lives, somebody else writes the log's lines.
#[must_use = "dropping it gives the lines back to standard error"]
#[derive(Debug)]
pub struct TakenOver(());

/// From now on `writer` gets the log's lines, one at a time and whole, in place of standard error. Only for a program
/// whose log is on standard error ([`crate::LogOutput::Stderr`]). `writer` must not log.
pub fn take_over(writer: impl Write + Send + 'static) -> TakenOver {
    *taken_over() = Some(Box::new(writer));
    TakenOver(())
}

fn taken_over() -> MutexGuard<'static, Option<Box<dyn Write + Send>>> {
    TAKEN_OVER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for TakenOver {
    fn drop(&mut self) {
        *taken_over() = None;
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match taken_over().as_mut() {
            Some(writer) => writer.write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match taken_over().as_mut() {
            Some(writer) => writer.flush(),
            None => io::stderr().flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;

    struct Lines(SyncSender<Vec<u8>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_go_to_who_has_taken_them_over_until_they_are_given_back() {
        let (sender, lines) = sync_channel(8);
        let taken_over = take_over(Lines(sender));
        Console.write_all(b"one\n").unwrap();
        drop(taken_over);
        Console.write_all(b"").unwrap();
        assert_eq!(lines.iter().collect::<Vec<_>>(), [b"one\n"]);
    }
}
