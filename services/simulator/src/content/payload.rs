//! How large the data of events are, and the text that fills them up.

use std::sync::Arc;

use libm::{exp, log};
use rand::{Rng as _, RngExt as _};
use rand_distr::{Distribution as _, StandardNormal};
use service::config::ConfigError;

use super::value::Scale;
use crate::host;
use crate::plan::PayloadSize;
use crate::random::{PADDING, Stream, stream};

/// Largest data of an event: what sizes are cut at. With its attributes such an event is below the 64 KiB that the
/// receiver takes unless it is told otherwise.
pub const PAYLOAD_BYTES_MAX: usize = 60 * 1024;

/// Smallest data of an event: room for the longest value of any process or reading without padding.
pub const PAYLOAD_BYTES_MIN: usize = {
    let mut longest = 0;
    let mut index = 0;
    while index < Scale::ALL.len() + host::SCALES.len() {
        let scale = if index < Scale::ALL.len() {
            &Scale::ALL[index]
        } else {
            &host::SCALES[index - Scale::ALL.len()]
        };
        let bytes = scale.bytes_max();
        longest = if bytes > longest { bytes } else { longest };
        index += 1;
    }
    VALUE.len() + longest + PAD.len() + END.len()
};

/// What stands around value with unit and around the padding.
pub(super) const VALUE: &str = r#"{"value":"#;
pub(super) const PAD: &str = r#","pad":""#;
pub(super) const END: &str = r#""}"#;

/// Draws sizes and pads data to them.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    sizes: Sizes,
    /// Seeded text, from varying places so that it does not compress to nothing. Twice the largest payload, so that every
    /// piece can begin anywhere in the first half.
    padding: Arc<[u8]>,
}

#[derive(Debug, Clone)]
enum Sizes {
    Constant(usize),
    LogNormal { median_ln: f64, sigma: f64 },
    Observed(Arc<[usize]>),
}

impl Payload {
    pub(super) fn new(plan: &PayloadSize, seed: u64) -> Result<Self, ConfigError> {
        let sizes = match plan {
            PayloadSize::Constant { bytes } => Sizes::Constant(*bytes),
            PayloadSize::Lognormal { median_bytes, sigma } if sigma.is_finite() => {
                Sizes::LogNormal { median_ln: log(*median_bytes as f64), sigma: *sigma }
            }
            PayloadSize::Lognormal { .. } => {
                return Err(ConfigError::new("PAYLOAD_SIGMA", "must be a finite number"));
            }
            PayloadSize::Observed { file, sizes } if sizes.is_empty() => {
                let message = format!("{} holds no sizes, write one a line", file.display());
                return Err(ConfigError::new("WORKLOAD", message));
            }
            PayloadSize::Observed { sizes, .. } => Sizes::Observed(Arc::clone(sizes)),
        };
        Ok(Self { sizes, padding: padding(seed) })
    }

    /// The size of an event's data in bytes.
    pub(super) fn draw(&self, random: &mut Stream) -> usize {
        let bytes = match &self.sizes {
            Sizes::Constant(bytes) => *bytes,
            Sizes::LogNormal { median_ln, sigma } => {
                let deviation: f64 = StandardNormal.sample(random);
                exp(median_ln + sigma * deviation).round() as usize
            }
            Sizes::Observed(sizes) => sizes[random.random_range(0..sizes.len())],
        };
        bytes.clamp(PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX)
    }

    /// Seeded text of at most the largest payload.
    pub(super) fn padding(&self, bytes: usize, random: &mut Stream) -> &[u8] {
        let from = (random.next_u64() % PAYLOAD_BYTES_MAX as u64) as usize;
        &self.padding[from..from + bytes]
    }
}

fn padding(seed: u64) -> Arc<[u8]> {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut random = stream(seed, PADDING, 0);
    (0..2 * PAYLOAD_BYTES_MAX).map(|_| LETTERS[(random.next_u64() >> 58) as usize]).collect()
}
