//! The commit record of a transaction: a file beside the certificates whose presence is the commit. Its format only; `store`
//! decides when it is written.
//!
//! `.pki-journal.commit` means: the new files are all written and durable, put them in place. `.pki-journal.undo` means: a
//! rename failed and the old files come back. Turning one into the other is a single rename. Without either, nothing was
//! committed, and what is there under a [`staging_name`] or [`backup_name`] is left over.

use std::ffi::{OsStr, OsString};

use serde::{Deserialize, Serialize};

use crate::fs::directory::{Directory, Opened};
use crate::fs::file::{FileError, MAX_FILE_SIZE};
use crate::fs::ownership::is_trusted;
use crate::tree::layout::{self, TreePath};
use crate::util::escape::escape;
use crate::x509::key::{self, hex};

/// The journal of a transaction whose new files go into place.
pub(crate) const COMMIT: &str = ".pki-journal.commit";
/// The journal of a transaction whose old files come back.
pub(crate) const UNDO: &str = ".pki-journal.undo";

const VERSION: u32 = 2;

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
    /// The kubeconfig directory that it belongs to, as [`super::places::Places::kubeconfigs_name`] names it.
    pub(crate) kubeconfigs: String,
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
    /// SHA-256 of the old content, hexadecimal; none if there was no such file.
    pub(crate) old: Option<String>,
    /// SHA-256 of the new content, hexadecimal.
    pub(crate) new: String,
}

/// What a file of a pending transaction holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileContent {
    Old,
    New,
    /// Something that the transaction knows nothing of.
    Foreign,
}

impl JournalFile {
    /// Returns what a file holds with these bytes; `None` stands for no file.
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

    /// Reads the pending journal in a certificate directory, if there is one.
    ///
    /// # Errors
    /// If something is there that is not a journal that root or the user wrote.
    pub(crate) fn read(
        certificates: &Directory,
    ) -> Result<Option<(Direction, Journal)>, FileError> {
        for (direction, name) in [(Direction::Commit, COMMIT), (Direction::Undo, UNDO)] {
            let refuse = |what: String| {
                FileError::unexpected("reading", certificates.path().join(name), what)
                    .with_hint("see what is there and remove it, or run `pki recover --discard`")
            };
            let file = match certificates.open_file(name)? {
                Opened::Missing => continue,
                Opened::Link => return Err(refuse("it is a symbolic link".to_owned())),
                Opened::File(file) => file,
            };
            let owner = file.attributes().uid;
            if !is_trusted(owner) {
                return Err(refuse(format!(
                    "it belongs to user {owner}: nothing is recovered from it"
                )));
            }
            let bytes = file.contents(MAX_FILE_SIZE)?.bytes;
            let journal = Journal::parse(&bytes).map_err(refuse)?;
            return Ok(Some((direction, journal)));
        }
        Ok(None)
    }

    /// Reads a journal, and trusts no name in it: a restored or forged one must not lead a rename elsewhere.
    fn parse(bytes: &[u8]) -> Result<Journal, String> {
        let journal: Journal = serde_json::from_slice(bytes)
            .map_err(|error| format!("it is not a journal of this version of `pki`: {error}"))?;
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
            let name = escape(&file.file.relative);
            return Err(format!("it names `{name}`, which is not a file of a tree"));
        }
        match &journal.generation {
            Some(name) if !is_generation_name(name) => Err(format!(
                "it names the generation `{}`, which is not a name that `pki` gives",
                escape(name)
            )),
            _ => Ok(journal),
        }
    }

    /// Returns the bytes to be written.
    pub(crate) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }
}

/// Returns whether a name has the form that `pki` gives to generations: `20261122T014500Z-renew`, perhaps with a number.
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
    hex(&key::sha256(bytes))
}

/// Returns the name under which the new file is written beside its target.
pub(crate) fn staging_name(name: impl AsRef<OsStr>) -> OsString {
    beside(name.as_ref(), ".pki-new")
}

/// Returns the name under which the old file is kept beside its target until the transaction is over.
pub(crate) fn backup_name(name: impl AsRef<OsStr>) -> OsString {
    beside(name.as_ref(), ".pki-old")
}

fn beside(name: &OsStr, suffix: &str) -> OsString {
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(suffix);
    beside
}

/// Returns whether a name is one that [`staging_name`] or [`backup_name`] makes.
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
            ("certificates", "ca.crt", r#""../../root/.ssh""#),
        ] {
            assert!(
                Journal::parse(journal(root, path, generation).as_bytes()).is_err(),
                "{root} {path} {generation}"
            );
        }
    }
}
