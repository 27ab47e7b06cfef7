//! Kubernetes objects as text for `kubectl apply -f -`.

use anyhow::Result;
use serde_json::{Value, json};

/// Returns objects as YAML documents.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn manifests_yaml(objects: &[Value]) -> Result<String> {
    // kubectl does not read base64 that is folded.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let documents: Vec<_> = objects
        .iter()
        .map(|object| serde_saphyr::to_string_with_options(object, options.clone()))
        .collect::<Result<_, _>>()?;
    Ok(documents.join("---\n"))
}

/// Returns objects as one JSON object: a list, unless there is only one.
///
/// # Errors
/// As [`manifests_yaml`].
pub fn manifests_json(objects: &[Value]) -> Result<String> {
    Ok(match objects {
        [object] => super::json(object)?,
        objects => super::json(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))?,
    })
}
