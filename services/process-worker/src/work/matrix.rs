//! Floating point: a chain of products of 16 x 16 matrices of doubles.

use super::hash::fnv1a;

const SIZE: usize = 16;

type Matrix = [[f64; SIZE]; SIZE];

/// Multiplies a matrix made from the event with a fixed one, `amount` times. The factor's rows add up to less than
/// one and a constant is added, so that the values neither vanish nor overflow.
pub(super) fn products(bytes: &[u8], amount: u32) -> u64 {
    let mut product = filled(fnv1a(bytes, 0xcbf2_9ce4_8422_2325));
    let factor = filled(0x9e37_79b9_7f4a_7c15).map(|row| row.map(|value| value / SIZE as f64));
    for _ in 0..amount {
        product = multiply(&product, &factor);
    }
    product.iter().flatten().fold(0, |bits: u64, value| bits.rotate_left(5) ^ value.to_bits())
}

/// Values in [0, 1) from a 64-bit linear congruential generator (Knuth's MMIX).
fn filled(mut state: u64) -> Matrix {
    [(); SIZE].map(|()| {
        [(); SIZE].map(|()| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        })
    })
}

/// Sums in a fixed order and without fused operations: the same bits on every architecture.
fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let mut product = [[0.5; SIZE]; SIZE];
    for (row, left) in product.iter_mut().zip(a) {
        for (scale, right) in left.iter().zip(b) {
            for (cell, value) in row.iter_mut().zip(right) {
                *cell += scale * value;
            }
        }
    }
    product
}
