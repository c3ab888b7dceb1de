//! One file an endpoint.

pub(crate) mod audit;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod latest;
pub(crate) mod pipeline;
pub(crate) mod sources;
pub(crate) mod summary;
