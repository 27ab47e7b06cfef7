//! Settles a pending transaction as an operator decides, where the tree no longer fits it.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::leftovers::{is_file_or_link, leftovers, remove_leftovers};
use super::pending::{PendingFile, Settle, inspect};
use super::{check_owner, check_writable, end, failure_at_end, hold};
use crate::catalog::CATALOG;
use crate::fs::file::{FileError, MAX_FILE_SIZE};
use crate::fs::sync::Unsynced;
use crate::store::generations::FileToReplace;
use crate::store::generations::keep::{self, GenerationInfo};
use crate::store::lock::Lock;
use crate::store::outcome::{Busy, TransactionError};
use crate::store::{record, sharing};
use crate::tree::journal::{COMMIT, Direction, FileContent, Journal, UNDO};
use crate::tree::layout::{self, Layout, Root, TreePath};
use crate::tree::places::Places;
use crate::tree::source::{FileVersion, TreeSource};

/// The command that is recorded for files that [`Settle::Finish`] replaces.
const FINISH: &str = "recover --finish";
/// The command that is recorded for old files that [`Settle::Discard`] finds without their journal.
const DISCARD: &str = "recover --discard";

/// The result of settling a pending transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SettledCommit {
    /// The command of the transaction; `None` if its journal could not be read.
    pub command: Option<String>,
    /// Files that got their new content.
    pub finished: Vec<TreePath>,
    /// Files that got their old content back.
    pub restored: Vec<TreePath>,
    /// Files that were left alone: they have other content, or their old content is missing.
    pub left: Vec<TreePath>,
    /// The generation that keeps what was replaced.
    pub generation: Option<String>,
}

/// Settles a pending transaction as an operator decides. Returns `None` if no transaction is pending.
///
/// # Errors
/// If a file cannot be finished or restored.
pub fn settle(
    layout: &Layout,
    how: Settle,
    now: OffsetDateTime,
) -> Result<Option<SettledCommit>, TransactionError> {
    let places = Places::new(layout);
    if places
        .directory(Root::Certificates)
        .map_err(TransactionError::before_commit)?
        .is_none()
    {
        return Ok(None);
    }
    let settled = settle_locked(&places, how, now);
    // Taking the lock may have created a kubeconfig directory.
    places.remove_created();
    settled
}

fn settle_locked(
    places: &Places,
    how: Settle,
    now: OffsetDateTime,
) -> Result<Option<SettledCommit>, TransactionError> {
    let _lock = Lock::take(places)?;
    let refused = TransactionError::before_commit;
    sharing::check(places).map_err(refused)?;
    let journal = match places.journal() {
        Err(error) if how == Settle::Discard && !error.is_io() => {
            check_journal_is_file(places).map_err(refused)?;
            return discard_unreadable(places, now).map(Some).map_err(refused);
        }
        journal => journal.map_err(refused)?,
    };
    let Some((_, journal)) = journal else {
        remove_leftovers(places).map_err(refused)?;
        return Ok(None);
    };
    let _locked = hold(places);
    check_owner(places, &journal).map_err(refused)?;
    let files = inspect(places, &journal).map_err(refused)?;
    let settled = match how {
        Settle::Finish => finish(places, &journal, &files, now),
        Settle::Discard => discard(places, &journal, &files, now),
    }?;
    remove_leftovers(places).map_err(TransactionError::after_commit)?;
    Ok(Some(settled))
}

/// What settling a pending transaction would do.
pub struct SettlingPreview {
    /// The result.
    pub settled: SettledCommit,
    /// The files of the transaction as they would be, except those that would be removed.
    pub files: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
}

/// Returns what [`settle`] would do, without the lock.
///
/// # Errors
/// If it would refuse.
pub fn preview_settling(
    layout: &Layout,
    how: Settle,
    now: OffsetDateTime,
) -> Result<Option<SettlingPreview>, TransactionError> {
    let places = Places::new(layout);
    let refused = TransactionError::before_commit;
    places.judge_roots().map_err(refused)?;
    let Some(certificates) = places.directory(Root::Certificates).map_err(refused)? else {
        return Ok(None);
    };
    if places.is_locked() {
        return Err(TransactionError::Busy(Busy::announced_in(&certificates)));
    }
    would_settle(&places, how, now).map_err(refused)
}

