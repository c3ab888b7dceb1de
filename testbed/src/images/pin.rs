//! Pins images by the digests of their indexes, in a component of kustomize that every overlay takes its images from.

mod current;
mod kustomization;
mod metadata;
mod resolve;

pub use current::{CURRENT, Current, FOLDER, point_current_at};
pub use kustomization::{KUSTOMIZATION_FILE, Pin, Pins};
pub use metadata::{Built, parse as parse_metadata};
pub use resolve::{PinError, Wanted, pin};
