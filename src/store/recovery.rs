//! Recovers after a killed run: finishes or undoes the transaction of its journal, and removes leftovers.
//!
//! A tree may have changed after its journal was written: a backup was restored, or a file was edited. Recovery
//! therefore requires that each file has exactly the old or the new content, and verifies each new file first.
//! Otherwise it changes nothing, and an operator decides with [`settle`].

use std::ffi::OsString;
use std::fs::File;
use std::sync::Arc;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::generations::FileToReplace;
use super::generations::keep::{self, GenerationInfo};
use super::lock::{Busy, HOLDER, Lock};
use super::outcome::{TransactionError, TreeState};
use super::{record, sharing};
use crate::catalog::CATALOG;
use crate::fs::directory::{Directory, FileKind, Opened};
use crate::fs::file::{Contents, FileError, MAX_FILE_SIZE};
use crate::fs::ownership::is_trusted;
use crate::tree::journal::{
    COMMIT, Direction, FileContent, Journal, JournalFile, UNDO, backup_name, is_leftover,
    staging_name,
};
use crate::tree::layout::{self, Layout, Root, TreePath};
use crate::tree::places::{Location, Places};
use crate::tree::source::{FileVersion, TreeSource};
use crate::util::secret;

/// The command that is recorded for files that [`Settle::Finish`] replaces.
const FINISH: &str = "recover --finish";
/// The command that is recorded for old files that [`Settle::Discard`] finds without their journal.
const DISCARD: &str = "recover --discard";

/// A pending transaction that this run finished or undid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The command of the transaction.
    pub command: String,
    /// Whether it was finished or undone.
    pub direction: Direction,
}

/// What to do with a pending transaction that no longer fits the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Put all new files in place; keep files with other content in a generation.
    Finish,
    /// Restore the old files where new ones are in place; leave files with other content alone.
    Discard,
}

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
        .map_err(|error| failure_at_end(places, error))?;
    remove_leftovers(places).map_err(|error| TransactionError::Failed {
        error,
        state: match direction {
            Direction::Commit => TreeState::Changed,
            Direction::Undo => TreeState::Unchanged,
        },
    })?;
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
fn check_writable(places: &Places, files: &[Pending<'_>]) -> Result<(), FileError> {
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
) -> Result<Vec<Pending<'a>>, FileError> {
    check_owner(places, journal)?;
    let files = inspect(places, journal)?;
    files.iter().try_for_each(|file| file.check(direction))?;
    Ok(files)
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
        Settle::Finish if files.iter().any(Pending::is_foreign) => {
            Some(keep::next_name(places, FINISH, now)?)
        }
        Settle::Discard if !settled.left.is_empty() => keep::name_of_unfinished(places, now)?,
        Settle::Finish | Settle::Discard => None,
    };
    check_writable(places, &files)?;
    let future = |file: &Pending<'_>| Some((file.entry.file.clone(), file.future(places, how)?));
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
    files: &[Pending<'_>],
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
    files: &[Pending<'_>],
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
        let kept = GenerationInfo {
            command: FINISH,
            now,
            rollback: None,
        };
        let name = keep::keep(places, &kept, &replaced).map_err(pending)?;
        keep::finish(places, &name).map_err(pending)?;
        settled.generation = Some(name);
    }
    for file in files.iter().filter(|file| file.current != FileContent::New) {
        file.put_in_place().map_err(pending)?;
    }
    end(places, files, Direction::Commit, None).map_err(|error| failure_at_end(places, error))?;
    Ok(settled)
}

