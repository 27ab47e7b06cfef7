//! The kept generations, and the ledger.

use serde::Serialize;

use crate::store::generations::Generation;
use crate::store::ledger::LedgerEntry;

/// The kept generations, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct History {
    /// The generations.
    pub generations: Vec<KeptGeneration>,
    /// Whether the text lists the files of each generation.
    #[serde(skip)]
    pub with_files: bool,
    /// Whether the text has whole serial numbers.
    #[serde(skip)]
    pub wide: bool,
}

/// A kept generation: the files that one transaction replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptGeneration {
    /// Its name, for `pki rollback`.
    pub name: String,
    /// When the files were replaced, RFC 3339.
    pub time: String,
    /// The command that replaced them.
    pub command: String,
    /// The files.
    pub files: Vec<ReplacedFile>,
}

/// A file that a transaction replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplacedFile {
    /// The file, relative to its directory.
    pub file: String,
    /// Whether the file existed before.
    pub existed: bool,
    /// The serial number of the old certificate, if the file contains one.
    pub serial: Option<String>,
}

/// All certificates that were issued for a tree, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Ledger {
    /// The lines.
    pub entries: Vec<LedgerLine>,
    /// Whether the text has whole serial numbers.
    #[serde(skip)]
    pub wide: bool,
}

/// A certificate that was issued here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerLine {
    /// What is recorded about it.
    #[serde(flatten)]
    pub entry: LedgerEntry,
    /// Whether a file of the tree holds it. Copies elsewhere are not known.
    pub in_use: bool,
}

impl KeptGeneration {
    /// Returns the report of a generation and its files.
    pub fn new(generation: &Generation, files: Vec<ReplacedFile>) -> KeptGeneration {
        KeptGeneration {
            name: generation.name.clone(),
            time: generation.time.clone(),
            command: generation.command.clone(),
            files,
        }
    }
}
