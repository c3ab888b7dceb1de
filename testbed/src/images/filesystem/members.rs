//! The entries of a layer's archive (POSIX ustar and pax, GNU), checked and in plain terms.

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::rc::Rc;
use tar::{Archive, Entry, EntryType};

/// Bytes of a path that Linux takes (`PATH_MAX`), and of a name (`NAME_MAX`).
const PATH_BYTES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 255;

/// Bytes of all headers of one entry. A pax header holds two paths and extended attributes, of which Linux takes 64 KiB
/// each; without a limit it is read into memory whole.
const HEADER_BYTES_MAX: u64 = 1024 * 1024;

/// How much of an image is read.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) entries_max: u64,
    pub(super) unpacked_bytes_max: u64,
}

impl Default for Limits {
    /// Images with a whole machine-learning stack have some 200,000 files and 20 GiB; what is larger is a bomb.
    fn default() -> Self {
        Self { entries_max: 1_000_000, unpacked_bytes_max: 64 * 1024 * 1024 * 1024 }
    }
}

/// An entry of an archive.
#[derive(Debug)]
pub(super) struct Member {
    /// From the root, without `.` and `..`; none for the root itself.
    pub(super) names: Vec<String>,
    pub(super) kind: MemberKind,
    /// The twelve permission bits.
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
}

#[derive(Debug)]
pub(super) enum MemberKind {
    File {
        size_bytes: u64,
    },
    Directory,
    Symlink {
        target: String,
    },
    /// Another name of the file at `target`.
    HardLink {
        target: String,
    },
    /// A device or a FIFO.
    Other,
}

/// Calls `each` with the number of an entry, from 0, the entry and its contents, until it breaks. At the end of the
/// archive, what was read is taken from `limits`.
pub(super) fn for_each_member(
    unpacked: impl Read,
    limits: &mut Limits,
    mut each: impl FnMut(u64, Member, &mut dyn Read) -> Result<ControlFlow<()>, String>,
) -> Result<(), String> {
    let rest = Rc::new(Cell::new(limits.unpacked_bytes_max));
    let header_rest = Rc::new(Cell::new(HEADER_BYTES_MAX));
    let bounded = Bounded { inner: unpacked, rest: Rc::clone(&rest), header_rest: Rc::clone(&header_rest) };
    let mut archive = Archive::new(bounded);
    let mut entries = archive.entries().map_err(|error| error.to_string())?;
    for ordinal in 0.. {
        header_rest.set(HEADER_BYTES_MAX);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| error.to_string())?;
        header_rest.set(u64::MAX);
        limits.entries_max = limits.entries_max.checked_sub(1).ok_or("the image has too many entries")?;
        if let Some(member) = member(&mut entry)?
            && each(ordinal, member, &mut entry)?.is_break()
        {
            return Ok(());
        }
        io::copy(&mut entry, &mut io::sink()).map_err(|error| error.to_string())?;
    }
    // What follows the archive's end belongs to the layer: a cut or damaged stream shows only there.
    header_rest.set(u64::MAX);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| error.to_string())?;
    limits.unpacked_bytes_max = rest.get();
    Ok(())
}

/// Reads no more bytes than are left, of a header and of all.
struct Bounded<R> {
    inner: R,
    rest: Rc<Cell<u64>>,
    header_rest: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let take = |rest: &Cell<u64>, what: &'static str| {
            let left = rest.get().checked_sub(count as u64).ok_or_else(|| io::Error::other(what))?;
            rest.set(left);
            Ok::<(), io::Error>(())
        };
        take(&self.rest, "the image unpacks to too many bytes, like a decompression bomb")?;
        take(&self.header_rest, "an entry has headers of more than 1 MiB")?;
        Ok(count)
    }
}

/// None for what is no file, such as a pax header for all entries, which containerd ignores as well.
fn member<R: Read>(entry: &mut Entry<'_, R>) -> Result<Option<Member>, String> {
    let kind = entry.header().entry_type();
    if kind.is_pax_global_extensions() {
        return Ok(None);
    }
    let written = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let refuse = |reason: &str| format!("entry {written:?} {reason}");
    let names = clean(&written).ok_or_else(|| refuse("leads out of the image by .."))?;
    let target = String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned();
    let is_linux_path = |path: &str| {
        path.len() < PATH_BYTES_MAX
            && !path.contains('\0')
            && path.split('/').all(|name| name.len() <= NAME_BYTES_MAX)
    };
    if !is_linux_path(&written) || !is_linux_path(&target) {
        return Err(refuse("has a name that Linux does not take"));
    }
    if has_sparse_records(entry).map_err(|error| refuse(&error.to_string()))? {
        return Err(refuse("is a sparse file, which containers' runtimes do not unpack"));
    }
    // Archives of before 1988 know directories only by the slash, and write NUL for both.
    let is_old_directory = entry.header().as_old().linkflag == [0] && written.ends_with('/');
    let size_bytes = entry.size();
    let kind = match kind {
        EntryType::Regular if !is_old_directory => MemberKind::File { size_bytes },
        EntryType::Directory | EntryType::Regular => MemberKind::Directory,
        EntryType::Symlink => MemberKind::Symlink { target },
        EntryType::Link => MemberKind::HardLink { target },
        EntryType::Char | EntryType::Block | EntryType::Fifo => MemberKind::Other,
        other => {
            return Err(refuse(&format!("has type {:?}, which is no file's", char::from(other.as_byte()))));
        }
    };
    // Readers disagree on whether contents follow here, and so on what the next entry is.
    if size_bytes > 0 && !matches!(kind, MemberKind::File { .. }) {
        return Err(refuse("is no file, but has a size"));
    }
    let header = entry.header();
    let number = |field: &[u8], read: io::Result<u64>| match field.iter().all(|byte| matches!(byte, 0 | b' '))
    {
        // Go's reader, and so every runtime, takes an empty field for 0.
        true => Ok(0),
        false => read.map_err(|error| refuse(&format!("has a damaged header: {error}"))),
    };
    let fields = header.as_old();
    let mode = number(&fields.mode, header.mode().map(u64::from))? & 0o7777;
    let (uid, gid) = (number(&fields.uid, header.uid())?, number(&fields.gid, header.gid())?);
    Ok(Some(Member { names, kind, mode: mode as u32, uid, gid }))
}

/// Whether the entry is one of GNU's sparse files, whose contents are not what follows.
fn has_sparse_records<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<bool> {
    if entry.header().entry_type().is_gnu_sparse() {
        return Ok(true);
    }
    let Some(records) = entry.pax_extensions()? else { return Ok(false) };
    for record in records {
        if record?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names of a path from the root, `..` taken by the text alone. None where it leads above the root.
fn clean(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            _ => names.push(name.to_owned()),
        }
    }
    Some(names)
}
