//! Reads the manifests of static pods: with which options the components of a host are started.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::catalog::components::{Component, READERS, SIGNING_OPTIONS};
use crate::catalog::{CA, Row, SA};
use crate::fs::file::FileError;
use crate::tree::layout::{MANIFESTS_DIRECTORY, Root, TreePath, row_of};
use crate::tree::overlay::Tree;
use crate::util::yaml;

/// The components that kubeadm runs as static pods.
pub const STATIC_PODS: [Component; 4] = [
    Component::Etcd,
    Component::Apiserver,
    Component::ControllerManager,
    Component::Scheduler,
];

/// The largest number of nodes in the YAML of a manifest; kubeadm's have a few hundred.
const MAX_NODES: usize = 25_000;

/// The manifest of a static pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodManifest {
    /// The component that it starts.
    pub component: Component,
    /// The options that name a file, as far as `catalog::components` knows them, in its order.
    pub files: Vec<NamedFile>,
    /// The keys with which it signs for single signers; kubeadm names none. Empty for other components than the controller manager.
    pub signer_keys: Vec<NamedFile>,
    /// The component's options with their values, in their order.
    options: Vec<(String, String)>,
}

/// A file that an option of a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The option.
    pub option: &'static str,
    /// The row whose file kubeadm names there.
    pub row: &'static Row,
    /// The file that kubeadm names there, below /etc/kubernetes.
    pub usual: &'static str,
    /// The path, as the manifest has it.
    pub path: String,
    /// The file of the tree that the path leads to.
    pub file: Option<TreePath>,
    /// Whether the path leads to a file.
    pub exists: bool,
}

/// Why a manifest cannot be used.
#[derive(Debug)]
pub enum ManifestError {
    /// It cannot be read.
    File(FileError),
    /// It is not the manifest of a pod; the reason.
    Invalid(String),
}

/// The fields of a pod that are used (Kubernetes `core/v1`).
#[derive(Deserialize)]
struct Pod {
    spec: PodSpec,
}

#[derive(Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
}

impl PodManifest {
    /// Returns the file of a component's manifest.
    pub fn file(component: Component) -> TreePath {
        let relative = format!("{MANIFESTS_DIRECTORY}/{}.yaml", component.name());
        TreePath::new(Root::Kubeconfigs, relative)
    }

    /// Reads the manifest of a component; `None` if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read, or is not the manifest of a pod.
    pub fn read(tree: &Tree, component: Component) -> Result<Option<PodManifest>, ManifestError> {
        let contents = tree.read(&PodManifest::file(component));
        let Some(contents) = contents.map_err(ManifestError::File)? else {
            return Ok(None);
        };
        let options = options(&contents.bytes, component)?;
        let files = named_files(tree, component, &options);
        Ok(Some(PodManifest {
            component,
            signer_keys: signer_keys(tree, component, &options),
            files,
            options,
        }))
    }

    /// Returns the value of an option. The last one counts, as in the components.
    pub fn option(&self, name: &str) -> Option<&str> {
        value(&self.options, name)
    }

    /// Returns every value of an option that can be repeated, in their order.
    pub fn options(&self, name: &str) -> Vec<&str> {
        let found = self.options.iter().filter(|(option, _)| option == name);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

impl NamedFile {
    /// Returns the row of the tree that the file belongs to.
    pub fn row_of_file(&self) -> Option<&'static Row> {
        self.file.as_ref().and_then(row_of).map(|(row, _)| row)
    }

    /// Returns whether the path leads to a file that kubeadm's option may name: the usual one.
    pub fn is_usual(&self) -> bool {
        let has_same_end = |file: &TreePath| {
            Path::new(self.usual).extension() == Path::new(&file.relative).extension()
        };
        // The API server takes the public half of `sa.key`, too.
        self.row_of_file() == Some(self.row)
            && (*self.row == SA || self.file.as_ref().is_some_and(has_same_end))
    }
}

fn value<'a>(options: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = options.iter().rev().find(|(option, _)| option == name);
    found.map(|(_, value)| value.as_str())
}

