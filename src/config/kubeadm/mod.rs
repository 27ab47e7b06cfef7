//! kubeadm's configuration files: `kubeadm.k8s.io/v1beta4` and older, and the `kubeadm-config` ConfigMap.
//!
//! [`read`] returns the fields on which certificates depend, as text with file, line and path. It checks the kinds,
//! versions and shapes of the documents. [`Cluster::resolve`] checks the values after flags and files are merged. Unknown
//! fields and other documents only cause warnings, as in kubeadm.
//!
//! `parse` reads the file into a tree of nodes with lines (`document`). `walk` compares a document with the table of
//! kubeadm's fields (`schema`, `versions`). `declared` turns the values into settings, by the paths in
//! [`fields`](super::fields).
//!
//! Why not serde structs with `serde_saphyr::Spanned`? One run reports all problems of a file, but serde-saphyr (2.1)
//! stops at the first wrong shape or repeated key. Only a type that accepts any value could skip a wrong one, and such a
//! type reads `1.10` as the number 1.1 and `no` as a boolean. An unknown field that `#[serde(flatten)]` collects has
//! line 0. The `kind` that selects the struct may come last. A deserializer that wraps serde-saphyr's and solves all of
//! this is longer than `walk`.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/util/config/initconfiguration.go`, `apis/kubeadm/validation/validation.go`.

mod config_map;
mod declared;
mod document;
mod parse;
mod schema;
mod suggest;
mod versions;
mod walk;

use std::path::Path;

pub(super) use self::document::MAX_LISTED;
use self::document::{Lines, MappingEntry, Node, Scalar, SourceText, Value, field_path};
use self::versions::{ApiVersion, DocumentKind, VERSIONS};
use super::cluster::{Cluster, Host};
use super::problem::{Origin, Problem, Problems, STANDARD_INPUT, Setting};
use super::settings::Settings;
use crate::util::escape::shell_path;
use crate::util::secret::quote;

/// The settings of a file, and warnings about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// The settings.
    pub settings: Settings,
    /// Ignored documents, unknown fields and old versions, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration file: kubeadm's documents, or the `kubeadm-config` ConfigMap, as YAML or JSON.
///
/// The document in a ConfigMap is usually a literal block (`|`), as kubectl prints it, and problems in it have the line
/// of the file. In any other form they have the line of the document's key. The values of a refused file are checked too,
/// so that one run reports all of its problems.
pub fn read(file: &str, text: &[u8]) -> Result<ConfigFile, Problems> {
    let text = document::decode(file, text).map_err(|problem| Problems(vec![problem]))?;
    let mut reader = ConfigReader {
        file,
        ..ConfigReader::default()
    };
    let lines = Lines::After(0);
    reader.documents(SourceText { file, lines }, text, Nesting::File);
    if reader.diagnostics.problems.is_empty() && !reader.has_configuration() {
        let message = match text.trim().is_empty() {
            true => "is empty".to_owned(),
            false => reader.nothing_found(),
        };
        reader.refuse(&reader.origin(0, ""), message);
    }
    let settings = reader.settings;
    let Diagnostics {
        mut problems,
        mut warnings,
    } = reader.diagnostics;
    if problems.is_empty() {
        warnings.sort_by_key(Problem::line);
        let warnings = limited(file, warnings, "warnings");
        return Ok(ConfigFile { settings, warnings });
    }
    let of_values: Vec<_> = problems_of_values(settings)
        .filter(|problem| !problems.iter().any(|shape| explains(shape, problem)))
        .collect();
    problems.extend(of_values);
    problems.sort_by_key(Problem::line);
    Err(Problems(limited(file, problems, "problems")))
}

/// Returns whether a mapping has a problem only because a field in it has the wrong shape and was not read.
fn explains(shape: &Problem, mapping: &Problem) -> bool {
    match (&shape.origin, &mapping.origin) {
        (Origin::File { path: field, .. }, Origin::File { path: mapping, .. }) => {
            !mapping.is_empty() && field.starts_with(&format!("{mapping}."))
        }
        _ => false,
    }
}

/// Truncates a long list of diagnostics, and adds one that says so.
fn limited(file: &str, mut diagnostics: Vec<Problem>, what: &str) -> Vec<Problem> {
    if diagnostics.len() > MAX_LISTED {
        diagnostics.truncate(MAX_LISTED);
        diagnostics.push(Problem {
            origin: Origin::file(file, 0, ""),
            message: format!("has more than {MAX_LISTED} {what}; the others are not listed"),
        });
    }
    diagnostics
}

