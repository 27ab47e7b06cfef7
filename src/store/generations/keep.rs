//! Writes and removes generations. Does not follow links, and removes only files of `pki`.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::{
    DIRECTORY, Generation, GenerationFile, Generations, MANIFEST, Manifest, TransactionKind,
    UNFINISHED, VERSION, cursor, list, open,
};
use crate::fs::directory::{Directory, FileKind, NewAttributes, Opened};
use crate::fs::file::{FileError, MAX_FILE_SIZE};
use crate::fs::sync::Unsynced;
use crate::tree::layout::{self, Root, TreePath};
use crate::tree::places::Places;
use crate::util::secret::quote;

/// The prefix of a generation that is being removed; such a directory is no longer a generation.
const REMOVED: &str = ".old-";

/// A file that a transaction replaces or creates.
pub struct FileToReplace<'a> {
    pub(crate) file: &'a TreePath,
    pub(crate) old: Option<&'a [u8]>,
}

/// The metadata of a new generation.
pub(in crate::store) struct GenerationInfo<'a> {
    pub(in crate::store) command: &'a str,
    pub(in crate::store) now: OffsetDateTime,
    /// The record of a rollback; `None` for other transactions.
    pub(in crate::store) rollback: Option<&'a TransactionKind>,
}

/// Writes the old files under the unfinished name, and adds what is to be synced. Returns the name that [`finish`] gives it, such as
/// `20261122T014500Z-renew`.
pub(in crate::store) fn keep(
    places: &Places,
    kept: &GenerationInfo<'_>,
    replaced: &[FileToReplace<'_>],
    unsynced: &mut Unsynced,
) -> Result<String, FileError> {
    let state = places.create(Root::State)?;
    state.create_directory(DIRECTORY, 0o700)?;
    unsynced.add_directory(&state);
    let generations = Arc::new(state.open_directory(DIRECTORY)?);
    let own = places.certificates_name()?;
    let name = free_name(&generations, kept.command, kept.now)?;
    let Generations {
        all: mut known,
        unreadable,
    } = list(&generations)?;
    let names = known.iter().map(|generation| &generation.name);
    let earlier = names.chain(unreadable.iter().map(|kept| &kept.name));
    let earlier = earlier.cloned().collect();
    known.sort_by_key(|generation| generation.sequence);
    // One that cannot be read has a number, too, and may be repaired.
    let last = known.last().map_or(0, |generation| generation.sequence) + unreadable.len() as u64;
    known.retain(|generation| generation.certificates == own);
    generations.create_directory(UNFINISHED, 0o700)?;
    unsynced.add_directory(&generations);
    let directory = Arc::new(generations.open_directory(UNFINISHED)?);
    let mut files = Vec::new();
    for FileToReplace { file, old } in replaced {
        let stored = old.map(|_| layout::stored_name(file));
        if let (Some(stored), Some(old)) = (&stored, old) {
            create(&directory, stored, old, unsynced)?;
        }
        files.push(GenerationFile {
            file: (*file).clone(),
            stored,
        });
    }
    let change = kept
        .rollback
        .cloned()
        .unwrap_or_else(|| TransactionKind::New {
            after_rollback_to: cursor::position(&known),
        });
    let manifest = Manifest {
        version: VERSION,
        sequence: last + 1,
        command: kept.command.to_owned(),
        time: kept.now.format(&Rfc3339).unwrap_or_default(),
        certificates: own,
        earlier,
        change,
        files,
    };
    let path = directory.path().join(MANIFEST);
    let bytes = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| FileError::unexpected("writing", path, error.to_string()))?;
    create(&directory, MANIFEST, &bytes, unsynced)?;
    Ok(name)
}

/// Creates a file, and adds it and its directory to what is to be synced.
fn create(
    directory: &Arc<Directory>,
    name: &str,
    bytes: &[u8],
    unsynced: &mut Unsynced,
) -> Result<(), FileError> {
    let created = directory.create(name, bytes, &NewAttributes::own(0o600))?;
    unsynced.add_file(created.file, directory, name);
    Ok(())
}

/// Returns an unused name for the generation of a command at `now`; adds a number if the name exists.
fn free_name(
    generations: &Directory,
    command: &str,
    now: OffsetDateTime,
) -> Result<String, FileError> {
    let name = name_of(command, now);
    let mut free = name.clone();
    let mut number = 1;
    while generations.kind(&free)?.is_some()
        || generations.kind(format!("{REMOVED}{free}"))?.is_some()
    {
        number += 1;
        free = format!("{name}-{number}");
    }
    Ok(free)
}

