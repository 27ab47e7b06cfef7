//! The format of the journal, the commit record of a transaction: a file next to the certificates. `store` decides
//! when it is written.
//!
//! `.pki-journal.commit` means that all new files are written and durable and must be renamed into place.
//! `.pki-journal.undo` means that a rename failed and the old files must be restored. A single rename changes one
//! into the other. Without a journal, nothing was committed, and files with a [`staging_name`] or [`backup_name`] are
//! leftovers.
//!
//! The run that writes or recovers a journal keeps it locked, so that readers can tell a running commit from an
//! interrupted one. Only root and the owner can open the file, so no other user can lock it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::fs::directory::{Directory, Opened};
use crate::fs::file::{Contents, FileError, MAX_FILE_SIZE};
use crate::fs::ownership::is_trusted;
use crate::tree::layout::{self, TreePath};
use crate::util::secret;
use crate::x509::digest::{self, hex};

/// The journal of a transaction whose new files are put in place.
pub(crate) const COMMIT: &str = ".pki-journal.commit";
/// The journal of a transaction whose old files are restored.
pub(crate) const UNDO: &str = ".pki-journal.undo";

const VERSION: u32 = 2;

/// How a pending transaction is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The new files are put in place.
    Commit,
    /// The old files are restored.
    Undo,
}

/// The files of a committed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    version: u32,
    /// The command that wrote it, for messages: `renew all`.
    pub(crate) command: String,
    /// The kubeconfig directory that it belongs to, see [`super::places::Places::kubeconfigs_name`].
    pub(crate) kubeconfigs: String,
    /// The generation that keeps the old files, if any.
    pub(crate) generation: Option<String>,
    /// In the order of the renames.
    pub(crate) files: Vec<JournalFile>,
}

/// One file of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalFile {
    pub(crate) file: TreePath,
    /// SHA-256 of the old content, hexadecimal; `None` if the file is new.
    pub(crate) old: Option<String>,
    /// SHA-256 of the new content, hexadecimal.
    pub(crate) new: String,
}

/// The current content of a file of a pending transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileContent {
    Old,
    New,
    /// Neither of the two.
    Foreign,
}

impl JournalFile {
    /// Classifies the bytes of a file; `None` means that there is no file.
    pub(crate) fn content(&self, bytes: Option<&[u8]>) -> FileContent {
        let digest = bytes.map(sha256);
        if digest.as_deref() == Some(&self.new) {
            FileContent::New
        } else if digest == self.old {
            FileContent::Old
        } else {
            FileContent::Foreign
        }
    }
}

impl Journal {
    pub(crate) fn new(
        command: &str,
        kubeconfigs: String,
        generation: Option<String>,
        files: Vec<JournalFile>,
    ) -> Journal {
        Journal {
            version: VERSION,
            command: command.to_owned(),
            kubeconfigs,
            generation,
            files,
        }
    }

    /// Reads the pending journal in a certificate directory, if any.
    ///
    /// # Errors
    /// If it is not a valid journal that root or this user owns.
    pub(crate) fn read(
        certificates: &Directory,
    ) -> Result<Option<(Direction, Journal)>, FileError> {
        let directory = certificates.path();
        Journal::find(directory, |name| match certificates.open_file(name)? {
            Opened::Missing => Ok(None),
            Opened::Link => Err(refused(directory, name, "it is a symbolic link")),
            Opened::File(file) => file.contents(MAX_FILE_SIZE).map(Some),
        })
    }

    /// Reads the pending journal in a certificate directory whose files `read` returns by name.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub(crate) fn find(
        directory: &Path,
        read: impl Fn(&str) -> Result<Option<Contents>, FileError>,
    ) -> Result<Option<(Direction, Journal)>, FileError> {
        for (direction, name) in [(Direction::Commit, COMMIT), (Direction::Undo, UNDO)] {
            let Some(contents) = read(name)? else {
                continue;
            };
            let owner = contents.attributes.uid;
            if !is_trusted(owner) {
                let what = format!("it belongs to user {owner}, so `pki` does not recover from it");
                return Err(refused(directory, name, what));
            }
            let journal =
                Journal::parse(&contents.bytes).map_err(|what| refused(directory, name, what))?;
            return Ok(Some((direction, journal)));
        }
        Ok(None)
    }

    /// Locks the pending journal in a certificate directory, if any, until the file is closed. Readers only then see a
    /// running commit, so a lock that cannot be taken changes nothing else.
    pub(crate) fn hold(certificates: &Directory) -> Option<File> {
        let file = Journal::open(certificates).ok()??;
        lock(&file);
        Some(file)
    }

    /// Returns whether there is a journal that no run is working on.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn is_abandoned(certificates: &Directory) -> Result<bool, FileError> {
        let Some(file) = Journal::open(certificates)? else {
            return Ok(false);
        };
        let Ok(metadata) = file.metadata() else {
            return Ok(true);
        };
        let is_locked = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        // A journal whose mode was changed, as by a restore, may be locked by anybody.
        if is_locked && metadata.mode() & 0o077 == 0 {
            return Ok(false);
        }
        // A run that has ended since the file was opened has removed it.
        Ok(file.metadata().is_ok_and(|metadata| metadata.nlink() > 0))
    }

    fn open(certificates: &Directory) -> Result<Option<File>, FileError> {
        for name in [COMMIT, UNDO] {
            if let Opened::File(file) = certificates.open_file(name)? {
                return Ok(Some(file.into_file()));
            }
        }
        Ok(None)
    }

    /// Reads a journal and checks every name in it, because a restored or forged journal must not redirect a rename.
    fn parse(bytes: &[u8]) -> Result<Journal, String> {
        let mut journal: Journal = serde_json::from_slice(bytes).map_err(|error| {
            let reason = secret::shown(error.to_string());
            format!("it is not a journal of this version of `pki`: {reason}")
        })?;
        journal.command = secret::shown(journal.command);
        if journal.version != VERSION {
            return Err(format!(
                "it has version {}, want {VERSION}",
                journal.version
            ));
        }
        if let Some(file) = journal
            .files
            .iter()
            .find(|file| !layout::is_known(&file.file))
        {
            let name = secret::quote(&file.file.relative);
            return Err(format!("it names {name}, which is not a file of a tree"));
        }
        let files: BTreeSet<_> = journal.files.iter().map(|file| &file.file).collect();
        if files.len() != journal.files.len() {
            return Err("it names a file twice".to_owned());
        }
        match &journal.generation {
            Some(name) if !is_generation_name(name) => Err(format!(
                "it names the generation {}, which is not a valid name of a generation",
                secret::quote(name)
            )),
            _ => Ok(journal),
        }
    }

    /// Returns the bytes to be written.
    pub(crate) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }
}

