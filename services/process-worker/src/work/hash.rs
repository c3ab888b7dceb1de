//! Integer arithmetic: FNV-1a over the event, again and again.

/// Each round hashes all bytes and starts from the round before.
pub(super) fn rounds(bytes: &[u8], amount: u32) -> u64 {
    (0..amount).fold(0xcbf2_9ce4_8422_2325, |state, _| fnv1a(bytes, state))
}

/// 64-bit FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(super) fn fnv1a(bytes: &[u8], state: u64) -> u64 {
    bytes.iter().fold(state, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
