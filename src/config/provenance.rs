//! Which layer of the configuration each value comes from.

use std::fmt;

use super::cluster::Cluster;
use super::fields::{FIELDS, Fallback};
use super::problem::Origin;
use super::settings::Settings;

/// The kind of layer that a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// A command-line flag.
    Flag,
    /// The file of `--config`.
    File,
    /// The configuration that an earlier run recorded.
    Record,
    /// The certificates and kubeconfigs of the tree.
    Inferred,
    /// The machine on which the program runs.
    Detected,
    /// kubeadm's default.
    Default,
}

/// The settings of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The kind of layer.
    pub provenance: Provenance,
    /// The settings.
    pub settings: Settings,
}

/// One field of a resolved configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownField {
    /// The field's path in kubeadm's documents.
    pub path: &'static str,
    /// The value, or the items of a list.
    pub values: Vec<String>,
    /// The kind of layer.
    pub provenance: Provenance,
    /// The place in the layer; defaults have no place.
    pub origin: Option<Origin>,
}

/// Returns the fields of `cluster` in the order of kubeadm's documents, each with the first layer that declares it.
pub fn explain(cluster: &Cluster, layers: &[Layer]) -> Vec<ShownField> {
    let mut shown = Vec::new();
    for field in FIELDS {
        let Some(values) = (field.show)(cluster) else {
            continue;
        };
        let declared = layers
            .iter()
            .find_map(|layer| Some((layer.provenance, (field.origin)(&layer.settings)?)));
        let (provenance, origin) = match (declared, field.default) {
            (Some((provenance, origin)), _) => (provenance, Some(origin.clone())),
            (None, Fallback::Host) => (Provenance::Detected, None),
            (None, Fallback::Value(_) | Fallback::Empty) => (Provenance::Default, None),
        };
        shown.push(ShownField {
            path: field.path,
            values,
            provenance,
            origin,
        });
    }
    shown
}

/// Describes each field in which two configurations differ, in the order of kubeadm's documents.
pub fn differences(before: &Cluster, after: &Cluster) -> Vec<String> {
    let text = |values: Option<Vec<String>>| match values.unwrap_or_default().join(", ") {
        text if text.is_empty() => "none".to_owned(),
        text => format!("`{text}`"),
    };
    FIELDS
        .iter()
        .map(|field| (field.path, (field.show)(before), (field.show)(after)))
        .filter(|(_, before, after)| before != after)
        .map(|(path, before, after)| format!("{path}: {} -> {}", text(before), text(after)))
        .collect()
}

impl Provenance {
    /// Returns the word for this kind of layer.
    pub fn name(self) -> &'static str {
        match self {
            Provenance::Flag => "flag",
            Provenance::File => "file",
            Provenance::Record => "record",
            Provenance::Inferred => "inferred",
            Provenance::Detected => "detected",
            Provenance::Default => "default",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
