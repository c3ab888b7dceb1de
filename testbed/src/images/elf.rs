//! What an ELF program asks of the machine it runs on.

mod dynamic;
mod magic;
mod memory;
#[cfg(test)]
pub(in crate::images) mod samples;
#[cfg(test)]
mod tests;

use self::dynamic::Dynamic;
pub(in crate::images) use self::memory::bytes_at;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use std::fmt;

/// The machine in an ELF header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// `EM_X86_64`: amd64.
    X86_64,
    /// `EM_AARCH64`: arm64.
    Aarch64,
    /// `EM_ARM`, 32 bits: arm.
    Arm,
    /// `EM_386`: 386.
    X86,
    /// Another, by its number.
    Other(u16),
}

/// An ELF program, as far as it decides where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    pub machine: Machine,
    /// 32 or 64.
    pub bits: u8,
    /// `PT_INTERP`; none in a static program.
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// Versions that are needed of libraries, such as (`libc.so.6`, `GLIBC_2.34`).
    pub versions: Vec<(String, String)>,
    /// The smallest alignment of a segment that is loaded: the largest page with which it can be, in bytes.
    pub load_alignment_bytes: u64,
}

/// Why bytes are no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    #[error("it has 0 bytes")]
    Empty,
    /// With what follows `#!`: the interpreter and its argument.
    #[error("it is a script for {0}")]
    Script(String),
    /// With its first bytes in hexadecimal, and the format where that is known.
    #[error("it is no ELF program: it starts with {0}")]
    NoElf(String),
    /// ELF, but nothing that a kernel starts: a shared library, an object file, a core dump.
    #[error("it is {0}, not a program")]
    NoProgram(&'static str),
    #[error("it is a damaged ELF program: {0}")]
    Damaged(String),
}

