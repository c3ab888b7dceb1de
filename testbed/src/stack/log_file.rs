//! Log files of the parts: begun afresh for each run, the last one kept, and their last lines for messages.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Enough to understand why a part ended, little enough for one screen.
const TAIL_LINES: usize = 15;

/// Most bytes read for a tail: 15 lines of 1 KiB.
const TAIL_BYTES: u64 = 15 * 1024;

/// Most bytes of a log that are kept with a measurement: some thousand lines.
const KEPT_BYTES: u64 = 256 * 1024;

/// Longer lines are cut in messages; the file has the whole of them.
const LINE_CHARACTERS: usize = 400;

/// Opens an empty log at `path`. One from an earlier run is kept beside it as `NAME.previous.log`.
///
/// # Errors
/// Where the file or its folder cannot be written.
pub fn begin(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::rename(path, previous(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Appending, so that two streams of one process do not overwrite each other.
    File::options().create(true).append(true).open(path)
}

/// The last lines of a log, for a person: none where it is empty or cannot be read.
#[must_use]
pub fn tail(path: &Path) -> Vec<String> {
    let text = read_end(path, TAIL_BYTES).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| shorten(line)).collect()
}

/// The tail of a log as the end of a message: where the log is and what it says last.
#[must_use]
pub fn quote(path: &Path) -> String {
    let lines = tail(path);
    if lines.is_empty() {
        return format!("its log {} is empty", path.display());
    }
    let quoted: String = lines.iter().map(|line| format!("\n  | {line}")).collect();
    format!("its log {} ends with:{quoted}", path.display())
}

/// Copies the end of a log.
///
/// # Errors
/// Where it cannot be read, or `to` cannot be written.
pub fn keep_end(path: &Path, to: &Path) -> io::Result<()> {
    let mut end = read_end(path, KEPT_BYTES)?;
    if end.len() as u64 >= KEPT_BYTES {
        // It begins within a line.
        end.drain(..=end.find('\n').unwrap_or(0));
    }
    fs::write(to, end)
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("previous.log")
}

fn read_end(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes_max)))?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn shorten(line: &str) -> String {
    // Control characters of a part's log must not reach the terminal.
    let mut shortened: String =
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE_CHARACTERS).collect();
    if line.chars().count() > LINE_CHARACTERS {
        shortened.push('…');
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn earlier_log_is_kept_beside_the_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/query-api.log");
        writeln!(begin(&path).unwrap(), "first").unwrap();
        writeln!(begin(&path).unwrap(), "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        assert_eq!(
            fs::read_to_string(directory.path().join("logs/query-api.previous.log")).unwrap(),
            "first\n"
        );
    }

    #[test]
    fn tail_has_the_last_lines_without_control_characters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part.log");
        let text: String = (0..2000).map(|n| format!("line {n}\n\n")).collect();
        fs::write(&path, format!("{text}\u{1b}[31mred {}\n", "x".repeat(500))).unwrap();
        let lines = tail(&path);
        assert_eq!(lines.len(), TAIL_LINES);
        assert_eq!(lines[0], "line 1986");
        assert!(lines[14].starts_with(" [31mred xxx") && lines[14].ends_with('…'), "{}", lines[14]);
    }

    #[test]
    fn missing_and_empty_logs_are_named() {
        assert_eq!(quote(Path::new("/nowhere/part.log")), "its log /nowhere/part.log is empty");
    }
}
