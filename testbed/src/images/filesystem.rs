//! The files of an image, as a node sees them: containerd unpacks each layer into a folder of its own, and overlayfs lays
//! these folders over each other (OCI image specification 1.1, "Image Layer Filesystem Changeset"; where it leaves something
//! open, what containerd 2.1 with its overlayfs snapshotter does, which is what k3s and Docker run).
//!
//! Only metadata are kept; contents are read again from the one layer that holds them.

mod changeset;
mod members;
mod packing;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod walk;

use changeset::Changeset;
use members::{Limits, for_each_member};
use std::fs::File;
use std::ops::ControlFlow;
use tree::{Id, Source, Tree};
pub use walk::Position;

/// A layer's bytes and how they are packed.
#[derive(Debug)]
pub struct Layer {
    /// `application/vnd.oci.image.layer.v1.tar+gzip` and its kin of OCI and Docker.
    pub media_type: String,
    pub blob: File,
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File {
        size_bytes: u64,
    },
    Directory,
    /// Where the link points, as written.
    Symlink {
        target: String,
    },
    Other,
}

/// Permissions of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// The twelve permission bits.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

/// Why a path cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("{path} does not exist")]
    Absent { path: String },
    #[error("{path} is no directory")]
    NoDirectory { path: String },
    #[error("{path} leads through more than 40 symbolic links")]
    Loop { path: String },
}

/// Why layers cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("layer {number} is packed as {media_type}, which is not known")]
    MediaType { number: usize, media_type: String },
    /// Layers count from 1, the lowest.
    #[error("layer {number} cannot be unpacked: {reason}")]
    Unreadable { number: usize, reason: String },
    /// There are no bytes to be had at the path.
    #[error("{path} cannot be read: {reason}")]
    Contents { path: String, reason: String },
}

/// All files of an image. Names that are not UTF-8 have their other bytes replaced by U+FFFD.
#[derive(Debug)]
pub struct Filesystem {
    tree: Tree,
    root: Id,
    layers: Vec<Layer>,
}

impl Filesystem {
    /// Reads the layers, the lowest first.
    ///
    /// # Errors
    /// Where one cannot be unpacked, or has more than a million entries or 64 GiB (a decompression bomb).
    pub fn read(layers: Vec<Layer>) -> Result<Self, LayerError> {
        Self::read_within(layers, &Limits::default())
    }

    fn read_within(layers: Vec<Layer>, limits: &Limits) -> Result<Self, LayerError> {
        let mut tree = Tree::new(limits.entries_max);
        let root = tree.add_root();
        let mut rest = limits.clone();
        for (index, layer) in layers.iter().enumerate() {
            let unreadable = |reason| LayerError::Unreadable { number: index + 1, reason };
            let unpacked = packing::unpack(layer, index + 1)?;
            let mut changeset = Changeset::new(&mut tree, root);
            for_each_member(unpacked, &mut rest, |ordinal, member, _contents| {
                changeset.apply(member, Source { layer: index, ordinal })?;
                Ok(ControlFlow::Continue(()))
            })
            .map_err(unreadable)?;
            let upper = changeset.finish();
            tree.overlay(root, upper);
        }
        Ok(Self { tree, root, layers })
    }

    /// The path with all symbolic links followed, absolute and without `.` and `..`, and what is there.
    ///
    /// # Errors
    /// Where there is nothing.
    pub fn resolve(&self, path: &str) -> Result<(String, &Entry), PathError> {
        self.walk(path, |_, _| ())
    }

    /// What `resolve` gives; on the way, `searched` is called with each directory that a name is looked up in.
    pub(super) fn walk<'a>(
        &'a self,
        path: &str,
        searched: impl FnMut(&Position<'a>, &'a Entry),
    ) -> Result<(String, &'a Entry), PathError> {
        let position = walk::walk(&self.tree, self.root, path, walk::Last::Followed, searched)?;
        Ok((position.path(), &self.tree.inode(position.id()).entry))
    }

    /// What stands at `path` itself, links not followed in its last part.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let position = walk::walk(&self.tree, self.root, path, walk::Last::Kept, |_, _| ()).ok()?;
        Some(&self.tree.inode(position.id()).entry)
    }

    /// The bytes of the file at `path`, links followed.
    ///
    /// # Errors
    /// Where it is no file of at most `bytes_max`, or its layer cannot be read any more.
    pub fn bytes(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, LayerError> {
        let refuse = |reason: String| LayerError::Contents { path: path.to_owned(), reason };
        let position = walk::walk(&self.tree, self.root, path, walk::Last::Followed, |_, _| ())
            .map_err(|error| refuse(error.to_string()))?;
        let inode = self.tree.inode(position.id());
        let (Kind::File { size_bytes }, Some(source)) = (&inode.entry.kind, inode.source) else {
            return Err(refuse("it is no regular file".to_owned()));
        };
        if *size_bytes > bytes_max {
            return Err(refuse(format!("it has {size_bytes} bytes, more than {bytes_max}")));
        }
        let number = source.layer + 1;
        let mut bytes = Vec::new();
        let unpacked = packing::unpack(&self.layers[source.layer], number)?;
        for_each_member(unpacked, &mut Limits::default(), |ordinal, _member, contents| {
            if ordinal != source.ordinal {
                return Ok(ControlFlow::Continue(()));
            }
            contents.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            Ok(ControlFlow::Break(()))
        })
        .map_err(|reason| LayerError::Unreadable { number, reason })?;
        if bytes.len() as u64 != *size_bytes {
            return Err(refuse(format!("layer {number} now holds {} bytes of {size_bytes}", bytes.len())));
        }
        Ok(bytes)
    }
}
