//! All services as processes around a real Redis server, broken in every way that must not lose an event.

mod crashes;
mod harness;
mod real_input;
mod redis_faults;
mod simulator_faults;
mod statistics;
mod steady;
mod traces;
mod workers;
