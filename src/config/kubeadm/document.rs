//! A YAML file as a tree of nodes: every node knows its line, and a scalar keeps the text that was written.
//!
//! The tree is built from the events of serde-saphyr's parser. A key that is given twice is refused with both lines, and
//! so are merge keys and tags other than those of YAML's core schema. Aliases share the node of their anchor. Size and
//! depth are bounded, also with all aliases written out.
//!
//! JSON is YAML to this parser, with tabs or blanks.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Tag};

use crate::config::problem::{Origin, Problem};
use crate::config::secret::{printable, quote};

/// The largest file that is read; a configuration of a thousand SANs has 40 KiB.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting; kubeadm's own types have six levels.
const MAX_DEPTH: usize = 64;
/// The most text and nodes that a document has with its aliases written out; without aliases it cannot have more.
const MAX_WEIGHT: usize = 2 * MAX_BYTES;
/// The most problems, and the most warnings, that are listed of one file; a hostile file has millions.
pub(crate) const MAX_LISTED: usize = 100;
/// The most levels of a path that a message shows.
const SHOWN_DEPTH: usize = 8;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The line it begins on, in the file that the user knows.
    pub(super) line: usize,
    /// What it holds.
    pub(super) value: Value,
    /// How many levels are below it, itself included.
    height: usize,
    /// How many nodes and bytes of text there are below it, itself included.
    weight: usize,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Anything that is not nested.
    Scalar(Scalar),
    /// A list.
    Sequence(Rc<[Node]>),
    /// A mapping, in the order of the file, without duplicate keys.
    Mapping(Rc<[Entry]>),
}

/// A scalar.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// The text: as written if it was plain, else without quotes, escapes and indentation.
    pub(super) text: Rc<str>,
    /// Whether it is a literal block (`|`), whose lines are lines of the file.
    pub(super) is_literal: bool,
}

/// A key of a mapping, and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: Rc<str>,
    /// The key's line.
    pub(super) line: usize,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// Returns the fields; none if this is not a mapping.
    pub(super) fn fields(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&Entry> {
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
    /// Returns what this is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// The file that a text is, or is part of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// The file's name as the user gave it.
    pub(super) file: &'a str,
    /// How the text's lines are numbered in the file.
    pub(super) lines: Lines,
}

/// How the lines of a text are numbered in the file it was found in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lines {
    /// The text begins after this line; 0 for a text that is the whole file.
    After(usize),
    /// All of the text stands for this one line.
    All(usize),
}

impl Source<'_> {
    /// Returns the place of a line of the text and a field.
    pub(super) fn origin(&self, line: usize, path: impl Into<String>) -> Origin {
        Origin::File {
            file: self.file.to_owned(),
            line: self.line(line),
            path: path.into(),
        }
    }

    /// Returns the line of the file that holds a line of the text.
    pub(super) fn line(&self, line: usize) -> usize {
        match self.lines {
            Lines::After(offset) => offset + line,
            Lines::All(line) => line,
        }
    }
}

/// Returns the text of a file, or why it cannot be YAML that we read; a byte-order mark is dropped.
pub(super) fn decode<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Problem> {
    let source = Source {
        file,
        lines: Lines::After(0),
    };
    let problem = |line, message: String| Problem {
        origin: source.origin(line, ""),
        message,
    };
    let line_of = |offset: usize| 1 + bytes.iter().take(offset).filter(|&&b| b == b'\n').count();
    if bytes.len() > MAX_BYTES {
        // Standard input is not read to its end, so its size is not known.
        let message = format!("has more than {MAX_BYTES} bytes, the most that are read");
        return Err(problem(0, message));
    }
    let utf16 = || problem(0, "is UTF-16; save it as UTF-8".to_owned());
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(utf16());
    }
    // ASCII in UTF-16 without byte-order mark has a zero byte in the first character.
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

