//! Numbers as text without the cost of the formatting machinery: a load of 100 events a request writes
//! a million of them a second.

use serde::Serialize;

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

/// Appends `scaled` divided by `10^decimals`, with that many decimals, at most 18.
pub(crate) fn push_fixed(buffer: &mut Vec<u8>, scaled: i64, decimals: u32) {
    if scaled < 0 {
        buffer.push(b'-');
    }
    let unit = 10_u64.pow(decimals);
    push_decimal(buffer, scaled.unsigned_abs() / unit);
    if decimals > 0 {
        buffer.push(b'.');
        push_decimal_padded(buffer, scaled.unsigned_abs() % unit, decimals as usize);
    }
}

/// Appends a number or a text as JSON.
pub(crate) fn push_json<T: Serialize + ?Sized>(buffer: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(buffer, value).expect("numbers and texts are JSON, and memory can be written");
}

/// Appends the 16 hexadecimal digits of `number`.
pub(crate) fn push_hexadecimal(buffer: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&HEXADECIMAL[usize::from(byte)]);
    }
    buffer.extend_from_slice(&digits);
}

/// Both digits of each byte.
static HEXADECIMAL: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0xf]];
        byte += 1;
    }
    pairs
};

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
        for number in [0, 1, 0xabc, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(written(|buffer| push_hexadecimal(buffer, number)), format!("{number:016x}"));
        }
    }

    #[test]
    fn fixed_numbers_keep_their_sign_and_their_zeros() {
        let cases = [
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (-1234, 3, "-1.234"),
            (100, 0, "100"),
            (99_999, 3, "99.999"),
            (i64::MIN, 0, "-9223372036854775808"),
        ];
        for (scaled, decimals, expected) in cases {
            assert_eq!(written(|buffer| push_fixed(buffer, scaled, decimals)), expected);
        }
    }
}
