//! Follows a path as Linux does inside of a container, path_resolution(7): `..` at the root stays there.

use super::tree::{Id, Tree};
use super::{Entry, Kind, PathError};

/// Symbolic links that Linux follows in one path (`MAXSYMLINKS`).
pub(super) const LINKS_MAX: usize = 40;

/// Whether a link in the last part of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Followed,
    Kept,
}

/// A place in a tree, without links.
#[derive(Debug)]
pub struct Position<'a> {
    root: Id,
    names: Vec<(&'a str, Id)>,
}

impl Position<'_> {
    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> String {
        self.path_with(&[])
    }

    pub(super) fn id(&self) -> Id {
        self.names.last().map_or(self.root, |(_, id)| *id)
    }

    /// The path with names after it, the last of which comes first.
    fn path_with(&self, reversed: &[&str]) -> String {
        let names = self.names.iter().map(|(name, _)| *name).chain(reversed.iter().rev().copied());
        let path = names.fold(String::new(), |path, name| path + "/" + name);
        if path.is_empty() { "/".to_owned() } else { path }
    }
}

/// Walks from the root along `path`; `searched` gets each directory before a name is looked up in it.
pub(super) fn walk<'a>(
    tree: &'a Tree,
    root: Id,
    path: &str,
    last: Last,
    mut searched: impl FnMut(&Position<'a>, &'a Entry),
) -> Result<Position<'a>, PathError> {
    if path.is_empty() {
        return Err(PathError::Absent { path: "the empty path".to_owned() });
    }
    let mut position = Position { root, names: Vec::new() };
    let mut pending = Vec::new();
    push_names(&mut pending, path);
    let mut links = 0;
    while let Some(name) = pending.pop() {
        let directory = tree.inode(position.id());
        if !directory.is_directory() {
            return Err(PathError::NoDirectory { path: position.path() });
        }
        searched(&position, &directory.entry);
        match name {
            "." => continue,
            ".." => {
                position.names.pop();
                continue;
            }
            _ => {}
        }
        let Some((name, id)) = directory.children.get_key_value(name) else {
            pending.push(name);
            return Err(PathError::Absent { path: position.path_with(&pending) });
        };
        match &tree.inode(*id).entry.kind {
            Kind::Symlink { target } if !pending.is_empty() || last == Last::Followed => {
                links += 1;
                if links > LINKS_MAX {
                    return Err(PathError::Loop { path: path.to_owned() });
                }
                if target.starts_with('/') {
                    position.names.clear();
                }
                push_names(&mut pending, target);
            }
            _ => position.names.push((name, *id)),
        }
    }
    Ok(position)
}

/// Puts the names of `path` on the stack. A slash at the end asks for a directory, as a `.` there does.
fn push_names<'a>(pending: &mut Vec<&'a str>, path: &'a str) {
    if path.ends_with('/') {
        pending.push(".");
    }
    pending.extend(path.split('/').filter(|name| !name.is_empty()).rev());
}
