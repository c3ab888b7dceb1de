//! A bundle as one file, `.tar.gz`. The same bundle gives the same bytes: entries are sorted, and times, owners and the
//! like are fixed.

use super::{BundleError, sums};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, Builder, EntryType, Header};

/// Bytes that an archive may unpack to: a hundred hours of series and histograms are a tenth of it.
const UNPACKED_BYTES_MAX: u64 = 32 << 30;
/// Files that it may hold: the largest plan has 100,000 runs of some files each.
const FILES_MAX: usize = 2_000_000;
/// "Unknown" in the header of gzip (RFC 1952, 2.3.1), instead of this system.
const OPERATING_SYSTEM: u8 = 255;

/// Writes a bundle into an archive; its entries begin with `NAME/`. The archive has its name only when it is whole.
///
/// # Errors
/// Files that cannot be read, an archive that cannot be written.
pub fn pack(directory: &Path, name: &str, archive: &Path) -> Result<(), BundleError> {
    let mut partial = archive.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let file = File::create(&partial).map_err(BundleError::io(&partial))?;
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(OPERATING_SYSTEM)
        .write(BufWriter::new(file), Compression::best());
    let mut builder = Builder::new(gzip);
    let mut paths = sums::files(directory)?;
    if directory.join(super::SUMS_FILE).exists() {
        paths.push(super::SUMS_FILE.to_owned());
    }
    for path in paths {
        append(&mut builder, &directory.join(&path), &format!("{name}/{path}"))?;
    }
    let finished = || {
        let mut file = builder.into_inner()?.finish()?;
        file.flush()?;
        file.get_ref().sync_all()?;
        fs::rename(&partial, archive)
    };
    finished().map_err(BundleError::io(archive))
}

fn append(builder: &mut Builder<impl io::Write>, path: &Path, name: &str) -> Result<(), BundleError> {
    let content = fs::read(path).map_err(BundleError::io(path))?;
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, name, content.as_slice()).map_err(BundleError::io(path))
}

/// Unpacks an archive into a directory that is empty; gives the directory of the bundle in it.
pub(super) fn unpack(archive: &Path, into: &Path) -> Result<PathBuf, BundleError> {
    let fault = |message: String| BundleError::Archive { path: archive.to_owned(), message };
    let file = File::open(archive).map_err(BundleError::io(archive))?;
    let mut tar = Archive::new(GzDecoder::new(io::BufReader::new(file)));
    let mut top: Option<PathBuf> = None;
    let (mut bytes, mut files) = (0, 0);
    for entry in tar.entries().map_err(|error| fault(error.to_string()))? {
        let mut entry = entry.map_err(|error| fault(error.to_string()))?;
        let path = entry.path().map_err(|error| fault(error.to_string()))?.into_owned();
        let kind = entry.header().entry_type();
        if kind == EntryType::Directory {
            continue;
        }
        if kind != EntryType::Regular {
            return Err(fault(format!("{} is a link or device, and a bundle has none", path.display())));
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_)))
            || path.components().count() < 2
        {
            return Err(fault(format!("{} leads out of the bundle", path.display())));
        }
        let first = path.components().next().map(|part| PathBuf::from(part.as_os_str()));
        if top.is_some() && top != first {
            return Err(fault(format!("{} is beside the bundle", path.display())));
        }
        top = first;
        (bytes, files) = (bytes + entry.size(), files + 1);
        if bytes > UNPACKED_BYTES_MAX || files > FILES_MAX {
            return Err(fault("it is larger than any bundle".to_owned()));
        }
        let place = into.join(&path);
        let parent = place.parent().unwrap_or(into);
        fs::create_dir_all(parent).map_err(BundleError::io(parent))?;
        let mut out = File::create_new(&place).map_err(BundleError::io(&place))?;
        io::copy(&mut entry, &mut out).map_err(|error| fault(format!("{}: {error}", path.display())))?;
    }
    top.map(|top| into.join(top)).ok_or_else(|| fault("it is empty".to_owned()))
}
