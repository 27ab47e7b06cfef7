//! The files that runs without a commit left.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use crate::catalog::CATALOG;
use crate::fs::directory::{Directory, FileKind, Opened};
use crate::fs::file::FileError;
use crate::store::generations::keep;
use crate::store::lock::HOLDER;
use crate::store::sharing;
use crate::tree::journal::is_leftover;
use crate::tree::layout::{self, Root};
use crate::tree::places::Places;

/// Removes the leftovers of a run without a commit record.
pub(super) fn remove_leftovers(places: &Places) -> Result<(), FileError> {
    for (directory, names) in leftovers(places)? {
        for name in names {
            directory.remove(&name)?;
        }
        directory.sync()?;
    }
    if let Some(certificates) = places.directory(Root::Certificates)?
        && certificates.kind(HOLDER)? == Some(FileKind::File)
    {
        certificates.remove(HOLDER)?;
    }
    sharing::unmark(places)?;
    keep::discard(places)
}

/// A directory with the names of the leftovers in it.
pub(super) type Leftovers = (Arc<Directory>, Vec<OsString>);

/// Returns the leftovers in each directory that has any.
///
/// # Errors
/// If one of them cannot be removed.
pub(super) fn leftovers(places: &Places) -> Result<Vec<Leftovers>, FileError> {
    let files = CATALOG
        .iter()
        .flat_map(|row| layout::all_files(row))
        .map(|(file, _)| file);
    let mut found = Vec::new();
    for directory in places.written_directories(files)? {
        let mut names = Vec::new();
        for name in directory.names()? {
            if is_leftover(&name) && is_file_or_link(&directory, &name)? {
                if let Opened::File(file) = directory.open_file(&name)? {
                    file.check_mutable("removing")?;
                }
                names.push(name);
            }
        }
        if !names.is_empty() {
            directory.check_writable()?;
            found.push((directory, names));
        }
    }
    Ok(found)
}

/// Returns whether an entry may be a leftover; a transaction creates no directories with such names.
pub(super) fn is_file_or_link(directory: &Directory, name: &OsStr) -> Result<bool, FileError> {
    Ok(matches!(
        directory.kind(name)?,
        Some(FileKind::File | FileKind::Link)
    ))
}
