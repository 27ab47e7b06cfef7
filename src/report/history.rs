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
    /// Whether the text lists the files of each.
    #[serde(skip)]
    pub with_files: bool,
    /// Whether the text has whole serial numbers.
    #[serde(skip)]
    pub wide: bool,
}

/// What one transaction replaced.
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
    /// The file, below the directory that it belongs to.
    pub file: String,
    /// Whether there was one before.
    pub existed: bool,
    /// Serial number of the old certificate, if it holds one.
    pub serial: Option<String>,
}

/// Every certificate that was issued here, oldest first.
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
    /// Takes a generation and what its files hold.
    pub fn new(generation: &Generation, files: Vec<ReplacedFile>) -> KeptGeneration {
        KeptGeneration {
            name: generation.name.clone(),
            time: generation.time.clone(),
            command: generation.command.clone(),
            files,
        }
    }
}
