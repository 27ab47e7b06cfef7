//! The types of fields in kubeadm's structs, as [`de`](super::de) reads them.
//!
//! Each names itself to the deserializer by the words with which a message asks for it.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::config::problem::{Origin, Setting};

/// The name under which a [`Setting`] asks for its value and its place.
pub(super) const SETTING: &str = "a setting";
/// The name under which [`Arguments`] ask for a list or a mapping.
pub(super) const ARGUMENTS: &str = "arguments";

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

/// A component's arguments: names and values, as a list since `v1beta4`, before as a mapping.
#[derive(Debug)]
pub(super) struct Arguments(pub(super) Vec<(String, Option<Setting<String>>)>);

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

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let arguments = deserializer.deserialize_tuple_struct(ARGUMENTS, 0, CollectArguments)?;
        Ok(Arguments(arguments))
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

struct CollectArguments;

#[derive(Deserialize)]
struct Argument {
    name: Option<String>,
    value: Option<Setting<String>>,
}

impl<'de> Visitor<'de> for CollectArguments {
    type Value = Vec<(String, Option<Setting<String>>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("arguments")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut arguments = Vec::new();
        while let Some(argument) = items.next_element::<Option<Argument>>()? {
            let argument =
                argument.map(|Argument { name, value }| (name.unwrap_or_default(), value));
            arguments.extend(argument);
        }
        Ok(arguments)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        CollectEntries(PhantomData).visit_map(entries)
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
