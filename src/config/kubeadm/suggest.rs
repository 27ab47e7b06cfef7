//! Suggests a known field for an unknown one.
//!
//! What fields a version has is asked of its structs: [`paths`] deserializes one from nothing and takes down every field
//! that it asks for. So no second list of names can differ from the structs.

use std::cell::RefCell;

use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::types::{ARGUMENT_MAP, SETTING};
use super::versions::{Kind, VERSIONS, Version};
use crate::config::kubeadm::document::field_path;

/// Suggests what an unknown field among `siblings` was meant to be.
pub(super) fn field(
    version: &Version,
    kind: Kind,
    key: &str,
    siblings: &'static [&'static str],
) -> Option<String> {
    if key.contains(':') {
        return Some("a blank is missing after the colon".to_owned());
    }
    let siblings = || siblings.iter().copied();
    if let Some(name) = siblings().find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(format!("kubeadm spells it `{name}`"));
    }
    let longer = siblings().filter(|name| !HEADER.contains(name) && ends_in(name, key));
    let same = places(version, kind, key);
    if let Some(names) = alternatives(longer.map(str::to_owned).chain(same).collect()) {
        return Some(format!("did you mean {names}?"));
    }
    for kind in Kind::ALL {
        if let Some(names) = alternatives(places(version, kind, key)) {
            return Some(format!("did you mean {names} of the `{}`?", kind.name()));
        }
    }
    if let Some(other) = VERSIONS
        .iter()
        .find(|other| !places(other, kind, key).is_empty())
    {
        return Some(format!("it is a field of `{}`", other.name));
    }
    let name = closest(key, siblings())?;
    Some(format!("did you mean `{name}`?"))
}

/// The fields that every document has.
const HEADER: [&str; 2] = ["apiVersion", "kind"];

/// Returns whether `name` ends in `key`, as `serverCertSANs` does in `certSANs`.
fn ends_in(name: &str, key: &str) -> bool {
    key.len() > 2
        && name
            .len()
            .checked_sub(key.len())
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(key))
}

/// The most names that one suggestion lists.
const MAX_ALTERNATIVES: usize = 4;

/// Returns names as one phrase, if there are any and not too many.
fn alternatives(names: Vec<String>) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last()? {
        (last, []) => Some(last.clone()),
        (last, others) if others.len() < MAX_ALTERNATIVES => {
            Some(format!("{} or {last}", others.join(", ")))
        }
        _ => None,
    }
}

/// Returns the paths of a document's fields of this name, outside lists.
fn places(version: &Version, kind: Kind, key: &str) -> Vec<String> {
    let mut paths = version.paths(kind);
    paths.retain(|path| {
        let name = path.rsplit('.').next().unwrap_or(path);
        name.eq_ignore_ascii_case(key)
    });
    paths
}

/// Returns the name that is most like `text`, if one is.
pub(super) fn closest(
    text: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    /// The likeness from which on two names are taken for one another; clap has the same threshold.
    const THRESHOLD: f64 = 0.7;
    // A letter or two are like anything that begins so. The time grows with the product of the lengths, and no name is
    // nearly as long as the limit.
    if !(3..=64).contains(&text.len()) {
        return None;
    }
    let text = text.to_lowercase();
    names
        .map(|name| (strsim::jaro(&text, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > THRESHOLD)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// Returns the path of every field of a struct and of the structs in it, in their order, outside lists.
pub(super) fn paths<'de, T: Deserialize<'de>>() -> Vec<String> {
    let found = RefCell::new(Vec::new());
    // Every type of field can be deserialized from nothing.
    let _: Result<T, Error> = T::deserialize(Explorer {
        path: String::new(),
        found: &found,
    });
    found.into_inner()
}

/// A deserializer that has something for whatever it is asked for, and takes down the fields.
struct Explorer<'f> {
    path: String,
    found: &'f RefCell<Vec<String>>,
}

impl<'de> Deserializer<'de> for Explorer<'_> {
    type Error = Error;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(AllFields {
            parent: &self,
            fields: fields.iter(),
            field: "",
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(AllFields {
            parent: &self,
            fields: [].iter(),
            field: "",
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            SETTING => visitor.visit_seq(EmptySetting {
                value: Some(self),
                place: ["", "0", ""].iter(),
            }),
            ARGUMENT_MAP => self.deserialize_map(visitor),
            _ => visitor.visit_seq(de::value::SeqDeserializer::new(std::iter::empty::<()>())),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str("")
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple enum identifier ignored_any
    }
}

struct AllFields<'p, 'f> {
    parent: &'p Explorer<'f>,
    fields: std::slice::Iter<'static, &'static str>,
    field: &'static str,
}

impl<'de> de::MapAccess<'de> for AllFields<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.fields.next() else {
            return Ok(None);
        };
        self.field = field;
        seed.deserialize(BorrowedStrDeserializer::new(field))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let path = field_path(&self.parent.path, self.field);
        self.parent.found.borrow_mut().push(path.clone());
        seed.deserialize(Explorer {
            path,
            found: self.parent.found,
        })
    }
}

struct EmptySetting<'f> {
    value: Option<Explorer<'f>>,
    place: std::slice::Iter<'static, &'static str>,
}

impl<'de> de::SeqAccess<'de> for EmptySetting<'_> {
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
                .map(|part| seed.deserialize((*part).into_deserializer()))
                .transpose(),
        }
    }
}

#[cfg(test)]
mod tests;