fn name_of(command: &str, now: OffsetDateTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    // The fixed format has no component that a UTC time lacks.
    let time = now
        .to_offset(UtcOffset::UTC)
        .format(format)
        .unwrap_or_default();
    // The command may come from a manifest.
    let word: String = command
        .chars()
        .take_while(|character| character.is_ascii_lowercase() || *character == '-')
        .collect();
    match word.as_str() {
        "" => format!("{time}-unknown"),
        word => format!("{time}-{word}"),
    }
}

/// Renames the unfinished generation to its name, if it exists.
pub(in crate::store) fn finish(places: &Places, name: &str) -> Result<(), FileError> {
    let Some(generations) = open(places)? else {
        return Ok(());
    };
    if generations.kind(UNFINISHED)?.is_none() {
        return Ok(());
    }
    if generations.kind(name)? == Some(FileKind::Directory)
        && generations.open_directory(name)?.kind(MANIFEST)?.is_some()
    {
        // It has its name: this is the rest of a later one, which was not finished, or of its own copy.
        return discard(places);
    }
    match generations.rename(UNFINISHED, name) {
        // A directory in the lower layer of an overlay cannot be renamed, but its files can be copied.
        Err(error) if is_across_layers(&error) => copy_unfinished(&generations, name)?,
        renamed => renamed?,
    }
    generations.sync()
}

/// Copies the unfinished generation to its name and removes it; can be interrupted and repeated.
fn copy_unfinished(generations: &Directory, name: &str) -> Result<(), FileError> {
    let unfinished = generations.open_directory(UNFINISHED)?;
    generations.create_directory(name, 0o700)?;
    let copy = Arc::new(generations.open_directory(name)?);
    let names = unfinished.names()?;
    let stored = names.iter().filter_map(|name| name.to_str());
    let stored = stored.filter(|name| layout::is_stored_name(name));
    let copy_file = |file: &str, unsynced: &mut Unsynced| {
        if let Opened::File(old) = unfinished.open_file(file)? {
            copy.remove(file)?;
            create(&copy, file, &old.contents(MAX_FILE_SIZE)?.bytes, unsynced)?;
        }
        Ok(())
    };
    let mut unsynced = Unsynced::default();
    for file in stored {
        copy_file(file, &mut unsynced)?;
    }
    unsynced.sync()?;
    // Without its manifest, the copy is not complete.
    let mut unsynced = Unsynced::default();
    copy_file(MANIFEST, &mut unsynced)?;
    unsynced.sync()?;
    generations.sync()?;
    match remove(generations, OsStr::new(UNFINISHED))? {
        None => Ok(()),
        Some(foreign) => Err(not_removable(generations, foreign)),
    }
}

/// Checks that a transaction can keep a generation.
///
/// # Errors
/// If its directory cannot be written in, or the rest of an interrupted run cannot be removed from it.
pub(in crate::store) fn check(places: &Places) -> Result<(), FileError> {
    let Some(generations) = open(places)? else {
        return Ok(());
    };
    generations.check_writable()?;
    match generations.kind(UNFINISHED)? {
        None => Ok(()),
        Some(FileKind::Directory) => {
            let unfinished = generations.open_directory(UNFINISHED)?;
            unfinished.check_writable()?;
            match foreign_entries(&unfinished)? {
                None => Ok(()),
                Some(foreign) => Err(not_removable(&generations, foreign)),
            }
        }
        Some(kind) => Err(not_removable(&generations, not_a_directory(kind))),
    }
}

fn not_removable(generations: &Directory, why: String) -> FileError {
    let path = generations.path().join(UNFINISHED);
    FileError::unexpected("removing", path, why).with_hint("move it away")
}

fn not_a_directory(kind: FileKind) -> String {
    match kind {
        FileKind::Link => "it is a symbolic link".to_owned(),
        _ => "it is not a directory".to_owned(),
    }
}

/// Removes the unfinished generation of a transaction that was not committed.
///
/// # Errors
/// If it cannot be removed; no other generation can then be created.
pub(in crate::store) fn discard(places: &Places) -> Result<(), FileError> {
    let Some(generations) = open(places)? else {
        return Ok(());
    };
    match remove(&generations, OsStr::new(UNFINISHED))? {
        None => Ok(()),
        Some(foreign) => Err(not_removable(&generations, foreign)),
    }
}

