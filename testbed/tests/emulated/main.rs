//! The programs that are shipped, run: those for arm64 emulated, on other processors and page sizes than this machine has.
//!
//! Not among the tests that always run, since it needs programs in `dist/`:
//!
//! ```sh
//! scripts/cross-build && scripts/lib/runtime-base
//! PATH="$PATH:$(scripts/lib/qemu):$(scripts/lib/qemu-pages)" cargo test -p testbed --test emulated
//! ```

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod command;
mod demo;
mod experiment;
mod page_sizes;
mod pipeline;
mod processors;
mod programs;
mod same_bytes;
