//! `testbed doctor` on recorded facts: a healthy cluster has no finding, and of one that is made sick exactly what is sick is
//! found, with cause and remedy.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "../../examples/troubleshooting/cases.rs"]
mod cases;
#[path = "../../examples/troubleshooting/page.rs"]
mod page;

mod architectures;
mod building;
mod command;
mod facts;
mod manifests;
mod measured;
mod memory;
mod nodes;
mod pods;
mod recording;
mod registry;
mod report;
mod troubleshooting;
