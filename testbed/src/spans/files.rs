//! Finds spans in the files of a collector's file exporter, without taking whole files into memory.

use super::{Span, otlp};
use anyhow::Context;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The files `traces.jsonl` and `traces-….jsonl`, which are rotated, of a directory: the oldest first.
#[derive(Debug)]
pub struct TraceFiles(Vec<PathBuf>);

impl TraceFiles {
    /// The files of a directory.
    ///
    /// # Errors
    /// A directory that cannot be read or has none.
    pub fn of(directory: &Path) -> anyhow::Result<Self> {
        let cannot = || {
            format!(
                "there are no traces in {}: start a testbed with a collector (testbed up), and name its directory \
                 with --dir",
                directory.display()
            )
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).with_context(cannot)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("traces") && name.ends_with(".jsonl") {
                files.push((fs::metadata(&path)?.modified()?, path));
            }
        }
        files.sort();
        anyhow::ensure!(!files.is_empty(), cannot());
        Ok(Self(files.into_iter().map(|(_, path)| path).collect()))
    }

    /// All spans that `is_wanted` of the lines that contain one of `needles`.
    ///
    /// # Errors
    /// A file that cannot be read, or a whole line in it that is none of the exporter.
    pub fn find(&self, needles: &[&str], is_wanted: impl Fn(&Span) -> bool) -> anyhow::Result<Vec<Span>> {
        let mut found = Vec::new();
        for path in &self.0 {
            let mut reader = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
            let (mut line, mut number) = (String::new(), 0);
            loop {
                line.clear();
                let length = reader.read_line(&mut line).with_context(|| path.display().to_string())?;
                number += 1;
                // The last line may still be being written.
                if length == 0 || !line.ends_with('\n') {
                    break;
                }
                if needles.iter().any(|needle| line.contains(needle)) {
                    let spans = otlp::spans(&line)
                        .with_context(|| format!("{}, line {number}: no export of spans", path.display()))?;
                    found.extend(spans.into_iter().filter(&is_wanted));
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(trace: &str, span: &str) -> String {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace}","spanId":"{span}","name":"n"}}]}}]}}]}}"#
        )
    }

    #[test]
    fn rotated_files_are_read_and_an_unfinished_line_is_left_for_later() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("traces-2026-11-21T09-00-00.000.jsonl", &(line("aa", "1") + "\n" + &line("bb", "2") + "\n"));
        write("traces.jsonl", &(line("aa", "3") + "\n" + &line("aa", "4")));
        write("logs.jsonl", "not traces aa\n");
        let found = TraceFiles::of(directory.path()).unwrap().find(&["aa"], |_| true).unwrap();
        let ids: Vec<_> = found.iter().map(|span| span.span_id.as_str()).collect();
        assert_eq!(ids, ["1", "3"]);
    }

    #[test]
    fn line_that_is_no_export_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("traces.jsonl"), line("aa", "1") + "\naa {\n").unwrap();
        let error = TraceFiles::of(directory.path()).unwrap().find(&["aa"], |_| true).unwrap_err();
        assert!(format!("{error:#}").contains("traces.jsonl, line 2: no export of spans"), "{error:#}");
    }

    #[test]
    fn directory_without_traces_says_what_makes_them() {
        let directory = tempfile::tempdir().unwrap();
        let message = TraceFiles::of(directory.path()).unwrap_err().to_string();
        assert!(message.contains("testbed up") && message.contains("--dir"), "{message}");
    }
}
