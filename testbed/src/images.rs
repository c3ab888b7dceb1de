//! Images in a registry: what each of them really holds, whether every node can run it, and the digest that pins it.

pub mod allocator;
pub mod check;
pub mod elf;
pub mod filesystem;
pub mod instructions;
pub mod manifest;
pub mod name;
pub mod pin;
pub mod plan;
pub mod platform;
pub mod registry;
pub mod user;
pub mod verify;