fn discard(
    places: &Places,
    journal: &Journal,
    files: &[Pending<'_>],
    now: OffsetDateTime,
) -> Result<SettledCommit, TransactionError> {
    let pending = TransactionError::pending;
    let mut settled =
        outcome(journal, files, Settle::Discard).map_err(TransactionError::before_commit)?;
    if let Some(certificates) = places.directory(Root::Certificates).map_err(pending)?
        && certificates.kind(COMMIT).map_err(pending)?.is_some()
    {
        // Whoever goes on after a kill restores the old files, too.
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
    end(places, files, Direction::Undo, None).map_err(|error| failure_at_end(places, error))?;
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
    let kept = GenerationInfo {
        command: DISCARD,
        now,
        rollback: None,
    };
    let name = keep::keep(places, &kept, &replaced)?;
    keep::finish(places, &name)?;
    Ok(Some(name))
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

/// Returns the error of [`end`]: once the journal is removed, nothing is pending any more.
fn failure_at_end(places: &Places, error: FileError) -> TransactionError {
    match places.journal() {
        Ok(None) => TransactionError::after_commit(error),
        Ok(Some(_)) => TransactionError::pending(error),
        Err(_) => TransactionError::maybe_pending(error),
    }
}

/// Ends a transaction after all its files are finished or restored.
fn end(
    places: &Places,
    files: &[Pending<'_>],
    direction: Direction,
    generation: Option<&str>,
) -> Result<(), FileError> {
    for file in files {
        file.remove_other_names()?;
    }
    let mut synced = Vec::new();
    for directory in files
        .iter()
        .filter_map(|file| Some(&file.location.as_ref()?.directory))
    {
        if !synced.contains(&directory.id()) {
            directory.sync()?;
            synced.push(directory.id());
        }
    }
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

/// A file of a pending transaction and its current state.
struct Pending<'a> {
    entry: &'a JournalFile,
    /// `None` if its directory does not exist.
    location: Option<Location>,
    contents: Option<Contents>,
    current: FileContent,
    /// Whether the new content is next to the file.
    has_staging: bool,
    /// Whether the old content is next to the file.
    has_backup: bool,
    path: std::path::PathBuf,
}

fn inspect<'a>(places: &Places, journal: &'a Journal) -> Result<Vec<Pending<'a>>, FileError> {
    let look = |entry: &'a JournalFile| {
        let location = places.locate_file(&entry.file)?;
        if let Some(location) = &location {
            places.check_written(location)?;
        }
        let read = |version| places.read(&entry.file, version, MAX_FILE_SIZE);
        let holds = |version, wanted| -> Result<bool, FileError> {
            let contents = read(version)?;
            Ok(contents.is_some_and(|contents| entry.content(Some(&contents.bytes)) == wanted))
        };
        let contents = read(FileVersion::Current)?;
        let bytes = contents.as_ref().map(|contents| contents.bytes.as_slice());
        Ok(Pending {
            entry,
            current: entry.content(bytes),
            has_staging: holds(FileVersion::Staging, FileContent::New)?,
            has_backup: holds(FileVersion::Backup, FileContent::Old)?,
            path: places.layout().path(&entry.file),
            location,
            contents,
        })
    };
    journal.files.iter().map(look).collect()
}

impl Pending<'_> {
    fn is_foreign(&self) -> bool {
        self.current == FileContent::Foreign
    }

    /// Checks that a file can be recovered.
    fn check(&self, direction: Direction) -> Result<(), FileError> {
        match (direction, self.current) {
            (_, FileContent::Foreign) => {
                Err(self.refuse("it has neither the old nor the new content"))
            }
            (Direction::Commit, FileContent::Old) if !self.has_staging => {
                Err(self.refuse("its new content is missing"))
            }
            (Direction::Undo, FileContent::New) if !self.has_backup && self.entry.old.is_some() => {
                Err(self.refuse("its old content is missing"))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, what: &str) -> FileError {
        FileError::unexpected("recovering", &self.path, what).with_hint(
            "`pki recover --discard` restores the old files, `pki recover --finish` puts the new ones in place",
        )
    }

    /// Returns the content of the file after [`settle`]; `None` if there is none, or it cannot be read.
    fn future(&self, places: &Places, how: Settle) -> Option<Zeroizing<Vec<u8>>> {
        let version = match (how, self.current) {
            (Settle::Finish, FileContent::Old | FileContent::Foreign) => FileVersion::Staging,
            (Settle::Discard, FileContent::New) if self.has_backup => FileVersion::Backup,
            (Settle::Discard, FileContent::New) if self.entry.old.is_none() => return None,
            _ => FileVersion::Current,
        };
        let contents = places.read(&self.entry.file, version, MAX_FILE_SIZE);
        Some(contents.ok()??.bytes)
    }

    fn apply(&self, direction: Direction) -> Result<(), FileError> {
        match (direction, self.current) {
            (Direction::Commit, FileContent::Old) => self.put_in_place(),
            (Direction::Undo, FileContent::New) => {
                let Some(Location {
                    directory, name, ..
                }) = &self.location
                else {
                    return Ok(());
                };
                match self.entry.old {
                    Some(_) => directory.rename(backup_name(name), name),
                    None => directory.remove(name).map(|_| ()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Removes the files that the transaction put next to the file.
    fn remove_other_names(&self) -> Result<(), FileError> {
        if let Some(Location {
            directory, name, ..
        }) = &self.location
        {
            for beside in [staging_name(name), backup_name(name)] {
                if is_file_or_link(directory, &beside)? {
                    directory.remove(beside)?;
                }
            }
        }
        Ok(())
    }

    fn put_in_place(&self) -> Result<(), FileError> {
        match &self.location {
            Some(Location {
                directory, name, ..
            }) => directory.rename(staging_name(name), name),
            None => Ok(()),
        }
    }

    fn replaced(&self) -> FileToReplace<'_> {
        FileToReplace {
            file: &self.entry.file,
            old: self
                .contents
                .as_ref()
                .map(|contents| contents.bytes.as_slice()),
        }
    }
}

/// Removes the leftovers of a run without a commit record.
fn remove_leftovers(places: &Places) -> Result<(), FileError> {
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
type Leftovers = (Arc<Directory>, Vec<OsString>);

/// Returns the leftovers in each directory that has any.
///
/// # Errors
/// If one of them cannot be removed.
fn leftovers(places: &Places) -> Result<Vec<Leftovers>, FileError> {
    let files = CATALOG
        .iter()
        .flat_map(|row| layout::files(row))
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
fn is_file_or_link(directory: &Directory, name: &std::ffi::OsStr) -> Result<bool, FileError> {
    Ok(matches!(
        directory.kind(name)?,
        Some(FileKind::File | FileKind::Link)
    ))
}
