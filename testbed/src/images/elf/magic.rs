//! What bytes are that should have been a program, by how they start.

use super::ElfError;
use object::FileKind;

/// More of a line than any kernel reads after `#!` (`BINPRM_BUF_SIZE` of Linux).
const SCRIPT_LINE_BYTES_MAX: usize = 256;

/// Enough to look a format up.
const SHOWN_BYTES: usize = 8;

/// Formats that end up in images by mistake, by their first bytes.
const FORMATS: [(&[u8], &str); 12] = [
    (&[0xcf, 0xfa, 0xed, 0xfe], "Mach-O, a macOS program"),
    (&[0xce, 0xfa, 0xed, 0xfe], "Mach-O, a macOS program"),
    (&[0xca, 0xfe, 0xba, 0xbe], "Mach-O for several machines, or a Java class"),
    (b"MZ", "PE, a Windows program"),
    (b"\0asm", "WebAssembly"),
    (&[0x1f, 0x8b], "gzip: unpack it first"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd: unpack it first"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz: unpack it first"),
    (b"PK\x03\x04", "zip: unpack it first"),
    (b"!<arch>\n", "a static library or a Debian package"),
    (b"version https://git-lfs", "a pointer of Git LFS: run git lfs pull"),
    (b"\xef\xbb\xbf#!", "a script whose byte order mark hides its #!"),
];

/// Whether an ELF file is of 32 or of 64 bits.
pub(super) fn elf_kind(bytes: &[u8]) -> Result<FileKind, ElfError> {
    if bytes.is_empty() {
        return Err(ElfError::Empty);
    }
    if let Some(line) = bytes.strip_prefix(b"#!") {
        return Err(ElfError::Script(script_interpreter(line)));
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Err(ElfError::NoElf(describe(bytes)));
    }
    // It reads 16 bytes at least, although the class is the fifth.
    match FileKind::parse(bytes) {
        Ok(kind @ (FileKind::Elf32 | FileKind::Elf64)) => Ok(kind),
        _ => Err(ElfError::Damaged(format!(
            "its header is cut off or of an unknown class, after {} bytes in all",
            bytes.len()
        ))),
    }
}

fn script_interpreter(line: &[u8]) -> String {
    let line = &line[..line.len().min(SCRIPT_LINE_BYTES_MAX)];
    let end = line.iter().position(|&byte| byte == b'\n').unwrap_or(line.len());
    String::from_utf8_lossy(&line[..end]).trim().escape_debug().to_string()
}

fn describe(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let shown = shown.join(" ");
    match FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, format)) => format!("{shown} ({format})"),
        None => shown,
    }
}
