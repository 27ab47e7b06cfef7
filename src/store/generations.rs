//! The old files of the last transactions, each in a directory of its own below `.pki/generations`, 0700.
//!
//! A generation is written under a hidden name and gets its name when the transaction is over. Its manifest is written
//! last and removed first, so a directory without one is litter.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::fs::directory::{Directory, Entry, sync_all};
use crate::fs::file::{Attributes, Contents, FileError, Reason};
use crate::tree::layout::{Layout, Root, TreePath};
use crate::util::escape::escaped;

const DIRECTORY: &str = "generations";
const UNFINISHED: &str = ".new";
/// Where the old files of a transaction lie that is not finished, below the state directory.
pub(super) const UNFINISHED_PATH: &str = "generations/.new";
const REMOVED: &str = ".old-";
const MANIFEST: &str = "manifest.json";

const VERSION: u32 = 1;

/// The files that one transaction replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its name, which begins with its time.
    pub name: String,
    /// Its place in the order of all; the clock may jump, this does not.
    sequence: u64,
    /// The command that replaced the files.
    pub command: String,
    /// When, RFC 3339.
    pub time: String,
    /// The certificates directory that the files belong to, as the layout names it.
    certificates: String,
    /// The files, in the order in which they were replaced.
    pub files: Vec<GenerationFile>,
}

/// One file of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationFile {
    /// The file.
    pub file: TreePath,
    /// The name of its old bytes in the generation; none if there was no such file before.
    stored: Option<String>,
}

impl GenerationFile {
    /// Returns whether there was such a file before.
    pub fn existed(&self) -> bool {
        self.stored.is_some()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    sequence: u64,
    command: String,
    time: String,
    certificates: String,
    files: Vec<GenerationFile>,
}

/// Returns the kept generations of a tree, oldest first. Reading them takes no lock. What is not a manifest of this version is
/// passed over.
///
/// # Errors
/// If the disk fails.
pub fn list(layout: &Layout) -> Result<Vec<Generation>, FileError> {
    let path = layout.directory(Root::State).join(DIRECTORY);
    match path.symlink_metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::io("reading", path)(error)),
    }
    let mut generations = readable(&Directory::open(&path)?)?;
    // Two certificates directories may share their state.
    let own = layout.certificates_name();
    generations.retain(|generation| generation.certificates == own);
    generations.sort_by_key(|generation| generation.sequence);
    Ok(generations)
}

/// Reads the manifest of every finished generation.
fn manifests(generations: &Directory) -> Result<Vec<Result<Generation, FileError>>, FileError> {
    let mut found = Vec::new();
    for name in generations.names()? {
        // What has no manifest is no generation.
        if name != UNFINISHED
            && !name.starts_with(REMOVED)
            && generations.contains(&format!("{name}/{MANIFEST}"))?
        {
            found.push(manifest(generations, name));
        }
    }
    Ok(found)
}

/// Reads every manifest that is one. Another one is left for an operator to look at, but a failing disk is not passed over.
fn readable(generations: &Directory) -> Result<Vec<Generation>, FileError> {
    let is_foreign = |read: &Result<Generation, FileError>| {
        matches!(
            read,
            Err(FileError {
                reason: Reason::Unexpected(_),
                ..
            })
        )
    };
    manifests(generations)?
        .into_iter()
        .filter(|read| !is_foreign(read))
        .collect()
}

fn manifest(generations: &Directory, name: String) -> Result<Generation, FileError> {
    let directory = Directory::open(&generations.path().join(&name))?;
    let unreadable = |what| FileError::unexpected("reading", directory.path().join(MANIFEST), what);
    let Entry::File(contents) = directory.entry(MANIFEST)? else {
        return Err(unreadable("it is not a file".to_owned()));
    };
    let Manifest {
        version,
        sequence,
        command,
        time,
        certificates,
        files,
    } = serde_json::from_slice(&contents.bytes).map_err(|error| {
        unreadable(format!(
            "it is not a manifest of this version of `pki`: {error}"
        ))
    })?;
    if let Some(stored) = files
        .iter()
        .filter_map(|file| file.stored.as_ref())
        .find(|stored| stored.contains('/'))
    {
        return Err(unreadable(format!(
            "it names `{}`, which is no file of it",
            escaped(stored)
        )));
    }
    if version != VERSION {
        return Err(unreadable(format!(
            "it has version {version}, want {VERSION}"
        )));
    }
    Ok(Generation {
        name,
        sequence,
        command,
        time,
        certificates,
        files,
    })
}

/// Reads the old bytes of a file of a generation; `None` if there was no such file before.
///
/// # Errors
/// If they cannot be read.
pub fn read(
    layout: &Layout,
    generation: &Generation,
    file: &GenerationFile,
) -> Result<Option<Contents>, FileError> {
    let Some(stored) = &file.stored else {
        return Ok(None);
    };
    let directory = Directory::open(
        &layout
            .directory(Root::State)
            .join(DIRECTORY)
            .join(&generation.name),
    )?;
    match directory.entry(stored)? {
        Entry::File(contents) => Ok(Some(*contents)),
        Entry::Absent | Entry::Link => {
            let path = directory.path().join(stored);
            Err(FileError::unexpected(
                "reading",
                path,
                "the manifest names it, and it is not there",
            ))
        }
    }
}