fn named_files(tree: &Tree, component: Component, options: &[(String, String)]) -> Vec<NamedFile> {
    let readers = READERS
        .iter()
        .filter(|reader| reader.component == component);
    let pairs = readers.flat_map(|reader| {
        let files = reader.files.iter().cycle();
        let pairs = reader.options.iter().zip(files);
        pairs.map(|(option, usual)| (reader.row, *option, *usual))
    });
    pairs
        .filter_map(|(row, option, usual)| {
            let named = |path: &str| NamedFile {
                option,
                row,
                usual,
                path: path.to_owned(),
                file: tree.locate(path),
                exists: tree.has_named(path),
            };
            // `--service-account-key-file` can be repeated, and every value counts.
            let values = options.iter().filter(|(name, _)| name == option);
            let files: Vec<_> = values
                .filter(|(_, path)| !path.is_empty())
                .map(|(_, path)| named(path))
                .collect();
            let is_good = |file: &&NamedFile| file.is_usual() && file.exists;
            files.iter().rfind(is_good).or(files.last()).cloned()
        })
        .collect()
}

fn signer_keys(tree: &Tree, component: Component, options: &[(String, String)]) -> Vec<NamedFile> {
    if component != Component::ControllerManager {
        return Vec::new();
    }
    // The first is that of all signers, which kubeadm names.
    let keys = SIGNING_OPTIONS.into_iter().skip(1);
    keys.filter_map(|[_, option]| {
        let path = value(options, option).filter(|path| !path.is_empty())?;
        Some(NamedFile {
            option,
            row: &CA,
            usual: "pki/ca.key",
            path: path.to_owned(),
            file: tree.locate(path),
            exists: tree.has_named(path),
        })
    })
    .collect()
}

/// Returns the options of the component's container.
fn options(bytes: &[u8], component: Component) -> Result<Vec<(String, String)>, ManifestError> {
    let invalid = |reason: &str| ManifestError::Invalid(reason.to_owned());
    let text = str::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))?;
    let pod: Pod = serde_saphyr::from_str_with_options(text, yaml::options(MAX_NODES))
        .map_err(|_| invalid("it is not the manifest of a pod"))?;
    let words =
        |container: &Container| [container.command.clone(), container.args.clone()].concat();
    let containers: Vec<_> = pod.spec.containers.iter().map(words).collect();
    let is_component = |words: &&Vec<String>| {
        let program = words.first().map(Path::new).and_then(Path::file_name);
        program.is_some_and(|program| program == component.name())
    };
    let words = containers.iter().find(is_component).or(containers.first());
    Ok(words.map(|words| parse(words)).unwrap_or_default())
}

/// Reads `--option=value` and `--option value`, with one dash or two.
fn parse(words: &[String]) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            continue;
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let value = words.next_if(|next| !next.starts_with('-'));
                (option, value.cloned().unwrap_or_default())
            }
        };
        options.push((format!("--{name}"), value));
    }
    options
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::File(error) => f.write_str(&error.without_advice()),
            ManifestError::Invalid(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        options(text.as_bytes(), Component::Etcd).unwrap()
    }

    #[test]
    fn options_are_read_in_every_spelling() {
        let text = "spec:\n  containers:\n  - command: [log, --cert-file=/wrong]\n  - command:\n    - /usr/bin/etcd\n    - --cert-file=/a.crt\n    - -key-file\n    - /a.key\n    - --client-cert-auth\n    args: [--cert-file=/b.crt]\n";
        let options = read(text);
        assert_eq!(value(&options, "--cert-file"), Some("/b.crt"));
        assert_eq!(value(&options, "--key-file"), Some("/a.key"));
        assert_eq!(value(&options, "--client-cert-auth"), Some(""));
        assert_eq!(value(&options, "--peer-cert-file"), None);
    }

    #[test]
    fn a_file_that_is_no_pod_is_refused() {
        for text in ["", "a: b", "spec: 3", "spec:\n  containers: {}", "\t"] {
            let error = options(text.as_bytes(), Component::Etcd).unwrap_err();
            assert_eq!(
                error.to_string(),
                "it is not the manifest of a pod",
                "{text}"
            );
        }
        assert_eq!(read("spec: {containers: []}"), []);
    }
}
