//! The resolved configuration, with the origin of each value.

use serde::Serialize;

use crate::config::problem::Origin;
use crate::config::provenance::{Provenance, ShownField};

/// A configuration, in the order of kubeadm's documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// The fields.
    pub fields: Vec<ConfigurationField>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigurationField {
    /// Its path in kubeadm's documents.
    pub path: &'static str,
    /// Its values: one, or those of a list.
    pub values: Vec<String>,
    /// `flag`, `file`, `record`, `inferred`, `detected` or `default`.
    pub from: &'static str,
    /// The flag, the file and line, or the file of the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// `from` and the place as one text.
    #[serde(skip)]
    pub source: String,
}

impl Configuration {
    /// Takes the fields of a resolved configuration.
    pub fn new(fields: &[ShownField]) -> Configuration {
        Configuration {
            fields: fields.iter().map(ConfigurationField::new).collect(),
        }
    }
}

impl ConfigurationField {
    fn new(field: &ShownField) -> ConfigurationField {
        let origin = field.origin.as_ref().map(place);
        let source = match (&origin, field.provenance) {
            (None, provenance) => provenance.to_string(),
            (Some(_), Provenance::Record) => "record".to_owned(),
            (Some(origin), provenance) => format!("{provenance}: {origin}"),
        };
        ConfigurationField {
            path: field.path,
            values: field.values.clone(),
            from: field.provenance.name(),
            origin,
            source,
        }
    }
}

/// The report has the field's path separately.
fn place(origin: &Origin) -> String {
    match origin {
        Origin::File { file, line, .. } => format!("{file}:{line}"),
        other => other.to_string(),
    }
}