/// Returns the problems of values in the file; a flag or the host may still supply what is missing.
fn problems_of_values(settings: Settings) -> impl Iterator<Item = Problem> {
    let problems = match Cluster::resolve(settings, &Host::default()) {
        Ok(_) => Vec::new(),
        Err(Problems(problems)) => problems,
    };
    problems
        .into_iter()
        .filter(|problem| matches!(problem.origin, Origin::File { .. }))
}

/// The API group of kubeadm's documents.
const GROUP: &str = "kubeadm.k8s.io";
/// kubeadm's kinds that do not describe a cluster.
const OTHER_KINDS: [&str; 4] = [
    "JoinConfiguration",
    "ResetConfiguration",
    "UpgradeConfiguration",
    "ClusterStatus",
];
/// The kinds of kubeadm 1.11 and older.
const OLD_KINDS: [&str; 2] = ["MasterConfiguration", "NodeConfiguration"];
/// The configurations that kubeadm passes to other components.
const COMPONENT_CONFIGURATIONS: [(&str, &str); 2] = [
    ("kubelet.config.k8s.io", "KubeletConfiguration"),
    ("kubeproxy.config.k8s.io", "KubeProxyConfiguration"),
];
/// The advice in messages about kinds.
const WANTED_KINDS: &str = "want `InitConfiguration` or `ClusterConfiguration`";

/// Whether a document is in the file itself or in a ConfigMap.
#[derive(Clone, Copy, PartialEq)]
enum Nesting {
    File,
    ConfigMap,
}

/// The problems and warnings about a file.
#[derive(Debug, Default)]
struct Diagnostics {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

#[derive(Default)]
struct ConfigReader<'a> {
    file: &'a str,
    settings: Settings,
    diagnostics: Diagnostics,
    /// The line of the `InitConfiguration`.
    init: Option<usize>,
    /// The line of the `ClusterConfiguration`.
    cluster: Option<usize>,
    /// The kinds of the other documents.
    others: Vec<String>,
}

