//! One file an endpoint.

pub(crate) mod post_events;
