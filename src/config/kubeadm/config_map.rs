//! The `kubeadm-config` ConfigMap, alone or in a `List`, as kubectl prints it.

use super::*;

/// The ConfigMap in which kubeadm keeps its configuration.
const CONFIG_MAP: &str = "kubeadm-config";
/// Its namespace.
const NAMESPACE: &str = "kube-system";
/// The key of the document. Certificates do not depend on kubeadm's other keys, such as `ClusterStatus`.
const DATA: &str = "ClusterConfiguration";

impl ConfigReader<'_> {
    /// Reads the ConfigMap `kubeadm-config` in a `List`.
    pub(super) fn list(&mut self, root: &Node) {
        let items = match root.field("items").map(|entry| (entry, &entry.value.value)) {
            Some((_, Value::Sequence(items))) => &items[..],
            None | Some((_, Value::Null)) => &[],
            Some((entry, other)) => {
                let message = format!("is {}, want a list", other.kind());
                return self.refuse(&self.origin(entry.line, "items"), message);
            }
        };
        let mut found: Option<(&Node, String)> = None;
        let mut others = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("items[{index}]");
            let Some(name) = metadata(item, "name") else {
                continue;
            };
            if name != CONFIG_MAP || !is_config_map(item) {
                others.push(name.to_owned());
                continue;
            }
            if let Some((first, _)) = found {
                let message = format!(
                    "is a second ConfigMap `{CONFIG_MAP}`; the first begins on line {}",
                    first.line
                );
                return self.refuse(&self.origin(item.line, &path), message);
            }
            found = Some((item, path));
        }
        if let Some((item, path)) = found {
            return self.config_map(item, &path);
        }
        let only = match &others[..] {
            [] => String::new(),
            others => format!(", only {}", names(others)),
        };
        let message = format!("the list has no ConfigMap `{CONFIG_MAP}` of `{NAMESPACE}`{only}");
        self.refuse(&self.origin(root.line, ""), message);
    }

    /// Reads the document in a ConfigMap.
    pub(super) fn config_map(&mut self, map: &Node, path: &str) {
        let metadata = map.field("metadata").map(|entry| &entry.value);
        if let Some(metadata) = metadata
            && let Some(name) = self.text(metadata, &field_path(path, "metadata"), "name")
            && name.value != CONFIG_MAP
        {
            let message = format!(
                "the ConfigMap is {}; want `{CONFIG_MAP}` of `{NAMESPACE}`",
                quote(&name.value)
            );
            return self.refuse(&name.origin, message);
        }
        let data = map.field("data").map(|entry| &entry.value);
        let Some(entry) = data.and_then(|data| data.field(DATA)) else {
            let old = OLD_KINDS
                .iter()
                .find(|kind| data.is_some_and(|data| data.field(kind).is_some()));
            let missing = format!("the ConfigMap has no `data.{DATA}`");
            let message = match old {
                Some(kind) => format!("{missing}, only the `{kind}` of kubeadm 1.11 or older"),
                None => format!("{missing}; want `{CONFIG_MAP}` of `{NAMESPACE}`"),
            };
            return self.refuse(&self.origin(map.line, path), message);
        };
        let path = field_path(&field_path(path, "data"), DATA);
        let origin = self.origin(entry.line, &path);
        let Value::Scalar(scalar) = &entry.value.value else {
            let message = format!("is {}, want a string", entry.value.value.kind());
            return self.refuse(&origin, message);
        };
        let lines = lines(entry, scalar);
        let known = self.diagnostics.problems.len();
        let file = self.file;
        self.documents(SourceText { file, lines }, &scalar.text, Nesting::ConfigMap);
        if self.diagnostics.problems.len() == known && !self.has_configuration() {
            self.refuse(&origin, format!("contains no `{DATA}`"));
        }
    }
}

/// Returns how the lines of the embedded document are numbered in the file.
fn lines(entry: &MappingEntry, document: &Scalar) -> Lines {
    let blank_lines = document.text.bytes().take_while(|&b| b == b'\n').count();
    match document.is_literal {
        // The line of a block is its first line that is not blank.
        true => Lines::After(entry.value.line.saturating_sub(1 + blank_lines)),
        false => Lines::All(entry.line),
    }
}

/// Returns whether an object is a ConfigMap in kubeadm's namespace; the namespace may be absent.
fn is_config_map(object: &Node) -> bool {
    let kind = object.field("kind").and_then(|entry| entry.value.text());
    kind == Some("ConfigMap") && metadata(object, "namespace").is_none_or(|name| name == NAMESPACE)
}

/// Returns a field of an object's metadata, unless it is empty.
fn metadata<'n>(object: &'n Node, name: &str) -> Option<&'n str> {
    let text = object.field("metadata")?.value.field(name)?.value.text();
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
