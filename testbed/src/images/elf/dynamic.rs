//! The dynamic section of a program or library, found by its segment. Formats: System V ABI, "Dynamic Section"; versions:
//! Linux Standard Base, "Symbol Versioning".

use super::ElfError;
use super::memory::bytes_at;
use object::elf::{self, Verdaux, Verdef, Vernaux, Verneed};
use object::pod::{Pod, from_bytes};
use object::read::elf::{Dyn, ProgramHeader};
use object::{Endianness, StringTable};

/// A program that needs more names is damaged: glibc itself defines about 50 versions. Without it, entries that lead back to
/// themselves could keep the reader busy for hours.
const NAMES_MAX: usize = 4096;

/// `PATH_MAX` of Linux: no file of a longer name can be opened.
const NAME_BYTES_MAX: usize = 4096;

/// `DF_1_PIE`, `DT_SONAME` and the tables that names and versions are in.
#[derive(Debug, Default)]
pub(super) struct Dynamic<'data> {
    endian: Endianness,
    is_pie: bool,
    has_library_name: bool,
    needed: Vec<u64>,
    strings: &'data [u8],
    verneed: &'data [u8],
    verdef: &'data [u8],
}

impl<'data> Dynamic<'data> {
    /// Reads the section that `PT_DYNAMIC` points to. A static program has none: everything is empty then.
    pub(super) fn read<P: ProgramHeader<Endian = Endianness>>(
        endian: Endianness,
        segments: &[P],
        bytes: &'data [u8],
    ) -> Result<Self, ElfError> {
        let mut dynamic = Self { endian, ..Self::default() };
        for segment in segments {
            let Some(entries) = segment.dynamic(endian, bytes)? else { continue };
            for entry in entries {
                let (tag, value) = (entry.tag(endian), entry.val(endian));
                let table = || bytes_at(endian, segments, bytes, value).ok_or_else(|| outside(value));
                match tag {
                    elf::DT_NULL => break,
                    elf::DT_NEEDED => dynamic.needed.push(value),
                    elf::DT_SONAME => dynamic.has_library_name = true,
                    elf::DT_FLAGS_1 => dynamic.is_pie = value & elf::DF_1_PIE.0 != 0,
                    elf::DT_STRTAB => dynamic.strings = table()?,
                    elf::DT_VERNEED => dynamic.verneed = table()?,
                    elf::DT_VERDEF => dynamic.verdef = table()?,
                    _ => {}
                }
            }
        }
        if dynamic.needed.len() > NAMES_MAX {
            return Err(too_many());
        }
        Ok(dynamic)
    }

    /// Whether a file of type `ET_DYN` without an interpreter is a static program (static-pie) rather than a library.
    /// Linkers mark the former since binutils 2.26; older ones gave libraries an entry point too, but then a name.
    pub(super) fn is_static_program(&self, entry: u64) -> bool {
        self.is_pie || entry != 0 && !self.has_library_name
    }

    pub(super) fn needed(&self) -> Result<Vec<String>, ElfError> {
        self.needed.iter().map(|offset| name(self.strings, u32::try_from(*offset).ok())).collect()
    }

    /// Library and version of all entries of `DT_VERNEED`.
    pub(super) fn needed_versions(&self) -> Result<Vec<(String, String)>, ElfError> {
        let endian = self.endian;
        let mut versions = Vec::new();
        for (need, tail) in chain(self.verneed, |need: &Verneed<Endianness>| need.vn_next.get(endian))? {
            let library = name(self.strings, Some(need.vn_file.get(endian)))?;
            let entries = skip(tail, need.vn_aux.get(endian))?;
            for (entry, _) in chain(entries, |entry: &Vernaux<Endianness>| entry.vna_next.get(endian))? {
                versions.push((library.clone(), name(self.strings, Some(entry.vna_name.get(endian)))?));
            }
            if versions.len() > NAMES_MAX {
                return Err(too_many());
            }
        }
        Ok(versions)
    }

    /// The name of each entry of `DT_VERDEF` but the library's own.
    pub(super) fn defined_versions(&self) -> Result<Vec<String>, ElfError> {
        let endian = self.endian;
        let definitions =
            chain(self.verdef, |definition: &Verdef<Endianness>| definition.vd_next.get(endian))?;
        definitions
            .into_iter()
            .filter(|(definition, _)| !definition.vd_flags.get(endian).contains(elf::VER_FLG_BASE))
            .map(|(definition, tail)| {
                let entry: &Verdaux<Endianness> = head(skip(tail, definition.vd_aux.get(endian))?)?;
                name(self.strings, Some(entry.vda_name.get(endian)))
            })
            .collect()
    }
}

/// The text at `offset` of a string table.
pub(super) fn name(strings: &[u8], offset: Option<u32>) -> Result<String, ElfError> {
    let strings = StringTable::new(strings, 0, strings.len() as u64);
    let name = offset.and_then(|offset| strings.get(offset).ok()).filter(|name| name.len() <= NAME_BYTES_MAX);
    let name = name
        .ok_or_else(|| ElfError::Damaged("a name lies outside its string table or has no end".to_owned()))?;
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// An entry, and the bytes from its start: offsets in it count from there.
pub(super) type Entry<'data, T> = (&'data T, &'data [u8]);

/// All entries of a list in which each says how far away the next is, 0 at the last.
pub(super) fn chain<T: Pod>(
    mut bytes: &[u8],
    next: impl Fn(&T) -> u32,
) -> Result<Vec<Entry<'_, T>>, ElfError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let entry = head(bytes)?;
        entries.push((entry, bytes));
        match next(entry) {
            0 => break,
            _ if entries.len() > NAMES_MAX => return Err(too_many()),
            distance => bytes = skip(bytes, distance)?,
        }
    }
    Ok(entries)
}

fn head<T: Pod>(bytes: &[u8]) -> Result<&T, ElfError> {
    from_bytes(bytes).map(|(entry, _)| entry).map_err(|()| cut_off())
}

fn skip(bytes: &[u8], distance: u32) -> Result<&[u8], ElfError> {
    usize::try_from(distance).ok().and_then(|distance| bytes.get(distance..)).ok_or_else(cut_off)
}

fn cut_off() -> ElfError {
    ElfError::Damaged("its table of versions is cut off".to_owned())
}

fn too_many() -> ElfError {
    ElfError::Damaged(format!("it names more than {NAMES_MAX} libraries or versions"))
}

fn outside(address: u64) -> ElfError {
    ElfError::Damaged(format!("its dynamic section points to {address:#x}, where nothing is loaded"))
}
