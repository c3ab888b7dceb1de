//! The program `testbed` as people and scripts use it: exit codes, messages, what survives it.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod audit;
mod experiment;
mod pipeline;
mod testbed;
mod up;
