//! Runs on a cluster: a real API server with controllers and a scheduler, nodes that are made up, and pods whose programs are
//! really executed.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod campaign;
mod changing;
mod fixture;
mod program;
mod refusals;
mod run;
