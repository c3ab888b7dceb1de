//! What is concluded from runs whose truth is known, because they were made from a seed.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod analysing;
mod comparing;
mod curves;
mod directories;
mod judging;
mod reporting;
mod safety;
mod searching;
mod synthetic;
