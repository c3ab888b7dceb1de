//! The results of runs as files, their verdict, and what becomes of the results of several shards.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod fabricate;
mod files;
mod merge;
mod schema;
mod text;
mod verdict;
