//! Checksums of a bundle, in the format of `sha256sum`, so that `sha256sum -c SHA256SUMS` checks it as well.

use super::{BundleError, SUMS_FILE};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// All files of a directory but the checksums and what is unfinished, by their paths in it with `/`.
pub(super) fn files(directory: &Path) -> Result<Vec<String>, BundleError> {
    let mut found = Vec::new();
    collect(directory, "", &mut found)?;
    found.retain(|path| path != SUMS_FILE);
    found.sort_unstable();
    Ok(found)
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), BundleError> {
    for entry in fs::read_dir(directory).map_err(BundleError::io(directory))? {
        let entry = entry.map_err(BundleError::io(directory))?;
        let kind = entry.file_type().map_err(BundleError::io(&entry.path()))?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(BundleError::malformed(&entry.path(), "its name is no text"));
        };
        // A run that is being carried out, or was when the machine stopped.
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), found)?;
        } else if kind.is_file() && !name.contains(['\n', '\\']) {
            found.push(format!("{prefix}{name}"));
        } else {
            return Err(BundleError::malformed(
                &entry.path(),
                "a bundle has plain files and directories only",
            ));
        }
    }
    Ok(())
}

/// The checksum of each of [`files`], by its path.
pub(super) fn of(directory: &Path) -> Result<BTreeMap<String, String>, BundleError> {
    let with_sum = |path: String| sum(&directory.join(&path)).map(|sum| (path, sum));
    files(directory)?.into_iter().map(with_sum).collect()
}

/// The text of the checksums of a directory.
pub(super) fn text(directory: &Path) -> Result<String, BundleError> {
    let mut text = String::new();
    for (path, sum) in of(directory)? {
        // Writing to a text cannot fail.
        writeln!(text, "{sum}  {path}").unwrap_or_default();
    }
    Ok(text)
}

fn sum(path: &Path) -> Result<String, BundleError> {
    let mut file = File::open(path).map_err(BundleError::io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(BundleError::Io { path: path.to_owned(), error }),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Compares a directory with its checksums. False where it has none.
pub(super) fn verify(directory: &Path) -> Result<bool, BundleError> {
    let path = directory.join(SUMS_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(BundleError::Io { path, error }),
    };
    let mut expected = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let Some((sum, file)) = line.split_once("  ").filter(|(sum, _)| sum.len() == 64) else {
            let message = "no line of checksums".to_owned();
            return Err(BundleError::Malformed { path, line: Some(index + 1), message });
        };
        expected.insert(file, sum);
    }
    let mut faults = Vec::new();
    for file in files(directory)? {
        match expected.remove(file.as_str()) {
            None => faults.push(format!("{file} was added")),
            Some(expected) if sum(&directory.join(&file))? != expected => {
                faults.push(format!("{file} differs"))
            }
            Some(_) => {}
        }
    }
    faults.extend(expected.keys().map(|file| format!("{file} is missing")));
    if faults.is_empty() {
        Ok(true)
    } else {
        Err(BundleError::Tampered { path: directory.to_owned(), faults })
    }
}
