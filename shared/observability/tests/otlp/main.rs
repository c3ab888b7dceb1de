//! Export over OTLP by a program of its own, to receivers that answer, hang or refuse.

mod collector;
mod delivery;
mod emitter;
mod faults;
