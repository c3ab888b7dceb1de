use super::samples::Sample;
use super::*;
use crate::images::allocator::allocator;
use crate::images::instructions::unguarded_atomics;
use proptest::prelude::*;
use std::process::Command;
use std::sync::LazyLock;

/// A small real program with an interpreter, libraries and versions.
static TRUE: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read("/bin/true").unwrap());

fn this_program() -> Vec<u8> {
    std::fs::read("/proc/self/exe").unwrap()
}

/// A library that this process has loaded.
fn loaded_library(name: &str) -> Vec<u8> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path =
        maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.ends_with(name));
    std::fs::read(path.unwrap_or_else(|| panic!("{name} is not loaded"))).unwrap()
}

fn error(bytes: &[u8]) -> String {
    Program::parse(bytes).unwrap_err().to_string()
}

fn without_section_headers(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0x28..0x30].fill(0);
    bytes[0x3a..0x40].fill(0);
    bytes
}

/// What binutils say: libraries, and versions with their libraries.
fn by_readelf() -> (Vec<String>, Vec<(String, String)>) {
    let path = std::env::current_exe().unwrap();
    let output =
        Command::new("readelf").args(["-W", "-d", "-V"]).arg(path).env("LC_ALL", "C").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let after = |line: &str, mark: &str| {
        line.split_once(mark).map(|(_, rest)| rest.split([' ', ']']).next().unwrap().to_owned())
    };
    let needed = text.lines().filter_map(|line| after(line, "Shared library: [")).collect();
    let (_, needs) = text.split_once("Version needs section").unwrap();
    let mut library = String::new();
    let mut versions = Vec::new();
    for line in needs.lines() {
        if let Some(file) = after(line, "File: ") {
            library = file;
        } else if let Some(name) = after(line, "Name: ") {
            versions.push((library.clone(), name));
        }
    }
    (needed, versions)
}

#[test]
fn a_program_is_read_as_binutils_read_it() {
    let program = Program::parse(&this_program()).unwrap();
    let (needed, versions) = by_readelf();
    assert!(!needed.is_empty() && !versions.is_empty());
    assert_eq!(program.needed, needed);
    assert_eq!(program.versions, versions);
    let machine = match std::env::consts::ARCH {
        "x86_64" => Machine::X86_64,
        "aarch64" => Machine::Aarch64,
        other => panic!("{other}"),
    };
    assert_eq!((program.machine, program.bits), (machine, 64));
    assert!(std::fs::exists(program.interpreter.unwrap()).unwrap());
    assert!(program.load_alignment_bytes.is_power_of_two() && program.load_alignment_bytes >= 4096);
}

#[test]
fn section_headers_are_not_needed() {
    let whole = Program::parse(&TRUE).unwrap();
    let stripped = Program::parse(&without_section_headers(TRUE.clone())).unwrap();
    assert_eq!(format!("{whole:?}"), format!("{stripped:?}"));
}

#[test]
fn a_c_library_defines_what_a_program_needs_of_it() {
    let defined = defined_versions(&loaded_library("libc.so.6")).unwrap();
    let program = Program::parse(&this_program()).unwrap();
    let needed: Vec<_> = program.versions.into_iter().filter(|(library, _)| library == "libc.so.6").collect();
    assert!(!needed.is_empty());
    for (_, version) in needed {
        assert!(defined.contains(&version), "{version} in {defined:?}");
    }
    assert!(!defined.contains(&"libc.so.6".to_owned()));
    assert!(!defined.contains(&"GLIBC_9.99".to_owned()));
}

#[test]
fn a_static_program_has_no_interpreter_and_needs_nothing() {
    let program = Program::parse(&Sample::arm64(&[0xd65f_03c0]).build()).unwrap();
    assert_eq!(program.machine, Machine::Aarch64);
    assert_eq!((program.interpreter, program.needed, program.versions), (None, vec![], vec![]));
}

#[test]
fn the_smallest_alignment_of_what_is_loaded_counts() {
    let mut sample = Sample::arm64(&[0xd65f_03c0]);
    assert_eq!(Program::parse(&sample.build()).unwrap().load_alignment_bytes, 65536);
    sample.load_alignment = 4096;
    assert_eq!(Program::parse(&sample.build()).unwrap().load_alignment_bytes, 4096);
    // The table for unwinding is aligned to 4, but not loaded.
    sample.unwind_table = true;
    assert_eq!(Program::parse(&sample.build()).unwrap().load_alignment_bytes, 4096);
}

#[test]
fn one_segment_of_a_smaller_alignment_is_enough() {
    let bytes = without_section_headers(TRUE.clone());
    let header = FileHeader64::<Endianness>::parse(&*bytes).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, &*bytes).unwrap();
    let loaded = segments.iter().enumerate().filter(|(_, segment)| segment.p_type(endian) == elf::PT_LOAD);
    for (index, _) in loaded {
        let mut bytes = bytes.clone();
        // `p_align` is the last field of a program header of 56 bytes; they follow the header of 64.
        bytes[64 + index * 56 + 48..64 + index * 56 + 56].copy_from_slice(&512_u64.to_le_bytes());
        assert_eq!(Program::parse(&bytes).unwrap().load_alignment_bytes, 512, "{index}");
    }
}

