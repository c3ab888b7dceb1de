//! Who the program of an image runs as, and what that user may reach.

use super::filesystem::{Entry, Filesystem, Kind};

/// The largest user or group that runc takes, and therefore containerd (`WithUser` in `pkg/oci/spec_opts.go` of 2.1);
/// Linux itself would take 32 bits.
const ID_MAX: u64 = i32::MAX as u64;

/// A numeric user and group, as `runAsNonRoot` needs them. Groups that a pod or `/etc/group` adds are not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub uid: u64,
    pub gid: u64,
}

/// Why a user will not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    #[error("the image runs as root")]
    Root,
    #[error("the user {0:?} is a name, and a kubelet cannot tell whether it is root")]
    Name(String),
    #[error(
        "the group of the user {0:?} is a name, which only the image can turn into a number: write it as a number"
    )]
    Group(String),
    #[error("the user {0:?} is out of range: users and groups are numbers from 0 to 2147483647")]
    Range(String),
    #[error("the user {0:?} has more than two parts: write it as 65532:65532")]
    Malformed(String),
}

/// Permission bits of one class.
const READ: u32 = 0o4;
const EXECUTE: u32 = 0o1;

impl User {
    /// Reads the `User` of an image's configuration: `65532`, `65532:65532`. Without a group it is 0, as runtimes have it
    /// for users that `/etc/passwd` does not know.
    ///
    /// # Errors
    /// Where it is root or not numeric.
    pub fn parse(text: &str) -> Result<Self, UserError> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        if group.contains(':') {
            return Err(UserError::Malformed(text.to_owned()));
        }
        if matches!(user, "" | "root") {
            return Err(UserError::Root);
        }
        if !is_number(user) {
            return Err(UserError::Name(text.to_owned()));
        }
        let id = |part: &str| {
            part.parse().ok().filter(|id| *id <= ID_MAX).ok_or_else(|| UserError::Range(text.to_owned()))
        };
        let uid = id(user)?;
        if uid == 0 {
            return Err(UserError::Root);
        }
        match group {
            "" => Ok(Self { uid, gid: 0 }),
            group if is_number(group) => Ok(Self { uid, gid: id(group)? }),
            _ => Err(UserError::Group(text.to_owned())),
        }
    }

    /// Checks that this user can walk to `path` and execute it, links followed, by owner, group and others.
    ///
    /// An ELF program needs `x` alone: the kernel maps it and its interpreter itself (execve(2): `EACCES`). Libraries need
    /// [`User::can_read`], since the interpreter opens them as this user; so does a script, for the same reason.
    ///
    /// # Errors
    /// The first path on the way that refuses, with its mode and owner, in words.
    pub fn can_execute(&self, filesystem: &Filesystem, path: &str) -> Result<(), String> {
        self.can(EXECUTE, filesystem, path)
    }

    /// Checks that this user can walk to `path` and read it, links followed.
    ///
    /// # Errors
    /// The first path on the way that refuses, with its mode and owner, in words.
    pub fn can_read(&self, filesystem: &Filesystem, path: &str) -> Result<(), String> {
        self.can(READ, filesystem, path)
    }

    fn can(&self, permission: u32, filesystem: &Filesystem, path: &str) -> Result<(), String> {
        let mut refusal = None;
        // `x` on a directory is the permission to look a name up in it, path_resolution(7).
        let found = filesystem.walk(path, |directory, entry| {
            if refusal.is_none() && !self.has(EXECUTE, entry) {
                refusal = Some(describe(&directory.path(), entry));
            }
        });
        // Linux refuses before it sees whether the path exists.
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let (path, entry) = found.map_err(|error| error.to_string())?;
        match entry.kind {
            Kind::File { .. } if self.has(permission, entry) => Ok(()),
            Kind::File { .. } => Err(describe(&path, entry)),
            _ => Err(format!("{path} is no regular file")),
        }
    }

    /// Whether the one class that the user falls into has the permission: an owner is not helped by what others may.
    fn has(&self, permission: u32, entry: &Entry) -> bool {
        let shift = match () {
            () if self.uid == entry.uid => 6,
            () if self.gid == entry.gid => 3,
            () => 0,
        };
        entry.mode >> shift & permission != 0
    }
}

/// Digits, with the sign that containerd's reader takes before them.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn describe(path: &str, entry: &Entry) -> String {
    format!("{path} has mode {:04o} and belongs to {}:{}", entry.mode, entry.uid, entry.gid)
}

#[cfg(test)]
mod tests;
