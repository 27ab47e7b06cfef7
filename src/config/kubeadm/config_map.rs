//! The `kubeadm-config` ConfigMap, alone or in a `List`, as kubectl prints it.

use super::*;

/// The ConfigMap that kubeadm keeps its configuration in.
const CONFIG_MAP: &str = "kubeadm-config";
/// The namespace it is in.
const NAMESPACE: &str = "kube-system";
/// The field that holds the document; others of kubeadm's, such as `ClusterStatus`, say nothing about certificates.
const DATA: &str = "ClusterConfiguration";

impl Reader<'_> {
    /// Reads what a `List` has of ours.
    pub(super) fn list(&mut self, line: usize, fields: &Fields) {
        let items = match fields
            .find("items")
            .map(|entry| (entry, &entry.value.value))
        {
            Some((_, Value::Sequence(items))) => items.clone(),
            None | Some((_, Value::Null)) => Rc::new([]),
            Some((entry, other)) => {
                let message = format!("is {}, want a list", other.kind());
                return self.problem(entry.line, "items", message);
            }
        };
        let mut found: Option<(usize, Fields)> = None;
        let mut others = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Value::Mapping(entries) = &item.value else {
                continue;
            };
            let fields = Fields {
                path: format!("items[{index}]"),
                entries: entries.clone(),
            };
            let name = self.metadata(&fields, "name").map(|name| name.value);
            match name {
                Some(name) if name == CONFIG_MAP && self.is_config_map(&fields) => {
                    if let Some((first, _)) = found {
                        let message = format!(
                            "is a second ConfigMap `{CONFIG_MAP}`; the first begins in line {first}"
                        );
                        return self.problem(item.line, fields.path, message);
                    }
                    found = Some((item.line, fields));
                }
                Some(name) => others.push(name),
                None => {}
            }
        }
        if let Some((line, fields)) = found {
            return self.config_map(line, &fields);
        }
        let only = match &others[..] {
            [] => String::new(),
            others => format!(", only {}", names(others)),
        };
        let message = format!("the list has no ConfigMap `{CONFIG_MAP}` of `{NAMESPACE}`{only}");
        self.problem(line, "", message);
    }

    /// Returns whether an object is a ConfigMap, of kubeadm's namespace if it says of which.
    fn is_config_map(&self, fields: &Fields) -> bool {
        let kind = self.text(fields, "kind");
        let namespace = self.metadata(fields, "namespace");
        kind.is_some_and(|kind| kind.value == "ConfigMap")
            && namespace.is_none_or(|namespace| namespace.value == NAMESPACE)
    }

    fn metadata(&self, fields: &Fields, name: &str) -> Option<Declared<String>> {
        self.text(&fields.mapping("metadata")?, name)
    }

    /// Reads the document in a ConfigMap.
    pub(super) fn config_map(&mut self, line: usize, fields: &Fields) {
        if let Some(name) = self.metadata(fields, "name")
            && name.value != CONFIG_MAP
        {
            let message = format!(
                "the ConfigMap is {}; want `{CONFIG_MAP}` of `{NAMESPACE}`",
                quote(&name.value)
            );
            return self.refuse(&name.origin, message);
        }
        let data = fields.mapping("data");
        let entry = data.as_ref().and_then(|data| data.find(DATA));
        let (Some(data), Some(entry)) = (&data, entry) else {
            let old = OLD_KINDS
                .iter()
                .find(|kind| data.as_ref().is_some_and(|data| data.find(kind).is_some()));
            let message = match old {
                Some(kind) => {
                    format!(
                        "the ConfigMap has no `data.{DATA}`, only the `{kind}` of kubeadm 1.11 or older"
                    )
                }
                None => format!(
                    "the ConfigMap has no `data.{DATA}`; want `{CONFIG_MAP}` of `{NAMESPACE}`"
                ),
            };
            return self.problem(line, fields.path.as_str(), message);
        };
        let path = field_path(&data.path, DATA);
        let Value::Scalar(scalar) = &entry.value.value else {
            let message = format!("is {}, want a string", entry.value.value.kind());
            return self.problem(entry.line, path, message);
        };
        let blank_lines = scalar.text.bytes().take_while(|&b| b == b'\n').count();
        let source = Source {
            file: self.file,
            lines: match scalar.literal {
                // A block's own line is its first that is not blank.
                true => Lines::After(entry.value.line.saturating_sub(1 + blank_lines)),
                false => Lines::All(entry.line),
            },
        };
        let found = self.findings.problems.len();
        self.stream(source, &scalar.text, Nesting::ConfigMap);
        if self.findings.problems.len() == found && !self.has_configuration() {
            self.problem(entry.line, path, format!("holds no `{DATA}`"));
        }
    }
}

#[cfg(test)]
mod tests;
