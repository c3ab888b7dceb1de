//! Workload files and traces: what they become, and how they are refused.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod workload {
    mod errors;
    mod examples;
    mod flags;
    mod traces;
}
