//! Numbers as text without the cost of the formatting machinery: a load of 100 events a request writes
//! a million of them a second.

/// Digits of the largest `u64`.
const DIGITS_MAX: usize = 20;

/// Appends `number` in decimal.
pub(crate) fn push_decimal(buffer: &mut Vec<u8>, number: u64) {
    push_decimal_padded(buffer, number, 1);
}

/// Appends `number` in decimal with zeros before it, at least `width` digits in all, up to 20.
pub(crate) fn push_decimal_padded(buffer: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut first = DIGITS_MAX;
    while number > 0 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let padded = DIGITS_MAX - width.min(DIGITS_MAX);
    buffer.extend_from_slice(&digits[first.min(padded)..]);
}

/// Appends the lowest `width` hexadecimal digits of `number`.
pub(crate) fn push_hexadecimal(buffer: &mut Vec<u8>, number: u128, width: u32) {
    let nibble = |position: u32| (number >> (4 * position)) as usize & 0xf;
    buffer.extend((0..width).rev().map(|position| b"0123456789abcdef"[nibble(position)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut buffer = Vec::new();
        write(&mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn decimals_equal_those_of_the_standard_library() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            assert_eq!(written(|buffer| push_decimal(buffer, number)), number.to_string());
            assert_eq!(written(|buffer| push_decimal_padded(buffer, number, 4)), format!("{number:04}"));
        }
    }

    #[test]
    fn hexadecimals_equal_those_of_the_standard_library() {
        for number in [0, 1, 0xabc, u128::from(u64::MAX), u128::MAX] {
            assert_eq!(written(|buffer| push_hexadecimal(buffer, number, 32)), format!("{number:032x}"));
        }
        assert_eq!(written(|buffer| push_hexadecimal(buffer, 0x1f, 4)), "001f");
    }
}
