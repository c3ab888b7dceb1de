//! `testbed images` against a real registry: healthy images pass, and of broken ones exactly what is broken is named.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod command;
mod content;
mod elf;
mod healthy;
mod image;
mod index;
mod kustomize;
mod layer;
mod loader;
mod pin;
mod push;
mod references;
mod registries;
mod troubleshooting;
