//! Which allocator is in a program, and for which page size it was built: jemalloc fixes it at build time and aborts on a
//! kernel with larger pages (16 KiB on a Raspberry Pi 5).

mod pages;
#[cfg(test)]
mod tests;

use crate::images::elf::{self, Machine};
use memchr::memmem;

/// An allocator, as the program's bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocator {
    /// That of the C library, which asks the kernel.
    System,
    /// jemalloc; the page size it was built for in bytes, where the code tells.
    Jemalloc { page_bytes: Option<u64> },
    /// mimalloc, which asks the kernel.
    Mimalloc,
}

/// The refusal of `pages_boot`, which every jemalloc since 4 holds, up to the end that C gives to texts. Like the other it has `_`
/// for spaces here: a program that looks for a text, such as this one, must not hold it.
const JEMALLOC: &str = "<jemalloc>:_Unsupported_system_page_size\n\0";

/// The start of all warnings of mimalloc.
const MIMALLOC: &str = "mimalloc:_warning:_\0";

/// The only page size of these machines.
const PAGE_BYTES_X86: u64 = 4096;

/// The allocator that is in an ELF program or library. What a library brings is not in the program that needs it: look at the
/// library as well.
#[must_use]
pub fn allocator(program: &[u8]) -> Allocator {
    if holds(program, JEMALLOC) {
        Allocator::Jemalloc { page_bytes: jemalloc_page_bytes(program) }
    } else if holds(program, MIMALLOC) {
        Allocator::Mimalloc
    } else {
        Allocator::System
    }
}

fn holds(program: &[u8], text: &str) -> bool {
    memmem::find(program, text.replace('_', " ").as_bytes()).is_some()
}

fn jemalloc_page_bytes(program: &[u8]) -> Option<u64> {
    match elf::machine(program).ok()? {
        Machine::X86_64 | Machine::X86 => Some(PAGE_BYTES_X86),
        Machine::Aarch64 => pages::compared_with_page_size(program),
        _ => None,
    }
}
