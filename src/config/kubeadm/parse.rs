//! Builds the tree of a YAML text from the events of serde-saphyr's parser.
//!
//! It refuses repeated keys, merge keys, and tags that are not in YAML's core schema. It limits size and depth, also with
//! all aliases expanded. It reads JSON too, because JSON is YAML.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Tag};

use super::document::{
    MAX_BYTES, MAX_LISTED, MappingEntry, Node, Scalar, SourceText, Value, field_path,
};
use crate::config::problem::Problem;
use crate::util::secret::{quote, truncate};

/// The most levels of nesting; kubeadm's own types have six.
const MAX_DEPTH: usize = 64;
/// The most nodes and bytes of text with all aliases expanded. Only a document with aliases can exceed it.
const MAX_WEIGHT: usize = 2 * MAX_BYTES;
/// The most levels of a path that a message shows.
const MAX_SHOWN_DEPTH: usize = 8;

/// Reads all documents of a YAML text; an empty document is a [`Value::Null`].
///
/// It adds problems to `problems`. It stops at a syntax error, and returns the documents before it.
pub(super) fn parse(source: SourceText<'_>, text: &str, problems: &mut Vec<Problem>) -> Vec<Node> {
    let mut builder = TreeBuilder {
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
            builder.problem(line, message);
            break;
        }
    }
    builder.documents
}

fn invalid(reason: &str) -> String {
    // The parser escapes the characters that it names.
    let reason = truncate(reason).replace(r"\\", r"\");
    format!("is not valid YAML: {reason}")
}

fn too_deep() -> String {
    format!("is nested more than {MAX_DEPTH} levels deep")
}

/// The line and message of a problem at which reading stops.
type Fatal = (usize, String);

struct TreeBuilder<'a> {
    source: SourceText<'a>,
    problems: &'a mut Vec<Problem>,
    documents: Vec<Node>,
    /// The lists and mappings that are still open.
    frames: Vec<Frame>,
    /// Complete nodes by the parser's anchor number, which is never 0.
    anchors: HashMap<usize, Node>,
}

struct Frame {
    /// The text's line, not the file's.
    line: usize,
    anchor: usize,
    /// The weight so far, including its own.
    weight: usize,
    content: NodeContents,
}

enum NodeContents {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<MappingEntry>,
        /// The line of each key.
        lines: HashMap<Rc<str>, usize>,
        /// The key whose value comes next.
        key: Option<Key>,
    },
}

struct Key {
    name: Rc<str>,
    line: usize,
    /// Whether the entry is a mistake and left out.
    is_refused: bool,
}

impl TreeBuilder<'_> {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), Fatal> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref()).map_err(|m| (line, m))?;
                if anchor != 0 && matches!(value, Value::Null) {
                    let message = "has an anchor (`&`) but no value; are quotes missing?";
                    self.problem(line, message.to_owned());
                }
                let is_merge = matches!(style, ScalarStyle::Plain) && text == "<<";
                let node = self.node(line, value, 1, 1 + text.len());
                self.complete(line, anchor, node, is_merge)
            }
            Event::SequenceStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "seq").map_err(|m| (line, m))?;
                self.open(line, anchor, NodeContents::Sequence(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "map").map_err(|m| (line, m))?;
                let content = NodeContents::Mapping {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                };
                self.open(line, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) if self.frames.len() + node.height > MAX_DEPTH => {
                    Err((line, too_deep()))
                }
                Some(node) => self.place(line, node, false),
                None => Err((line, invalid("an alias inside its own anchor"))),
            },
            _ => Ok(()),
        }
    }

    fn node(&self, line: usize, value: Value, height: usize, weight: usize) -> Node {
        Node {
            line: self.source.line(line),
            value,
            height,
            weight,
        }
    }

    fn open(&mut self, line: usize, anchor: usize, content: NodeContents) -> Result<(), Fatal> {
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
            NodeContents::Sequence(nodes) => {
                let below = nodes.iter().map(|node| node.height).max();
                (Value::Sequence(nodes.into()), below)
            }
            NodeContents::Mapping { entries, .. } => {
                let below = entries.iter().map(|entry| entry.value.height).max();
                (Value::Mapping(entries.into()), below)
            }
        };
        let node = self.node(frame.line, value, 1 + below.unwrap_or(0), frame.weight);
        self.complete(frame.line, frame.anchor, node, false)
    }

    fn complete(
        &mut self,
        line: usize,
        anchor: usize,
        node: Node,
        is_merge: bool,
    ) -> Result<(), Fatal> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place(line, node, is_merge)
    }

    /// Adds a node as an item, a key, a value or a document.
    fn place(&mut self, line: usize, node: Node, is_merge: bool) -> Result<(), Fatal> {
        let Some(frame) = self.frames.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        frame.weight += node.weight;
        if frame.weight > MAX_WEIGHT {
            let message = format!("has more than {MAX_WEIGHT} bytes with its aliases expanded");
            return Err((line, message));
        }
        match &mut frame.content {
            NodeContents::Sequence(nodes) => nodes.push(node),
            NodeContents::Mapping { entries, key, .. } => match key.take() {
                Some(key) if key.is_refused => {}
                Some(key) => entries.push(MappingEntry {
                    key: key.name,
                    line: key.line,
                    value: node,
                }),
                None => return self.key(line, node, is_merge),
            },
        }
        Ok(())
    }

    /// Takes a node as a key; its value comes next.
    fn key(&mut self, text_line: usize, node: Node, is_merge: bool) -> Result<(), Fatal> {
        let line = self.source.line(text_line);
        let name: Rc<str> = match node.value {
            Value::Scalar(scalar) => scalar.text,
            Value::Null => "null".into(),
            Value::Sequence(_) | Value::Mapping(_) => {
                let message = format!("has {} as a key; want a string", node.value.kind());
                return Err((text_line, message));
            }
        };
        let Some(Frame {
            content: NodeContents::Mapping { lines, key, .. },
            ..
        }) = self.frames.last_mut()
        else {
            return Ok(());
        };
        let mistake = match lines.get(&name) {
            _ if is_merge => {
                Some("is a merge key, which is not supported; write the fields out".to_owned())
            }
            Some(first) => Some(format!("is given twice, first on line {first}")),
            None => None,
        };
        if mistake.is_none() {
            lines.insert(name.clone(), line);
        }
        *key = Some(Key {
            name,
            line,
            is_refused: mistake.is_some(),
        });
        if let Some(message) = mistake
            && self.problems.len() <= MAX_LISTED
        {
            self.problem(text_line, message);
        }
        Ok(())
    }

    /// Returns the path of the field that is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            if depth == MAX_SHOWN_DEPTH {
                path.push('…');
                break;
            }
            match &frame.content {
                NodeContents::Sequence(nodes) => path.push_str(&format!("[{}]", nodes.len())),
                NodeContents::Mapping { key: Some(key), .. } => path = field_path(&path, &key.name),
                NodeContents::Mapping { key: None, .. } => {}
            }
        }
        path
    }

    fn problem(&mut self, line: usize, message: String) {
        let origin = self.source.origin(line, self.path());
        self.problems.push(Problem { origin, message });
    }
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
        // The tag `!` makes any scalar a string (YAML 1.2.2 section 6.9.1).
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
