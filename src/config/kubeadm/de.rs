//! A serde deserializer over the nodes of a [`document`](super::document), for the structs of [`v1beta`](super::v1beta).
//!
//! It does not stop at a mistake: a field of the wrong shape is noted and read as if it were empty, an unknown field is
//! noted and skipped. So one run names every problem of a file. A [`Setting`](crate::config::Setting) is given its place.
//!
//! serde-saphyr's own deserializer stops at the first wrong shape and does not tell the place of an unknown field.

use std::cell::RefCell;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::document::{Entry, MAX_LISTED, Node, Value, field_path};
use super::suggest;
use super::types::{ARGUMENTS, SETTING};
use super::versions::{Kind, VERSIONS, Version};
use crate::config::problem::{Origin, Problem};

/// The mistakes that were found in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is worth a look.
    pub(super) warnings: Vec<Problem>,
}

/// Reads a struct from a document of this version and kind, and adds its mistakes to the findings.
pub(super) fn from_node<T: DeserializeOwned + Default>(
    file: &str,
    version: &'static Version,
    kind: Kind,
    node: &Node,
    findings: &mut Findings,
) -> T {
    let context = Context {
        file,
        version,
        kind,
        findings: RefCell::new(std::mem::take(findings)),
        paths: RefCell::default(),
    };
    // Every mistake of the file is noted instead of returned.
    let read = T::deserialize(context.root(Some(node))).unwrap_or_default();
    *findings = context.findings.into_inner();
    read
}

/// Returns the path of every field of a struct and of the structs in it, outside lists, in their order.
pub(super) fn paths<T: DeserializeOwned>(kind: Kind) -> Vec<String> {
    let [newest, ..] = &VERSIONS;
    let context = Context {
        file: "",
        version: newest,
        kind,
        findings: RefCell::default(),
        paths: RefCell::default(),
    };
    match T::deserialize(context.root(None)) {
        Ok(_) => context.paths.into_inner(),
        Err(_) => Vec::new(),
    }
}

struct Context<'a> {
    file: &'a str,
    version: &'static Version,
    kind: Kind,
    findings: RefCell<Findings>,
    /// The paths of the fields that a struct asks for, if there is no document.
    paths: RefCell<Vec<String>>,
}

impl Context<'_> {
    fn root<'a>(&'a self, node: Option<&'a Node>) -> NodeDeserializer<'a> {
        NodeDeserializer {
            context: self,
            node,
            line: node.map_or(0, |node| node.line),
            path: String::new(),
        }
    }
}

struct NodeDeserializer<'a> {
    context: &'a Context<'a>,
    /// The node; without a document there is none, and every field exists and is empty.
    node: Option<&'a Node>,
    /// The line of the field: that of its key, if it has one.
    line: usize,
    path: String,
}

impl<'a> NodeDeserializer<'a> {
    fn problem(&self, line: usize, path: String, message: String) -> Problem {
        let file = self.context.file.to_owned();
        Problem {
            origin: Origin::File { file, line, path },
            message,
        }
    }

    fn mismatch(&self, node: &Node, wanted: &str) {
        let problems = &mut self.context.findings.borrow_mut().problems;
        if problems.len() <= MAX_LISTED {
            let found = node.value.kind();
            let elsewhere = match (wanted, &node.value) {
                (ARGUMENT_LIST, Value::Mapping(_)) => {
                    "; only versions before `v1beta4` have a mapping"
                }
                (ARGUMENT_MAP, Value::Sequence(_)) => "; only `v1beta4` has a list",
                _ => "",
            };
            let message = format!("is {found}, want {wanted}{elsewhere}");
            problems.push(self.problem(self.line, self.path.clone(), message));
        }
    }

    fn unknown(&self, entry: &Entry, siblings: &[&'static str]) {
        let warnings = &mut self.context.findings.borrow_mut().warnings;
        if warnings.len() <= MAX_LISTED {
            let Context { version, kind, .. } = self.context;
            let suggestion = match suggest::field(version, *kind, &entry.key, siblings) {
                Some(suggestion) => format!("; {suggestion}"),
                None => String::new(),
            };
            let message = format!("is not a known field and is ignored{suggestion}");
            let path = field_path(&self.path, &entry.key);
            warnings.push(self.problem(entry.line, path, message));
        }
    }

    /// Reads a scalar as text, whatever type YAML gives it.
    fn text<V: Visitor<'a>>(self, wanted: &str, visitor: V) -> Result<V::Value, Error> {
        match self.node.map(|node| (node, node.text())) {
            Some((_, Some(text))) => visitor.visit_str(text),
            Some((node, None)) => {
                self.mismatch(node, wanted);
                visitor.visit_str("")
            }
            None => visitor.visit_str(""),
        }
    }

