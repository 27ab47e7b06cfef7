//! The list of templates.

use serde::Serialize;

/// The texts that `pki template` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TemplateList {
    /// One entry for each.
    pub templates: Vec<ListedTemplate>,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedTemplate {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
}
