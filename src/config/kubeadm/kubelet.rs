//! The one argument of the kubelet that says where certificates are.

use super::*;
use crate::config::values::absolute_path;

impl Reader<'_> {
    /// Returns the kubelet's argument `cert-dir`; of several the kubelet takes the last one.
    pub(super) fn kubelet_cert_dir(&mut self, node: &Fields) -> Option<Declared<String>> {
        const NAME: &str = "cert-dir";
        const FIELD: &str = "kubeletExtraArgs";
        let path = field_path(&node.path, FIELD);
        let argument = |(index, node): (usize, &Node)| {
            let Value::Mapping(entries) = &node.value else {
                return None;
            };
            let argument = Fields {
                path: format!("{path}[{index}]"),
                entries: entries.clone(),
            };
            let is_named = match &argument.find("name")?.value.value {
                Value::Scalar(name) => &*name.text == NAME,
                _ => false,
            };
            is_named.then_some(argument)
        };
        let directory = match &node.find(FIELD)?.value.value {
            Value::Sequence(nodes) => {
                let last = nodes.iter().enumerate().rev().find_map(argument)?;
                self.text(&last, "value")
            }
            _ => self.text(&node.mapping(FIELD)?, NAME),
        }?;
        match absolute_path(&directory.value) {
            Ok(_) => Some(directory),
            Err(message) => {
                self.refuse(&directory.origin, message);
                None
            }
        }
    }
}
