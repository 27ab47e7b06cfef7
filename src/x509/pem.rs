//! Reads and writes PEM blocks as Go's `encoding/pem` does; text around the blocks is ignored.
//!
//! Go also ignores a damaged block. This module refuses a file with one, because a bundle that lost a CA must not
//! look complete. No message quotes the file, because a damaged block may be a private key.

use std::{fmt, mem};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use memchr::{memchr, memmem};
use zeroize::Zeroizing;

/// A PEM block; its contents are wiped when dropped.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) has_headers: bool,
    /// Whether a header says that the contents are encrypted (OpenSSL's traditional format).
    pub(super) is_encrypted: bool,
    pub(super) contents: Zeroizing<Vec<u8>>,
}

/// Why a file's PEM blocks cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// A BEGIN line does not end with five dashes.
    BeginLine,
    /// A block has no END line.
    Unended,
    /// An END line has no block before it.
    Unbegun,
    /// The END line of a block has another label than its BEGIN line; the labels, as messages show them.
    Labels(String, String),
    /// A block's contents are not base64.
    Base64,
}

impl Block {
    /// Returns a block with this label.
    pub(super) fn of(label: &str, der: &[u8]) -> Block {
        Block {
            label: label.to_owned(),
            has_headers: false,
            is_encrypted: false,
            contents: Zeroizing::new(der.to_vec()),
        }
    }

    /// Returns the label as messages show it.
    pub(super) fn display_label(&self) -> String {
        displayable_label(&self.label)
    }
}

/// Reads every block of a file.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut open: Option<OpenBlock> = None;
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (line, after) = match memchr(b'\n', text) {
            Some(end) => (text.get(..end).unwrap_or_default(), text.get(end + 1..)),
            None => (text, None),
        };
        rest = after;
        let line = trim_end(line);
        // Nearly all lines are base64, which has no dashes.
        if line.first() != Some(&b'-') {
            if let Some(block) = &mut open {
                block.add(line);
            }
        } else if let Some(rest) = line.strip_prefix(BEGIN) {
            let label = rest.strip_suffix(DASHES).ok_or(PemError::BeginLine)?;
            if open.is_some() {
                return Err(PemError::Unended);
            }
            open = Some(OpenBlock::new(label, after.unwrap_or_default()));
        } else if let Some(rest) = line.strip_prefix(END) {
            let block = open.take().ok_or(PemError::Unbegun)?;
            blocks.push(block.end(rest)?);
        } else if let Some(block) = &mut open {
            block.add(line);
        }
    }
    let last = text.rsplit(|byte| *byte == b'\n').next();
    let is_truncated = last.is_some_and(|line| !line.is_empty() && BEGIN.starts_with(line));
    match open.is_some() || is_truncated {
        true => Err(PemError::Unended),
        false => Ok(blocks),
    }
}

/// Returns a block as text, with 64 columns and LF.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(BASE64_STANDARD.encode(der));
    let capacity = base64.len() + base64.len() / 64 + 2 * label.len() + 64;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(64));
        text.extend([line, "\n"]);
        rest = next;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Like Go's `base64.StdEncoding`: with padding, and unused bits need not be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

struct OpenBlock {
    label: Vec<u8>,
    has_headers: bool,
    is_encrypted: bool,
    base64: Zeroizing<Vec<u8>>,
}

impl OpenBlock {
    fn new(label: &[u8], text: &[u8]) -> OpenBlock {
        // Large enough from the start, so that no copy of a key is left behind.
        let length = memmem::find(text, END).unwrap_or(text.len());
        OpenBlock {
            label: label.to_vec(),
            has_headers: false,
            is_encrypted: false,
            base64: Zeroizing::new(Vec::with_capacity(length)),
        }
    }

    fn add(&mut self, line: &[u8]) {
        if self.base64.is_empty() && line.contains(&b':') {
            self.has_headers = true;
            let key = line.split(|byte| *byte == b':').next().unwrap_or_default();
            self.is_encrypted |= key.trim_ascii() == b"DEK-Info";
            return;
        }
        self.base64.extend_from_slice(line);
    }

    fn end(mut self, rest: &[u8]) -> Result<Block, PemError> {
        let label = String::from_utf8_lossy(&self.label).into_owned();
        if rest.strip_suffix(DASHES) != Some(&self.label) {
            let other = rest.strip_suffix(DASHES).unwrap_or_default();
            let other = String::from_utf8_lossy(other);
            return Err(PemError::Labels(
                displayable_label(&label),
                displayable_label(&other),
            ));
        }
        let contents = decode(&mut self.base64).ok_or(PemError::Base64)?;
        // Wiping takes longer than decoding, and a certificate is public.
        if label == "CERTIFICATE" {
            drop(mem::take(&mut *self.base64));
        }
        Ok(Block {
            label,
            has_headers: self.has_headers,
            is_encrypted: self.is_encrypted,
            contents: Zeroizing::new(contents),
        })
    }
}

