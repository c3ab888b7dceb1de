//! Dashboards, rules, compose file and Kubernetes component: they name what exists, and their own programs accept them.
//!
//! Needs promtool, and kubectl or kustomize.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod dashboards;
mod files;
mod promql;
mod rules;
mod stack;
