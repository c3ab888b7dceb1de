//! The collector's configurations, in the real collector: what they accept, how series are named, what is never lost.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod backends;
mod doctor;
mod local;
mod payloads;
mod process;
mod scrape;
mod validation;