/// Reads all documents of a YAML text.
///
/// Where the text is no YAML the documents before that place are returned, and the problem is added to `problems`; so are
/// duplicate keys and merge keys, of which the first resp. none reaches the tree. An empty document is a [`Value::Null`].
pub(super) fn parse(source: Source<'_>, text: &str, problems: &mut Vec<Problem>) -> Vec<Node> {
    let mut builder = Builder {
        source,
        problems,
        documents: Vec::new(),
        frames: Vec::new(),
        anchors: HashMap::new(),
    };
    for event in Parser::new_from_str(text) {
        let result = match event {
            Ok((event, span)) => builder.event(event, span.start.line()),
            Err(error) => {
                let message = match error.kind() {
                    ErrorKind::RecursionLimitExceeded => too_deep(),
                    _ => invalid(&error.info()),
                };
                Err((error.marker().line(), message))
            }
        };
        if let Err((line, message)) = result {
            let path = builder.path();
            builder.problem(line, path, message);
            break;
        }
    }
    builder.documents
}

fn invalid(reason: &str) -> String {
    // The parser escapes the characters that it names.
    let reason = printable(reason).replace(r"\\", r"\");
    format!("is not valid YAML: {reason}")
}

/// A problem after which the rest of the text cannot be understood: its line and message.
type Fatal = (usize, String);

/// A collection that is not closed yet.
struct Frame {
    /// The text's line, not the file's.
    line: usize,
    anchor: usize,
    /// Of what was placed in it so far, itself included.
    weight: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        lines: HashMap<Rc<str>, usize>,
        key: Option<(Rc<str>, usize, Use)>,
    },
}

/// What becomes of the entry whose key was read.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Keep,
    Drop,
}

struct Builder<'a> {
    source: Source<'a>,
    problems: &'a mut Vec<Problem>,
    documents: Vec<Node>,
    frames: Vec<Frame>,
    /// Complete nodes by the parser's anchor number, which is never 0.
    anchors: HashMap<usize, Node>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), Fatal> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref()).map_err(|m| (line, m))?;
                if anchor != 0 && matches!(value, Value::Null) {
                    let message = "has an anchor (`&`) and no value; is a quote missing?";
                    self.problem(line, self.path(), message.to_owned());
                }
                let merge = matches!(style, ScalarStyle::Plain) && text == "<<";
                let weight = 1 + text.len();
                self.complete(line, anchor, value, (1, weight), merge)
            }
            Event::SequenceStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "seq").map_err(|m| (line, m))?;
                self.open(line, anchor, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "map").map_err(|m| (line, m))?;
                let content = Content::Mapping {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                };
                self.open(line, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err((line, invalid("an alias inside its own anchor")));
                };
                if self.frames.len() + node.height > MAX_DEPTH {
                    return Err((line, too_deep()));
                }
                self.place(line, node, false)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, line: usize, anchor: usize, content: Content) -> Result<(), Fatal> {
        if self.frames.len() >= MAX_DEPTH {
            return Err((line, too_deep()));
        }
        self.frames.push(Frame {
            line,
            anchor,
            weight: 1,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fatal> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let (value, below) = match frame.content {
            Content::Sequence(nodes) => {
                let below = nodes.iter().map(|node| node.height).max();
                (Value::Sequence(nodes.into()), below)
            }
            Content::Mapping { entries, .. } => {
                let below = entries.iter().map(|entry| entry.value.height).max();
                (Value::Mapping(entries.into()), below)
            }
        };
        let height = 1 + below.unwrap_or(0);
        self.complete(
            frame.line,
            frame.anchor,
            value,
            (height, frame.weight),
            false,
        )
    }

    fn complete(
        &mut self,
        line: usize,
        anchor: usize,
        value: Value,
        (height, weight): (usize, usize),
        merge: bool,
    ) -> Result<(), Fatal> {
        let node = Node {
            line: self.source.line(line),
            value,
            height,
            weight,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place(line, node, merge)
    }

    /// Puts a node where it belongs: as an item, a key, a value or a document.
    fn place(&mut self, line: usize, node: Node, merge: bool) -> Result<(), Fatal> {
        let file_line = self.source.line(line);
        let Some(frame) = self.frames.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        frame.weight += node.weight;
        if frame.weight > MAX_WEIGHT {
            let message = format!("has more than {MAX_WEIGHT} bytes with its aliases written out");
            return Err((line, message));
        }
        match &mut frame.content {
            Content::Sequence(nodes) => nodes.push(node),
            Content::Mapping {
                entries,
                lines,
                key: pending,
            } => match pending.take() {
                Some((key, line, Use::Keep)) => entries.push(Entry {
                    key,
                    line,
                    value: node,
                }),
                Some((_, _, Use::Drop)) => {}
                None => {
                    let key: Rc<str> = match node.value {
                        Value::Scalar(scalar) => scalar.text,
                        Value::Null => "null".into(),
                        Value::Sequence(_) | Value::Mapping(_) => {
                            let message =
                                format!("has {} as a key; want a string", node.value.kind());
                            return Err((line, message));
                        }
                    };
                    let message = match lines.get(&key) {
                        _ if merge => Some(
                            "is a merge key, which is not supported; write the fields out"
                                .to_owned(),
                        ),
                        Some(first) => Some(format!("is given twice, first in line {first}")),
                        None => None,
                    };
                    let usage = if message.is_some() {
                        Use::Drop
                    } else {
                        Use::Keep
                    };
                    if usage == Use::Keep {
                        lines.insert(key.clone(), file_line);
                    }
                    *pending = Some((key, file_line, usage));
                    if let Some(message) = message
                        && self.problems.len() <= MAX_LISTED
                    {
                        let path = self.path();
                        self.problem(line, path, message);
                    }
                }
            },
        }
        Ok(())
    }

    /// Returns the path of the field that is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            if depth == SHOWN_DEPTH {
                path.push('…');
                break;
            }
            match &frame.content {
                Content::Sequence(nodes) => path.push_str(&format!("[{}]", nodes.len())),
                Content::Mapping { key, .. } => {
                    if let Some((key, _, _)) = key {
                        path = field_path(&path, key);
                    }
                }
            }
        }
        path
    }

    fn problem(&mut self, line: usize, path: String, message: String) {
        self.problems.push(Problem {
            origin: self.source.origin(line, path),
            message,
        });
    }
}

