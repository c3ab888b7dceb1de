//! Where the instructions of an arm64 ELF file are, and which functions they belong to.

use super::unwind;
use object::Endianness;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym, SymbolTable};
use std::ops::Range;

type Header = FileHeader64<Endianness>;

/// A run of instructions. Bytes before and after it can be looked at as well: a guard may lie there.
#[derive(Debug)]
pub(in crate::images) struct Code<'data> {
    /// Of the section or segment that the run lies in.
    address: u64,
    bytes: &'data [u8],
    /// The run, in words.
    run: Range<usize>,
    /// Whether mapping symbols say that it is code.
    pub(super) is_surely_code: bool,
}

impl Code<'_> {
    /// The words of the run, each with its index.
    pub(in crate::images) fn words(&self) -> impl Iterator<Item = (usize, u32)> {
        let start = self.run.start;
        let bytes = self.bytes.get(start * 4..self.run.end * 4).unwrap_or_default();
        bytes
            .as_chunks()
            .0
            .iter()
            .enumerate()
            .map(move |(index, word)| (start + index, u32::from_le_bytes(*word)))
    }

    /// A word of the section, inside of the run or not. Instructions are little-endian on big-endian machines as well.
    pub(in crate::images) fn word(&self, index: usize) -> Option<u32> {
        self.bytes.as_chunks().0.get(index).copied().map(u32::from_le_bytes)
    }

    pub(super) fn address_of(&self, index: usize) -> u64 {
        self.address.wrapping_add(index as u64 * 4)
    }
}

/// The code of an arm64 file: its executable sections without the tables that symbols mark, or its executable segments where
/// there are no sections. Nothing for other machines and for bytes that cannot be read.
pub(in crate::images) fn executable_code(bytes: &[u8]) -> Vec<Code<'_>> {
    let Some((header, endian)) = arm64_header(bytes) else { return Vec::new() };
    let sections = header.sections(endian, bytes).unwrap_or_default();
    let marks = Marks::read(endian, &sections, bytes);
    let mut code = Vec::new();
    let mut unread = Unread(bytes.len());
    for (index, section) in sections.enumerate() {
        if section.sh_flags(endian).contains(elf::SHF_EXECINSTR) {
            let data = unread.take(section.data(endian, bytes).unwrap_or_default());
            code.extend(marks.split(index.0, section.sh_addr(endian), data));
        }
    }
    if code.is_empty() { segment_code(header, endian, bytes) } else { code }
}

/// Linkers put constants into the same segment as code. Where the code begins and ends there, the table tells with which
/// exceptions and backtraces find their way.
fn segment_code<'data>(header: &Header, endian: Endianness, bytes: &'data [u8]) -> Vec<Code<'data>> {
    let segments = header.program_headers(endian, bytes).unwrap_or_default();
    let span = unwind::covered_code(endian, segments, bytes).unwrap_or(0..u64::MAX);
    let mut unread = Unread(bytes.len());
    let is_executable = |segment: &&ProgramHeader64<Endianness>| {
        segment.p_type(endian) == elf::PT_LOAD && segment.p_flags(endian).contains(elf::PF_X)
    };
    segments
        .iter()
        .filter(is_executable)
        .map(|segment| {
            let address = segment.p_vaddr(endian);
            let data = unread.take(segment.data(endian, bytes).unwrap_or_default());
            let word = |end: u64| {
                usize::try_from(end.saturating_sub(address) / 4)
                    .map_or(data.len() / 4, |word| word.min(data.len() / 4))
            };
            let (start, end) = (word(span.start), word(span.end));
            Code {
                address: address.wrapping_add(start as u64 * 4),
                bytes: data.get(start * 4..end * 4).unwrap_or_default(),
                run: 0..end.saturating_sub(start),
                is_surely_code: false,
            }
        })
        .collect()
}

/// How many bytes of a file are still to be read: parts of an honest one do not overlap, and thousands that do would take hours.
struct Unread(usize);