#[test]
fn endless_names_and_chains_are_refused() {
    let text = [vec![b'a'; 5000], vec![0]].concat();
    assert_eq!(dynamic::name(&text, Some(4900)).unwrap(), "a".repeat(100));
    assert!(dynamic::name(&text, Some(0)).is_err());
    assert!(dynamic::name(&text, Some(5001)).is_err());
    let tables = [0; 5000 * 16];
    let entries = |bytes, distance| {
        dynamic::chain(bytes, |_: &elf::Vernaux<Endianness>| distance).map(|entries| entries.len())
    };
    assert_eq!(entries(&tables[..160], 16), Ok(10));
    assert_eq!(entries(&tables, 0), Ok(1));
    assert!(entries(&tables, 16).is_err());
}

#[test]
fn machines_have_the_names_of_oci() {
    let of = Machine::of_architecture;
    assert_eq!(
        [of("amd64"), of("arm64"), of("arm"), of("386")].map(Option::unwrap),
        [Machine::X86_64, Machine::Aarch64, Machine::Arm, Machine::X86]
    );
    assert_eq!(of("aarch64"), None);
    let mut sample = Sample::arm64(&[0]);
    for (number, machine) in
        [(62, Machine::X86_64), (40, Machine::Arm), (3, Machine::X86), (243, Machine::Other(243))]
    {
        sample.machine = number;
        assert_eq!(Program::parse(&sample.build()).unwrap().machine, machine);
    }
}

#[test]
fn what_is_no_program_is_told_apart() {
    assert_eq!(error(b""), "it has 0 bytes");
    assert_eq!(error(b"#! /bin/sh -e\necho"), "it is a script for /bin/sh -e");
    assert_eq!(error(b"#!/bin/sh"), "it is a script for /bin/sh");
    assert_eq!(error(b"hello, world"), "it is no ELF program: it starts with 68 65 6c 6c 6f 2c 20 77");
    assert_eq!(error(b"\n"), "it is no ELF program: it starts with 0a");
    let named = [
        (&[0xcf, 0xfa, 0xed, 0xfe, 12, 0, 0, 1][..], "cf fa ed fe 0c 00 00 01 (Mach-O, a macOS program)"),
        (b"MZ\x90\0", "4d 5a 90 00 (PE, a Windows program)"),
        (b"\0asm\x01\0\0\0", "00 61 73 6d 01 00 00 00 (WebAssembly)"),
        (&[0x1f, 0x8b, 8], "1f 8b 08 (gzip: unpack it first)"),
    ];
    for (bytes, text) in named {
        assert_eq!(error(bytes), format!("it is no ELF program: it starts with {text}"));
    }
}

#[test]
fn a_library_an_object_file_and_a_core_dump_are_no_programs() {
    assert_eq!(error(&loaded_library("libgcc_s.so.1")), "it is a shared library, not a program");
    let mut sample = Sample::arm64(&[0]);
    for (file_type, text) in
        [(1, "it is an object file, not a program"), (4, "it is a core dump, not a program")]
    {
        sample.file_type = file_type;
        assert_eq!(error(&sample.build()), text);
    }
    sample.file_type = 9;
    assert_eq!(error(&sample.build()), "it is a damaged ELF program: its type is 0x9");
}

#[test]
fn a_program_that_was_cut_off_is_damaged_wherever_it_was() {
    // A cut of the section headers alone leaves a program that runs.
    let loaded = without_section_headers(TRUE.clone());
    let end = loaded_end(&loaded);
    for length in (1..4096).chain((4096..end).step_by(97)).chain([end - 1]) {
        let text = error(&loaded[..length]);
        let expected = if length < 4 {
            "it is no ELF program: it starts with 7f"
        } else {
            "it is a damaged ELF program: "
        };
        assert!(text.starts_with(expected), "{length}: {text}");
    }
    assert!(Program::parse(&loaded[..end]).is_ok());
}

fn loaded_end(bytes: &[u8]) -> usize {
    let header = FileHeader64::<Endianness>::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, bytes).unwrap();
    let ends = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .map(|segment| segment.file_range(endian));
    usize::try_from(ends.map(|(offset, size)| offset + size).max().unwrap()).unwrap()
}

/// Everything that reads the bytes of a program.
fn read_all(bytes: &[u8]) {
    let _outcome =
        (Program::parse(bytes), defined_versions(bytes), allocator(bytes), unguarded_atomics(bytes));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        near_the_start in any::<bool>(),
        as_arm64 in any::<bool>(),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = TRUE.clone();
        let reach = if near_the_start { 1024 } else { bytes.len() };
        for (at, value) in changes {
            bytes[at.index(reach)] = value;
        }
        if as_arm64 {
            bytes[18..20].copy_from_slice(&elf::EM_AARCH64.0.to_le_bytes());
        }
        read_all(&bytes);
        read_all(&bytes[..length.index(bytes.len())]);
    }

    #[test]
    fn hostile_tables_never_panic(
        table in any::<prop::sample::Index>(),
        offset in 0_usize..64,
        value in prop::num::u32::ANY,
        length in any::<prop::sample::Index>(),
    ) {
        // Symbols, sections and unwinding: what the search for instructions reads.
        let mut sample = Sample::arm64(&[0xd65f_03c0, 0xf8e1_0002, 0xd65f_03c0]).with_symbols(&[("$x", 0, 0), ("f", 1, 2)]);
        sample.unwind_table = true;
        let mut bytes = sample.build();
        let at = (table.index(bytes.len()) + offset).min(bytes.len() - 4);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        read_all(&bytes);
        read_all(&bytes[..length.index(bytes.len())]);
    }
}
