//! Several shards of one run around a real Redis server.

mod harness;
mod job;
mod meeting;
mod results;
