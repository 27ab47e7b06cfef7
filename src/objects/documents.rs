//! Reads the documents of a YAML or JSON text as Kubernetes does, and finds the objects in them.

use std::fmt;

use serde_json::Value;

use crate::util::yaml;

/// The largest text that is read.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// The largest number of nodes in its YAML.
const MAX_NODES: usize = 100_000;

/// Why a text is not read. It never quotes the text, which may hold a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentsError {
    /// It is larger than any object.
    TooLarge,
    /// It is nested too deeply, or has too many nodes or aliases; where.
    TooComplex(String),
    /// It is neither YAML nor JSON; where.
    NotYaml(String),
}

/// Reads every document of a text.
///
/// # Errors
/// If it is not YAML.
pub fn read(text: &str) -> Result<Vec<Value>, DocumentsError> {
    if text.len() > MAX_TEXT {
        return Err(DocumentsError::TooLarge);
    }
    // As kubectl does, which prints and takes JSON values one after the other. They are YAML only if there is one.
    if text.trim_start().starts_with('{') {
        let values = serde_json::Deserializer::from_str(text).into_iter();
        if let Ok(values) = values.collect() {
            return Ok(values);
        }
    }
    let options = yaml::options(MAX_NODES);
    serde_saphyr::from_multiple_with_options::<Value>(text, options).map_err(|error| {
        let position = error.location().map_or_else(String::new, |location| {
            format!(" (line {}, column {})", location.line(), location.column())
        });
        match yaml::is_too_complex(&error) {
            true => DocumentsError::TooComplex(position),
            false => DocumentsError::NotYaml(position),
        }
    })
}

/// Returns the `kind` of an object.
pub fn kind_of(value: &Value) -> Option<&str> {
    value.get("kind")?.as_str()
}

/// Returns the objects of this kind in documents and in the lists among them, such as `kubectl get -o yaml` prints.
pub fn of_kind<'v>(documents: &'v [Value], kind: &str) -> Vec<&'v Value> {
    let list = format!("{kind}List");
    let mut found = Vec::new();
    for document in documents {
        let items = document.get("items").and_then(Value::as_array);
        match (kind_of(document), items) {
            (Some(named), _) if named == kind => found.push(document),
            // The items of a typed list may leave their kind out.
            (Some(named), Some(items)) if named == list => found.extend(items),
            (Some("List"), Some(items)) => {
                found.extend(items.iter().filter(|item| kind_of(item) == Some(kind)));
            }
            _ => {}
        }
    }
    found
}

impl fmt::Display for DocumentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentsError::TooLarge => f.write_str("it is too large for a Kubernetes object"),
            DocumentsError::TooComplex(position) => write!(
                f,
                "it is nested too deeply, or has too many nodes or aliases{position}"
            ),
            DocumentsError::NotYaml(position) => write!(f, "it is neither YAML nor JSON{position}"),
        }
    }
}

impl std::error::Error for DocumentsError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_alone_and_in_lists() {
        let text = "kind: Secret\nname: a\n---\nkind: List\nitems: [{kind: Secret, name: b}, {kind: Pod}]\n---\n\
                    kind: SecretList\nitems: [{name: c}]\n---\nkind: Role\n---\n";
        let documents = read(text).unwrap();
        let names: Vec<_> = of_kind(&documents, "Secret")
            .into_iter()
            .filter_map(|secret| secret.get("name")?.as_str())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn an_error_has_its_position_and_does_not_quote_the_text() {
        let error = read("a: b\nc: [token-secret\n").unwrap_err().to_string();
        assert!(
            error.starts_with("it is neither YAML nor JSON (line "),
            "{error}"
        );
        assert!(!error.contains("token-secret"), "{error}");
        assert_eq!(
            read(&" ".repeat(MAX_TEXT + 1)),
            Err(DocumentsError::TooLarge)
        );
    }
}
