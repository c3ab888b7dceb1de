//! How a set is written: as ascending ranges `[[first,last],…]`, both ends included, or, where that would be long, as
//! the base64 text of the portable 64-bit serialisation of Roaring bitmaps
//! (<https://github.com/RoaringBitmap/RoaringFormatSpec#extension-for-64-bit-implementations>).

use std::fmt;
use std::io::{self, BufReader, Read as _};

use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use base64::write::EncoderWriter;
use roaring::RoaringTreemap;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{READ_LENGTH_MAX, RangeError, SequenceSet};

/// Sets of up to this many ranges are written as ranges whatever their size, so that people can read them.
const READABLE_RANGES_MAX: usize = 1000;

/// Is written piece by piece where the serialiser does so, as that of `serde_json` to a writer.
impl Serialize for SequenceSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_readable() || self.is_shorter_as_ranges() {
            return serializer.collect_seq(self.ranges().map(|range| [*range.start(), *range.end()]));
        }
        serializer.collect_str(&Base64(&self.numbers))
    }
}

impl SequenceSet {
    fn is_readable(&self) -> bool {
        self.ranges().nth(READABLE_RANGES_MAX).is_none()
    }

    fn is_shorter_as_ranges(&self) -> bool {
        let digits = |number: u64| number.checked_ilog10().map_or(1, |log| u64::from(log) + 1);
        let bitmaps_bytes = self.memory_bytes().div_ceil(3) * 4;
        let mut ranges_bytes = 0;
        self.ranges().all(|range| {
            ranges_bytes += digits(*range.start()) + digits(*range.end()) + "[,],".len() as u64;
            ranges_bytes < bitmaps_bytes
        })
    }
}

struct Base64<'a>(&'a RoaringTreemap);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut encoder = EncoderWriter::new(TextWriter(formatter), &STANDARD);
        self.0.serialize_into(&mut encoder).map_err(|_| fmt::Error)?;
        encoder.finish().map_err(|_| fmt::Error)?;
        Ok(())
    }
}

/// Takes ASCII bytes for a formatter.
struct TextWriter<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl io::Write for TextWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'de> Deserialize<'de> for SequenceSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SequenceSetVisitor)
    }
}

struct SequenceSetVisitor;

impl<'de> Visitor<'de> for SequenceSetVisitor {
    type Value = SequenceSet;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of [first,last] ranges or a roaring bitmap in base64")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut ranges: A) -> Result<SequenceSet, A::Error> {
        let mut set = SequenceSet::new();
        let mut covered = 0;
        while let Some(range) = ranges.next_element()? {
            set.insert_bounded(range, &mut covered).map_err(A::Error::custom)?;
        }
        Ok(set)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SequenceSet, E> {
        let numbers =
            read_base64(text).map_err(|error| E::custom(format!("not a roaring bitmap: {error}")))?;
        if numbers.len() > READ_LENGTH_MAX {
            return Err(E::custom(RangeError::TooLong));
        }
        Ok(SequenceSet::from(numbers))
    }
}

/// Memory stays in proportion to the text: no container takes more than a small multiple of its bytes.
fn read_base64(text: &str) -> io::Result<RoaringTreemap> {
    let mut reader = BufReader::new(DecoderReader::new(text.as_bytes(), &STANDARD));
    let numbers = RoaringTreemap::deserialize_from(&mut reader)?;
    if reader.read(&mut [0])? > 0 {
        return Err(io::Error::other("bytes follow its end"));
    }
    // An empty part would make two equal sets differ.
    if numbers.bitmaps().any(|(_, bitmap)| bitmap.is_empty()) {
        return Err(io::Error::other("a part of it is empty"));
    }
    Ok(numbers)
}
