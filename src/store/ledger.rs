//! The ledger: one line of JSON for each certificate that was issued for a tree. Lines are only added.
//!
//! A transaction writes its lines to a segment, a new file whose name has the offset of the lines in `ledger.jsonl`;
//! the journal contains it like any other file. After the commit, segments are merged: written at their offset,
//! synced, removed. Merging can be interrupted and repeated at any point, and its failure is only a warning.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fs::directory::{Directory, FileKind, NewAttributes, Opened};
use crate::fs::file::{FileError, OpenFile};
use crate::fs::sync::Unsynced;
use crate::tree::journal::Direction;
use crate::tree::layout::{self, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::places::Places;
use crate::util::secret;

/// The longest line that is read; lines of certificates are much shorter.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// The longest serial number, key identifier or fingerprint that is shown whatever it looks like.
const MAX_NUMBER: usize = 64;

/// A certificate that was issued. Never holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// When, RFC 3339.
    pub time: String,
    /// The command that issued the certificate.
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
    /// Key identifier of the CA that signed it, hexadecimal; `None` for a CA.
    pub issuer_key_id: Option<String>,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// Serial number of the certificate that it replaced.
    pub replaces: Option<String>,
}

impl LedgerEntry {
    /// Replaces what looks like a key. Reports show every field, and a user who edited the file may have pasted one.
    fn without_secrets(mut self) -> LedgerEntry {
        let numbers = [&mut self.serial, &mut self.fingerprint]
            .into_iter()
            .chain(&mut self.issuer_key_id)
            .chain(&mut self.replaces);
        for number in numbers {
            // Their digits are those of a hexadecimal key, too. The longest is a fingerprint.
            let is_number = number.len() <= MAX_NUMBER
                && number.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            if !is_number {
                *number = secret::shown(std::mem::take(number));
            }
        }
        let texts = [
            &mut self.time,
            &mut self.command,
            &mut self.name,
            &mut self.subject,
            &mut self.not_before,
            &mut self.not_after,
        ];
        let lists = self.sans.iter_mut().chain(&mut self.usages);
        for text in texts.into_iter().chain(lists) {
            *text = secret::shown(std::mem::take(text));
        }
        self
    }
}

/// The entries of a ledger, oldest first, read one after the other.
pub struct LedgerEntries {
    parts: VecDeque<LedgerPart>,
    line: usize,
}

struct LedgerPart {
    reader: Box<dyn BufRead>,
    path: PathBuf,
}

/// Opens the ledger of a tree; entries of a pending commit come last. Takes no lock.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn entries(places: &Places, tree: &Tree) -> Result<LedgerEntries, FileError> {
    // Read the segments first: a segment that is merged in the meantime is found in the ledger.
    let segments = Segments::read(places, tree)?;
    let mut parts = VecDeque::new();
    let ledger = open_ledger(places)?;
    let tail = match &ledger {
        Some(ledger) => segments.find_in(ledger)?,
        None => LedgerTail::Other,
    };
    if let Some(ledger) = ledger {
        let length = match tail {
            LedgerTail::Merged { .. } => segments.offset,
            LedgerTail::Followed | LedgerTail::Other => ledger.len(),
        };
        let path = ledger.path().to_path_buf();
        let reader = Box::new(BufReader::new(Read::take(ledger.into_file(), length)));
        parts.push_back(LedgerPart { reader, path });
    }
    if tail != LedgerTail::Followed {
        let path = places
            .layout()
            .path(&layout::ledger_segment(segments.offset));
        let reader = Box::new(Cursor::new(segments.bytes));
        parts.push_back(LedgerPart { reader, path });
    }
    Ok(LedgerEntries { parts, line: 0 })
}

impl Iterator for LedgerEntries {
    type Item = Result<LedgerEntry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let part = self.parts.front_mut()?;
            let mut line = Vec::new();
            let read = Read::take(&mut part.reader, MAX_LINE).read_until(b'\n', &mut line);
            self.line += 1;
            let fail = |what: String| {
                let what = format!("line {}: {what}", self.line);
                Some(Err(FileError::unexpected("reading", &part.path, what)))
            };
            match read {
                Err(error) => {
                    let failed = FileError::io("reading", &part.path)(error);
                    self.parts.clear();
                    return Some(Err(failed));
                }
                Ok(0) => {
                    self.parts.pop_front();
                    self.line = 0;
                }
                Ok(_) if line == b"\n" => {}
                Ok(length) if length as u64 == MAX_LINE => {
                    let failed = fail("it is too long".to_owned());
                    self.parts.clear();
                    return failed;
                }
                Ok(_) => {
                    return match serde_json::from_slice::<LedgerEntry>(&line) {
                        Ok(entry) => Some(Ok(entry.without_secrets())),
                        Err(error) => fail(secret::shown(error.to_string())),
                    };
                }
            }
        }
    }
}

/// Returns the segment that adds entries to the ledger: its file and bytes.
pub(super) fn segment(
    places: &Places,
    entries: &[LedgerEntry],
) -> Result<(TreePath, Vec<u8>), FileError> {
    let mut offset = 0;
    let mut bytes = Vec::new();
    // An error is reported when the ledger is merged.
    if let Ok(Some(ledger)) = open_ledger(places) {
        offset = ledger.len();
        if !ends_with_newline(ledger.into_file(), offset) {
            bytes.push(b'\n');
        }
    }
    if let Some(state) = places.directory(Root::State)? {
        for (start, name) in segment_names(&state)? {
            let length = match state.open_file(&name) {
                Ok(Opened::File(file)) => file.len(),
                _ => 1,
            };
            offset = offset.max(start + length);
        }
    }
    let file = layout::ledger_segment(offset);
    if layout::segment_offset(&file.relative).is_none() {
        let path = places.layout().path(&layout::ledger());
        return Err(FileError::unexpected("reading", path, "it is too long"));
    }
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry).map_err(|error| {
            let path = places.layout().path(&file);
            FileError::unexpected("writing", path, error.to_string())
        })?;
        bytes.push(b'\n');
    }
    Ok((file, bytes))
}