fn would_settle(
    places: &Places,
    how: Settle,
    now: OffsetDateTime,
) -> Result<Option<SettlingPreview>, FileError> {
    sharing::check(places)?;
    let journal = match places.journal() {
        Err(error) if how == Settle::Discard && !error.is_io() => {
            check_journal_is_file(places)?;
            check_writable(places, &[])?;
            return Ok(Some(SettlingPreview {
                settled: SettledCommit {
                    generation: would_keep(places, now)?,
                    ..SettledCommit::default()
                },
                files: Vec::new(),
            }));
        }
        journal => journal?,
    };
    let Some((_, journal)) = journal else {
        leftovers(places)?;
        return Ok(None);
    };
    check_owner(places, &journal)?;
    let files = inspect(places, &journal)?;
    let mut settled = outcome(&journal, &files, how)?;
    settled.generation = match how {
        Settle::Finish if files.iter().any(PendingFile::is_foreign) => {
            Some(keep::next_name(places, FINISH, now)?)
        }
        Settle::Discard if !settled.left.is_empty() => keep::name_of_unfinished(places, now)?,
        Settle::Finish | Settle::Discard => None,
    };
    check_writable(places, &files)?;
    let future =
        |file: &PendingFile<'_>| Some((file.entry.file.clone(), file.future(places, how)?));
    Ok(Some(SettlingPreview {
        files: files.iter().filter_map(future).collect(),
        settled,
    }))
}

/// Returns the name of the generation that [`discard_unreadable`] would leave.
fn would_keep(places: &Places, now: OffsetDateTime) -> Result<Option<String>, FileError> {
    match keep::name_of_unfinished(places, now)? {
        None if lone_backups(places)?.is_empty() => Ok(None),
        None => keep::next_name(places, DISCARD, now).map(Some),
        unfinished => Ok(unfinished),
    }
}

