//! Blocks of event texts. One row holds the lines of sixteen neighbours, because SQLite's cost is per row,
//! not per byte.
//!
//! Layout: number of lines (one byte), the length of each (u32, little endian; `u32::MAX` where the line is
//! not there), the lines.

/// Lines in a block; at the usual 300 bytes an event a block is about one page.
pub(crate) const LINES: usize = 16;
/// `index >> BLOCK_BITS` is the number of a block within its entry.
pub(crate) const BLOCK_BITS: u32 = LINES.trailing_zeros();

const ABSENT: u32 = u32::MAX;

/// Appends a block to an empty buffer. At most [`LINES`] lines.
pub(crate) fn encode(lines: &[Option<&str>], buffer: &mut Vec<u8>) {
    debug_assert!(lines.len() <= LINES);
    buffer.push(lines.len() as u8);
    for line in lines {
        let length = line.map_or(ABSENT, |line| line.len() as u32);
        buffer.extend_from_slice(&length.to_le_bytes());
    }
    for line in lines.iter().flatten() {
        buffer.extend_from_slice(line.as_bytes());
    }
}

/// All lines of a block; `None` where the block is damaged.
pub(crate) fn decode(block: &[u8]) -> Option<Vec<Option<&str>>> {
    let (&count, rest) = block.split_first()?;
    let (lengths, mut text) = rest.split_at_checked(usize::from(count) * 4)?;
    let mut lines = Vec::with_capacity(usize::from(count));
    for length in lengths.chunks_exact(4) {
        let length = u32::from_le_bytes(length.try_into().ok()?);
        if length == ABSENT {
            lines.push(None);
            continue;
        }
        let (line, rest) = text.split_at_checked(length as usize)?;
        lines.push(Some(std::str::from_utf8(line).ok()?));
        text = rest;
    }
    Some(lines)
}

/// One line of a block, where it is there.
pub(crate) fn line(block: &[u8], index: usize) -> Option<&str> {
    let (&count, rest) = block.split_first()?;
    let (lengths, text) = rest.split_at_checked(usize::from(count) * 4)?;
    let mut start = 0_usize;
    for (at, length) in lengths.chunks_exact(4).enumerate() {
        let length = u32::from_le_bytes(length.try_into().ok()?);
        let length = if length == ABSENT { None } else { Some(length as usize) };
        if at == index {
            return std::str::from_utf8(text.get(start..start + length?)?).ok();
        }
        start += length.unwrap_or(0);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_round_trip(lines in prop::collection::vec(prop::option::of(".*"), 0..=LINES)) {
            let lines: Vec<_> = lines.iter().map(Option::as_deref).collect();
            let mut block = Vec::new();
            encode(&lines, &mut block);
            for (index, expected) in lines.iter().enumerate() {
                prop_assert_eq!(line(&block, index), *expected);
            }
            prop_assert_eq!(line(&block, lines.len()), None);
            prop_assert_eq!(decode(&block), Some(lines));
        }

        #[test]
        fn damaged_blocks_do_not_panic(block in prop::collection::vec(any::<u8>(), 0..80)) {
            for index in 0..LINES {
                line(&block, index);
            }
            decode(&block);
        }
    }
}
