//! Watching a running testbed: observations, the figures they give, and how both are shown.

pub mod board;
pub mod observe;
pub mod plain;
pub mod screen;
