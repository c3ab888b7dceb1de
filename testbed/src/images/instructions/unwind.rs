//! Where the functions of a program begin and end as a whole, by the table of exception frames, which stripping leaves in.
//! Format: Linux Standard Base Core, "Exception Frames"; encodings: its "DWARF Exception Header Encoding".

use crate::images::elf::bytes_at;
use object::Endianness;
use object::elf::{self, ProgramHeader64};
use object::endian::{I32, U32};
use object::pod::{from_bytes, slice_from_bytes};
use object::read::elf::ProgramHeader;
use std::ops::Range;

/// Version 1; pointer `pcrel | sdata4`; count `udata4`; table `datarel | sdata4`: what all linkers write.
const HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

/// A row of the table is a function's start and the place of its frame, both relative to the header; rows are sorted by start.
/// From the first function's start to the last one's end. None where there is no table, or one of another encoding.
pub(super) fn covered_code(
    endian: Endianness,
    segments: &[ProgramHeader64<Endianness>],
    bytes: &[u8],
) -> Option<Range<u64>> {
    let segment = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_GNU_EH_FRAME)?;
    let header = segment.p_vaddr(endian);
    let data = segment.data(endian, bytes).ok()?.strip_prefix(&HEADER)?;
    let (count, rows) = from_bytes::<U32<Endianness>>(data.get(4..)?).ok()?;
    let count = usize::try_from(count.get(endian)).ok()?;
    let (numbers, _) = slice_from_bytes::<I32<Endianness>>(rows, count.checked_mul(2)?).ok()?;
    let absolute = |number: &I32<Endianness>| header.wrapping_add_signed(number.get(endian).into());
    let [.., last, frame] = numbers else { return None };
    let last = absolute(last);
    let size =
        function_bytes(endian, bytes_at(endian, segments, bytes, absolute(frame))?, absolute(frame), last);
    Some(absolute(numbers.first()?)..last.saturating_add(size?))
}

/// The length of a function by its frame: length and identifier, then start (`pcrel | sdata4`) and length of the code. The
/// encoding stands elsewhere; that the start comes out right shows that it is this one.
fn function_bytes(endian: Endianness, frame: &[u8], address: u64, start: u64) -> Option<u64> {
    let (fields, _) = slice_from_bytes::<U32<Endianness>>(frame, 4).ok()?;
    let relative = fields[2].get(endian).cast_signed();
    let is_start = address.wrapping_add(8).wrapping_add_signed(relative.into()) == start;
    is_start.then(|| fields[3].get(endian).into())
}
