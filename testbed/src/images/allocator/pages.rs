//! The page size that an arm64 jemalloc was built for. No text and no symbol tells it; the code of `pages_boot` does, since it
//! compares `sysconf(_SC_PAGESIZE)` with it before it refuses to start:
//!
//! ```text
//! mov  w0, #0x1e
//! bl   sysconf
//! cmn  x0, #0x1
//! b.eq ...
//! cmp  x0, #0x10, lsl #12
//! ```

use crate::images::instructions::{Code, executable_code};
use std::collections::BTreeSet;

/// `movz w0, #30`: `_SC_PAGESIZE` of glibc and musl as the first argument.
const ASKS_PAGE_SIZE: u32 = 0x5280_03c0;

/// From there to the call, and from the call to the comparison: 3 and 6 in gcc's code, with the prologue in between.
const REACH_WORDS: usize = 16;

/// From 4 KiB, the smallest page of arm64, to 64 KiB, the largest.
const PAGE_BYTES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];

/// The page size that the answer of `sysconf(_SC_PAGESIZE)` is compared with. None where that happens nowhere, as in code
/// without optimisation, or with different sizes.
pub(super) fn compared_with_page_size(program: &[u8]) -> Option<u64> {
    let mut sizes = BTreeSet::new();
    for code in executable_code(program) {
        let asked = code.words().filter(|(_, word)| *word == ASKS_PAGE_SIZE);
        sizes.extend(asked.filter_map(|(index, _)| comparison_after(&code, index)));
    }
    sizes.pop_first().filter(|_| sizes.is_empty())
}

fn comparison_after(code: &Code<'_>, asked: usize) -> Option<u64> {
    let mut words = (asked + 1..).map_while(|index| code.word(index));
    words.by_ref().take(REACH_WORDS).find(|word| is_call(*word))?;
    // Another call has another answer.
    words.take(REACH_WORDS).take_while(|word| !is_call(*word)).find_map(compared_page_size)
}

/// `bl` (DDI 0487, C6.2, "BL").
fn is_call(word: u32) -> bool {
    word & 0xfc00_0000 == 0x9400_0000
}

/// The page size in `cmp x, #imm, lsl #12`, an alias of `subs xzr, x, #imm, lsl #12` (DDI 0487, C6.2, "CMP (immediate)"). No page
/// size fits without the shift.
fn compared_page_size(word: u32) -> Option<u64> {
    let bytes = u64::from(word >> 10 & 0xfff) << 12;
    (word & 0xffc0_001f == 0xf140_001f && PAGE_BYTES.contains(&bytes)).then_some(bytes)
}
