//! The cluster of tests is a real API server, and its nodes behave as real ones would.
//! Run as `cargo test -p test-cluster --test cluster`, with the programs of `tests/control-plane` on the `PATH`.

mod control_plane;
mod failures;
mod fixtures;
mod pods;
mod streams;
