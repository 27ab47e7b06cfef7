//! The contexts of a kubeconfig that belongs to no tree.

use std::collections::BTreeSet;

use serde_json::Value;
use zeroize::Zeroizing;

use super::yaml::{self, expect, field, list, may_be_key};
use super::{Kubeconfig, KubeconfigError};

/// As many clusters and users as one file may have.
const MAX_CONTEXTS: usize = 1000;

/// A kubeconfig of which every context counts, not only the current one.
pub struct KubeconfigContexts {
    text: Zeroizing<String>,
    document: Value,
    names: Vec<String>,
}

impl KubeconfigContexts {
    /// Reads a kubeconfig; `None` if the text is something else.
    ///
    /// # Errors
    /// If it has no contexts, or too many.
    pub fn parse(text: &[u8]) -> Option<Result<KubeconfigContexts, KubeconfigError>> {
        let text = std::str::from_utf8(text).ok()?;
        let document = yaml::read(text).ok()?;
        let has_kind = document.get("kind").and_then(Value::as_str) == Some("Config");
        let is_kubeconfig = has_kind || document.get("clusters").is_some_and(Value::is_array);
        is_kubeconfig.then(|| {
            expect(&document, "apiVersion", "v1")?;
            expect(&document, "kind", "Config")?;
            Ok(KubeconfigContexts {
                names: names(&document)?,
                text: Zeroizing::new(text.to_owned()),
                document,
            })
        })
    }

    /// Returns the names of the contexts. Of those with the same cluster and user, only the first is returned.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns the kubeconfig with this context as its current one.
    ///
    /// # Errors
    /// As [`Kubeconfig::parse`].
    pub fn kubeconfig(&self, context: &str) -> Result<Kubeconfig, KubeconfigError> {
        Kubeconfig::in_context(&self.text, self.document.clone(), context)
    }
}

fn names(document: &Value) -> Result<Vec<String>, KubeconfigError> {
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for (index, context) in list(document, "contexts")?.iter().enumerate() {
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text(context.get("name"));
        if may_be_key(&name) {
            return Err(field(
                &format!("contexts[{index}].name"),
                "it is not a name",
            ));
        }
        let pair = ["/context/cluster", "/context/user"].map(|part| text(context.pointer(part)));
        if seen.insert(pair) {
            names.push(name);
        }
    }
    match names.len() {
        0 => Err(field("contexts", "it is empty")),
        count if count > MAX_CONTEXTS => {
            let what = format!("it has {count} different entries, the limit is {MAX_CONTEXTS}");
            Err(field("contexts", what))
        }
        _ => Ok(names),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn contexts(list: &str) -> Result<Vec<String>, String> {
        let text = format!("clusters: []\nusers: []\ncontexts: {list}\n");
        let parsed = KubeconfigContexts::parse(text.as_bytes()).unwrap();
        parsed
            .map(|parsed| parsed.names().map(str::to_owned).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_pair_of_cluster_and_user_counts_once() {
        let context = |name: &str, user: &str| {
            format!("{{name: {name}, context: {{cluster: c, user: {user}, namespace: {name}}}}}")
        };
        let list = [context("a", "x"), context("b", "y"), context("c", "x")];
        assert_eq!(
            contexts(&format!("[{}]", list.join(","))),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn a_kubeconfig_without_contexts_or_with_too_many_is_refused() {
        assert_eq!(contexts("[]"), Err("contexts: it is empty".to_owned()));
        let entries: Vec<_> = (0..1001)
            .map(|number| format!("{{name: a, context: {{user: u{number}}}}}"))
            .collect();
        assert_eq!(
            contexts(&format!("[{}]", entries.join(","))),
            Err("contexts: it has 1001 different entries, the limit is 1000".to_owned())
        );
        for text in ["", "kind: Pod", "a: [", "\u{0}"] {
            assert!(
                KubeconfigContexts::parse(text.as_bytes()).is_none(),
                "{text}"
            );
        }
    }
}