impl ConfigReader<'_> {
    fn documents(&mut self, source: SourceText<'_>, text: &str, nesting: Nesting) {
        for root in parse::parse(source, text, &mut self.diagnostics.problems) {
            self.document(&root, nesting);
        }
    }

    fn has_configuration(&self) -> bool {
        self.init.is_some() || self.cluster.is_some()
    }

    fn nothing_found(&self) -> String {
        let nothing = "contains neither an `InitConfiguration` nor a `ClusterConfiguration`";
        match &self.others[..] {
            [] => nothing.to_owned(),
            others => format!("{nothing}, only {}", names(others)),
        }
    }

    fn document(&mut self, root: &Node, nesting: Nesting) {
        match &root.value {
            Value::Mapping(_) => {}
            Value::Null => return,
            other => {
                let message = format!("the document is {}, want a mapping", other.kind());
                return self.refuse(&self.origin(root.line, ""), message);
            }
        }
        let api_version = self.header(root, "apiVersion");
        let kind = self.header(root, "kind");
        let (Some(api_version), Some(kind)) = (api_version, kind) else {
            return;
        };
        let (group, version) = match api_version.value.rsplit_once('/') {
            Some((group, version)) => (group, version),
            None => ("", api_version.value.as_str()),
        };
        if let Some(document) = DocumentKind::named(&kind.value) {
            if let Some(version) = self.version(&api_version, group, version) {
                self.configuration(root, document, &kind, version);
            }
            return;
        }
        match (group, version, kind.value.as_str()) {
            (GROUP, _, other) if !OTHER_KINDS.contains(&other) => self.unknown_kind(&kind),
            ("", "v1", "ConfigMap") if nesting == Nesting::File => self.config_map(root, ""),
            ("", "v1", "List" | "ConfigMapList") if nesting == Nesting::File => self.list(root),
            (group, _, other) => {
                if !COMPONENT_CONFIGURATIONS.contains(&(group, other)) {
                    let message = format!("the {} document is ignored", quote(other));
                    self.warn(&self.origin(root.line, ""), message);
                }
                self.others.push(kind.value);
            }
        }
    }

    /// Returns `apiVersion` or `kind`, which every document must have.
    fn header(&mut self, root: &Node, name: &'static str) -> Option<Setting<String>> {
        if let Some(text) = self.text(root, "", name) {
            return Some(text);
        }
        let missing = format!("the document has no `{name}`");
        let is_similar =
            |entry: &&MappingEntry| suggest::closest(&entry.key, [name].into_iter()).is_some();
        match root.field(name) {
            Some(entry) if !matches!(entry.value.value, Value::Null | Value::Scalar(_)) => {
                let message = format!("is {}, want a string", entry.value.value.kind());
                self.refuse(&self.origin(entry.line, name), message);
            }
            Some(_) => self.refuse(&self.origin(root.line, ""), missing),
            None => {
                let message = match root.fields().iter().find(is_similar) {
                    Some(entry) => format!(
                        "{missing}, but `{}` on line {}",
                        field_path("", &entry.key),
                        entry.line
                    ),
                    None => missing,
                };
                self.refuse(&self.origin(root.line, ""), message);
            }
        }
        None
    }

    /// Returns the version of a document, or refuses it.
    fn version(
        &mut self,
        api_version: &Setting<String>,
        group: &str,
        version: &str,
    ) -> Option<&'static ApiVersion> {
        let found = quote(&api_version.value);
        let known = VERSIONS
            .iter()
            .find(|known| group == GROUP && known.name == version);
        match known {
            Some(known) => {
                if let Some(age) = known.age {
                    let file = match self.file {
                        STANDARD_INPUT => "-".to_owned(),
                        file => shell_path(Path::new(file)),
                    };
                    let age = age.replace("{file}", &file);
                    self.warn(&api_version.origin, format!("{found} {age}"));
                }
            }
            None => {
                let wanted = "`kubeadm.k8s.io/v1beta4`, `v1beta3`, `v1beta2` or `v1beta1`";
                let message = match group == GROUP && version.starts_with("v1alpha") {
                    true => format!("{found} is too old; want {wanted}"),
                    false => format!("{found} is not known; want {wanted}"),
                };
                self.refuse(&api_version.origin, message);
            }
        }
        known
    }

    fn unknown_kind(&mut self, kind: &Setting<String>) {
        let found = quote(&kind.value);
        let kinds = DocumentKind::ALL.map(DocumentKind::name).into_iter();
        let message = match suggest::closest(&kind.value, kinds.chain(["JoinConfiguration"])) {
            _ if OLD_KINDS.contains(&kind.value.as_str()) => {
                format!("{found} is from kubeadm 1.11 or older; {WANTED_KINDS}")
            }
            Some(name) => format!("{found} is not a kind of kubeadm; did you mean `{name}`?"),
            None => format!("{found} is not a kind of kubeadm; {WANTED_KINDS}"),
        };
        self.refuse(&kind.origin, message);
    }

    fn configuration(
        &mut self,
        root: &Node,
        document: DocumentKind,
        kind: &Setting<String>,
        version: &'static ApiVersion,
    ) {
        let seen = match document {
            DocumentKind::Init => &mut self.init,
            DocumentKind::Cluster => &mut self.cluster,
        };
        if let Some(first) = seen.replace(root.line) {
            let message = format!(
                "is a second `{}`; the first begins on line {first}",
                document.name()
            );
            return self.refuse(&kind.origin, message);
        }
        let declared = walk::walk(self.file, version, document, root, &mut self.diagnostics);
        self.declare(&declared);
    }

    /// Returns a field's text, unless it is empty.
    fn text(&self, node: &Node, path: &str, name: &str) -> Option<Setting<String>> {
        let value = &node.field(name)?.value;
        let text = value.text().filter(|text| !text.is_empty())?;
        Some(Setting {
            value: text.to_owned(),
            origin: self.origin(value.line, &field_path(path, name)),
        })
    }

    fn refuse(&mut self, origin: &Origin, message: impl Into<String>) {
        keep(&mut self.diagnostics.problems, origin, message.into());
    }

    fn warn(&mut self, origin: &Origin, message: impl Into<String>) {
        keep(&mut self.diagnostics.warnings, origin, message.into());
    }

    /// Returns the origin of a field on a line of the file.
    fn origin(&self, line: usize, path: &str) -> Origin {
        Origin::file(self.file, line, path)
    }
}

/// Adds a finding, unless the list is already too long.
fn keep(diagnostics: &mut Vec<Problem>, origin: &Origin, message: String) {
    if diagnostics.len() <= MAX_LISTED {
        diagnostics.push(Problem {
            origin: origin.clone(),
            message,
        });
    }
}

/// Lists the first few names, without duplicates.
fn names(names: &[String]) -> String {
    const MAX_NAMES: usize = 3;
    let mut shown: Vec<String> = Vec::new();
    for name in names {
        let name = quote(name);
        if shown.contains(&name) {
            continue;
        }
        if shown.len() == MAX_NAMES {
            shown.push("others".to_owned());
            break;
        }
        shown.push(name);
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests;
