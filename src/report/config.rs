//! The resolved configuration, each value with where it comes from.

use serde::Serialize;

use super::text::table;
use crate::config::problem::Origin;
use crate::config::provenance::{Provenance, ShownField};
use crate::util::escape::escaped;

/// Returns a table for people.
pub fn text(fields: &[ShownField]) -> String {
    let mut rows = vec![["FIELD", "VALUE", "FROM"].map(str::to_owned).to_vec()];
    rows.extend(fields.iter().map(|field| {
        let value = match field.values.is_empty() {
            true => "-".to_owned(),
            false => field.values.join(", "),
        };
        vec![field.path.to_owned(), escaped(&value), from(field)]
    }));
    table(&rows)
}

#[derive(Serialize)]
struct Configuration<'a> {
    fields: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    values: &'a [String],
    /// `flag`, `file`, `record`, `inferred`, `detected` or `default`.
    from: &'static str,
    /// The flag, the file with the line, or the file of the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

/// Returns the fields as JSON.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn json(fields: &[ShownField]) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&configuration(fields))? + "\n")
}

/// Returns the fields as YAML.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn yaml(fields: &[ShownField]) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(&configuration(fields))?)
}

fn configuration(fields: &[ShownField]) -> Configuration<'_> {
    Configuration {
        fields: fields.iter().map(entry).collect(),
    }
}

fn entry(field: &ShownField) -> Entry<'_> {
    Entry {
        path: field.path,
        values: &field.values,
        from: field.provenance.name(),
        origin: field.origin.as_ref().map(place),
    }
}

fn from(field: &ShownField) -> String {
    match (&field.origin, field.provenance) {
        (None, provenance) => provenance.to_string(),
        (Some(_), Provenance::Record) => "record".to_owned(),
        (Some(origin), provenance) => format!("{provenance}: {}", place(origin)),
    }
}

/// The field's path is in the table already.
fn place(origin: &Origin) -> String {
    match origin {
        Origin::File { file, line, .. } => format!("{file}:{line}"),
        other => other.to_string(),
    }
}