/// One file that a transaction is about to replace or to make.
pub(super) struct Replaced<'a> {
    pub(super) file: &'a TreePath,
    pub(super) old: Option<&'a Contents>,
}

/// Writes the old files under the unfinished name, durable when this returns. Returns the name that [`finish`] gives it, such
/// as `20261122T014500Z-renew`.
pub(super) fn keep(
    state: &Directory,
    layout: &Layout,
    command: &str,
    now: OffsetDateTime,
    replaced: &[Replaced<'_>],
    owner: Attributes,
) -> Result<String, FileError> {
    state.create_directory(DIRECTORY, 0o700)?;
    let generations = Directory::open(&state.path().join(DIRECTORY))?;
    let name = free_name(&generations, command, now)?;
    let last = readable(&generations)?
        .iter()
        .map(|generation| generation.sequence)
        .max();
    generations.create_directory(UNFINISHED, 0o700)?;
    let directory = Directory::open(&generations.path().join(UNFINISHED))?;
    let mut open = Vec::new();
    let mut files = Vec::new();
    for Replaced { file, old } in replaced {
        let stored = old.map(|_| file.relative.replace('/', "-"));
        if let (Some(stored), Some(old)) = (&stored, old) {
            open.push((
                directory.create(
                    stored,
                    &old.bytes,
                    Attributes {
                        mode: 0o600,
                        ..owner
                    },
                )?,
                directory.path().join(stored),
            ));
        }
        files.push(GenerationFile {
            file: (*file).clone(),
            stored,
        });
    }
    let time = now.format(&Rfc3339).unwrap_or_default();
    let manifest = Manifest {
        version: VERSION,
        sequence: last.unwrap_or(0) + 1,
        command: command.to_owned(),
        time,
        certificates: layout.certificates_name(),
        files,
    };
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(|error| {
        FileError::unexpected(
            "writing",
            directory.path().join(MANIFEST),
            error.to_string(),
        )
    })?;
    open.push((
        directory.create(
            MANIFEST,
            &bytes,
            Attributes {
                mode: 0o600,
                ..owner
            },
        )?,
        directory.path().join(MANIFEST),
    ));
    sync_all(&open)?;
    directory.sync()?;
    generations.sync()?;
    state.sync()?;
    Ok(name)
}

/// Returns the name of the generation that a command at `now` leaves behind; one that is taken gets a number.
fn free_name(
    generations: &Directory,
    command: &str,
    now: OffsetDateTime,
) -> Result<String, FileError> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    // The fixed format has no component that a UTC time lacks.
    let time = now
        .to_offset(time::UtcOffset::UTC)
        .format(format)
        .unwrap_or_default();
    let name = format!(
        "{time}-{}",
        command.split_whitespace().next().unwrap_or("unknown")
    );
    let mut free = name.clone();
    let mut number = 1;
    while generations.contains(&free)? {
        number += 1;
        free = format!("{name}-{number}");
    }
    Ok(free)
}

/// Gives the unfinished generation its name, if it is there.
pub(super) fn finish(state: &Directory, name: &str) -> Result<(), FileError> {
    let Some(generations) = open(state)? else {
        return Ok(());
    };
    if !generations.contains(UNFINISHED)? {
        return Ok(());
    }
    generations.rename(UNFINISHED, name)?;
    generations.sync()
}

/// Removes the unfinished generation, and what is left of ones that were being removed.
pub(super) fn discard(state: &Directory) -> Result<(), FileError> {
    let Some(generations) = open(state)? else {
        return Ok(());
    };
    remove_remains(&generations)?;
    remove(&generations, UNFINISHED)
}

fn remove_remains(generations: &Directory) -> Result<(), FileError> {
    generations
        .names()?
        .iter()
        .filter(|name| name.starts_with(REMOVED))
        .try_for_each(|name| remove(generations, name))
}

/// Removes all but the last `keep` generations, oldest first, and what is left of half-removed ones.
pub(super) fn prune(state: &Directory, keep: usize) -> Result<(), FileError> {
    let Some(generations) = open(state)? else {
        return Ok(());
    };
    remove_remains(&generations)?;
    let mut kept = readable(&generations)?;
    kept.sort_by_key(|generation| generation.sequence);
    let surplus = kept.len().saturating_sub(keep);
    for generation in kept.iter().take(surplus) {
        // Under this name it is nobody's backup, whatever is left of it.
        let removed = format!("{REMOVED}{}", generation.name);
        generations.rename(&generation.name, &removed)?;
        remove(&generations, &removed)?;
    }
    generations.sync()
}

fn open(state: &Directory) -> Result<Option<Directory>, FileError> {
    if state.contains(DIRECTORY)? {
        Directory::open(&state.path().join(DIRECTORY)).map(Some)
    } else {
        Ok(None)
    }
}

fn remove(generations: &Directory, name: &str) -> Result<(), FileError> {
    if !generations.contains(name)? {
        return Ok(());
    }
    let directory = match Directory::open(&generations.path().join(name)) {
        Ok(directory) => directory,
        // What is no directory, or somebody else's, is not ours to remove.
        Err(FileError {
            reason: Reason::Unexpected(_),
            ..
        }) => return Ok(()),
        Err(error) => return Err(error),
    };
    directory.remove(MANIFEST)?;
    for file in directory.names()? {
        directory.remove(&file)?;
    }
    generations.remove_directory(name)?;
    Ok(())
}
