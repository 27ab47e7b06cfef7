//! The types of fields in kubeadm's structs, as [`de`](super::de) and [`suggest`](super::suggest) read them.
//!
//! Each names itself to the deserializer by the words with which a message asks for it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::config::problem::{Origin, Setting};

/// The name under which a [`Setting`] asks for its value and its place.
pub(super) const SETTING: &str = "a setting";
/// A component's arguments since `v1beta4`.
pub(super) const ARGUMENT_LIST: &str = "a list of `name` and `value`";
/// A component's arguments before `v1beta4`.
pub(super) const ARGUMENT_MAP: &str = "a mapping from name to value";

/// What a list holds.
pub(super) trait Item {
    /// The words for a list of these.
    const LIST: &'static str = "a list of mappings";
}

impl Item for String {
    const LIST: &'static str = "a list of strings";
}

impl<T: Item> Item for Setting<T> {
    const LIST: &'static str = T::LIST;
}

impl<T: Item> Item for Option<T> {
    const LIST: &'static str = T::LIST;
}

/// A list.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

/// A mapping with any keys, in the order of the file.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>);

/// A component's arguments before `v1beta4`.
#[derive(Debug)]
pub(super) struct ArgumentMap(pub(super) Vec<(String, Option<Setting<String>>)>);

/// The text of a number.
#[derive(Debug)]
pub(super) struct Number(pub(super) String);

/// The text of `true` or `false`.
#[derive(Debug)]
pub(super) struct Boolean(pub(super) String);

impl<'de, T: Deserialize<'de> + Item> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = deserializer.deserialize_tuple_struct(T::LIST, 0, Collect(PhantomData))?;
        Ok(List(items))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(CollectEntries(PhantomData))?;
        Ok(Entries(entries))
    }
}

impl<'de> Deserialize<'de> for ArgumentMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries =
            deserializer.deserialize_tuple_struct(ARGUMENT_MAP, 0, CollectEntries(PhantomData))?;
        Ok(ArgumentMap(entries))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u16(Text).map(Number)
    }
}

impl<'de> Deserialize<'de> for Boolean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bool(Text).map(Boolean)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple_struct(SETTING, 4, Parts(PhantomData))
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

struct Collect<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Collect<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        std::iter::from_fn(|| items.next_element().transpose()).collect()
    }
}

struct CollectEntries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for CollectEntries<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        std::iter::from_fn(|| entries.next_entry().transpose()).collect()
    }
}

struct Parts<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
    type Value = Setting<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<Setting<T>, A::Error> {
        let missing = || de::Error::custom("a part is missing");
        let value = parts.next_element()?.ok_or_else(missing)?;
        let mut part = || parts.next_element::<String>()?.ok_or_else(missing);
        let (file, line, path) = (part()?, part()?, part()?);
        let line = line.parse().map_err(de::Error::custom)?;
        let origin = Origin::File { file, line, path };
        Ok(Setting { value, origin })
    }
}
