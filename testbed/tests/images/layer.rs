//! Layers of images (OCI image specification 1.1, "Image Layer Filesystem Changeset").

use std::io::Write as _;

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Files, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Without a leading `/`.
    path: String,
    mode: u32,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    File(Vec<u8>),
    Directory,
    Symlink(String),
}

impl Layer {
    pub(crate) fn file(self, path: &str, mode: u32, bytes: &[u8]) -> Self {
        self.entry(path, mode, Content::File(bytes.to_vec()))
    }

    pub(crate) fn directory(self, path: &str, mode: u32) -> Self {
        self.entry(path, mode, Content::Directory)
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, 0o777, Content::Symlink(target.to_owned()))
    }

    fn entry(mut self, path: &str, mode: u32, content: Content) -> Self {
        self.entries.push(Entry { path: path.trim_start_matches('/').to_owned(), mode, content });
        self
    }

    /// The tar archive, owned by root, packed.
    pub(crate) fn pack(&self, packing: Packing) -> Vec<u8> {
        let tar = self.archive();
        match packing {
            Packing::Plain => tar,
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&tar).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => {
                ruzstd::encoding::compress_to_vec(&tar[..], ruzstd::encoding::CompressionLevel::Fastest)
            }
        }
    }

    fn archive(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for Entry { path, mode, content } in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_uid(0);
            header.set_gid(0);
            match content {
                Content::File(bytes) => {
                    header.set_size(bytes.len() as u64);
                    archive.append_data(&mut header, path, &bytes[..]).unwrap();
                }
                Content::Directory => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_size(0);
                    archive.append_data(&mut header, format!("{path}/"), std::io::empty()).unwrap();
                }
                Content::Symlink(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_size(0);
                    archive.append_link(&mut header, path, target).unwrap();
                }
            }
        }
        archive.into_inner().unwrap()
    }
}
