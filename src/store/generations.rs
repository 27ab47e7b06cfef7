//! The old files of the last transactions, each in a directory of its own below `.pki/generations`, 0700.
//!
//! A generation is written under [`UNFINISHED`] and gets its name when the transaction is over. Its manifest is written
//! last and removed first, so a directory without one is litter.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::directory::Directory;
use super::files::{Attributes, Contents, FileError};
use super::layout::TreePath;

const DIRECTORY: &str = "generations";
const UNFINISHED: &str = ".new";
const MANIFEST: &str = "manifest.json";

/// What a generation holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    command: String,
    time: String,
    files: Vec<ManifestFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    path: String,
    /// The name in the generation's directory; none if there was no file before.
    stored: Option<String>,
}

/// One file that a transaction is about to replace or to make.
pub(super) struct Replaced<'a> {
    pub(super) file: &'a TreePath,
    pub(super) old: Option<&'a Contents>,
}

/// Returns the name of the generation that a command at `now` leaves behind, such as `20261122T014500Z-renew`.
pub(super) fn name(command: &str, now: OffsetDateTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    // The fixed format has no component that a UTC time lacks.
    let time = now
        .to_offset(time::UtcOffset::UTC)
        .format(format)
        .unwrap_or_default();
    format!(
        "{time}-{}",
        command.split_whitespace().next().unwrap_or("unknown")
    )
}

/// Writes the old files under the unfinished name, durable when this returns.
pub(super) fn keep(
    state: &Directory,
    command: &str,
    now: OffsetDateTime,
    replaced: &[Replaced<'_>],
    owner: Attributes,
) -> Result<(), FileError> {
    state.create_directory(DIRECTORY, 0o700)?;
    let generations = Directory::open(&state.path().join(DIRECTORY))?;
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
        files.push(ManifestFile {
            path: file.relative.clone(),
            stored,
        });
    }
    let time = now.format(&Rfc3339).unwrap_or_default();
    let manifest = Manifest {
        version: 1,
        command: command.to_owned(),
        time,
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
    super::transaction::sync_all(&open)?;
    directory.sync()?;
    generations.sync()?;
    state.sync()
}

/// Gives the unfinished generation its name, if it is there. A name that is taken gets a number.
pub(super) fn finish(state: &Directory, name: &str) -> Result<(), FileError> {
    let Some(generations) = open(state)? else {
        return Ok(());
    };
    if !generations.contains(UNFINISHED)? {
        return Ok(());
    }
    let mut free = name.to_owned();
    let mut number = 1;
    while generations.contains(&free)? {
        number += 1;
        free = format!("{name}-{number}");
    }
    generations.rename(UNFINISHED, &free)?;
    generations.sync()
}

/// Removes the unfinished generation, if it is there.
pub(super) fn discard(state: &Directory) -> Result<(), FileError> {
    let Some(generations) = open(state)? else {
        return Ok(());
    };
    remove(&generations, UNFINISHED)
}

/// Removes all but the last `keep` generations, oldest first, and what is left of half-removed ones.
pub(super) fn prune(state: &Directory, keep: usize) -> Result<(), FileError> {
    let Some(generations) = open(state)? else {
        return Ok(());
    };
    let mut whole = Vec::new();
    for name in generations.names()? {
        if generations.contains(&format!("{name}/{MANIFEST}"))? {
            whole.push(name);
        } else {
            remove(&generations, &name)?;
        }
    }
    let surplus = whole.len().saturating_sub(keep);
    for name in whole.iter().take(surplus) {
        remove(&generations, name)?;
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
    let directory = Directory::open(&generations.path().join(name))?;
    directory.remove(MANIFEST)?;
    for file in directory.names()? {
        directory.remove(&file)?;
    }
    generations.remove_directory(name)?;
    Ok(())
}
