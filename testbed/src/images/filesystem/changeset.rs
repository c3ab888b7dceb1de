//! Unpacks one layer into an empty tree, as containerd does (`pkg/archive/tar.go` of containerd 2.1, with the whiteouts of
//! overlayfs). So a symbolic link leads to another place only within its own layer: a layer that has `lib/x` where a lower
//! one has `lib -> usr/lib` gets a directory `lib`, which hides the link. A hard link needs its file in the same layer.

use super::members::{Member, MemberKind};
use super::tree::{Below, Id, Inode, Source, Tree};
use super::walk::{LINKS_MAX, Last, walk};
use super::{Entry, Kind};

/// Removes `NAME` of the lower layers, in `.wh.NAME`.
const WHITEOUT_PREFIX: &str = ".wh.";
/// Hides all that the lower layers have in its directory.
const OPAQUE: &str = ".wh..wh..opq";

/// A layer that is being unpacked.
pub(super) struct Changeset<'a> {
    tree: &'a mut Tree,
    /// The root of what the lower layers give together.
    lower: Id,
    upper: Id,
}

impl<'a> Changeset<'a> {
    pub(super) fn new(tree: &'a mut Tree, lower: Id) -> Self {
        let upper = tree.add_root();
        Self { tree, lower, upper }
    }

    /// The root of the layer's own tree.
    pub(super) fn finish(self) -> Id {
        self.upper
    }

    /// Unpacks an entry. Refuses what containerd refuses.
    pub(super) fn apply(&mut self, mut member: Member, source: Source) -> Result<(), String> {
        let Some(name) = member.names.pop() else { return Ok(()) };
        let path = path_of(&member.names) + "/" + &name;
        let directory = self.directory(member.names)?;
        if name == OPAQUE {
            self.tree.inode_mut(directory).below = Below::Opaque;
            return Ok(());
        }
        if let Some(removed) = name.strip_prefix(WHITEOUT_PREFIX) {
            return self.remove(directory, removed, &path);
        }
        let existing = self.tree.child(directory, &name);
        let kind = match member.kind {
            MemberKind::HardLink { target } => {
                self.tree.inode_mut(directory).children.remove(name.as_str());
                let id = self.link_target(&path, &target)?;
                self.tree.link(directory, &name, id);
                let entry = &mut self.tree.inode_mut(id).entry;
                let is_symlink = matches!(entry.kind, Kind::Symlink { .. });
                (entry.uid, entry.gid) = (member.uid, member.gid);
                entry.mode = if is_symlink { entry.mode } else { member.mode };
                return Ok(());
            }
            MemberKind::File { size_bytes } => Kind::File { size_bytes },
            MemberKind::Directory => Kind::Directory,
            MemberKind::Symlink { target } => Kind::Symlink { target },
            MemberKind::Other => Kind::Other,
        };
        // Linux gives all symbolic links all permissions.
        let mode = if matches!(kind, Kind::Symlink { .. }) { 0o777 } else { member.mode };
        let entry = Entry { kind, mode, uid: member.uid, gid: member.gid };
        match existing.filter(|id| self.tree.inode(*id).is_directory()) {
            Some(id) if entry.kind == Kind::Directory => self.tree.inode_mut(id).entry = entry,
            _ => {
                let id = self.tree.add(Inode::new(entry, Some(source)))?;
                self.tree.link(directory, &name, id);
            }
        }
        Ok(())
    }

    fn remove(&mut self, directory: Id, name: &str, path: &str) -> Result<(), String> {
        if matches!(name, "" | "." | "..") {
            return Err(format!("the whiteout {path} names no file"));
        }
        if self.tree.child(directory, name).is_some() {
            return Err(format!(
                "the whiteout {path} is for an entry of the same layer, which containerd refuses"
            ));
        }
        let mut inode = Inode::new(Entry { kind: Kind::Other, mode: 0, uid: 0, gid: 0 }, None);
        inode.below = Below::Removed;
        let id = self.tree.add(inode)?;
        self.tree.link(directory, name, id);
        Ok(())
    }

    /// The directory of these names; links of this layer are followed, and what is missing is made.
    fn directory(&mut self, names: Vec<String>) -> Result<Id, String> {
        let mut names = names;
        let mut links = 0;
        let (mut id, mut depth) = (self.upper, 0);
        while depth < names.len() {
            let next = match self.tree.child(id, &names[depth]) {
                Some(next) => next,
                None => {
                    let made = self.tree.add(Inode::new(self.implied(&names[..=depth]), None))?;
                    self.tree.link(id, &names[depth], made);
                    made
                }
            };
            let inode = self.tree.inode(next);
            if let Kind::Symlink { target } = &inode.entry.kind {
                links += 1;
                if links > LINKS_MAX {
                    return Err(format!("{} leads through too many symbolic links", path_of(&names)));
                }
                names = follow(&names, depth, target);
                (id, depth) = (self.upper, 0);
                continue;
            }
            if !inode.is_directory() {
                return Err(format!("{} is no directory, but entries are in it", path_of(&names[..=depth])));
            }
            (id, depth) = (next, depth + 1);
        }
        Ok(id)
    }

    /// A directory that no entry names: that of the lower layers, or one of root.
    fn implied(&self, names: &[String]) -> Entry {
        let path = path_of(names);
        let lower = walk(self.tree, self.lower, &path, Last::Followed, |_, _| ());
        let inode =
            lower.ok().map(|position| self.tree.inode(position.id())).filter(|inode| inode.is_directory());
        inode
            .map_or(Entry { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0 }, |inode| inode.entry.clone())
    }

    /// The file that a hard link shares; a symbolic link is such a file itself.
    fn link_target(&self, path: &str, target: &str) -> Result<Id, String> {
        let found = walk(self.tree, self.upper, target, Last::Kept, |_, _| ()).map_err(|_| {
            format!("the hard link {path} leads to {target}, which is not in the same layer: containerd refuses it")
        })?;
        if self.tree.inode(found.id()).is_directory() {
            return Err(format!("the hard link {path} leads to {target}, which is a directory"));
        }
        Ok(found.id())
    }
}

fn path_of(names: &[String]) -> String {
    names.iter().fold(String::new(), |path, name| path + "/" + name)
}

/// The names with the link at `depth` replaced by its target; `..` is taken by the text alone.
fn follow(names: &[String], depth: usize, target: &str) -> Vec<String> {
    let mut followed = if target.starts_with('/') { Vec::new() } else { names[..depth].to_vec() };
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                followed.pop();
            }
            _ => followed.push(name.to_owned()),
        }
    }
    followed.extend_from_slice(&names[depth + 1..]);
    followed
}