/// Returns the result for each file of a journal; the generation is not known yet.
fn outcome(
    journal: &Journal,
    files: &[PendingFile<'_>],
    how: Settle,
) -> Result<SettledCommit, FileError> {
    let mut settled = SettledCommit {
        command: Some(journal.command.clone()),
        ..SettledCommit::default()
    };
    for file in files {
        let list = match (how, file.current) {
            (Settle::Finish, FileContent::New) | (Settle::Discard, FileContent::Old) => continue,
            (Settle::Finish, _) if !file.has_staging => {
                return Err(file.refuse("its new content is missing"));
            }
            (Settle::Finish, _) => &mut settled.finished,
            (Settle::Discard, FileContent::New) if file.has_backup || file.entry.old.is_none() => {
                &mut settled.restored
            }
            (Settle::Discard, _) => &mut settled.left,
        };
        list.push(file.entry.file.clone());
    }
    Ok(settled)
}

fn finish(
    places: &Places,
    journal: &Journal,
    files: &[PendingFile<'_>],
    now: OffsetDateTime,
) -> Result<SettledCommit, TransactionError> {
    let pending = TransactionError::pending;
    let mut settled =
        outcome(journal, files, Settle::Finish).map_err(TransactionError::before_commit)?;
    let foreign: Vec<_> = files.iter().filter(|file| file.is_foreign()).collect();
    if let Some(generation) = &journal.generation {
        keep::finish(places, generation).map_err(pending)?;
    }
    if !foreign.is_empty() {
        let replaced: Vec<_> = foreign.iter().map(|file| file.replaced()).collect();
        let name = keep_as(FINISH, &replaced, places, now).map_err(pending)?;
        settled.generation = Some(name);
    }
    for file in files.iter().filter(|file| file.current != FileContent::New) {
        file.put_in_place().map_err(pending)?;
    }
    end(places, files, Direction::Commit, None)
        .map_err(|error| failure_at_end(places, error, Direction::Commit))?;
    Ok(settled)
}

fn discard(
    places: &Places,
    journal: &Journal,
    files: &[PendingFile<'_>],
    now: OffsetDateTime,
) -> Result<SettledCommit, TransactionError> {
    let pending = TransactionError::pending;
    let mut settled =
        outcome(journal, files, Settle::Discard).map_err(TransactionError::before_commit)?;
    if let Some(certificates) = places.directory(Root::Certificates).map_err(pending)?
        && certificates.kind(COMMIT).map_err(pending)?.is_some()
    {
        // After a kill, the next run restores the old files, too.
        record::revert(&certificates).map_err(pending)?;
    }
    for file in files {
        if settled.restored.contains(&file.entry.file) {
            file.apply(Direction::Undo).map_err(pending)?;
        }
    }
    // If a file is left alone, the generation may have the only copy of its old content.
    if !settled.left.is_empty() {
        settled.generation = keep::adopt_unfinished(places, now).map_err(pending)?;
    }
    end(places, files, Direction::Undo, None)
        .map_err(|error| failure_at_end(places, error, Direction::Undo))?;
    Ok(settled)
}

/// Checks that what has the name of a journal can be removed like a file.
fn check_journal_is_file(places: &Places) -> Result<(), FileError> {
    let Some(certificates) = places.directory(Root::Certificates)? else {
        return Ok(());
    };
    for name in [COMMIT, UNDO] {
        if certificates.kind(name)?.is_some() && !is_file_or_link(&certificates, name.as_ref())? {
            let path = certificates.path().join(name);
            let what = "it is not a file, want a journal";
            return Err(FileError::unexpected("removing", path, what).with_hint("move it away"));
        }
    }
    Ok(())
}

/// Removes a journal that cannot be read. The old files stay in a generation.
fn discard_unreadable(places: &Places, now: OffsetDateTime) -> Result<SettledCommit, FileError> {
    let generation = match keep::adopt_unfinished(places, now)? {
        None => keep_backups(places, now)?,
        adopted => adopted,
    };
    let settled = SettledCommit {
        generation,
        ..SettledCommit::default()
    };
    if let Some(certificates) = places.directory(Root::Certificates)? {
        record::remove(&certificates)?;
    }
    remove_leftovers(places)?;
    Ok(settled)
}

/// Files with the bytes that they had.
type OldFiles = Vec<(TreePath, Zeroizing<Vec<u8>>)>;

/// Keeps the old files that are only left as backups: the interrupted run kept no generation. Returns the generation's name.
fn keep_backups(places: &Places, now: OffsetDateTime) -> Result<Option<String>, FileError> {
    let backups = lone_backups(places)?;
    if backups.is_empty() {
        return Ok(None);
    }
    let replaced: Vec<_> = backups
        .iter()
        .map(|(file, old)| FileToReplace {
            file,
            old: Some(old.as_slice()),
        })
        .collect();
    keep_as(DISCARD, &replaced, places, now).map(Some)
}

/// Keeps files as the generation of a command, and returns its name.
fn keep_as(
    command: &str,
    replaced: &[FileToReplace<'_>],
    places: &Places,
    now: OffsetDateTime,
) -> Result<String, FileError> {
    let kept = GenerationInfo {
        command,
        now,
        rollback: None,
    };
    let mut unsynced = Unsynced::default();
    let name = keep::keep(places, &kept, replaced, &mut unsynced)?;
    places.add_named(&mut unsynced)?;
    unsynced.sync()?;
    keep::finish(places, &name)?;
    Ok(name)
}

/// Returns the old files of an interrupted commit that are no longer in their place.
fn lone_backups(places: &Places) -> Result<OldFiles, FileError> {
    let files = CATALOG.iter().flat_map(|row| layout::all_files(row));
    let files = files.map(|(file, _)| file);
    let mut backups = Vec::new();
    for file in files.chain([layout::recorded_configuration()]) {
        let Some(old) = places.read(&file, FileVersion::Backup, MAX_FILE_SIZE)? else {
            continue;
        };
        let current = places.read(&file, FileVersion::Current, MAX_FILE_SIZE)?;
        if current.is_none_or(|current| current.bytes != old.bytes) {
            backups.push((file, old.bytes));
        }
    }
    Ok(backups)
}
