//! Variable-length integers (LEB128) and other parts of the blobs.

use crate::error::CacheError;

pub(crate) fn put_unsigned(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

/// Small magnitudes of either sign take few bytes.
pub(crate) fn put_signed(buffer: &mut Vec<u8>, value: i64) {
    put_unsigned(buffer, ((value << 1) ^ (value >> 63)) as u64);
}

pub(crate) fn put_float(buffer: &mut Vec<u8>, value: f64) {
    buffer.extend_from_slice(&value.to_le_bytes());
}

/// Reads a blob from its start to its end.
pub(crate) struct Parts<'a>(pub(crate) &'a [u8]);

impl<'a> Parts<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, CacheError> {
        // Most numbers of the blobs are small.
        if let Some((&byte, rest)) = self.0.split_first()
            && byte < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(byte));
        }
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(truncated)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(truncated())
    }

    pub(crate) fn signed(&mut self) -> Result<i64, CacheError> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// What a length of two bytes, little endian, stands before.
    pub(crate) fn section(&mut self) -> Result<Parts<'a>, CacheError> {
        let (length, rest) = self.0.split_first_chunk().ok_or_else(truncated)?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (section, rest) = rest.split_at_checked(length).ok_or_else(truncated)?;
        self.0 = rest;
        Ok(Parts(section))
    }

    pub(crate) fn float(&mut self) -> Result<f64, CacheError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(truncated)?;
        self.0 = rest;
        Ok(f64::from_le_bytes(*bytes))
    }
}

fn truncated() -> CacheError {
    CacheError::Corrupt("a blob ends too early".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_round_trip(unsigned: u64, signed: i64, float: f64) {
            let mut buffer = Vec::new();
            put_unsigned(&mut buffer, unsigned);
            put_signed(&mut buffer, signed);
            put_float(&mut buffer, float);
            let mut parts = Parts(&buffer);
            prop_assert_eq!(parts.unsigned().unwrap(), unsigned);
            prop_assert_eq!(parts.signed().unwrap(), signed);
            prop_assert_eq!(parts.float().unwrap().to_bits(), float.to_bits());
            prop_assert!(parts.is_empty());
            prop_assert!(parts.unsigned().is_err());
        }
    }
}
