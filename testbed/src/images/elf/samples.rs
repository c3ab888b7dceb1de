//! Small ELF files for tests: one segment of code, with sections and symbols where asked for.

use object::elf::{EM_AARCH64, ET_EXEC};

/// Where the code is loaded.
pub(in crate::images) const ADDRESS: u64 = 0x10_0000;

const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
const SECTION_BYTES: u64 = 64;
const CODE_OFFSET: usize = HEADER_BYTES + 2 * SEGMENT_BYTES;

/// A symbol: name, index of its word, number of words.
type Symbol = (&'static str, u64, u64);

/// A static 64-bit program, little-endian.
#[derive(Debug, Clone)]
pub(in crate::images) struct Sample {
    pub(in crate::images) machine: u16,
    pub(in crate::images) file_type: u16,
    pub(in crate::images) load_alignment: u64,
    pub(in crate::images) code: Vec<u32>,
    /// What comes behind the code in the same segment, such as constants.
    pub(in crate::images) constants: Vec<u8>,
    /// Whether a table for unwinding says where the code ends.
    pub(in crate::images) unwind_table: bool,
    symbols: Option<Vec<Symbol>>,
}

impl Sample {
    /// Without section headers, as after `strip --strip-section-headers`.
    pub(in crate::images) fn arm64(code: &[u32]) -> Self {
        let (machine, file_type) = (EM_AARCH64.0, ET_EXEC.0);
        Self {
            machine,
            file_type,
            load_alignment: 0x1_0000,
            code: code.to_vec(),
            constants: Vec::new(),
            unwind_table: false,
            symbols: None,
        }
    }

    /// With a section for the code, and with these symbols.
    pub(in crate::images) fn with_symbols(mut self, symbols: &[Symbol]) -> Self {
        self.symbols = Some(symbols.to_vec());
        self
    }

    pub(in crate::images) fn build(&self) -> Vec<u8> {
        let code: Vec<u8> = self.code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let before_table = (code.len() + self.constants.len()) as u64;
        let table =
            if self.unwind_table { unwind_table(before_table, code.len() as u64) } else { Vec::new() };
        let loaded = before_table + table.len() as u64;
        let mut tail = self
            .symbols
            .as_ref()
            .map(|symbols| sections(symbols, code.len() as u64, CODE_OFFSET as u64 + loaded));
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        halves(&mut file, &[self.file_type, self.machine, 1, 0]);
        let sections_at = tail.as_ref().map_or(0, |tail| CODE_OFFSET as u64 + loaded + tail.headers_at);
        longs(&mut file, &[ADDRESS, HEADER_BYTES as u64, sections_at]);
        let (section_count, names_in) = if tail.is_some() { (4, 3) } else { (0, 0) };
        halves(
            &mut file,
            &[
                0,
                0,
                HEADER_BYTES as u16,
                SEGMENT_BYTES as u16,
                1 + u16::from(self.unwind_table),
                SECTION_BYTES as u16,
                section_count,
                names_in,
            ],
        );
        // PT_LOAD, read and execute.
        halves(&mut file, &[1, 0, 5, 0]);
        longs(&mut file, &[CODE_OFFSET as u64, ADDRESS, ADDRESS, loaded, loaded, self.load_alignment]);
        // PT_GNU_EH_FRAME, read.
        halves(&mut file, &[0xe550, 0x6474, 4, 0]);
        let table_bytes = table.len() as u64;
        longs(
            &mut file,
            &[CODE_OFFSET as u64 + before_table, ADDRESS + before_table, 0, table_bytes, table_bytes, 4],
        );
        file.extend([code, self.constants.clone(), table].concat());
        file.append(&mut tail.as_mut().map(|tail| std::mem::take(&mut tail.bytes)).unwrap_or_default());
        file
    }
}

/// `.eh_frame_hdr` with one row, and the frame it points to: of a function over all the code. `distance` is from the code's start.
fn unwind_table(distance: u64, code_bytes: u64) -> Vec<u8> {
    const TABLE_BYTES: u32 = 20;
    let back = (distance as u32).wrapping_neg();
    let row = [0, 1, back, TABLE_BYTES];
    let frame = [16, 4, back.wrapping_sub(TABLE_BYTES + 8), code_bytes as u32];
    let words = row.iter().chain(&frame).flat_map(|word| word.to_le_bytes());
    [1, 0x1b, 0x03, 0x3b].into_iter().chain(words).collect()
}

struct Tail {
    bytes: Vec<u8>,
    headers_at: u64,
}

/// Symbols, their names, and the headers of four sections: none, code, symbols, names.
fn sections(symbols: &[Symbol], code_bytes: u64, offset: u64) -> Tail {
    let mut names = vec![0];
    let mut bytes = vec![0; 24];
    for (name, word, words) in symbols {
        // STT_FUNC, or STT_NOTYPE as mapping symbols are; in section 1.
        let kind = if name.starts_with('$') { 0 } else { 2 };
        bytes.extend((names.len() as u32).to_le_bytes());
        bytes.extend([kind, 0, 1, 0]);
        longs(&mut bytes, &[ADDRESS + word * 4, words * 4]);
        names.extend(name.bytes().chain([0]));
    }
    let symbols_bytes = bytes.len() as u64;
    bytes.extend(&names);
    let headers_at = bytes.len() as u64;
    let names_at = offset + symbols_bytes;
    // SHT_PROGBITS, SHF_ALLOC and SHF_EXECINSTR; SHT_SYMTAB with its names in section 3; SHT_STRTAB.
    section(&mut bytes, 0, 0, [0, 0, 0], 0, 0);
    section(&mut bytes, 1, 6, [ADDRESS, CODE_OFFSET as u64, code_bytes], 0, 0);
    section(&mut bytes, 2, 0, [0, offset, symbols_bytes], 3, 24);
    section(&mut bytes, 3, 0, [0, names_at, names.len() as u64], 0, 0);
    Tail { bytes, headers_at }
}

fn section(bytes: &mut Vec<u8>, kind: u16, flags: u64, place: [u64; 3], link: u64, entry_bytes: u64) {
    halves(bytes, &[0, 0, kind, 0]);
    longs(bytes, &[flags, place[0], place[1], place[2], link, 1, entry_bytes]);
}

fn halves(bytes: &mut Vec<u8>, values: &[u16]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn longs(bytes: &mut Vec<u8>, values: &[u64]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}
