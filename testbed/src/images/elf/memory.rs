//! The bytes at an address, as a loader would place them: through the segments.

use object::Endianness;
use object::elf;
use object::read::elf::ProgramHeader;

/// The part of the file behind `address`, up to the end of its segment. None where no segment holds it or the file is cut.
pub(in crate::images) fn bytes_at<'data, P: ProgramHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[P],
    bytes: &'data [u8],
    address: u64,
) -> Option<&'data [u8]> {
    segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
        let inside = address.checked_sub(segment.p_vaddr(endian).into())?;
        let (offset, size) = segment.file_range(endian);
        let left = size.checked_sub(inside).filter(|left| *left > 0)?;
        let start = usize::try_from(offset.checked_add(inside)?).ok()?;
        let end = start.checked_add(usize::try_from(left).ok()?)?;
        bytes.get(start..end.min(bytes.len()))
    })
}
