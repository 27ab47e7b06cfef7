//! Recovers after a killed run: finishes or undoes the transaction of its journal, and removes leftovers.
//!
//! A tree may have changed after its journal was written: a backup was restored, or a file was edited. Recovery
//! therefore requires that each file has exactly the old or the new content (`pending`), and verifies each new file first.
//! Otherwise it changes nothing, and an operator decides with [`settle`]. `leftovers` are the files of runs that did not
//! commit.

mod leftovers;
mod pending;
mod settle;

use std::fs::File;

use self::leftovers::{leftovers, remove_leftovers};
use self::pending::{PendingFile, inspect};
use super::generations::keep;
use super::outcome::{TransactionError, TreeState};
use super::{record, sharing};
use crate::fs::file::FileError;
use crate::fs::ownership::is_trusted;
use crate::fs::sync::Unsynced;
use crate::tree::journal::{Direction, Journal};
use crate::tree::layout::Root;
use crate::tree::places::Places;
use crate::tree::source::TreeSource;
use crate::util::secret;

pub use self::pending::Settle;
pub use self::settle::{SettledCommit, SettlingPreview, preview_settling, settle};

/// A pending transaction that this run finished or undid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The command of the transaction.
    pub command: String,
    /// Whether it was finished or undone.
    pub direction: Direction,
}

/// Finishes or undoes the transaction of a journal, or removes the leftovers of a run that did not commit.
pub(super) fn recover(places: &Places) -> Result<Option<Recovered>, TransactionError> {
    sharing::check(places).map_err(TransactionError::before_commit)?;
    let journal = places.journal().map_err(TransactionError::before_commit)?;
    let Some((direction, journal)) = journal else {
        remove_leftovers(places).map_err(TransactionError::before_commit)?;
        return Ok(None);
    };
    let _locked = hold(places);
    let files =
        recoverable(places, &journal, direction).map_err(TransactionError::before_commit)?;
    let pending = TransactionError::pending;
    for file in &files {
        file.apply(direction).map_err(pending)?;
    }
    end(places, &files, direction, journal.generation.as_deref())
        .map_err(|error| failure_at_end(places, error, direction))?;
    remove_leftovers(places).map_err(|error| settled_but(error, direction))?;
    Ok(Some(Recovered {
        command: journal.command,
        direction,
    }))
}

/// Returns what recovery would do.
///
/// # Errors
/// If it would refuse.
pub(crate) fn preview(places: &Places) -> Result<Option<Recovered>, FileError> {
    sharing::check(places)?;
    let Some((direction, journal)) = places.journal()? else {
        leftovers(places)?;
        return Ok(None);
    };
    // Another run is recovering or writing.
    if !places.is_interrupted() {
        return Ok(None);
    }
    let files = recoverable(places, &journal, direction)?;
    check_writable(places, &files)?;
    Ok(Some(Recovered {
        command: journal.command,
        direction,
    }))
}

/// Checks that this run could write wherever a recovery writes.
fn check_writable(places: &Places, files: &[PendingFile<'_>]) -> Result<(), FileError> {
    for root in [Root::Certificates, Root::State] {
        if let Some(directory) = places.directory(root)? {
            directory.check_writable()?;
        }
    }
    for file in files {
        if let Some(location) = &file.location {
            location.directory.check_writable()?;
        }
    }
    keep::check(places)
}

/// Returns the files of a journal, if all of them can be recovered.
fn recoverable<'a>(
    places: &Places,
    journal: &'a Journal,
    direction: Direction,
) -> Result<Vec<PendingFile<'a>>, FileError> {
    check_owner(places, journal)?;
    let files = inspect(places, journal)?;
    files.iter().try_for_each(|file| file.check(direction))?;
    Ok(files)
}

/// Returns the error of [`end`]: once the journal is removed, nothing is pending any more.
fn failure_at_end(places: &Places, error: FileError, direction: Direction) -> TransactionError {
    match places.journal() {
        Ok(None) => settled_but(error, direction),
        Ok(Some(_)) => TransactionError::pending(error),
        Err(_) => TransactionError::maybe_pending(error),
    }
}

/// Returns the error of a step after all files of a transaction were finished or restored.
fn settled_but(error: FileError, direction: Direction) -> TransactionError {
    let state = match direction {
        Direction::Commit => TreeState::Changed,
        Direction::Undo => TreeState::Restored,
    };
    TransactionError::Failed { error, state }
}

/// Ends a transaction after all its files are finished or restored.
fn end(
    places: &Places,
    files: &[PendingFile<'_>],
    direction: Direction,
    generation: Option<&str>,
) -> Result<(), FileError> {
    let mut unsynced = Unsynced::default();
    for file in files {
        file.remove_other_names()?;
        if let Some(location) = &file.location {
            unsynced.add_directory(&location.directory);
        }
    }
    unsynced.sync()?;
    match (direction, generation) {
        (Direction::Commit, Some(generation)) => keep::finish(places, generation)?,
        _ => keep::discard(places)?,
    }
    match places.directory(Root::Certificates)? {
        Some(certificates) => record::remove(&certificates),
        None => Ok(()),
    }
}

/// Locks the journal for as long as it is open, so that readers see a run.
fn hold(places: &Places) -> Option<File> {
    Journal::hold(&*places.directory(Root::Certificates).ok()??)
}

/// Refuses a journal of another tree, or one that is not trusted.
fn check_owner(places: &Places, journal: &Journal) -> Result<(), FileError> {
    let refuse = |path: std::path::PathBuf, what: String, hint: String| {
        Err(FileError::unexpected("recovering the pending commit in", path, what).with_hint(hint))
    };
    let certificates = places.layout().certificates.clone();
    if !places.owns(journal)? {
        let other = places.named_kubeconfigs(&journal.kubeconfigs)?;
        let text = secret::shown(other.display().to_string());
        let word = secret::shell_path(&other);
        return refuse(
            certificates,
            format!("it belongs to the kubeconfig directory `{text}`"),
            format!("run a command that writes with `--kubeconfig-dir {word}` first"),
        );
    }
    match places.directory(Root::State)? {
        Some(state) if !is_trusted(state.attributes().uid) => refuse(
            state.path().to_path_buf(),
            format!("it belongs to user {}", state.attributes().uid),
            "inspect it, and make root its owner".to_owned(),
        ),
        _ => Ok(()),
    }
}
