//! A64 instructions, as far as they matter here. Source of all masks: Arm Architecture Reference Manual for A-profile (DDI 0487),
//! C4.1 "A64 instruction set encoding", in it the tables of "Loads and Stores" and "Branches, Exception Generating and System
//! instructions" whose names stand at each.

/// Fixed bits of a class of instructions: those of `mask` are as in `value`.
pub(super) struct Encoding {
    mask: u32,
    value: u32,
    mnemonic: &'static str,
}

const fn encoding(mask: u32, value: u32, mnemonic: &'static str) -> Encoding {
    Encoding { mask, value, mnemonic }
}

/// Bits 29 to 24 of all atomics below.
const ATOMIC_GROUPS: [u32; 3] = [0x08, 0x19, 0x38];

/// Without size and ordering, which only make variants of the same instruction.
const ATOMICS: [Encoding; 17] = [
    // Compare and swap: FEAT_LSE, ARMv8.1.
    encoding(0x3fa0_7c00, 0x08a0_7c00, "cas"),
    // Compare and swap pair: FEAT_LSE. Odd registers are not allocated.
    encoding(0xbfa1_7c01, 0x0820_7c00, "casp"),
    // Atomic memory operations: FEAT_LSE.
    encoding(0x3f20_fc00, 0x3820_0000, "ldadd"),
    encoding(0x3f20_fc00, 0x3820_1000, "ldclr"),
    encoding(0x3f20_fc00, 0x3820_2000, "ldeor"),
    encoding(0x3f20_fc00, 0x3820_3000, "ldset"),
    encoding(0x3f20_fc00, 0x3820_4000, "ldsmax"),
    encoding(0x3f20_fc00, 0x3820_5000, "ldsmin"),
    encoding(0x3f20_fc00, 0x3820_6000, "ldumax"),
    encoding(0x3f20_fc00, 0x3820_7000, "ldumin"),
    encoding(0x3f20_fc00, 0x3820_8000, "swp"),
    // Atomic memory operations: FEAT_LRCPC, ARMv8.3. Acquiring loads of C and Rust become this.
    encoding(0x3fff_fc00, 0x38bf_c000, "ldapr"),
    // LDAPR/STLR (unscaled immediate): FEAT_LRCPC2, ARMv8.4.
    encoding(0x3fe0_0c00, 0x1900_0000, "stlur"),
    encoding(0x3f20_0c00, 0x1900_0000, "ldapur"),
    // 128-bit atomic memory operations: FEAT_LSE128, ARMv9.4.
    encoding(0xff20_fc00, 0x1920_1000, "ldclrp"),
    encoding(0xff20_fc00, 0x1920_3000, "ldsetp"),
    encoding(0xff20_fc00, 0x1920_8000, "swpp"),
];

/// The name of an atomic instruction that ARMv8.0 has not.
pub(super) fn atomic(word: u32) -> Option<&'static str> {
    // Most words end here, which is what makes a scan of 20 MB short.
    if !ATOMIC_GROUPS.contains(&(word >> 24 & 0x3f)) {
        return None;
    }
    ATOMICS.iter().find(|encoding| word & encoding.mask == encoding.value).map(|encoding| encoding.mnemonic)
}

/// `ldxr`, `ldaxr` (Load/store exclusive register), `ldxp`, `ldaxp` (Load/store exclusive pair): how ARMv8.0 starts what the
/// atomics do at once.
pub(super) fn is_load_exclusive(word: u32) -> bool {
    word & 0x3fe0_0000 == 0x0840_0000 || word & 0xbfe0_0000 == 0x8860_0000
}

/// The register that `cbz`, `cbnz` (Compare and branch), `tbz`, `tbnz` (Test and branch) tests, and how many words
/// away from it the target is.
pub(super) fn test_and_branch(word: u32) -> Option<(u32, i64)> {
    let distance = match word & 0x7e00_0000 {
        0x3400_0000 => signed(word >> 5, 19),
        0x3600_0000 => signed(word >> 5, 14),
        _ => return None,
    };
    Some((word & 0x1f, distance))
}

/// The register that an integer load (Load/store register, unsigned immediate) fills.
pub(super) fn loaded_register(word: u32) -> Option<u32> {
    (word & 0x3fc0_0000 == 0x3940_0000).then_some(word & 0x1f)
}

/// Whether what follows need not be what is executed next: branches without a condition (immediate and register, so
/// calls, which may not come back, and returns), and `brk`, with which compilers end what cannot be reached.
pub(super) fn ends_line(word: u32) -> bool {
    word & 0x7c00_0000 == 0x1400_0000
        || word & 0xfe00_0000 == 0xd600_0000
        || word & 0xffe0_001f == 0xd420_0000
}

/// Whether a word is no instruction of a program for Linux, by bits 28 to 25 ("Main encoding table"): reserved (with `udf`, and so
/// zeros), unallocated, or SME. SVE (0010) is left in.
pub(super) fn is_unallocated(word: u32) -> bool {
    matches!(word >> 25 & 0xf, 0b0000 | 0b0001 | 0b0011)
}

fn signed(word: u32, bits: u32) -> i64 {
    let value = i64::from(word & ((1 << bits) - 1));
    if value >> (bits - 1) == 0 { value } else { value - (1 << bits) }
}