impl From<object::read::Error> for ElfError {
    fn from(error: object::read::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl Program {
    /// Reads headers and dynamic section: what the kernel and the dynamic linker read, not the section headers, which a
    /// stripped program need not have. Hostile bytes lead to an error or to fewer names, never to a panic.
    ///
    /// # Errors
    /// Where the bytes are no ELF program.
    pub fn parse(bytes: &[u8]) -> Result<Self, ElfError> {
        let (program, is_library) = Self::read(bytes)?;
        if is_library { Err(ElfError::NoProgram("a shared library")) } else { Ok(program) }
    }

    /// Reads a shared library, or the dynamic linker, in the same way.
    ///
    /// # Errors
    /// Where the bytes are neither a library nor a program.
    pub fn parse_library(bytes: &[u8]) -> Result<Self, ElfError> {
        Self::read(bytes).map(|(library, _)| library)
    }

    fn read(bytes: &[u8]) -> Result<(Self, bool), ElfError> {
        match magic::elf_kind(bytes)? {
            FileKind::Elf32 => read_program(FileHeader32::<Endianness>::parse(bytes)?, bytes),
            _ => read_program(FileHeader64::<Endianness>::parse(bytes)?, bytes),
        }
    }
}

impl Machine {
    /// The machine of an architecture as OCI names it.
    #[must_use]
    pub fn of_architecture(architecture: &str) -> Option<Self> {
        match architecture {
            "amd64" => Some(Self::X86_64),
            "arm64" => Some(Self::Aarch64),
            "arm" => Some(Self::Arm),
            "386" => Some(Self::X86),
            _ => None,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86_64 => formatter.write_str("x86-64"),
            Self::Aarch64 => formatter.write_str("aarch64"),
            Self::Arm => formatter.write_str("32-bit arm"),
            Self::X86 => formatter.write_str("i386"),
            Self::Other(number) => write!(formatter, "the machine of ELF number {number}"),
        }
    }
}

impl From<elf::Machine> for Machine {
    fn from(machine: elf::Machine) -> Self {
        match machine {
            elf::EM_X86_64 => Self::X86_64,
            elf::EM_AARCH64 => Self::Aarch64,
            elf::EM_ARM => Self::Arm,
            elf::EM_386 => Self::X86,
            other => Self::Other(other.0),
        }
    }
}

/// The versions that a shared library defines, such as `GLIBC_2.34`, in the order of its `.gnu.version_d`. The first is the
/// library's own name (`VER_FLG_BASE`) and is left out.
///
/// # Errors
/// Where the bytes are no ELF file. A library without versions defines none.
pub fn defined_versions(bytes: &[u8]) -> Result<Vec<String>, ElfError> {
    match magic::elf_kind(bytes)? {
        FileKind::Elf32 => read_definitions(FileHeader32::<Endianness>::parse(bytes)?, bytes),
        _ => read_definitions(FileHeader64::<Endianness>::parse(bytes)?, bytes),
    }
}

/// The machine of any ELF file, whether it is a program, a library or damaged behind its header.
pub(super) fn machine(bytes: &[u8]) -> Result<Machine, ElfError> {
    fn read<E: FileHeader<Endian = Endianness>>(header: &E) -> Result<Machine, ElfError> {
        Ok(header.e_machine(header.endian()?).into())
    }
    match magic::elf_kind(bytes)? {
        FileKind::Elf32 => read(FileHeader32::<Endianness>::parse(bytes)?),
        _ => read(FileHeader64::<Endianness>::parse(bytes)?),
    }
}

/// A program, or what looks like one but is a shared library.
fn read_program<E: FileHeader<Endian = Endianness>>(
    header: &E,
    bytes: &[u8],
) -> Result<(Program, bool), ElfError> {
    let endian = header.endian()?;
    let file_type = header.e_type(endian);
    match file_type {
        elf::ET_EXEC | elf::ET_DYN => {}
        elf::ET_REL => return Err(ElfError::NoProgram("an object file")),
        elf::ET_CORE => return Err(ElfError::NoProgram("a core dump")),
        other => return Err(ElfError::Damaged(format!("its type is {:#x}", other.0))),
    }
    let segments = header.program_headers(endian, bytes)?;
    check_complete(endian, segments, bytes)?;
    let dynamic = Dynamic::read(endian, segments, bytes)?;
    let interpreter = read_interpreter(endian, segments, bytes)?;
    let is_library = file_type == elf::ET_DYN
        && interpreter.is_none()
        && !dynamic.is_static_program(header.e_entry(endian).into());
    let program = Program {
        machine: header.e_machine(endian).into(),
        bits: if header.is_class_64() { 64 } else { 32 },
        interpreter,
        needed: dynamic.needed()?,
        versions: dynamic.needed_versions()?,
        load_alignment_bytes: read_load_alignment(endian, segments)?,
    };
    Ok((program, is_library))
}

fn read_definitions<E: FileHeader<Endian = Endianness>>(
    header: &E,
    bytes: &[u8],
) -> Result<Vec<String>, ElfError> {
    let endian = header.endian()?;
    Dynamic::read(endian, header.program_headers(endian, bytes)?, bytes)?.defined_versions()
}

/// A program whose end is missing starts, and dies of SIGBUS where it first needs it.
fn check_complete<P: ProgramHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[P],
    bytes: &[u8],
) -> Result<(), ElfError> {
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        let (offset, size) = segment.file_range(endian);
        if offset.checked_add(size).is_none_or(|end| end > bytes.len() as u64) {
            return Err(ElfError::Damaged(format!(
                "{size} bytes at {offset} of it are to be loaded, but it has {} bytes in all",
                bytes.len()
            )));
        }
    }
    Ok(())
}

fn read_interpreter<P: ProgramHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[P],
    bytes: &[u8],
) -> Result<Option<String>, ElfError> {
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, bytes)? {
            return Ok(Some(String::from_utf8_lossy(path).into_owned()));
        }
    }
    Ok(None)
}

/// A kernel maps whole pages, so offset and address of a segment must be equal modulo its page. 0 and 1 mean "no alignment"
/// (System V ABI, "Program Header"), which is a page of one byte.
fn read_load_alignment<P: ProgramHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[P],
) -> Result<u64, ElfError> {
    segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .map(|segment| segment.p_align(endian).into().max(1))
        .min()
        .ok_or_else(|| ElfError::Damaged("it has no segment to load".to_owned()))
}