/// Returns the path of a field of the mapping at `path`.
///
/// What follows a colon in a key is left out: without a blank after the colon, `certificateKey:...` is all key.
pub(super) fn field_path(path: &str, key: &str) -> String {
    let key = match key.split_once(':') {
        Some((name, rest)) if !rest.is_empty() => format!("{}:…", printable(name)),
        _ => printable(key),
    };
    match path {
        "" => key,
        _ => format!("{path}.{key}"),
    }
}

fn too_deep() -> String {
    format!("is nested more than {MAX_DEPTH} levels deep")
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let string = || {
        Value::Scalar(Scalar {
            text: text.into(),
            is_literal: matches!(style, ScalarStyle::Literal),
        })
    };
    let Some(tag) = tag else {
        let null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
        return Ok(match style {
            ScalarStyle::Plain if null => Value::Null,
            _ => string(),
        });
    };
    match tag.core_suffix() {
        Some("null") => Ok(Value::Null),
        Some("str" | "int" | "float" | "bool") => Ok(string()),
        // A lone `!` makes a string of anything (YAML 1.2.2 section 6.9.1).
        None if tag.original() == "!" => Ok(string()),
        _ => Err(unknown_tag(tag)),
    }
}

fn collection_tag(tag: Option<&Tag>, wanted: &str) -> Result<(), String> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(wanted) && tag.original() != "!" => {
            Err(unknown_tag(tag))
        }
        _ => Ok(()),
    }
}

fn unknown_tag(tag: &Tag) -> String {
    format!(
        "has the tag {}, which is not supported",
        quote(&tag.original())
    )
}

#[cfg(test)]
mod tests;
