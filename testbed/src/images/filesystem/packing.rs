//! Unpacks layers: plain, gzip (RFC 1952) and zstd (RFC 8878), by the media types of the OCI image specification 1.1,
//! those that it keeps for layers that are not distributed, and Docker's.

use super::{Layer, LayerError};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of_media_type(media_type: &str) -> Option<Self> {
        let oci = "application/vnd.oci.image.layer.";
        let docker = "application/vnd.docker.image.rootfs.";
        let suffix = media_type.strip_prefix(oci).or_else(|| media_type.strip_prefix(docker))?;
        match suffix {
            "v1.tar" | "nondistributable.v1.tar" | "diff.tar" | "foreign.diff.tar" => Some(Self::Plain),
            "v1.tar+gzip" | "nondistributable.v1.tar+gzip" | "diff.tar.gzip" | "foreign.diff.tar.gzip" => {
                Some(Self::Gzip)
            }
            "v1.tar+zstd" | "nondistributable.v1.tar+zstd" | "diff.tar.zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What the first bytes look like; zstd also starts with frames that are to be skipped.
    fn of_bytes(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Plain => "not compressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// The archive in a layer, from its start.
pub(super) fn unpack(layer: &Layer, number: usize) -> Result<Box<dyn Read + '_>, LayerError> {
    let Some(packing) = Packing::of_media_type(&layer.media_type) else {
        return Err(LayerError::MediaType { number, media_type: layer.media_type.clone() });
    };
    let unreadable = |reason| LayerError::Unreadable { number, reason };
    let mut blob = BufReader::with_capacity(64 * 1024, Blob { file: &layer.blob, position_bytes: 0 });
    let found = Packing::of_bytes(blob.fill_buf().map_err(|error| unreadable(error.to_string()))?);
    if found != packing {
        let media_type = &layer.media_type;
        let reason = format!(
            "its media type is {media_type}, but its bytes are {found}: build and push the image again"
        );
        return Err(unreadable(reason));
    }
    Ok(match packing {
        Packing::Plain => Box::new(blob),
        Packing::Gzip => Box::new(MultiGzDecoder::new(blob)),
        Packing::Zstd => {
            Box::new(ZstdFrames { source: blob, decoder: FrameDecoder::new(), is_inside_frame: false })
        }
    })
}

/// Reads a file with a position of its own, so that readers of the same file do not disturb each other.
struct Blob<'a> {
    file: &'a File,
    position_bytes: u64,
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position_bytes)?;
        self.position_bytes += count as u64;
        Ok(count)
    }
}

/// Any number of zstd frames, one after the other; ruzstd's own reader stops after the first.
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    is_inside_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn start_frame(&mut self) -> io::Result<()> {
        match self.decoder.reset(&mut self.source) {
            Ok(()) => self.is_inside_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let skipped = io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                if skipped < u64::from(length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(())
    }

    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let one_block = BlockDecodingStrategy::UptoBlocks(1);
            self.decoder.decode_blocks(&mut self.source, one_block).map_err(io::Error::other)?;
        }
        let count = self.decoder.read(buffer)?;
        if count == 0 {
            self.is_inside_frame = false;
            let written = self.decoder.get_checksum_from_data();
            if written.is_some() && written != self.decoder.get_calculated_checksum() {
                return Err(io::Error::other("the checksum of a zstd frame does not match"));
            }
        }
        Ok(count)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.is_inside_frame {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.start_frame()?;
                continue;
            }
            match self.read_frame(buffer)? {
                0 => {}
                count => return Ok(count),
            }
        }
        Ok(0)
    }
}
