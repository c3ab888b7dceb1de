//! Writes ELF programs and libraries: as little as a kernel and a dynamic linker need to run them. Formats: System V ABI,
//! "Object Files" and "Program Loading"; versions: Linux Standard Base, "Symbol Versioning".

use std::collections::HashMap;

/// `EM_X86_64`
pub(crate) const X86_64: u16 = 62;
/// `EM_AARCH64`
pub(crate) const AARCH64: u16 = 183;

/// Where programs are placed; a multiple of every page size.
const BASE: u64 = 0x40_0000;
const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;

/// What a program does: it ends with 0.
const EXIT_X86_64: [u8; 9] = [0xb8, 0x3c, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];
const NOP: u32 = 0xd503_201f;
/// `mov x8, #93`, `mov x0, #0`, `svc #0`
const EXIT_AARCH64: [u32; 3] = [0xd280_0ba8, 0xd280_0000, 0xd400_0001];

/// A file that is going to be written.
#[derive(Clone, Debug)]
pub(crate) struct Elf {
    machine: u16,
    interpreter: Option<String>,
    /// Libraries, each with the versions that are needed of it.
    needed: Vec<(String, Vec<String>)>,
    /// The name of a library.
    name: Option<String>,
    defined: Vec<String>,
    alignment: u64,
    code: Vec<u8>,
    data: Vec<u8>,
}

impl Elf {
    /// A static program that ends with 0.
    pub(crate) fn program(machine: u16) -> Self {
        let code = if machine == AARCH64 { arm64_code(&[]) } else { EXIT_X86_64.to_vec() };
        Self {
            machine,
            interpreter: None,
            needed: Vec::new(),
            name: None,
            defined: Vec::new(),
            alignment: 0x1_0000,
            code,
            data: Vec::new(),
        }
    }

    /// A shared library that defines versions.
    pub(crate) fn library(machine: u16, name: &str, versions: &[&str]) -> Self {
        let defined = versions.iter().map(|version| (*version).to_owned()).collect();
        Self { name: Some(name.to_owned()), defined, ..Self::program(machine) }
    }

    pub(crate) fn interpreter(self, path: &str) -> Self {
        Self { interpreter: Some(path.to_owned()), ..self }
    }

    pub(crate) fn needs(mut self, library: &str, versions: &[&str]) -> Self {
        let versions = versions.iter().map(|version| (*version).to_owned()).collect();
        self.needed.push((library.to_owned(), versions));
        self
    }

    /// Alignment of the segments that are loaded, in bytes.
    pub(crate) fn alignment(self, alignment: u64) -> Self {
        Self { alignment, ..self }
    }

    /// Executes these A64 instructions before it ends.
    pub(crate) fn arm64_instructions(self, words: &[u32]) -> Self {
        Self { code: arm64_code(words), ..self }
    }

    /// Holds these bytes besides.
    pub(crate) fn data(self, data: &[u8]) -> Self {
        Self { data: data.to_vec(), ..self }
    }

    /// The file: header, segments, tables and data in one segment, the code in another.
    pub(crate) fn write(&self) -> Vec<u8> {
        let base = if self.name.is_some() { 0 } else { BASE };
        let is_dynamic = self.interpreter.is_some() || self.name.is_some();
        let segments = 3 + usize::from(self.interpreter.is_some()) + usize::from(is_dynamic);
        let mut file = vec![0; HEADER_BYTES + segments * SEGMENT_BYTES];
        let mut headers = Vec::new();
        if let Some(path) = &self.interpreter {
            let at = append(&mut file, &[path.as_bytes(), b"\0"].concat());
            headers.push(Segment { kind: 3, flags: 4, at, size: path.len() + 1, vaddr: base, alignment: 1 });
        }
        append(&mut file, &self.data);
        if is_dynamic {
            let (at, size) = self.write_dynamic(&mut file, base);
            headers.push(Segment { kind: 2, flags: 6, at, size, vaddr: base, alignment: 8 });
        }
        let end = file.len();
        let alignment = self.alignment;
        headers.insert(0, Segment { kind: 1, flags: 6, at: 0, size: end, vaddr: base, alignment });
        let at = append(&mut file, &self.code);
        let vaddr = base + alignment;
        headers.push(Segment { kind: 1, flags: 5, at, size: self.code.len(), vaddr, alignment });
        // PT_GNU_STACK: the stack is not executable.
        headers.push(Segment { kind: 0x6474_e551, flags: 6, at: 0, size: 0, vaddr: 0, alignment: 16 });
        self.write_headers(&mut file, vaddr + at as u64, &headers);
        file
    }

    fn write_headers(&self, file: &mut [u8], entry: u64, segments: &[Segment]) {
        let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        // ET_DYN, ET_EXEC
        let kind: u16 = if self.name.is_some() { 3 } else { 2 };
        header.extend([kind.to_le_bytes(), self.machine.to_le_bytes()].concat());
        header.extend(1_u32.to_le_bytes());
        header.extend([entry, HEADER_BYTES as u64, 0].map(u64::to_le_bytes).concat());
        header.extend(0_u32.to_le_bytes());
        let sizes = [HEADER_BYTES as u16, SEGMENT_BYTES as u16, segments.len() as u16, 64, 0, 0];
        header.extend(sizes.map(u16::to_le_bytes).concat());
        for segment in segments {
            header.extend([segment.kind, segment.flags].map(u32::to_le_bytes).concat());
            let (at, size) = (segment.at as u64, segment.size as u64);
            let address = if segment.size == 0 { 0 } else { segment.vaddr + at };
            header
                .extend([at, address, address, size, size, segment.alignment].map(u64::to_le_bytes).concat());
        }
        file[..header.len()].copy_from_slice(&header);
    }

