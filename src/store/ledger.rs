//! The ledger: one line of JSON for each certificate ever issued here. Lines are only ever added.

use serde::{Deserialize, Serialize};

use crate::fs::file::FileError;
use crate::tree::layout::{self, Layout};
use crate::tree::lookup;

/// A certificate that was issued. Never holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, RFC 3339.
    pub time: String,
    /// The command that issued it.
    pub command: String,
    /// The catalog row.
    pub name: String,
    /// Serial number, colon-separated hexadecimal.
    pub serial: String,
    /// Subject, all RDNs.
    pub subject: String,
    /// Subject alternative names, with their kind.
    pub sans: Vec<String>,
    /// Extended key usages.
    pub usages: Vec<String>,
    /// First valid second, RFC 3339.
    pub not_before: String,
    /// Last valid second, RFC 3339.
    pub not_after: String,
    /// Key identifier of the CA that signed it, hexadecimal; none for a CA.
    pub issuer_key_id: Option<String>,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// Serial number of the certificate that it replaced.
    pub replaces: Option<String>,
}

/// Reads the ledger, oldest line first. Reading takes no lock.
///
/// # Errors
/// If it cannot be read, or a line is not one of this version's.
pub fn read(layout: &Layout) -> Result<Vec<Entry>, FileError> {
    let file = layout::ledger();
    let Some(contents) = lookup::read_large(layout, &file)? else {
        return Ok(Vec::new());
    };
    let parse = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            FileError::unexpected(
                "reading",
                layout.path(&file),
                format!("line {}: {error}", index + 1),
            )
        })
    };
    contents
        .bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(parse)
        .collect()
}
