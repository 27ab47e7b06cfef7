//! A YAML file as a tree of nodes. Every node knows its line, and a scalar keeps its text as written.
//!
//! [`parse`](super::parse) builds the tree. An alias shares the node of its anchor, so a document does not grow in memory.

use std::rc::Rc;

use crate::config::problem::{Origin, Problem};
use crate::util::secret::truncate;

/// The largest file that is read; a configuration of a thousand SANs has 40 KiB.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// The most problems, and the most warnings, that are listed for one file; a hostile file has millions.
pub(crate) const MAX_LISTED: usize = 100;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The line of the file on which it begins.
    pub(super) line: usize,
    /// Its value.
    pub(super) value: Value,
    /// The number of levels, including its own.
    pub(super) height: usize,
    /// The number of nodes and bytes of text, including its own.
    pub(super) weight: usize,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A single value.
    Scalar(Scalar),
    /// A list.
    Sequence(Rc<[Node]>),
    /// A mapping, in the order of the file, without duplicate keys.
    Mapping(Rc<[MappingEntry]>),
}

/// A scalar.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// The text: a plain scalar as written, any other without quotes, escapes and indentation.
    pub(super) text: Rc<str>,
    /// Whether it is a literal block (`|`), whose lines are lines of the file.
    pub(super) is_literal: bool,
}

/// A key of a mapping, and its value.
#[derive(Clone, Debug)]
pub(super) struct MappingEntry {
    /// The key.
    pub(super) key: Rc<str>,
    /// The key's line.
    pub(super) line: usize,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// Returns the fields of a mapping, or an empty slice for any other node.
    pub(super) fn fields(&self) -> &[MappingEntry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&MappingEntry> {
        self.fields().iter().find(|entry| &*entry.key == name)
    }

    /// Returns the text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }
}

impl Value {
    /// Returns the kind of value, as messages call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// The file from which a text comes. The text is the whole file, or a document in a ConfigMap.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceText<'a> {
    /// The file's name as the user gave it.
    pub(super) file: &'a str,
    /// How the text's lines are numbered in the file.
    pub(super) lines: Lines,
}

/// How the lines of a text are numbered in its file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lines {
    /// The text begins after this line; 0 for a text that is the whole file.
    After(usize),
    /// Every line of the text is reported as this line.
    All(usize),
}

impl SourceText<'_> {
    /// Returns the origin of a field on a line of the text.
    pub(super) fn origin(&self, line: usize, path: impl Into<String>) -> Origin {
        Origin::file(self.file, self.line(line), path)
    }

    /// Converts a line of the text to a line of the file.
    pub(super) fn line(&self, line: usize) -> usize {
        match self.lines {
            Lines::After(offset) => offset + line,
            Lines::All(line) => line,
        }
    }
}

/// Returns the text of a file without its byte-order mark, or why it is not text.
pub(super) fn decode<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Problem> {
    let source = SourceText {
        file,
        lines: Lines::After(0),
    };
    let problem = |line, message: String| Problem {
        origin: source.origin(line, ""),
        message,
    };
    let line_of = |offset: usize| 1 + bytes.iter().take(offset).filter(|&&b| b == b'\n').count();
    if bytes.len() > MAX_BYTES {
        // The total size is unknown, because standard input is not read to its end.
        let message = format!("is larger than {MAX_BYTES} bytes, the limit");
        return Err(problem(0, message));
    }
    let utf16 = || problem(0, "is UTF-16; save it as UTF-8".to_owned());
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(utf16());
    }
    // In UTF-16 without a byte-order mark, an ASCII character has a zero byte.
    if bytes.len() > 1 && bytes.iter().take(2).any(|&b| b == 0) {
        return Err(utf16());
    }
    if let Some(offset) = bytes.iter().position(|&b| b == 0) {
        return Err(problem(line_of(offset), "has a NUL byte".to_owned()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let offset = error.valid_up_to();
            let message = format!("is not UTF-8: invalid byte at offset {offset}");
            Err(problem(line_of(offset), message))
        }
    }
}

/// Returns the path of a field of the mapping at `path`.
///
/// Text after a colon in a key is left out. If the space after `certificateKey:` is missing, that text is the secret.
pub(super) fn field_path(path: &str, key: &str) -> String {
    let key = match key.split_once(':') {
        Some((name, rest)) if !rest.is_empty() => format!("{}:…", truncate(name)),
        _ => truncate(key),
    };
    match path {
        "" => key,
        _ => format!("{path}.{key}"),
    }
}