/// Decodes base64 in which there may be blanks. Hardly any file has them, so they are looked for only if decoding fails.
fn decode(base64: &mut Vec<u8>) -> Option<Vec<u8>> {
    BASE64.decode(&base64).ok().or_else(|| {
        base64.retain(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
        BASE64.decode(&base64).ok()
    })
}

fn trim_end(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\r").unwrap_or(line);
    while let Some((b' ' | b'\t', rest)) = line.split_last() {
        line = rest;
    }
    line
}

/// Returns a label for a message. Only short labels in capitals are shown, so that a line of base64 never is.
fn displayable_label(label: &str) -> String {
    let is_label_character =
        |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, ' ' | '.' | '#');
    let is_label = (1..=40).contains(&label.len()) && label.chars().all(is_label_character);
    if is_label { label } else { "unknown label" }.to_owned()
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PemError::BeginLine => f.write_str("a BEGIN line does not end with `-----`"),
            PemError::Unended => f.write_str("a block has no END line: the file is truncated"),
            PemError::Unbegun => f.write_str("an END line has no BEGIN line before it"),
            PemError::Labels(begin, end) => {
                write!(f, "a block begins as `{begin}` and ends as `{end}`")
            }
            PemError::Base64 => f.write_str("a block is not base64"),
        }
    }
}

impl std::error::Error for PemError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nc2Vj\ncmV0\n-----END PRIVATE KEY-----\n";

    #[track_caller]
    fn check(text: &[u8], error: PemError) {
        assert_eq!(blocks(text).err(), Some(error), "{}", text.escape_ascii());
    }

    #[test]
    fn messages_show_labels_and_nothing_else_of_the_file() {
        let labels = |end: &str| PemError::Labels("PRIVATE KEY".to_owned(), end.to_owned());
        let unknown = || labels("unknown label");
        for (from, to, error) in [
            (
                "BEGIN PRIVATE KEY-----",
                "BEGIN PRIVATE KEY----",
                PemError::BeginLine,
            ),
            (
                "END PRIVATE KEY-----",
                "END PRIVATE\u{1b}[31m KEY-----",
                unknown(),
            ),
            (
                "END PRIVATE KEY-----",
                "END EC PRIVATE KEY-----",
                labels("EC PRIVATE KEY"),
            ),
            ("END PRIVATE KEY-----", "END PRIVATE KEY----", unknown()),
            ("c2Vj", "c2V", PemError::Base64),
            ("c2Vj", "c2\u{b}Vj", PemError::Base64),
        ] {
            let text = [&KEY.replacen(from, to, 1), KEY].concat();
            assert_ne!(text, [KEY, KEY].concat());
            check(text.as_bytes(), error);
        }
        assert_eq!(displayable_label("X509 CRL"), "X509 CRL");
        assert_eq!(
            displayable_label("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwgg"),
            "unknown label"
        );
        assert_eq!(displayable_label("A\nB"), "unknown label");
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let text = [KEY, KEY].concat();
        assert_eq!(blocks(text.as_bytes()).unwrap().len(), 2);
        let cut = text.get(..text.len() - 2).unwrap();
        check(
            cut.as_bytes(),
            PemError::Labels("PRIVATE KEY".into(), "unknown label".into()),
        );
        for length in 1..BEGIN.len() {
            let cut = [KEY.as_bytes(), BEGIN.get(..length).unwrap()].concat();
            check(&cut, PemError::Unended);
        }
        check(
            text.replacen("-----BEGIN", "-----BEGiN", 1).as_bytes(),
            PemError::Unbegun,
        );
        check(
            text.replacen("-----END", "-----EnD", 1).as_bytes(),
            PemError::Unended,
        );
        check(
            KEY.replacen("-----BEGIN", "----BEGIN", 1).as_bytes(),
            PemError::Unbegun,
        );
    }

    /// The rules of `Decode` in Go's `encoding/pem`.
    #[test]
    fn what_go_reads_is_read() {
        for text in [
            KEY.replace('\n', "\r\n"),
            KEY.replace('\n', " \t\r\n"),
            KEY.replace("c2Vj\ncmV0", "c2VjcmV0"),
            KEY.replace("c2Vj\ncmV0", "\n  c2Vj\t\n\ncm V0\n"),
            KEY.trim_end().to_owned(),
            format!("text, also -----BEGIN PRIVATE KEY----- within a line\n{KEY}-----\nmore\n"),
        ] {
            let found = blocks(text.as_bytes()).unwrap();
            assert_eq!(found.len(), 1, "{text:?}");
            assert_eq!(
                found.first().unwrap().contents.as_slice(),
                b"secret",
                "{text:?}"
            );
        }
        let bits = KEY.replace("c2Vj\ncmV0", "c2VjcmV=");
        assert_eq!(
            blocks(bits.as_bytes()).unwrap().len(),
            1,
            "unused bits that are not zero"
        );
        let headers = KEY.replace("c2Vj", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nc2Vj");
        let headers = blocks(headers.as_bytes()).unwrap();
        assert!(headers.first().unwrap().is_encrypted && headers.first().unwrap().has_headers);
    }

    #[test]
    fn blocks_are_written_with_64_columns() {
        let text = encode("CERTIFICATE", &[b'a'; 50]);
        assert_eq!(
            text.as_str(),
            "-----BEGIN CERTIFICATE-----\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\nYWE=\n-----END CERTIFICATE-----\n"
        );
        assert_eq!(
            blocks(text.as_bytes())
                .unwrap()
                .first()
                .unwrap()
                .contents
                .len(),
            50
        );
        assert_eq!(
            encode("X", b"").as_str(),
            "-----BEGIN X-----\n-----END X-----\n"
        );
    }
}
