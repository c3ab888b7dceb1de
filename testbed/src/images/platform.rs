//! Platforms as OCI names them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What the images of the testbed are built for.
pub const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// Operating system, architecture and variant, as in the OCI image index: `linux/arm64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`; `unknown` on attestations.
    pub os: String,
    /// `amd64`, `arm64`, `arm`, as Go names them.
    pub architecture: String,
    /// `v8` of arm64, `v7` of arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// A Linux platform without a variant.
    #[must_use]
    pub fn linux(architecture: &str) -> Self {
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// Whether a node of this platform runs images of `other` as its own: the same, where the variant that every
    /// machine of an architecture has may be left out, as containerd does it (its package `platforms`).
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && self.known_variant() == other.known_variant()
    }

    fn known_variant(&self) -> Option<&str> {
        let usual = match self.architecture.as_str() {
            "amd64" => Some("v1"),
            "arm64" => Some("v8"),
            "arm" => Some("v7"),
            _ => None,
        };
        self.variant.as_deref().filter(|variant| !variant.is_empty()).or(usual)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(formatter, "/{variant}"))
    }
}

/// Text that names no platform.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no platform: write it as linux/amd64, linux/arm64 or linux/arm/v7")]
pub struct PlatformError(String);

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(PlatformError(text.to_owned())),
        };
        // Lower case as Go writes it: `linux/ARM64` would match nothing.
        let is_name = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        };
        if !parts.iter().all(is_name) {
            return Err(PlatformError(text.to_owned()));
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_are_written_as_they_are_read() {
        for text in ["linux/amd64", "linux/arm64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(platform(text).to_string(), text);
        }
    }

    #[test]
    fn what_names_no_platform_is_refused_with_an_example() {
        for text in
            ["", "arm64", "linux/", "/amd64", "linux/arm/", "linux/arm/v7/x", "linux/ARM64", "linux/arm64 "]
        {
            let error = text.parse::<Platform>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")) && error.contains("linux/arm64"), "{error}");
        }
    }

    #[test]
    fn the_usual_variant_may_be_left_out() {
        for (long, short) in [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm/v7", "linux/arm"),
            ("linux/amd64/v1", "linux/amd64"),
        ] {
            assert!(platform(long).is_same_as(&platform(short)), "{long}");
            assert!(platform(short).is_same_as(&platform(long)), "{long}");
        }
    }

    #[test]
    fn other_variants_architectures_and_systems_differ() {
        let different = [
            ("linux/arm64/v9", "linux/arm64"),
            ("linux/arm/v6", "linux/arm/v7"),
            ("linux/amd64/v3", "linux/amd64"),
            ("linux/arm64", "linux/amd64"),
            ("windows/amd64", "linux/amd64"),
        ];
        for (one, other) in different {
            assert!(!platform(one).is_same_as(&platform(other)), "{one} {other}");
        }
    }

    #[test]
    fn json_leaves_an_absent_variant_out() {
        let json = serde_json::to_string(&Platform::linux("arm64")).unwrap();
        assert_eq!(json, r#"{"os":"linux","architecture":"arm64"}"#);
        assert_eq!(serde_json::from_str::<Platform>(&json).unwrap(), Platform::linux("arm64"));
    }
}
