//! What the tests write is what a kernel and a dynamic linker understand.

use crate::elf::{AARCH64, Elf, X86_64};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// Machine and interpreter of this machine.
fn own() -> (u16, &'static str) {
    if cfg!(target_arch = "aarch64") {
        (AARCH64, "/lib/ld-linux-aarch64.so.1")
    } else {
        (X86_64, "/lib64/ld-linux-x86-64.so.2")
    }
}

fn run(elf: &Elf) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    write_program(&path, &elf.write());
    Command::new(path).output().unwrap()
}

/// By another process: a fork of a test beside this one could hold our descriptor open, and the kernel would say "text file
/// busy".
fn write_program(path: &Path, bytes: &[u8]) {
    let source = path.with_extension("bytes");
    File::options()
        .mode(0o755)
        .create(true)
        .write(true)
        .truncate(true)
        .open(&source)
        .unwrap()
        .write_all(bytes)
        .unwrap();
    assert!(Command::new("cp").arg(&source).arg(path).status().unwrap().success());
    fs::remove_file(source).unwrap();
}

#[test]
fn static_program_ends_with_0() {
    let (machine, _) = own();
    assert_eq!(run(&Elf::program(machine)).status.code(), Some(0));
}

#[test]
fn dynamic_program_is_loaded_with_the_real_libc() {
    let (machine, interpreter) = own();
    let elf =
        Elf::program(machine).interpreter(interpreter).needs("libc.so.6", &["GLIBC_2.17", "GLIBC_2.34"]);
    let output = run(&elf);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn loader_finds_versions_missing_and_libraries_absent() {
    let (machine, interpreter) = own();
    let program = Elf::program(machine).interpreter(interpreter);
    for (elf, said) in [
        (program.clone().needs("libc.so.6", &["GLIBC_2.17", "GLIBC_9.99"]), "version `GLIBC_9.99' not found"),
        (program.needs("libabsent.so.1", &[]), "libabsent.so.1: cannot open shared object file"),
    ] {
        let output = run(&elf);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(said), "{output:?}");
    }
}

#[test]
fn written_versions_are_those_of_a_library() {
    let folder = tempfile::tempdir().unwrap();
    let (machine, interpreter) = own();
    let library = Elf::library(machine, "libold.so.1", &["OLD_1.0", "OLD_1.1"]);
    fs::write(folder.path().join("libold.so.1"), library.write()).unwrap();
    let program = Elf::program(machine).interpreter(interpreter);
    for (version, is_there) in [("OLD_1.0", true), ("OLD_1.1", true), ("OLD_1.2", false)] {
        let path = folder.path().join(version);
        write_program(&path, &program.clone().needs("libold.so.1", &[version]).write());
        let output = Command::new(path).env("LD_LIBRARY_PATH", folder.path()).output().unwrap();
        assert_eq!(output.status.success(), is_there, "{version}: {output:?}");
    }
}
