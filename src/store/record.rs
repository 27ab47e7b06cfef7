//! Writes, reverts and removes the commit record: the journal next to the certificates.

use std::fs::File;

use crate::fs::directory::{Directory, NewAttributes};
use crate::fs::file::FileError;
use crate::tree::journal::{self, COMMIT, Journal, UNDO, staging_name};

/// Commits. The commit is durable when this function returns. Returns the journal, which is locked until it is closed.
pub(super) fn write(journal: &Journal, certificates: &Directory) -> Result<File, FileError> {
    let staging = staging_name(COMMIT);
    let path = certificates.path().join(COMMIT);
    let bytes = journal
        .to_bytes()
        .map_err(|error| FileError::unexpected("writing", &path, error.to_string()))?;
    let created = certificates.create(&staging, &bytes, &NewAttributes::own(0o600))?;
    let file = created.file;
    journal::lock(&file);
    file.sync_all().map_err(FileError::io("syncing", path))?;
    certificates.rename(&staging, COMMIT)?;
    certificates.sync()?;
    Ok(file)
}

/// Reverts a commit: recovery will restore the old files.
pub(super) fn revert(certificates: &Directory) -> Result<(), FileError> {
    certificates.rename(COMMIT, UNDO)?;
    certificates.sync()
}

/// The result of removing a commit record that could not be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordRemoval {
    /// It is gone.
    Durable,
    /// It was removed, but the removal may not be durable, so the files that it names must stay.
    Uncertain,
}

/// Removes a commit record that could not be made durable.
///
/// # Errors
/// If it is still there.
pub(super) fn remove_commit_record(certificates: &Directory) -> Result<RecordRemoval, FileError> {
    if certificates.kind(COMMIT)?.is_none() {
        return Ok(RecordRemoval::Durable);
    }
    certificates.remove(COMMIT)?;
    Ok(match certificates.sync() {
        Ok(()) => RecordRemoval::Durable,
        Err(_) => RecordRemoval::Uncertain,
    })
}

/// Ends a transaction that was finished or undone.
pub(super) fn remove(certificates: &Directory) -> Result<(), FileError> {
    unlink(certificates)?;
    certificates.sync()
}

/// Like [`remove`], but the caller makes it durable.
pub(super) fn unlink(certificates: &Directory) -> Result<(), FileError> {
    certificates.remove(COMMIT)?;
    certificates.remove(UNDO)?;
    Ok(())
}