    /// Appends strings, an empty symbol table, versions and what points to them; says where the last of these is, and
    /// its size.
    fn write_dynamic(&self, file: &mut Vec<u8>, base: u64) -> (usize, usize) {
        let mut strings = Strings::default();
        let mut entries: Vec<(u64, u64)> =
            self.needed.iter().map(|(library, _)| (1, u64::from(strings.offset(library)))).collect();
        entries.extend(self.name.iter().map(|name| (14, u64::from(strings.offset(name)))));
        let needs = self.version_needs(&mut strings);
        let definitions = self.version_definitions(&mut strings);
        let mut table = |bytes: &[u8]| base + append(file, bytes) as u64;
        // DT_HASH of one bucket, with the symbol 0 that every table has: nothing is found.
        entries.push((4, table(&[1_u32, 1, 0, 0].map(u32::to_le_bytes).concat())));
        entries.extend([(6, table(&[0; 24])), (11, 24)]);
        // A table of versions for that symbol, without which nobody looks at what follows.
        entries.push((0x6fff_fff0, table(&[0; 2])));
        if !needs.is_empty() {
            let count = self.needed.iter().filter(|(_, versions)| !versions.is_empty()).count();
            entries.extend([(0x6fff_fffe, table(&needs)), (0x6fff_ffff, count as u64)]);
        }
        if !definitions.is_empty() {
            entries
                .extend([(0x6fff_fffc, table(&definitions)), (0x6fff_fffd, 1 + self.defined.len() as u64)]);
        }
        entries.extend([(5, table(&strings.bytes)), (10, strings.bytes.len() as u64), (0, 0)]);
        let bytes: Vec<u8> =
            entries.iter().flat_map(|(tag, value)| [*tag, *value].map(u64::to_le_bytes).concat()).collect();
        (append(file, &bytes), bytes.len())
    }

    /// `Verneed` with its `Vernaux`, one library after the other.
    fn version_needs(&self, strings: &mut Strings) -> Vec<u8> {
        let mut bytes = Vec::new();
        let needed: Vec<_> = self.needed.iter().filter(|(_, versions)| !versions.is_empty()).collect();
        for (index, (library, versions)) in needed.iter().enumerate() {
            let next = if index + 1 == needed.len() { 0 } else { 16 + 16 * versions.len() as u32 };
            bytes.extend([1, versions.len() as u16].map(u16::to_le_bytes).concat());
            bytes.extend([strings.offset(library), 16, next].map(u32::to_le_bytes).concat());
            for (index, version) in versions.iter().enumerate() {
                let next = if index + 1 == versions.len() { 0 } else { 16 };
                bytes.extend(hash(version).to_le_bytes());
                bytes.extend([0, 2 + index as u16].map(u16::to_le_bytes).concat());
                bytes.extend([strings.offset(version), next].map(u32::to_le_bytes).concat());
            }
        }
        bytes
    }

    /// `Verdef` with one `Verdaux` each; the first is the library's own name.
    fn version_definitions(&self, strings: &mut Strings) -> Vec<u8> {
        let Some(name) = self.name.as_ref().filter(|_| !self.defined.is_empty()) else { return Vec::new() };
        let all: Vec<&String> = std::iter::once(name).chain(&self.defined).collect();
        let mut bytes = Vec::new();
        for (index, version) in all.iter().enumerate() {
            let is_base = u16::from(index == 0);
            let next = if index + 1 == all.len() { 0 } else { 28 };
            bytes.extend([1, is_base, 1 + index as u16, 1].map(u16::to_le_bytes).concat());
            bytes.extend([hash(version), 20, next].map(u32::to_le_bytes).concat());
            bytes.extend([strings.offset(version), 0].map(u32::to_le_bytes).concat());
        }
        bytes
    }
}

/// A static program of 32-bit ARM that ends with 0.
pub(crate) fn arm_program() -> Vec<u8> {
    // mov r7, #1; mov r0, #0; svc 0
    let code = [0xe3a0_7001_u32, 0xe3a0_0000, 0xef00_0000].map(u32::to_le_bytes).concat();
    let (header, base) = (52 + 32, 0x1_0000);
    let size = header + code.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2, 40].map(u16::to_le_bytes).concat());
    file.extend([1, base + header, 52, 0, 0x0500_0000].map(u32::to_le_bytes).concat());
    file.extend([52, 32, 1, 40, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1, 0, base, base, size, size, 5, 0x1_0000].map(u32::to_le_bytes).concat());
    [file, code].concat()
}

struct Segment {
    kind: u32,
    flags: u32,
    /// In the file.
    at: usize,
    size: usize,
    /// Of the file's first byte, if it were in the segment.
    vaddr: u64,
    alignment: u64,
}

#[derive(Default)]
struct Strings {
    bytes: Vec<u8>,
    offsets: HashMap<String, u32>,
}

impl Strings {
    fn offset(&mut self, text: &str) -> u32 {
        let bytes = &mut self.bytes;
        *self.offsets.entry(text.to_owned()).or_insert_with(|| {
            if bytes.is_empty() {
                bytes.push(0);
            }
            let offset = bytes.len() as u32;
            bytes.extend(text.bytes().chain([0]));
            offset
        })
    }
}

/// Surrounded by as much code as real instructions are.
fn arm64_code(words: &[u32]) -> Vec<u8> {
    let around = [NOP; 16];
    [&around, words, &around, &EXIT_AARCH64, &around]
        .concat()
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

/// At the next multiple of 8.
fn append(file: &mut Vec<u8>, bytes: &[u8]) -> usize {
    file.resize(file.len().next_multiple_of(8), 0);
    let at = file.len();
    file.extend(bytes);
    at
}

/// System V ABI, "Hash Table".
fn hash(name: &str) -> u32 {
    name.bytes().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}
