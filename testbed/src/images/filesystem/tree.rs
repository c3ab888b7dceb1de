//! Files in a tree; a file with several names (hard links) is one inode.

use super::{Entry, Kind};
use std::collections::BTreeMap;

/// Names an inode of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(usize);

/// Where a file's contents are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// Counts from 0, the lowest.
    pub(super) layer: usize,
    /// The entry's place among those of the layer's archive, from 0.
    pub(super) ordinal: u64,
}

/// What an inode says about the layers below it. Only inodes of a changeset say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    Merged,
    /// A directory that shows nothing of the directories below it.
    Opaque,
    /// No file at all: it removes what is below it.
    Removed,
}

#[derive(Debug)]
pub(super) struct Inode {
    pub(super) entry: Entry,
    /// Of a file.
    pub(super) source: Option<Source>,
    /// Of a directory.
    pub(super) children: BTreeMap<Box<str>, Id>,
    pub(super) below: Below,
}

impl Inode {
    pub(super) fn new(entry: Entry, source: Option<Source>) -> Self {
        Self { entry, source, children: BTreeMap::new(), below: Below::Merged }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.entry.kind == Kind::Directory && self.below != Below::Removed
    }
}

#[derive(Debug)]
pub(super) struct Tree {
    inodes: Vec<Inode>,
    inodes_max: usize,
}

impl Tree {
    pub(super) fn new(inodes_max: u64) -> Self {
        Self { inodes: Vec::new(), inodes_max: usize::try_from(inodes_max).unwrap_or(usize::MAX) }
    }

    /// Adds a root: containerd makes it with mode 0755 for uid 0, and ignores entries that name it.
    pub(super) fn add_root(&mut self) -> Id {
        self.inodes.push(Inode::new(Entry { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0 }, None));
        Id(self.inodes.len() - 1)
    }

    /// Adds an inode without a name.
    pub(super) fn add(&mut self, inode: Inode) -> Result<Id, String> {
        if self.inodes.len() >= self.inodes_max {
            return Err(format!("the image has more than {} files and directories", self.inodes_max));
        }
        self.inodes.push(inode);
        Ok(Id(self.inodes.len() - 1))
    }

    pub(super) fn inode(&self, id: Id) -> &Inode {
        &self.inodes[id.0]
    }

    pub(super) fn inode_mut(&mut self, id: Id) -> &mut Inode {
        &mut self.inodes[id.0]
    }

    pub(super) fn child(&self, directory: Id, name: &str) -> Option<Id> {
        self.inode(directory).children.get(name).copied()
    }

    pub(super) fn link(&mut self, directory: Id, name: &str, child: Id) {
        self.inode_mut(directory).children.insert(name.into(), child);
    }

    /// Lays the children of `upper` over those of `lower`, as overlayfs shows them: a directory over a directory merges
    /// with it and gives it its permissions; all else replaces. That a root is opaque, overlayfs does not notice.
    pub(super) fn overlay(&mut self, lower: Id, upper: Id) {
        let mut pending = vec![(lower, std::mem::take(&mut self.inode_mut(upper).children))];
        while let Some((lower, children)) = pending.pop() {
            for (name, child) in children {
                if self.inode(child).below == Below::Removed {
                    self.inode_mut(lower).children.remove(&name);
                    continue;
                }
                let grandchildren = std::mem::take(&mut self.inode_mut(child).children);
                let hidden = self.child(lower, &name).filter(|hidden| self.inode(*hidden).is_directory());
                match hidden {
                    Some(hidden)
                        if self.inode(child).is_directory() && self.inode(child).below == Below::Merged =>
                    {
                        self.inode_mut(hidden).entry = self.inode(child).entry.clone();
                        pending.push((hidden, grandchildren));
                    }
                    _ => {
                        self.inode_mut(lower).children.insert(name, child);
                        pending.push((child, grandchildren));
                    }
                }
            }
        }
    }
}
