//! Finds instructions that not every CPU of an architecture has: the atomics of ARMv8.1 (LSE) and later, which a Cortex-A53,
//! A57 or A72 refuses with SIGILL, outside of the code that asks the CPU first (`-moutline-atomics`).
//!
//! What it looks for is what compilers make of every atomic operation when `target-cpu` or `-march` is too new, so a program
//! built like that has many. Other extensions (dot products, pointer authentication, SVE, cryptography) are left alone: libraries
//! choose among them at run time, in too many ways to tell a guard from none. For the same reason code that is chosen by an
//! indirect function (`STT_GNU_IFUNC`: libatomic) is reported although it is guarded.

mod code;
mod encoding;
mod guard;
#[cfg(test)]
mod tests;
mod unwind;

use self::code::Functions;
pub(in crate::images) use self::code::{Code, executable_code};

/// An atomic instruction that is executed without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnguardedAtomic {
    /// In the program's address space.
    pub address: u64,
    /// Its name without ordering and size, such as `ldadd` (of `ldaddalb`, and of its alias `staddb`).
    pub mnemonic: &'static str,
    /// The function that it is in, where the program has symbols; as the linker knows it.
    pub function: Option<String>,
}

/// All such instructions of an arm64 program or library, by address. Empty for programs of other machines, and for bytes
/// that are no ELF file.
///
/// Tables in the midst of code look like instructions. Mapping symbols tell them apart (`$d`, ELF for the Arm 64-bit
/// Architecture, "Mapping symbols"). Stripped programs have none; there an instruction counts only where nothing around it
/// is unallocated. A program without section headers is searched from the first to the last function that the table for
/// unwinding knows (`PT_GNU_EH_FRAME`), and as a whole where it has none.
#[must_use]
pub fn unguarded_atomics(program: &[u8]) -> Vec<UnguardedAtomic> {
    let functions = Functions::read(program);
    let mut found = Vec::new();
    for code in executable_code(program) {
        for (index, word) in code.words() {
            let Some(mnemonic) = encoding::atomic(word) else { continue };
            if (code.is_surely_code || guard::is_plausible(&code, index)) && !guard::is_guarded(&code, index)
            {
                let address = code.address_of(index);
                found.push(UnguardedAtomic {
                    address,
                    mnemonic,
                    function: functions.at(address).map(str::to_owned),
                });
            }
        }
    }
    found.sort_by_key(|atomic| atomic.address);
    found
}