impl Unread {
    /// `part` itself, or nothing where more was read than there is.
    fn take<'data>(&mut self, part: &'data [u8]) -> &'data [u8] {
        let Some(left) = self.0.checked_sub(part.len()) else { return &[] };
        self.0 = left;
        part
    }
}

fn arm64_header(bytes: &[u8]) -> Option<(&Header, Endianness)> {
    let header = Header::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    (header.e_machine(endian) == elf::EM_AARCH64).then_some((header, endian))
}

/// Mapping symbols: from each on, it is code or data.
struct Marks {
    /// Section, address, whether code follows; sorted.
    marks: Vec<(usize, u64, bool)>,
}

impl Marks {
    fn read(endian: Endianness, sections: &SectionTable<'_, Header>, bytes: &[u8]) -> Self {
        let symbols = sections.symbols(endian, bytes, elf::SHT_SYMTAB).unwrap_or_default();
        let mut marks = Vec::new();
        for (index, symbol) in symbols.enumerate() {
            let is_code = match symbol.name(endian, symbols.strings()).unwrap_or_default() {
                [b'$', b'x'] | [b'$', b'x', b'.', ..] => true,
                [b'$', b'd'] | [b'$', b'd', b'.', ..] => false,
                _ => continue,
            };
            if let Ok(Some(section)) = symbols.symbol_section(endian, symbol, index) {
                marks.push((section.0, symbol.st_value(endian), is_code));
            }
        }
        // Code after data at the same address: an empty table hides nothing.
        marks.sort_unstable();
        Self { marks }
    }

    /// The runs of a section that are not marked as data.
    fn split<'data>(&self, section: usize, address: u64, bytes: &'data [u8]) -> Vec<Code<'data>> {
        let words = bytes.len() / 4;
        let start = self.marks.partition_point(|mark| mark.0 < section);
        let end = self.marks.partition_point(|mark| mark.0 <= section);
        let index_of = |mark: &(usize, u64, bool)| {
            usize::try_from(mark.1.saturating_sub(address) / 4).map_or(words, |index| index.min(words))
        };
        let mut runs = Vec::new();
        let mut push = |run: Range<usize>, is_surely_code| {
            if !run.is_empty() {
                runs.push(Code { address, bytes, run, is_surely_code });
            }
        };
        let marks = &self.marks[start..end];
        push(0..marks.first().map_or(words, index_of), false);
        for (position, mark) in marks.iter().enumerate() {
            if mark.2 {
                push(index_of(mark)..marks.get(position + 1).map_or(words, index_of), true);
            }
        }
        runs
    }
}

/// The functions of a file, by address.
pub(super) struct Functions<'data> {
    /// Start, end, name; sorted.
    functions: Vec<(u64, u64, &'data str)>,
}

impl<'data> Functions<'data> {
    /// Reads the symbol table, or the dynamic one where that is all there is.
    pub(super) fn read(bytes: &'data [u8]) -> Self {
        let mut functions = Vec::new();
        if let Some((header, endian)) = arm64_header(bytes) {
            let sections = header.sections(endian, bytes).unwrap_or_default();
            let full = sections.symbols(endian, bytes, elf::SHT_SYMTAB).unwrap_or_default();
            let dynamic = sections.symbols(endian, bytes, elf::SHT_DYNSYM).unwrap_or_default();
            let symbols: SymbolTable<'_, Header> = if full.is_empty() { dynamic } else { full };
            for symbol in symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC) {
                let name = symbol
                    .name(endian, symbols.strings())
                    .ok()
                    .and_then(|name| std::str::from_utf8(name).ok());
                let start = symbol.st_value(endian);
                functions
                    .extend(name.map(|name| (start, start.saturating_add(symbol.st_size(endian)), name)));
            }
        }
        functions.sort_unstable();
        Self { functions }
    }

    pub(super) fn at(&self, address: u64) -> Option<&'data str> {
        let after = self.functions.partition_point(|function| function.0 <= address);
        let (_, end, name) = self.functions[..after].last()?;
        (address < *end).then_some(name)
    }
}
