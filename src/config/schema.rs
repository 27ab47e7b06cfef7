//! The fields of kubeadm's configuration, version by version, and what a file makes of them.
//!
//! The tables, in `versions`, name every field of every struct, whether certificates depend on it or not, so that a field
//! that is not there is a mistake. [`check`] walks a document along its table once: an unknown field is worth a warning, as
//! with kubeadm, and a shape that kubeadm's decoder would refuse is a problem. What the values say is read and judged
//! elsewhere.

mod versions;

use super::document::{Entry, MOST_FINDINGS, Node, Value, field_path};
use super::problem::{Origin, Problem};
pub(super) use versions::VERSIONS;
use versions::{ARGUMENT, BOOLEAN, TEXT};

/// A field of a struct.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A single value; the word is what messages ask for.
    Single(&'static str),
    /// A list of strings.
    Strings,
    /// A mapping from names to `true` or `false`.
    Switches,
    /// A component's arguments, as a list of name and value.
    Arguments,
    /// A component's arguments, as a mapping from name to value.
    ArgumentMap,
    /// A mapping with these fields.
    Struct(&'static [Field]),
    /// A list of such mappings.
    Structs(&'static [Field]),
}

/// The documents of one version of kubeadm's API.
#[derive(Debug)]
pub(super) struct Version {
    /// The version, such as `v1beta4`.
    pub(super) name: &'static str,
    init_configuration: &'static [Field],
    cluster_configuration: &'static [Field],
}

/// The kinds of documents that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// `InitConfiguration`.
    Init,
    /// `ClusterConfiguration`.
    Cluster,
}

impl Document {
    /// All of them.
    pub(super) const ALL: [Document; 2] = [Document::Init, Document::Cluster];

    /// Returns the document of this kind.
    pub(super) fn of_kind(kind: &str) -> Option<Document> {
        Document::ALL.into_iter().find(|it| it.kind() == kind)
    }

    /// Returns its `kind`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Document::Init => "InitConfiguration",
            Document::Cluster => "ClusterConfiguration",
        }
    }
}

impl Version {
    fn fields(&self, document: Document) -> &'static [Field] {
        match document {
            Document::Init => self.init_configuration,
            Document::Cluster => self.cluster_configuration,
        }
    }

    /// Returns whether the `ClusterConfiguration` has this field.
    pub(super) fn has(&self, field: &str) -> bool {
        self.cluster_configuration
            .iter()
            .any(|known| known.name == field)
    }
}

/// What is found in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is worth a look.
    pub(super) warnings: Vec<Problem>,
}

/// Warns of the unknown fields of a document, at every level, and finds the shapes that kubeadm would refuse.
pub(super) fn check(
    file: &str,
    version: &'static Version,
    document: Document,
    entries: &[Entry],
    findings: &mut Findings,
) {
    let mut walk = Walk {
        file,
        version,
        document,
        findings,
    };
    walk.fields("", entries, version.fields(document));
}

struct Walk<'a> {
    file: &'a str,
    version: &'static Version,
    document: Document,
    findings: &'a mut Findings,
}

