//! PEM blocks (RFC 7468) of files that may hold a private key.
//!
//! What is wrong with one is said in words of our own. The library's messages quote the file: of a key whose BEGIN line
//! lacks a dash, or which has an empty line within, they would show the key.

use memchr::{memchr2, memmem};
use pem::{Pem, PemError};

/// Reads every block of a file; text around them is passed over, as Go's `encoding/pem` does.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Pem>, String> {
    // Go finds a block only where its line begins with it.
    let is_within = |at: usize| at > 0 && text.get(at - 1) != Some(&b'\n');
    if starts(text).any(is_within) {
        return Err("something stands before BEGIN in its line".to_owned());
    }
    if memmem::find_iter(text, END).any(is_within) {
        return Err("something stands before END in its line".to_owned());
    }
    // The library takes these for blanks between lines, and nothing else does.
    let first = starts(text).next().unwrap_or(text.len());
    if memchr2(0x0b, 0x0c, text.get(first..).unwrap_or_default()).is_some() {
        return Err("it has a vertical tab or a form feed".to_owned());
    }
    let blocks = pem::parse_many(text).map_err(|error| reason(&error))?;
    // The library passes over a block that has no end; a file cut short must not look like a shorter one.
    let begun = starts(text).count();
    if begun != blocks.len() {
        return Err(format!("{begun} blocks begin, {} end", blocks.len()));
    }
    // Nor does it see one whose BEGIN line is damaged.
    let ended = memmem::find_iter(text, END).count();
    if ended != begun {
        return Err(format!("{begun} blocks begin, {ended} end"));
    }
    let last_line = text.rsplit(|byte| *byte == b'\n').next();
    if last_line.is_some_and(|line| !line.is_empty() && BEGIN.starts_with(line)) {
        return Err("it is cut off where another block begins".to_owned());
    }
    Ok(blocks)
}

/// Returns where blocks begin.
fn starts(text: &[u8]) -> impl Iterator<Item = usize> {
    memmem::find_iter(text, BEGIN)
}

/// Returns the label of a block, if it is one that can be shown.
pub(super) fn label(label: &str) -> String {
    if is_label(label) {
        label.to_owned()
    } else {
        "no proper label".to_owned()
    }
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

fn reason(error: &PemError) -> String {
    match error {
        PemError::MismatchedTags(begin, end) if is_label(begin) && is_label(end) => {
            format!("a block begins as `{begin}` and ends as `{end}`")
        }
        PemError::MismatchedTags(..) => "a block's BEGIN and END lines do not match".to_owned(),
        PemError::InvalidHeader(_) => {
            "a block has an empty line within, or a header that is none".to_owned()
        }
        PemError::InvalidData(error) => {
            let error = error.to_string();
            format!("a block is not base64: {}", error.trim_end_matches('.'))
        }
        other => other.to_string(),
    }
}

/// No base64 line looks like this: labels are in capitals, and short.
fn is_label(text: &str) -> bool {
    let is_label_character =
        |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, ' ' | '.' | '#');
    text.len() <= 40 && text.chars().all(is_label_character)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nc2Vj\ncmV0\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_message_shows_labels_and_nothing_else_of_the_file() {
        for (from, to, reason) in [
            (
                "BEGIN PRIVATE KEY-----",
                "BEGIN PRIVATE KEY----",
                "a block's BEGIN and END lines do not match",
            ),
            (
                "END PRIVATE KEY-----",
                "END PRIVATE\u{1b}[31m KEY-----",
                "a block's BEGIN and END lines do not match",
            ),
            (
                "END PRIVATE KEY-----",
                "END EC PRIVATE KEY-----",
                "a block begins as `PRIVATE KEY` and ends as `EC PRIVATE KEY`",
            ),
            (
                "c2Vj\n",
                "c2Vj\n\n",
                "a block has an empty line within, or a header that is none",
            ),
            (
                "END PRIVATE KEY-----",
                "END PRIVATE KEY----",
                "a block's BEGIN and END lines do not match",
            ),
            ("c2Vj", "c2V", "a block is not base64: Invalid padding"),
        ] {
            let text = [&KEY.replacen(from, to, 1), KEY].concat();
            assert_ne!(text, [KEY, KEY].concat());
            assert_eq!(blocks(text.as_bytes()).unwrap_err(), reason);
        }
        assert_eq!(label("X509 CRL"), "X509 CRL");
        assert_eq!(
            label("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwgg"),
            "no proper label"
        );
        assert_eq!(label("A\nB"), "no proper label");
    }

    #[test]
    fn a_file_cut_short_is_no_shorter_file() {
        let text = [KEY, KEY].concat();
        assert_eq!(blocks(text.as_bytes()).unwrap().len(), 2);
        let cut = text.get(..text.len() - 2).unwrap();
        assert_eq!(blocks(cut.as_bytes()).unwrap_err(), "2 blocks begin, 1 end");
        for length in 1..BEGIN.len() {
            let cut = [KEY.as_bytes(), BEGIN.get(..length).unwrap()].concat();
            let reason = "it is cut off where another block begins";
            assert_eq!(blocks(&cut).unwrap_err(), reason);
        }
        let damaged = text.replacen("-----BEGIN", "-----BEGiN", 1);
        let reason = blocks(damaged.as_bytes()).unwrap_err();
        assert_eq!(reason, "1 blocks begin, 2 end");
        let damaged = KEY.replacen("-----BEGIN", "----BEGIN", 1);
        let reason = blocks(damaged.as_bytes()).unwrap_err();
        assert_eq!(reason, "0 blocks begin, 1 end");
    }
}
