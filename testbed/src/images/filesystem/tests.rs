//! Layers are real archives in real files.

mod archives;
mod layers;
mod model;
mod paths;

use super::tree::{Id, Inode};
use super::{Filesystem, Kind, Layer, LayerError};
use std::io::{Seek as _, Write as _};
use tar::{Builder, EntryType, Header};

pub(crate) const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Writes an archive entry by entry. Directories have mode 0755 and files 0644, of root, where nothing else is said.
pub(crate) struct ArchiveBuilder(Builder<Vec<u8>>);

impl ArchiveBuilder {
    pub(crate) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub(crate) fn file(self, path: &str, contents: &str) -> Self {
        self.owned_file(path, contents, 0o644, (0, 0))
    }

    pub(crate) fn owned_file(self, path: &str, contents: &str, mode: u32, owner: (u64, u64)) -> Self {
        self.entry(path, EntryType::Regular, "", contents, mode, owner)
    }

    pub(crate) fn directory(self, path: &str) -> Self {
        self.owned_directory(path, 0o755, (0, 0))
    }

    pub(crate) fn owned_directory(self, path: &str, mode: u32, owner: (u64, u64)) -> Self {
        self.entry(path, EntryType::Directory, "", "", mode, owner)
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Symlink, target, "", 0o777, (0, 0))
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Link, target, "", 0o644, (0, 0))
    }

    pub(crate) fn special(self, path: &str, kind: EntryType) -> Self {
        self.entry(path, kind, "", "", 0o600, (0, 0))
    }

    /// Names are written as they are; the `tar` crate would refuse those that a hostile archive has.
    fn entry(
        mut self,
        path: &str,
        kind: EntryType,
        target: &str,
        contents: &str,
        mode: u32,
        owner: (u64, u64),
    ) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_link_name_literal(target).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_size(contents.len() as u64);
        header.set_cksum();
        self.0.append(&header, contents.as_bytes()).unwrap();
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }

    pub(crate) fn layer(self) -> Layer {
        layer(PLAIN, &self.bytes())
    }
}

pub(crate) fn layer(media_type: &str, bytes: &[u8]) -> Layer {
    let mut blob = tempfile::tempfile().unwrap();
    blob.write_all(bytes).unwrap();
    blob.rewind().unwrap();
    Layer { media_type: media_type.to_owned(), blob }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read<const COUNT: usize>(archives: [ArchiveBuilder; COUNT]) -> Filesystem {
    Filesystem::read(archives.into_iter().map(ArchiveBuilder::layer).collect()).unwrap()
}

fn refusal<const COUNT: usize>(archives: [ArchiveBuilder; COUNT]) -> String {
    Filesystem::read(archives.into_iter().map(ArchiveBuilder::layer).collect()).unwrap_err().to_string()
}

/// All paths but the root, with what they are: `/d/`, `/l -> target`, `/f = contents`, `/p ?`.
fn listing(filesystem: &Filesystem) -> Vec<String> {
    let mut lines = Vec::new();
    visit(filesystem, &mut |path, inode| {
        lines.push(match &inode.entry.kind {
            Kind::File { .. } => {
                let bytes = filesystem.bytes(path, 1024 * 1024).unwrap();
                format!("{path} = {}", String::from_utf8(bytes).unwrap())
            }
            Kind::Directory => format!("{path}/"),
            Kind::Symlink { target } => format!("{path} -> {target}"),
            Kind::Other => format!("{path} ?"),
        });
    });
    lines.sort();
    lines
}

fn visit(filesystem: &Filesystem, each: &mut dyn FnMut(&str, &Inode)) {
    let mut pending: Vec<(String, Id)> = vec![(String::new(), filesystem.root)];
    while let Some((path, id)) = pending.pop() {
        for (name, child) in &filesystem.tree.inode(id).children {
            let path = format!("{path}/{name}");
            each(&path, filesystem.tree.inode(*child));
            pending.push((path, *child));
        }
    }
}

fn mode(filesystem: &Filesystem, path: &str) -> u32 {
    filesystem.entry(path).unwrap().mode
}