impl Walk<'_> {
    fn fields(&mut self, path: &str, entries: &[Entry], known: &'static [Field]) {
        for entry in entries {
            match known.iter().find(|field| field.name == &*entry.key) {
                Some(field) => {
                    let path = field_path(path, field.name);
                    self.shape(entry.line, &path, &entry.value, field.kind);
                }
                None => self.unknown(path, entry, known),
            }
        }
    }

    /// Compares a value's shape with the wanted one; kubeadm takes null for an absent value, whatever is wanted.
    fn shape(&mut self, line: usize, path: &str, node: &Node, kind: Kind) {
        let wanted = match (kind, &node.value) {
            (_, Value::Null) | (Kind::Single(_), Value::Scalar(_)) => return,
            (Kind::Struct(known), Value::Mapping(entries)) => {
                return self.fields(path, entries, known);
            }
            (Kind::Structs(known), Value::Sequence(nodes)) => {
                return self.structs(path, nodes, known);
            }
            (Kind::Arguments, Value::Sequence(nodes)) => {
                return self.structs(path, nodes, ARGUMENT);
            }
            (Kind::Strings, Value::Sequence(nodes)) => return self.strings(path, nodes),
            (Kind::Switches, Value::Mapping(entries)) => {
                return self.singles(path, entries, BOOLEAN);
            }
            (Kind::ArgumentMap, Value::Mapping(entries)) => {
                return self.singles(path, entries, TEXT);
            }
            (Kind::Single(wanted), _) => wanted,
            (Kind::Strings, _) => "a list of strings",
            (Kind::Structs(_), _) => "a list of mappings",
            (Kind::Struct(_) | Kind::Switches, _) => "a mapping",
            (Kind::Arguments, Value::Mapping(_)) => {
                "a list of `name` and `value`; only `v1beta3` has a mapping there"
            }
            (Kind::Arguments, _) => "a list of `name` and `value`",
            (Kind::ArgumentMap, Value::Sequence(_)) => "a mapping; only `v1beta4` has a list there",
            (Kind::ArgumentMap, _) => "a mapping",
        };
        self.mismatch(line, || path.to_owned(), node, wanted);
    }

    fn structs(&mut self, path: &str, nodes: &[Node], known: &'static [Field]) {
        for (index, node) in nodes.iter().enumerate() {
            let path = || format!("{path}[{index}]");
            match &node.value {
                Value::Null => {}
                Value::Mapping(entries) => self.fields(&path(), entries, known),
                _ => self.mismatch(node.line, path, node, "a mapping"),
            }
        }
    }

    fn strings(&mut self, path: &str, nodes: &[Node]) {
        for (index, node) in nodes.iter().enumerate() {
            if !is_single(node) {
                self.mismatch(node.line, || format!("{path}[{index}]"), node, TEXT);
            }
        }
    }

    fn singles(&mut self, path: &str, entries: &[Entry], wanted: &str) {
        for Entry { key, line, value } in entries {
            if !is_single(value) {
                self.mismatch(*line, || field_path(path, key), value, wanted);
            }
        }
    }

    fn mismatch(&mut self, line: usize, path: impl FnOnce() -> String, node: &Node, wanted: &str) {
        if self.findings.problems.len() <= MOST_FINDINGS {
            let message = format!("is {}, want {wanted}", node.value.kind());
            let problem = self.finding(line, path(), message);
            self.findings.problems.push(problem);
        }
    }

    fn unknown(&mut self, path: &str, entry: &Entry, siblings: &'static [Field]) {
        if self.findings.warnings.len() <= MOST_FINDINGS {
            let message = match self.meant(&entry.key, siblings) {
                Some(meant) => format!("is not a known field and is ignored; {meant}"),
                None => "is not a known field and is ignored".to_owned(),
            };
            let warning = self.finding(entry.line, field_path(path, &entry.key), message);
            self.findings.warnings.push(warning);
        }
    }

    fn finding(&self, line: usize, path: String, message: String) -> Problem {
        let file = self.file.to_owned();
        Problem {
            origin: Origin::File { file, line, path },
            message,
        }
    }

    /// Returns what whoever wrote an unknown field may have meant.
    fn meant(&self, key: &str, siblings: &'static [Field]) -> Option<String> {
        if key.contains(':') {
            return Some("a blank is missing after the colon".to_owned());
        }
        let names = || siblings.iter().map(|field| field.name);
        if let Some(name) = names().find(|name| name.eq_ignore_ascii_case(key)) {
            return Some(format!("kubeadm spells it `{name}`"));
        }
        let ends = names().filter(|name| !EVERYWHERE.contains(name) && ends_in(name, key));
        let same = places(self.version, self.document, key);
        if let Some(meant) = alternatives(ends.map(str::to_owned).chain(same).collect()) {
            return Some(format!("did you mean {meant}?"));
        }
        let elsewhere = Document::ALL.into_iter().find_map(|document| {
            let meant = alternatives(places(self.version, document, key))?;
            Some(format!(
                "did you mean {meant} of the `{}`?",
                document.kind()
            ))
        });
        let of_version = || {
            let version = VERSIONS
                .iter()
                .find(|version| !places(version, self.document, key).is_empty())?;
            Some(format!("only `{}` has it", version.name))
        };
        let near = || Some(format!("did you mean `{}`?", near(key, names())?));
        elsewhere.or_else(of_version).or_else(near)
    }
}

fn is_single(node: &Node) -> bool {
    matches!(node.value, Value::Scalar(_) | Value::Null)
}

/// What every document has, so that nobody is asking for it.
const EVERYWHERE: [&str; 2] = ["apiVersion", "kind"];

/// Returns whether `certSANs` is what is left of `serverCertSANs`.
fn ends_in(name: &str, key: &str) -> bool {
    key.len() > 2
        && name
            .len()
            .checked_sub(key.len())
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(key))
}

/// More than this are no help.
const MOST_ALTERNATIVES: usize = 4;

/// Returns names as one phrase, if there are any and not too many.
fn alternatives(names: Vec<String>) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last()? {
        (last, []) => Some(last.clone()),
        (last, others) if others.len() < MOST_ALTERNATIVES => {
            Some(format!("{} or {last}", others.join(", ")))
        }
        _ => None,
    }
}

/// Returns where in a document fields of this name are; those in lists are left out, for they have no path of their own.
fn places(version: &Version, document: Document, key: &str) -> Vec<String> {
    fn collect(path: &str, fields: &[Field], key: &str, found: &mut Vec<String>) {
        for field in fields {
            let path = field_path(path, field.name);
            if field.name.eq_ignore_ascii_case(key) {
                found.push(path.clone());
            }
            if let Kind::Struct(fields) = field.kind {
                collect(&path, fields, key, found);
            }
        }
    }
    let mut found = Vec::new();
    collect("", version.fields(document), key, &mut found);
    found
}

/// Names that are more alike than this are taken for one another; the same threshold as that of the command line.
const ALIKE: f64 = 0.7;

/// Returns the name that is most like `text`, if one is.
pub(super) fn near(text: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    // A letter or two are like anything that begins so. The time grows with the product of the lengths, and no name is
    // nearly as long as the limit.
    if !(3..=64).contains(&text.len()) {
        return None;
    }
    let text = text.to_lowercase();
    names
        .map(|name| (strsim::jaro(&text, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
