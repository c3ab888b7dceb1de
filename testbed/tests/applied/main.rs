//! `kubernetes/` as `kubectl apply -k` gives it to a real API server: nothing is refused or warned of, and the scheduler finds a
//! node of the right kind for every pod.
//!
//! Run as `cargo test -p testbed --test applied`, with the programs of `tests/control-plane` and kubectl on the `PATH`.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod components;
mod fixture;
mod keda;
mod placements;
#[path = "../kubernetes/repository.rs"]
mod repository;
