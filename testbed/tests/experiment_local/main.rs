//! Runs of experiments on this machine, with real processes.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod bench;
mod refusals;
mod runs;
