//! Secrets (`v1`): the entries of one that `kubectl` printed, and new ones.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::documents;
use crate::util::escape::quote;

/// The namespace of kubeadm's objects.
pub const KUBE_SYSTEM: &str = "kube-system";

/// The entries of a Secret, decoded.
#[derive(Default)]
pub struct SecretEntries {
    entries: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl SecretEntries {
    /// Returns the value of an entry.
    pub fn entry(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.entries.iter().find(|(entry, _)| entry == name)?;
        Some(value)
    }

    /// Returns the names of the entries.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Reads the entries of a Secret object.
    ///
    /// # Errors
    /// All entries that are not base64.
    pub fn read(secret: &Value) -> Result<SecretEntries, Vec<String>> {
        let mut read = SecretEntries::default();
        let mut problems = Vec::new();
        for (name, value) in fields(secret, "data") {
            match value.as_str().map(decode) {
                Some(Some(value)) => read.entries.push((name.clone(), value)),
                _ => problems.push(format!("entry {} is not base64", quote(name))),
            }
        }
        // The API server lets the entries that are not encoded override the others.
        for (name, value) in fields(secret, "stringData") {
            let Some(value) = value.as_str() else {
                problems.push(format!("entry {} is not a string", quote(name)));
                continue;
            };
            let value = Zeroizing::new(value.as_bytes().to_vec());
            read.entries.retain(|(entry, _)| entry != name);
            read.entries.push((name.clone(), value));
        }
        match problems.is_empty() {
            true => Ok(read),
            false => Err(problems),
        }
    }
}

/// Returns the Secrets of documents in `kube-system`, with their names. A Secret without a namespace counts.
pub fn of_kube_system(documents: &[Value]) -> impl Iterator<Item = (&str, &Value)> {
    let secrets = documents::of_kind(documents, "Secret").into_iter();
    secrets.filter_map(|secret| {
        let metadata = secret.get("metadata")?;
        let namespace = metadata.get("namespace").and_then(Value::as_str);
        namespace
            .is_none_or(|namespace| namespace == KUBE_SYSTEM)
            .then_some((metadata.get("name")?.as_str()?, secret))
    })
}

/// Makes a Secret in `kube-system`. Kubernetes takes one without a type for an opaque one.
pub fn new<'a>(
    name: &str,
    secret_type: Option<&str>,
    entries: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Value {
    let data: Map<_, _> = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), BASE64_STANDARD.encode(value).into()))
        .collect();
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": KUBE_SYSTEM},
    });
    if let Some(fields) = secret.as_object_mut() {
        fields.extend(secret_type.map(|name| ("type".to_owned(), name.into())));
        fields.insert("data".to_owned(), data.into());
    }
    secret
}

fn fields<'v>(secret: &'v Value, name: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    secret
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// Decodes base64 as Go does, which skips line ends.
fn decode(encoded: &str) -> Option<Zeroizing<Vec<u8>>> {
    let encoded: Zeroizing<String> = Zeroizing::new(encoded.split(['\r', '\n']).collect());
    BASE64_STANDARD
        .decode(encoded.as_bytes())
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back() {
        let made = new("a", Some("b"), [("x", &b"1"[..]), ("y", b"")]);
        assert_eq!(made["type"], "b");
        let read = SecretEntries::read(&made).unwrap_or_default();
        assert_eq!(read.entry("x"), Some(&b"1"[..]));
        assert_eq!(read.entry("y"), Some(&b""[..]));
        assert_eq!(read.entry("z"), None);
        let documents = [made];
        let names: Vec<_> = of_kube_system(&documents).map(|(name, _)| name).collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn entries_are_read_as_the_api_server_reads_them() {
        let secret = json!({"data": {"x": "YQ\n==", "y": "YQ=="}, "stringData": {"y": "b"}});
        let read = SecretEntries::read(&secret).unwrap_or_default();
        assert_eq!(read.entry("x"), Some(&b"a"[..]));
        assert_eq!(read.entry("y"), Some(&b"b"[..]));
        let broken = json!({"data": {"x": "?", "y": "YQ", "z": 1}});
        let problems = SecretEntries::read(&broken).err().unwrap();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn a_secret_of_another_namespace_is_not_taken() {
        let secret = |namespace: Value| json!({"kind": "Secret", "metadata": {"name": "a", "namespace": namespace}});
        let documents = [secret("default".into()), secret(Value::Null)];
        assert_eq!(of_kube_system(&documents).count(), 1);
    }
}