/// Locks a journal until it is closed. See [`Journal::hold`].
pub(crate) fn lock(journal: &File) {
    let _unlocked = journal.try_lock();
}

/// Returns the error for a journal that is not used.
fn refused(directory: &Path, name: &str, what: impl Into<String>) -> FileError {
    FileError::unexpected("reading", directory.join(name), what)
        .with_hint("inspect it and remove it, or run `pki recover --discard`")
}

/// Returns whether a name is a valid name of a generation: `20261122T014500Z-renew`, optionally with a number.
pub(crate) fn is_generation_name(name: &str) -> bool {
    let Some((time, command)) = name.split_once('-') else {
        return false;
    };
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let has_time = matches!(time.as_bytes(), [date @ .., b'Z'] if date.len() == 15
        && date.iter().enumerate().all(|(at, byte)| if at == 8 { *byte == b'T' } else { is_digit(byte) }));
    let is_word = !command.is_empty()
        && command
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    has_time && is_word
}

/// Returns the SHA-256 of some bytes, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&digest::sha256(bytes))
}

/// Returns the name of the new file next to its target.
pub(crate) fn staging_name(name: impl AsRef<OsStr>) -> OsString {
    beside(name.as_ref(), ".pki-new")
}

/// Returns the name of the old file next to its target until the end of the transaction.
pub(crate) fn backup_name(name: impl AsRef<OsStr>) -> OsString {
    beside(name.as_ref(), ".pki-old")
}

fn beside(name: &OsStr, suffix: &str) -> OsString {
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(suffix);
    beside
}

/// Returns whether a name is a [`staging_name`] or [`backup_name`].
pub(crate) fn is_leftover(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && (name.ends_with(b".pki-new") || name.ends_with(b".pki-old"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_pki_gives_are_generations() {
        for name in ["20261122T014500Z-renew", "20261122T014500Z-renew-2"] {
            assert!(is_generation_name(name), "{name}");
        }
        for name in [
            "../../root/.ssh",
            "20261122T014500Z-",
            "20261122T014500Z",
            "20261122T014500Z-../x",
            "20261122t014500Z-renew",
            "2026112T2014500Z-renew",
            ".new",
            "",
        ] {
            assert!(!is_generation_name(name), "{name}");
        }
    }

    #[test]
    fn a_journal_that_names_a_file_twice_is_refused() {
        let file = JournalFile {
            file: TreePath::new(layout::Root::Certificates, "ca.crt"),
            old: None,
            new: String::new(),
        };
        let journal = |count| {
            let files = vec![file.clone(); count];
            let journal = Journal::new("renew", "..".to_owned(), None, files);
            Journal::parse(&journal.to_bytes().unwrap())
        };
        assert!(journal(1).is_ok());
        assert_eq!(journal(2).unwrap_err(), "it names a file twice");
    }

    #[test]
    fn a_journal_that_names_anything_but_files_of_a_tree_is_refused() {
        let journal = |root: &str, path: &str, generation: &str| {
            format!(
                r#"{{"version":2,"command":"renew","kubeconfigs":"..","generation":{generation},"files":[{{"file":{{"root":"{root}","path":"{path}"}},"old":null,"new":""}}]}}"#
            )
        };
        assert!(Journal::parse(journal("certificates", "ca.crt", "null").as_bytes()).is_ok());
        assert!(Journal::parse(journal("state", "ledger-17.jsonl", "null").as_bytes()).is_ok());
        for (root, path, generation) in [
            ("certificates", "../ca.crt", "null"),
            ("certificates", "/etc/passwd", "null"),
            ("kubeconfigs", "ca.crt", "null"),
            ("state", "ledger-017.jsonl", "null"),
            ("state", "ledger.jsonl", "null"),
            ("state", "ledger-18446744073709551615.jsonl", "null"),
            ("certificates", "ca.crt", r#""../../root/.ssh""#),
        ] {
            assert!(
                Journal::parse(journal(root, path, generation).as_bytes()).is_err(),
                "{root} {path} {generation}"
            );
        }
    }
}
