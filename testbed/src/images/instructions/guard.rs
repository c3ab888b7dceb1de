//! Whether an atomic is executed only where the CPU has it, as its surroundings show.
//!
//! The helpers of libgcc, compiler-rt and Rust's compiler-builtins (`__aarch64_ldadd8_acq_rel` and so on), and what Go emits in
//! place, have one form: load a flag, branch on it, the atomic on one side, and on the other the same done with `ldxr` and
//! `stxr`. No names are needed to recognise it. A program's own flag (`if (enabled) count++`) has no second way to do it.

use super::code::Code;
use super::encoding::{ends_line, is_load_exclusive, is_unallocated, loaded_register, test_and_branch};

/// From branch to atomic or to load-exclusive. In the helpers it is 1 to 4; Go spills registers in between.
const SIDE_WORDS_MAX: usize = 8;

/// From the branch down to the atomic where it is the far side: the loop of the near side lies in between.
const BRANCH_WORDS_MAX: usize = 32;

/// From the load of the flag to the branch.
const FLAG_WORDS_MAX: usize = 4;

/// Functions are aligned to 64 bytes at most, by what compilers ask for.
const PADDING_WORDS_MAX: usize = 16;

/// Whether a branch on a flag decides between this instruction and a load-exclusive.
pub(super) fn is_guarded(code: &Code<'_>, atomic: usize) -> bool {
    (atomic.saturating_sub(BRANCH_WORDS_MAX)..atomic)
        .any(|branch| decides(code, branch, atomic).unwrap_or(false))
}

fn decides(code: &Code<'_>, branch: usize, atomic: usize) -> Option<bool> {
    let (register, distance) = test_and_branch(code.word(branch)?)?;
    let taken = usize::try_from(i64::try_from(branch).ok()?.checked_add(distance)?).ok()?;
    let not_taken = branch + 1;
    let is_flag = (branch.saturating_sub(FLAG_WORDS_MAX)..branch)
        .any(|load| code.word(load).and_then(loaded_register) == Some(register));
    let splits =
        |with: usize, without: usize| leads_to(code, with, atomic) && leads_to_exclusive(code, without);
    Some(is_flag && (splits(not_taken, taken) || splits(taken, not_taken)))
}

fn leads_to(code: &Code<'_>, from: usize, to: usize) -> bool {
    from <= to
        && to - from < SIDE_WORDS_MAX
        && (from..to).all(|index| !code.word(index).is_none_or(ends_line))
}

fn leads_to_exclusive(code: &Code<'_>, from: usize) -> bool {
    line(code, from..from.saturating_add(SIDE_WORDS_MAX)).any(is_load_exclusive)
}

/// Whether what can be executed around a word is all instructions. In tables, which are read as code where a program has no
/// symbols, one of a few neighbours mostly is not.
pub(super) fn is_plausible(code: &Code<'_>, index: usize) -> bool {
    let before = line(code, (index.saturating_sub(SIDE_WORDS_MAX)..index).rev()).position(is_unallocated);
    let after = index + 1..index.saturating_add(SIDE_WORDS_MAX);
    before.is_none_or(|distance| ends_with_padding(code, index - distance))
        && !line(code, after).any(is_unallocated)
}

/// Whether a function ends before `start`: linkers fill the gap to the next with zeros.
fn ends_with_padding(code: &Code<'_>, start: usize) -> bool {
    let mut words =
        (start.saturating_sub(PADDING_WORDS_MAX)..start).rev().map_while(|index| code.word(index));
    words.find(|word| *word != 0).is_some_and(ends_line)
}

fn line<'code>(
    code: &'code Code<'_>,
    indices: impl Iterator<Item = usize> + 'code,
) -> impl Iterator<Item = u32> + 'code {
    indices.map_while(|index| code.word(index)).take_while(|word| !ends_line(*word))
}
