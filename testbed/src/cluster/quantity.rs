//! Quantities as Kubernetes writes them: `64Mi`, `500m`, `1.5Gi`, `2e3`.
//! Source: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// In bytes, or in what else is counted, rounded up as Kubernetes does; none where it is no quantity.
pub(crate) fn whole(text: &str) -> Option<u64> {
    Some(number(text)?.ceil() as u64)
}

/// In thousandths, rounded up.
pub(crate) fn thousandths(text: &str) -> Option<u64> {
    Some((number(text)? * 1e3).ceil() as u64)
}

/// In its unit, however small a part of it.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let suffix = SUFFIXES.into_iter().find(|(suffix, _)| text.ends_with(suffix));
    let (digits, factor) =
        suffix.map_or((text, 1.0), |(suffix, factor)| (&text[..text.len() - suffix.len()], factor));
    let value: f64 = digits.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, value) in [
            ("64Mi", 67_108_864),
            ("1.5Gi", 1_610_612_736),
            ("128974848", 128_974_848),
            ("1G", 1_000_000_000),
            ("2e3", 2000),
            ("2E3", 2000),
            ("1E", 1_000_000_000_000_000_000),
            ("1Ei", 1_152_921_504_606_846_976),
        ] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        for (text, value) in [("500m", 500), ("2", 2000), ("0.1", 100), ("250000000n", 250)] {
            assert_eq!(thousandths(text), Some(value), "{text}");
        }
    }

    #[test]
    fn quantities_compare_across_suffixes() {
        let parse = |text| number(text).unwrap();
        assert!(
            parse("500m") < parse("1") && parse("64Mi") > parse("64M") && parse("1Gi") == parse("1048576Ki")
        );
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "Mi", "lots", "-1", "1 Mi "] {
            assert_eq!(whole(text), None, "{text:?}");
        }
    }
}