/// Removes the directory of the generations if it is empty.
pub(in crate::store) fn remove_if_empty(places: &Places) {
    if let Ok(Some(state)) = places.directory(Root::State) {
        // A directory that is not empty stays.
        let _removed = state.remove_directory(DIRECTORY);
        let _synced = state.sync();
    }
}

/// Renames the unfinished generation to a new name, so that its files can still be restored. `now` is its time if its manifest
/// cannot be read.
pub(in crate::store) fn adopt_unfinished(
    places: &Places,
    now: OffsetDateTime,
) -> Result<Option<String>, FileError> {
    let name = name_of_unfinished(places, now)?;
    if let Some(name) = &name {
        finish(places, name)?;
    }
    Ok(name)
}

/// Returns the name that [`adopt_unfinished`] gives the unfinished generation, if it exists.
pub(in crate::store) fn name_of_unfinished(
    places: &Places,
    now: OffsetDateTime,
) -> Result<Option<String>, FileError> {
    let Some(generations) = open(places)? else {
        return Ok(None);
    };
    // Its intended name is only in the journal.
    let (command, time) = match super::manifest(&generations, UNFINISHED, "") {
        Ok(None) => return Ok(None),
        Ok(Some(unfinished)) => (
            unfinished.command,
            time_in_name(&unfinished.time).unwrap_or(now),
        ),
        // Its files are kept, although no command can put them back.
        Err(_) => (String::new(), now),
    };
    free_name(&generations, &command, time).map(Some)
}

/// Returns the time of a manifest in UTC; `None` if it is not one that a generation's name can have.
fn time_in_name(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let time = time.checked_to_offset(UtcOffset::UTC)?;
    (1000..=9999).contains(&time.year()).then_some(time)
}

/// Returns the name that [`keep`] gives the next generation.
pub(in crate::store) fn next_name(
    places: &Places,
    command: &str,
    now: OffsetDateTime,
) -> Result<String, FileError> {
    match open(places)? {
        Some(generations) => free_name(&generations, command, now),
        None => Ok(name_of(command, now)),
    }
}

/// What pruning did.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The generations that were removed.
    pub dropped: Vec<String>,
    /// Errors about generations that could not be removed.
    pub warnings: Vec<String>,
}

/// Removes all but the last `keep` generations, oldest first, and the rest of partly removed ones. Errors are
/// warnings.
pub(in crate::store) fn prune(places: &Places, keep: usize) -> Pruned {
    let mut pruned = Pruned::default();
    if let Err(error) = try_prune(places, keep, &mut pruned) {
        pruned.warnings.push(error.to_string());
    }
    pruned
}

/// Removes all generations. One whose manifest cannot be read stays, with its old keys, and is a warning.
pub(in crate::store) fn purge(places: &Places) -> Pruned {
    let mut pruned = prune(places, 0);
    if let Ok(Some(directory)) = open(places)
        && let Ok(Generations { unreadable, .. }) = list(&directory)
    {
        let warnings = unreadable.iter().map(|kept| kept.error.to_string());
        pruned.warnings.extend(warnings);
    }
    pruned
}

fn try_prune(places: &Places, keep: usize, pruned: &mut Pruned) -> Result<(), FileError> {
    let Some(directory) = open(places)? else {
        return Ok(());
    };
    let own = places.certificates_name()?;
    let Generations { mut all, .. } = list(&directory)?;
    all.retain(|generation| generation.certificates == own);
    all.sort_by_key(|generation| generation.sequence);
    for generation in cursor::surplus(&all, keep) {
        match drop_generation(&directory, generation) {
            Ok(()) => pruned.dropped.push(generation.name.clone()),
            Err(error) => pruned.warnings.push(error.to_string()),
        }
    }
    for name in removed_names(&directory)? {
        let known = name.to_str().and_then(|name| name.strip_prefix(REMOVED));
        let stays = match remove(&directory, &name) {
            Ok(None) => {
                let interrupted =
                    known.filter(|known| !pruned.dropped.iter().any(|it| it == known));
                pruned.dropped.extend(interrupted.map(str::to_owned));
                continue;
            }
            Ok(Some(foreign)) => foreign,
            Err(error) => error.to_string(),
        };
        pruned.warnings.push(not_removed(&directory, &name, &stays));
    }
    directory.sync()
}

