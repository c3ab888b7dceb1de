//! Digests by the OCI image specification 1.1, "Digests": sha256, and sha512 where a reference names it.

use sha2::{Digest as _, Sha256, Sha512};
use std::fmt::Write as _;

/// A digest that is being computed.
pub(super) enum Digest {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Digest {
    pub(super) fn sha256() -> Self {
        Self::Sha256(Sha256::new())
    }

    /// One of the algorithm of `digest`, such as `sha256:…`.
    ///
    /// # Errors
    /// What is wrong with `digest`, as the end of a sentence.
    pub(super) fn of_kind(digest: &str) -> Result<Self, String> {
        match digest.split_once(':') {
            Some(("sha256", _)) => Ok(Self::sha256()),
            Some(("sha512", _)) => Ok(Self::Sha512(Sha512::new())),
            _ => Err(format!("has the digest {digest:?}, which is neither sha256 nor sha512")),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// As it is written: `sha256:` and hexadecimal digits.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Sha256(state) => written("sha256", &state.finalize()),
            Self::Sha512(state) => written("sha512", &state.finalize()),
        }
    }

    pub(super) fn finish_with(mut self, bytes: &[u8]) -> String {
        self.update(bytes);
        self.finish()
    }
}

fn written(algorithm: &str, bytes: &[u8]) -> String {
    bytes.iter().fold(format!("{algorithm}:"), |mut text, byte| {
        // Writing into a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // From FIPS 180-4's examples: the message "abc".
    const SHA256: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const SHA512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                          2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn the_algorithm_is_that_of_the_expected_digest() {
        for expected in [SHA256, SHA512] {
            assert_eq!(Digest::of_kind(expected).unwrap().finish_with(b"abc"), expected);
        }
    }

    #[test]
    fn weak_and_unknown_algorithms_are_refused() {
        for text in ["md5:900150983cd24fb0d6963f7d28e17f72", "sha256", ""] {
            assert!(Digest::of_kind(text).is_err(), "{text}");
        }
    }
}