/// Merges the segments into the ledger and removes them.
pub(super) fn merge(places: &Places, tree: &Tree) -> Result<(), FileError> {
    let Some(state) = places.directory(Root::State)? else {
        return Ok(());
    };
    let segments = Segments::read(places, tree)?;
    if segments.names.is_empty() {
        return Ok(());
    }
    let name = layout::ledger().relative;
    let path = state.path().join(&name);
    let file = match open_ledger(places)? {
        None => {
            if let [segment] = segments.names.as_slice() {
                state.rename(segment, &name)?;
                return state.sync();
            }
            let created = state.create(&name, &segments.bytes, &NewAttributes::own(0o600))?;
            created.file
        }
        Some(ledger) => {
            let length = ledger.len();
            let tail = segments.find_in(&ledger)?;
            drop(ledger);
            let file = state.open_for_writing(&name)?;
            let write = |bytes: &[u8], at| {
                file.write_all_at(bytes, at)
                    .map_err(FileError::io("writing", &path))
            };
            match tail {
                LedgerTail::Merged { already } => write(
                    segments.bytes.get(already..).unwrap_or_default(),
                    segments.offset + already as u64,
                )?,
                LedgerTail::Followed => {}
                LedgerTail::Other => write(&segments.bytes, length)?,
            }
            file
        }
    };
    let mut unsynced = Unsynced::default();
    unsynced.add_file(file, &state, &name);
    unsynced.sync()?;
    for name in &segments.names {
        state.remove(name)?;
    }
    state.sync()
}

/// The segments that are not merged yet.
struct Segments {
    names: Vec<String>,
    /// The offset of the first segment in the ledger.
    offset: u64,
    bytes: Vec<u8>,
}

/// What the ledger contains at the offset of the first segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LedgerTail {
    /// This many bytes of the segments, up to its end.
    Merged { already: usize },
    /// The segments, followed by other bytes.
    Followed,
    /// Other bytes, or it ends before the offset.
    Other,
}

impl Segments {
    fn read(places: &Places, tree: &Tree) -> Result<Segments, FileError> {
        let mut found = match places.directory(Root::State)? {
            Some(state) => segment_names(&state)?,
            None => Vec::new(),
        };
        if let Some((_, Direction::Commit)) = tree.pending() {
            let pending = tree.pending_files();
            let names = pending
                .filter(|file| layout::is_ledger_segment(file))
                .filter_map(|file| {
                    Some((
                        layout::segment_offset(&file.relative)?,
                        file.relative.clone(),
                    ))
                });
            found.extend(names);
            found.sort();
            found.dedup();
        }
        let mut bytes = Vec::new();
        let mut names = Vec::new();
        for (_, name) in &found {
            let file = TreePath::new(Root::State, name);
            // Another run may have merged it in the meantime.
            if let Some(contents) = tree.read(&file)? {
                bytes.extend_from_slice(&contents.bytes);
                names.push(name.clone());
            }
        }
        Ok(Segments {
            offset: found.first().map_or(0, |(offset, _)| *offset),
            names,
            bytes,
        })
    }

    fn find_in(&self, ledger: &OpenFile) -> Result<LedgerTail, FileError> {
        if self.bytes.is_empty() {
            return Ok(LedgerTail::Followed);
        }
        let Some(after) = ledger.len().checked_sub(self.offset) else {
            return Ok(LedgerTail::Other);
        };
        let length =
            usize::try_from(after).map_or(self.bytes.len(), |after| after.min(self.bytes.len()));
        let mut tail = vec![0; length];
        ledger
            .file()
            .read_exact_at(&mut tail, self.offset)
            .map_err(FileError::io("reading", ledger.path()))?;
        let is_ours = self.bytes.get(..length) == Some(&tail);
        Ok(match is_ours {
            true if after <= self.bytes.len() as u64 => LedgerTail::Merged { already: length },
            true => LedgerTail::Followed,
            false => LedgerTail::Other,
        })
    }
}

/// Returns the segments in a state directory with their offsets, in order.
fn segment_names(state: &Directory) -> Result<Vec<(u64, String)>, FileError> {
    let mut segments = Vec::new();
    for name in state.names()? {
        if let Some(name) = name.to_str()
            && let Some(offset) = layout::segment_offset(name)
            && state.kind(name)? == Some(FileKind::File)
        {
            segments.push((offset, name.to_owned()));
        }
    }
    segments.sort();
    Ok(segments)
}

fn open_ledger(places: &Places) -> Result<Option<OpenFile>, FileError> {
    let Some(state) = places.directory(Root::State)? else {
        return Ok(None);
    };
    let name = layout::ledger().relative;
    match state.open_file(&name)? {
        Opened::File(file) => Ok(Some(*file)),
        Opened::Missing => Ok(None),
        Opened::Link => Err(FileError::unexpected(
            "reading",
            state.path().join(name),
            "it is a symbolic link",
        )),
    }
}

/// Returns whether the ledger ends with a newline; an editor may have removed it.
fn ends_with_newline(mut file: File, length: u64) -> bool {
    let mut last = [b'\n'];
    let _read = length.checked_sub(1).map(|at| {
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read(&mut last))
    });
    last == [b'\n']
}
