//! The service as its clients see it: over HTTP, on a cache file of a worker or following real Redis servers.

mod answers;
mod faults;
mod fixture;
mod following;
mod openapi;
mod refusals;
