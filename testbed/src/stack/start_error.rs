//! Why a testbed did not come up: which part, what it said, and what to do.

use super::log_file;
use super::process::{self, Process};
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a testbed did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A part's program cannot be started, or its log cannot be written.
    #[error("cannot start {name} ({}): {error}", program.display())]
    CannotStart {
        /// The part.
        name: String,
        /// Its program.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A part ended while it was starting.
    #[error("{name} ended while it was starting: {status}; {log}")]
    Died {
        /// The part.
        name: String,
        /// How it ended, in words.
        status: String,
        /// Its last words.
        log: String,
    },
    /// Parts run and do not become ready.
    #[error("not ready in time (see --ready-timeout-s): {0}")]
    NotReady(String),
    /// The Redis of `--redis-url` cannot be used.
    #[error("{0}: start it, or leave out --redis-url to have one started")]
    RedisAbsent(String),
    /// The directory cannot be written.
    #[error("cannot write in the testbed's directory: {0}")]
    Directory(#[from] io::Error),
}

impl StartError {
    pub(super) fn died(process: &Process, status: ExitStatus) -> Self {
        Self::Died {
            name: process.name().to_owned(),
            status: process::describe(status),
            log: log_file::quote(process.log()),
        }
    }

    pub(super) fn not_ready(waiting: Vec<(&Process, String)>) -> Self {
        let mut text = String::new();
        for (index, (process, reason)) in waiting.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            // Writing to a String cannot fail.
            write!(text, "{separator}{}: {reason}; {}", process.name(), log_file::quote(process.log()))
                .unwrap_or_default();
        }
        Self::NotReady(text)
    }
}
