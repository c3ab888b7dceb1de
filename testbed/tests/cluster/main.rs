//! `testbed deploy`, `undeploy`, `forward` and `logs` against a real API server, with nodes that are made up.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod cluster_away;
mod connect;
mod deploy;
mod failures;
mod first_deploy;
mod fixture;
mod forward;
mod logs;
mod manifests;
mod nodes;
mod refusals;
mod undeploy;
