//! What stands in `kubernetes/`: every placement and every component renders, is safe to run, and names what exists.
//!
//! Needs kubectl or kustomize, and redis-server.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod broken;
mod connections;
mod documents;
mod objects;
mod placements;
mod pods;
mod quantity;
mod redis;
mod references;
mod rendering;
mod repository;
mod rules;
mod settings;