/// Returns a warning for each partly removed generation that cannot be removed.
pub(in crate::store) fn stuck(places: &Places) -> Result<Vec<String>, FileError> {
    let Some(directory) = open(places)? else {
        return Ok(Vec::new());
    };
    let mut warnings = Vec::new();
    for name in removed_names(&directory)? {
        let stays = match directory.kind(&name)? {
            Some(FileKind::Directory) => foreign_entries(&directory.open_directory(&name)?)?,
            kind => kind.map(not_a_directory),
        };
        warnings.extend(stays.map(|stays| not_removed(&directory, &name, &stays)));
    }
    Ok(warnings)
}

/// Returns the generations whose removal was interrupted.
pub(in crate::store) fn partly_removed(places: &Places) -> Result<Vec<String>, FileError> {
    let Some(directory) = open(places)? else {
        return Ok(Vec::new());
    };
    let names = removed_names(&directory)?;
    let known = |name: &OsString| Some(name.to_str()?.strip_prefix(REMOVED)?.to_owned());
    Ok(names.iter().filter_map(known).collect())
}

fn removed_names(directory: &Directory) -> Result<Vec<OsString>, FileError> {
    let mut names = directory.names()?;
    names.retain(|name| name.as_encoded_bytes().starts_with(REMOVED.as_bytes()));
    Ok(names)
}

fn not_removed(directory: &Directory, name: &OsStr, why: &str) -> String {
    let path = directory.path().join(name).display().to_string();
    format!(
        "the old generation {} could not be removed: {why}",
        quote(&path)
    )
}

/// Renames a generation, so that it no longer counts. Its contents are removed afterwards.
fn drop_generation(directory: &Directory, generation: &Generation) -> Result<(), FileError> {
    let removed = format!("{REMOVED}{}", generation.name);
    match directory.rename(&generation.name, &removed) {
        // A directory in the lower layer of an overlay cannot be renamed, but its files can be removed.
        Err(error) if is_across_layers(&error) => {
            let opened = directory.open_directory(&generation.name)?;
            opened.remove(MANIFEST)?;
            match remove(directory, OsStr::new(&generation.name))? {
                None => Ok(()),
                Some(foreign) => {
                    let path = directory.path().join(&generation.name);
                    Err(FileError::unexpected("removing", path, foreign))
                }
            }
        }
        renamed => renamed,
    }
}

fn is_across_layers(error: &FileError) -> bool {
    use crate::fs::file::FileErrorReason;
    matches!(&error.reason, FileErrorReason::Io(error) if error.kind() == std::io::ErrorKind::CrossesDevices)
}

/// Removes a directory and the files of `pki` in it. Returns the reason if other files stay.
fn remove(generations: &Directory, name: &OsStr) -> Result<Option<String>, FileError> {
    match generations.kind(name)? {
        None => return Ok(None),
        Some(FileKind::Directory) => {}
        Some(kind) => return Ok(Some(not_a_directory(kind))),
    }
    let directory = generations.open_directory(name)?;
    for file in directory.names()? {
        if is_own(&directory, &file)? {
            directory.remove(&file)?;
        }
    }
    let foreign = foreign_entries(&directory)?;
    if foreign.is_none() {
        generations.remove_directory(name)?;
    }
    Ok(foreign)
}

fn is_own(directory: &Directory, file: &OsStr) -> Result<bool, FileError> {
    let is_known = file
        .to_str()
        .is_some_and(|name| name == MANIFEST || layout::is_stored_name(name));
    Ok(is_known && directory.kind(file)? == Some(FileKind::File))
}

/// Says what in a generation is not of `pki`.
fn foreign_entries(directory: &Directory) -> Result<Option<String>, FileError> {
    let mut foreign: Vec<OsString> = Vec::new();
    for file in directory.names()? {
        if !is_own(directory, &file)? {
            foreign.push(file);
        }
    }
    let Some(first) = foreign.first() else {
        return Ok(None);
    };
    let first = quote(&first.to_string_lossy());
    Ok(Some(match foreign.len() {
        1 => format!("it contains {first}, which is not a file of `pki`"),
        count => {
            format!("it contains {count} entries that are not files of `pki`, such as {first}")
        }
    }))
}