    /// Reads a mapping; `known` are the fields of a struct, none if any key is allowed.
    fn mapping<V: Visitor<'a>>(
        self,
        wanted: &str,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Some(node) = self.node
            && !matches!(node.value, Value::Mapping(_))
        {
            self.mismatch(node, wanted);
        }
        let is_known = |name: &&str| {
            let version = self.context.version;
            self.node.is_none() || !version.lacks(&field_path(&self.path, name))
        };
        let known: Option<Vec<_>> =
            known.map(|names| names.iter().copied().filter(is_known).collect());
        let fields: Vec<_> = match (self.node, &known) {
            (Some(node), _) => node.fields().iter().map(Field::Entry).collect(),
            (None, Some(names)) => names.iter().copied().map(Field::Name).collect(),
            (None, None) => Vec::new(),
        };
        visitor.visit_map(Fields {
            parent: &self,
            known,
            fields: fields.into_iter(),
            value: None,
        })
    }

    fn sequence<V: Visitor<'a>>(self, wanted: &str, visitor: V) -> Result<V::Value, Error> {
        let nodes = match self.node.map(|node| (node, &node.value)) {
            Some((_, Value::Sequence(nodes))) => &nodes[..],
            Some((node, _)) => {
                self.mismatch(node, wanted);
                &[]
            }
            None => &[],
        };
        visitor.visit_seq(Items {
            parent: &self,
            nodes: nodes.iter().enumerate(),
        })
    }

    fn setting<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let line = match self.node {
            Some(node) if node.text().is_some() => node.line,
            _ => self.line,
        };
        let file = self.context.file.to_owned();
        let place = vec![file, line.to_string(), self.path.clone()];
        visitor.visit_seq(SettingParts {
            value: Some(self),
            place: place.into_iter(),
        })
    }
}

/// What messages ask for where a component's arguments are meant.
const ARGUMENT_LIST: &str = "a list of `name` and `value`";
const ARGUMENT_MAP: &str = "a mapping from name to value";

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = Error;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.map(|node| &node.value) {
            // kubeadm takes null for an absent value of any type.
            Some(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.mapping("a mapping", Some(fields), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.mapping("a mapping", None, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            SETTING => self.setting(visitor),
            ARGUMENTS if self.context.version.has_argument_maps => {
                self.mapping(ARGUMENT_MAP, None, visitor)
            }
            ARGUMENTS => self.sequence(ARGUMENT_LIST, visitor),
            wanted => self.sequence(wanted, visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text("a string", visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text("a number", visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text("`true` or `false`", visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("no field has such a type"))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct
        newtype_struct seq tuple enum identifier ignored_any
    }
}

/// A field of a mapping: one of the document, or one that a struct asks for.
#[derive(Clone, Copy)]
enum Field<'a> {
    Entry(&'a Entry),
    Name(&'static str),
}

struct Fields<'a, 'p> {
    parent: &'p NodeDeserializer<'a>,
    known: Option<Vec<&'static str>>,
    fields: std::vec::IntoIter<Field<'a>>,
    value: Option<Field<'a>>,
}

impl<'de> de::MapAccess<'de> for Fields<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        for field in self.fields.by_ref() {
            let name: &str = match (field, &self.known) {
                (Field::Entry(entry), Some(known)) if !known.contains(&&*entry.key) => {
                    self.parent.unknown(entry, known);
                    continue;
                }
                (Field::Entry(entry), _) => &entry.key,
                (Field::Name(name), _) => name,
            };
            self.value = Some(field);
            return seed.deserialize(StrDeserializer::new(name)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let NodeDeserializer { context, path, .. } = self.parent;
        let (node, line, path) = match self.value.take() {
            Some(Field::Entry(entry)) => {
                (Some(&entry.value), entry.line, field_path(path, &entry.key))
            }
            Some(Field::Name(name)) => {
                let path = field_path(path, name);
                context.paths.borrow_mut().push(path.clone());
                (None, 0, path)
            }
            None => return Err(de::Error::custom("no key was read")),
        };
        seed.deserialize(NodeDeserializer {
            context,
            node,
            line,
            path,
        })
    }
}

struct Items<'a, 'p> {
    parent: &'p NodeDeserializer<'a>,
    nodes: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some((index, node)) = self.nodes.next() else {
            return Ok(None);
        };
        seed.deserialize(NodeDeserializer {
            context: self.parent.context,
            node: Some(node),
            line: node.line,
            path: format!("{}[{index}]", self.parent.path),
        })
        .map(Some)
    }
}

/// Hands a setting its value, file, line and path, in this order.
struct SettingParts<'a> {
    value: Option<NodeDeserializer<'a>>,
    place: std::vec::IntoIter<String>,
}

impl<'de> de::SeqAccess<'de> for SettingParts<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map(Some),
            None => self
                .place
                .next()
                .map(|part| seed.deserialize(part.into_deserializer()))
                .transpose(),
        }
    }
}
