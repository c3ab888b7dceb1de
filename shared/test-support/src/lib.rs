//! Helpers of tests: private Redis servers and image registries, services in and out of process, a breakable link, a collector of
//! telemetry, waiting for conditions.
//! A dev-dependency only.

mod breakable_link;
mod collector;
mod redis_server;
pub mod registry;
mod running;
mod wait;

pub use breakable_link::BreakableLink;
pub use collector::{Collector, ReceivedLink, ReceivedSpan};
pub use redis_server::{RedisOptions, RedisServer, redis_args, server_programs};
pub use running::{Running, ServiceProcess};
pub use wait::{eventually, eventually_within, free_port};
