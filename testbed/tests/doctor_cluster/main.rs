//! What the doctor collects of a cluster, from a real API server: nodes and pods that fail as real ones do, rights that are
//! missing, and the pods that it starts itself.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod collecting;
mod command;
mod interrupted;
mod pods;
mod probing;
mod program;
mod refusals;
mod rights;
mod whole;

// What pushes images to a registry in the tests of `testbed images`.
#[path = "../images/elf.rs"]
#[expect(dead_code, reason = "images are broken by those tests alone")]
mod elf;
#[path = "../images/image.rs"]
#[expect(dead_code, reason = "images are broken by those tests alone")]
mod image;
#[path = "../images/layer.rs"]
mod layer;
#[path = "../images/push.rs"]
#[expect(dead_code, reason = "images are broken by those tests alone")]
mod push;
