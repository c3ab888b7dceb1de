//! What a plan makes: the same requests at the same times for the same seed, with the statistics it asks for.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod schedule {
    mod closed;
    mod faults;
    mod lanes;
    mod plans;
    mod replay;
    mod spacing;
}
