//! What a transaction has promised, in a file whose presence is the promise.
//!
//! `journal.commit` means: the new files are all written and durable, put them in place. `journal.undo` means: a rename
//! failed and the old files come back. Turning one into the other is a single rename. Neither means that nothing was
//! promised, and what lies around under [`staged_name`] or [`kept_name`] is litter.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::fs::directory::{Directory, Entry};
use crate::fs::file::{Attributes, FileError};
use crate::tree::layout::{self, TreePath};
use crate::util::escape::escaped;
use crate::x509::key::{self, hex};

const COMMIT: &str = "journal.commit";
const UNDO: &str = "journal.undo";
const VERSION: u32 = 1;

/// The direction in which a pending transaction is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The new files go into place.
    Commit,
    /// The old files come back.
    Undo,
}

/// The files of a transaction whose renames have begun or are about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    version: u32,
    /// What wrote it, for people: `renew all`.
    pub(crate) command: String,
    /// The certificates directory that the paths belong to.
    pub(crate) certificates: String,
    /// The generation that keeps the old files, if there were any.
    pub(crate) generation: Option<String>,
    /// In the order of the renames.
    pub(crate) files: Vec<JournalFile>,
}

/// One file of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalFile {
    pub(crate) file: TreePath,
    /// Whether there was a file before.
    pub(crate) existed: bool,
    /// SHA-256 of the new bytes, hexadecimal: what has been promised, and not only that something has.
    pub(crate) sha256: String,
}

impl JournalFile {
    /// Returns whether these are the bytes that have been promised.
    pub(crate) fn is_promised(&self, bytes: &[u8]) -> bool {
        self.sha256 == sha256(bytes)
    }
}

/// Returns the SHA-256 of some bytes, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&key::sha256(bytes))
}

/// Returns the name under which the new file waits beside its target.
pub(crate) fn staged_name(name: &str) -> String {
    format!(".{name}.pki-new")
}

/// Returns the name under which the old file waits beside its target until the transaction is over.
pub(crate) fn kept_name(name: &str) -> String {
    format!(".{name}.pki-old")
}

/// Returns whether a name is one that [`staged_name`] or [`kept_name`] makes.
pub(crate) fn is_litter(name: &str) -> bool {
    name.starts_with('.') && (name.ends_with(".pki-new") || name.ends_with(".pki-old"))
}

impl Journal {
    pub(crate) fn new(
        command: &str,
        certificates: String,
        generation: Option<String>,
        files: Vec<JournalFile>,
    ) -> Journal {
        Journal {
            version: VERSION,
            command: command.to_owned(),
            certificates,
            generation,
            files,
        }
    }

    /// Reads the pending journal, if there is one.
    pub(crate) fn read(state: &Directory) -> Result<Option<(Direction, Journal)>, FileError> {
        for (direction, name) in [(Direction::Commit, COMMIT), (Direction::Undo, UNDO)] {
            match state.entry(name)? {
                Entry::Absent => {}
                Entry::Link => {
                    return Err(FileError::unexpected(
                        "reading",
                        state.path().join(name),
                        "it is a symbolic link",
                    ));
                }
                Entry::File(contents) => {
                    let journal: Journal =
                        serde_json::from_slice(&contents.bytes).map_err(|error| {
                            let what =
                                format!("it is not a journal of this version of `pki`: {error}");
                            FileError::unexpected("reading", state.path().join(name), what)
                        })?;
                    if journal.version != VERSION {
                        let what = format!("it has version {}, want {VERSION}", journal.version);
                        return Err(FileError::unexpected(
                            "reading",
                            state.path().join(name),
                            what,
                        ));
                    }
                    // A restored or tampered journal must not lead a rename anywhere else.
                    if let Some(stranger) = journal
                        .files
                        .iter()
                        .find(|file| !layout::is_known(&file.file))
                    {
                        let what = format!(
                            "it names `{}`, which is no file of a tree",
                            escaped(&stranger.file.relative)
                        );
                        return Err(FileError::unexpected(
                            "reading",
                            state.path().join(name),
                            what,
                        ));
                    }
                    return Ok(Some((direction, journal)));
                }
            }
        }
        Ok(None)
    }

    /// Makes the promise: durable when this returns.
    pub(crate) fn write(&self, state: &Directory, owner: Attributes) -> Result<(), FileError> {
        let staged = staged_name(COMMIT);
        let bytes = serde_json::to_vec_pretty(self)
            .map(Zeroizing::new)
            .map_err(|error| {
                FileError::unexpected("writing", state.path().join(COMMIT), error.to_string())
            })?;
        let file = state.create(
            &staged,
            &bytes,
            Attributes {
                mode: 0o600,
                ..owner
            },
        )?;
        file.sync_all()
            .map_err(FileError::io("syncing", state.path().join(&staged)))?;
        state.rename(&staged, COMMIT)?;
        state.sync()
    }

    /// Turns the promise round: from now on the old files come back.
    pub(crate) fn turn_round(state: &Directory) -> Result<(), FileError> {
        state.rename(COMMIT, UNDO)?;
        state.sync()
    }

    /// Takes back a promise that could not be made durable. Returns whether that is durable itself.
    ///
    /// # Errors
    /// If the promise is still there.
    pub(crate) fn withdraw(state: &Directory) -> Result<bool, FileError> {
        if !state.contains(COMMIT)? {
            return Ok(true);
        }
        state.remove(COMMIT)?;
        Ok(state.sync().is_ok())
    }

    /// Ends the promise.
    pub(crate) fn remove(state: &Directory) -> Result<(), FileError> {
        state.remove(COMMIT)?;
        state.remove(UNDO)?;
        state.sync()
    }
}
