//! The four services as they were built for arm64: that every arm64 node can run them. It needs programs of a cross compiler and
//! is therefore run by `./scripts/test images`, not by `cargo test`.

use std::path::Path;
use testbed::images::allocator::{Allocator, allocator};
use testbed::images::elf::{Machine, Program, defined_versions};
use testbed::images::instructions::unguarded_atomics;

const SERVICES: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];

/// The largest page of an arm64 kernel.
const PAGE_BYTES_MAX: u64 = 65536;

fn program(service: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/arm64").join(service);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run scripts/cross-build first", path.display()))
}

/// As `strip --strip-section-headers` leaves it: without symbols, and without a word of where its code is.
fn stripped(mut program: Vec<u8>) -> Vec<u8> {
    // `e_shoff`; `e_shentsize`, `e_shnum`, `e_shstrndx` of a 64-bit header.
    program[0x28..0x30].fill(0);
    program[0x3a..0x40].fill(0);
    program
}

#[test]
fn programs_are_of_arm64_and_load_with_every_page_size() {
    for service in SERVICES {
        let program = Program::parse(&program(service)).unwrap();
        assert_eq!((program.machine, program.bits), (Machine::Aarch64, 64), "{service}");
        assert!(
            program.load_alignment_bytes >= PAGE_BYTES_MAX,
            "{service}: {}",
            program.load_alignment_bytes
        );
        assert_eq!(program.interpreter.as_deref(), Some("/lib/ld-linux-aarch64.so.1"), "{service}");
        assert!(program.needed.contains(&"libc.so.6".to_owned()), "{service}: {:?}", program.needed);
        assert!(program.versions.iter().any(|(_, version)| version.starts_with("GLIBC_2.")), "{service}");
    }
}

#[test]
fn programs_define_no_versions_of_their_own() {
    for service in SERVICES {
        assert_eq!(defined_versions(&program(service)).unwrap(), [""; 0], "{service}");
    }
}

#[test]
fn programs_have_no_atomics_that_a_cortex_a53_refuses() {
    for service in SERVICES {
        let program = program(service);
        assert_eq!(unguarded_atomics(&program), [], "{service}");
        assert_eq!(unguarded_atomics(&stripped(program)), [], "{service}, stripped");
    }
}

/// Without this the test above would also pass if code were not found at all.
#[test]
fn an_atomic_without_its_guard_is_found_in_a_real_program() {
    for service in SERVICES {
        let whole = without_guards(program(service));
        let found = unguarded_atomics(&whole);
        assert!(found.len() >= 10, "{service}: {found:?}");
        assert!(found.iter().all(|atomic| atomic.function.is_some()), "{service}: {found:?}");
        let again = unguarded_atomics(&stripped(whole));
        let addresses = |found: &[testbed::images::instructions::UnguardedAtomic]| -> Vec<u64> {
            found.iter().map(|atomic| atomic.address).collect()
        };
        assert_eq!(addresses(&again), addresses(&found), "{service}");
    }
}

/// With `nop` in place of the branches of the helpers: `ldrb w16, [x16, ...]`, then `cbz w16, ...`.
fn without_guards(mut program: Vec<u8>) -> Vec<u8> {
    let (words, _) = program.as_chunks_mut();
    for at in 1..words.len() {
        let (load, branch) = (u32::from_le_bytes(words[at - 1]), u32::from_le_bytes(words[at]));
        if load & 0xffc0_03ff == 0x3940_0210 && branch & 0xff00_001f == 0x3400_0010 {
            words[at] = 0xd503_201f_u32.to_le_bytes();
        }
    }
    program
}

#[test]
fn programs_use_the_allocator_of_their_c_library() {
    for service in SERVICES {
        assert_eq!(allocator(&program(service)), Allocator::System, "{service}");
    }
}
