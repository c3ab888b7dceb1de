//! What every service has in common: configuration, start and stop, health, HTTP serving, Redis connections.

pub mod auth;
pub mod backoff;
pub mod build;
pub mod clock;
pub mod config;
pub mod health;
pub mod http;
pub mod http_metrics;
pub mod launch;
mod log_level;
pub mod problem;
pub mod redis;
