//! A serde deserializer over the nodes of a [`document`](super::document), for the structs of `v1beta4` and older.
//!
//! It never stops at a mistake: a field of the wrong shape is noted and read as if it were absent, an unknown field is
//! noted and skipped. So one run names every problem of a file. A [`Setting`] is given its place in the file.
//!
//! serde-saphyr's own deserializer stops at the first wrong shape and tells no place for an unknown field, which is why
//! the structs are read from nodes.

use std::cell::RefCell;

use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::document::{Entry, MAX_LISTED, Node, Value, field_path};
use super::types::{ARGUMENT_LIST, ARGUMENT_MAP, SETTING};
use crate::config::problem::{Origin, Problem};

/// The mistakes that were found in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is worth a look.
    pub(super) warnings: Vec<Problem>,
}

/// What is known of the document that is read.
pub(super) struct Context<'a> {
    /// The file's name as the user gave it.
    pub(super) file: &'a str,
    /// Suggests a known field for an unknown one that stands among these.
    pub(super) suggest: &'a dyn Fn(&str, &'static [&'static str]) -> Option<String>,
    /// What was found so far.
    pub(super) findings: RefCell<Findings>,
}

/// Reads a struct from a mapping; what is wrong with it is added to the context's findings.
pub(super) fn from_node<T: DeserializeOwned + Default>(context: &Context<'_>, node: &Node) -> T {
    let deserializer = NodeDeserializer {
        context,
        node,
        line: node.line,
        path: String::new(),
    };
    // Every mistake of the file is noted instead of returned.
    T::deserialize(deserializer).unwrap_or_default()
}

struct NodeDeserializer<'a> {
    context: &'a Context<'a>,
    node: &'a Node,
    /// The line of the field: that of its key, if it has one.
    line: usize,
    path: String,
}

impl<'a> NodeDeserializer<'a> {
    fn origin(&self, line: usize, path: &str) -> Origin {
        Origin::File {
            file: self.context.file.to_owned(),
            line,
            path: path.to_owned(),
        }
    }

    fn mismatch(&self, wanted: &str) {
        let problems = &mut self.context.findings.borrow_mut().problems;
        if problems.len() > MAX_LISTED {
            return;
        }
        let elsewhere = match (&self.node.value, wanted) {
            (Value::Mapping(_), ARGUMENT_LIST) => "; only versions before `v1beta4` have a mapping",
            (Value::Sequence(_), ARGUMENT_MAP) => "; only `v1beta4` has a list",
            _ => "",
        };
        let found = self.node.value.kind();
        problems.push(Problem {
            origin: self.origin(self.line, &self.path),
            message: format!("is {found}, want {wanted}{elsewhere}"),
        });
    }

    fn unknown(&self, entry: &Entry, siblings: &'static [&'static str]) {
        let warnings = &mut self.context.findings.borrow_mut().warnings;
        if warnings.len() > MAX_LISTED {
            return;
        }
        let suggestion = (self.context.suggest)(&entry.key, siblings);
        let ignored = "is not a known field and is ignored";
        warnings.push(Problem {
            origin: self.origin(entry.line, &field_path(&self.path, &entry.key)),
            message: match suggestion {
                Some(suggestion) => format!("{ignored}; {suggestion}"),
                None => ignored.to_owned(),
            },
        });
    }

    /// Reads a scalar as text, whatever type YAML gives it.
    fn text<V: Visitor<'a>>(self, wanted: &str, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Scalar(scalar) => visitor.visit_borrowed_str(&scalar.text),
            _ => {
                self.mismatch(wanted);
                visitor.visit_borrowed_str("")
            }
        }
    }

    /// Reads a mapping; `known` are the fields of a struct, none if any key is allowed.
    fn mapping<V: Visitor<'a>>(
        self,
        wanted: &str,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let entries = match &self.node.value {
            Value::Mapping(entries) => entries,
            _ => {
                self.mismatch(wanted);
                &[][..]
            }
        };
        visitor.visit_map(Fields {
            parent: &self,
            known,
            entries: entries.iter(),
            value: None,
        })
    }

    fn sequence<V: Visitor<'a>>(self, wanted: &str, visitor: V) -> Result<V::Value, Error> {
        let nodes = match &self.node.value {
            Value::Sequence(nodes) => nodes,
            _ => {
                self.mismatch(wanted);
                &[][..]
            }
        };
        visitor.visit_seq(Items {
            parent: &self,
            nodes: nodes.iter().enumerate(),
        })
    }

    fn setting<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let line = match self.node.value {
            Value::Scalar(_) => self.node.line,
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

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = Error;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.value {
            // kubeadm takes null for an absent value of any type.
            Value::Null => visitor.visit_none(),
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
            ARGUMENT_MAP => self.mapping(name, None, visitor),
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

struct Fields<'a, 'p> {
    parent: &'p NodeDeserializer<'a>,
    known: Option<&'static [&'static str]>,
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> de::MapAccess<'de> for Fields<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        for entry in self.entries.by_ref() {
            match self.known {
                Some(known) if !known.contains(&&*entry.key) => self.parent.unknown(entry, known),
                _ => {
                    self.value = Some(entry);
                    let key = BorrowedStrDeserializer::new(&entry.key);
                    return seed.deserialize(key).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let entry = self
            .value
            .take()
            .ok_or_else(|| de::Error::custom("no key was read"))?;
        seed.deserialize(NodeDeserializer {
            context: self.parent.context,
            node: &entry.value,
            line: entry.line,
            path: field_path(&self.parent.path, &entry.key),
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
            node,
            line: node.line,
            path: format!("{}[{index}]", self.parent.path),
        })
        .map(Some)
    }
}

/// Hands a [`Setting`] its value, file, line and path, in this order.
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
