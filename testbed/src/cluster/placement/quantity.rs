//! Quantities as Kubernetes writes them (apimachinery: resource.Quantity): `500m`, `64Mi`, `2`.

use std::ops::AddAssign;

/// An amount in thousandths of its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub(super) struct Quantity(f64);

/// Suffixes, longer ones first.
const SUFFIXES: [(&str, f64); 12] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("", 1.0),
];

impl Quantity {
    /// Reads one; none for what is no quantity.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (suffix, factor) = SUFFIXES.into_iter().find(|(suffix, _)| text.ends_with(suffix))?;
        let number: f64 = text[..text.len() - suffix.len()].parse().ok()?;
        Some(Self(number * factor * 1e3))
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_across_suffixes() {
        let parse = |text| Quantity::parse(text).unwrap();
        assert!(
            parse("500m") < parse("1") && parse("64Mi") > parse("64M") && parse("1Gi") == parse("1048576Ki")
        );
        assert!(parse("1e3") == parse("1k"));
        assert_eq!(Quantity::parse("much"), None);
    }

    #[test]
    fn requests_add_up() {
        let mut sum = Quantity::parse("250m").unwrap();
        sum += Quantity::parse("750m").unwrap();
        assert_eq!(sum, Quantity::parse("1").unwrap());
    }
}
