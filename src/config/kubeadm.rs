//! kubeadm's configuration files: `kubeadm.k8s.io/v1beta4` and `v1beta3`, and the `kubeadm-config` ConfigMap.
//!
//! [`read`] takes the fields that decide what is in a certificate, as text, each with its place. It judges the shape of the
//! file: kinds, versions, types of fields, and the few fields that nothing else has a say in. What the other values mean is
//! judged by `cluster`, after flags and files were put over each other with [`Settings::or`]. Unknown fields and foreign
//! documents only warn, as with kubeadm. The fields are in `schema`, ConfigMaps in `config_map`.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/util/config/initconfiguration.go`, `apis/kubeadm/validation/validation.go`.

mod config_map;
mod gates;
mod kubelet;

use std::rc::Rc;

use super::cluster::{Cluster, Host};
use super::document::{self, Entry, Lines, MOST_FINDINGS, Node, Source, Value, field_path};
use super::problem::{Declared, Origin, Problem, Problems};
use super::schema::{self, Document, Findings, VERSIONS, Version, near};
use super::settings::{ExternalEtcdSettings, Settings};
use super::values::certificate_key;
use crate::util::escape::quote;

/// What a file declares, and what in it is worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The declared settings.
    pub settings: Settings,
    /// Ignored documents and fields, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration file: kubeadm's documents, or the `kubeadm-config` ConfigMap, as YAML or JSON.
///
/// Lines inside a ConfigMap's embedded document are those of the file if the document is a literal block (`|`), as kubectl
/// prints it; else all of them are the line of its key. If the file is refused, the values that could be read are judged
/// too, so that one run names everything that is wrong in it.
pub fn read(file: &str, text: &[u8]) -> Result<Reading, Problems> {
    let text = document::decode(file, text).map_err(|problem| Problems(vec![problem]))?;
    let mut reader = Reader::new(file);
    let source = Source {
        file,
        lines: Lines::After(0),
    };
    reader.stream(source, text, Nesting::File);
    if reader.findings.problems.is_empty() && !reader.has_configuration() {
        let message = match text.trim().is_empty() {
            true => "is empty".to_owned(),
            false => reader.nothing_of_ours(),
        };
        reader.problem(0, "", message);
    }
    let Reader {
        settings,
        findings: Findings {
            mut problems,
            warnings,
        },
        ..
    } = reader;
    if problems.is_empty() {
        let warnings = limited(file, warnings, "warnings");
        return Ok(Reading { settings, warnings });
    }
    let of_values: Vec<_> = problems_of_values(settings)
        .filter(|problem| !problems.iter().any(|shape| is_above(problem, shape)))
        .collect();
    problems.extend(of_values);
    problems.sort_by_key(line);
    Err(Problems(limited(file, problems, "problems")))
}

/// Returns whether a problem is one of the struct that the other one's field is in: that the field is missing there, for
/// one, when it only has the wrong shape.
fn is_above(problem: &Problem, other: &Problem) -> bool {
    match (&problem.origin, &other.origin) {
        (Origin::File { path, .. }, Origin::File { path: other, .. }) if !path.is_empty() => other
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.')),
        _ => false,
    }
}

fn line(problem: &Problem) -> usize {
    match problem.origin {
        Origin::File { line, .. } => line,
        Origin::Flag(_) | Origin::Detected(_) => 0,
    }
}

/// Returns the first of these, and a last one that says so if there are more.
fn limited(file: &str, mut findings: Vec<Problem>, what: &str) -> Vec<Problem> {
    if findings.len() > MOST_FINDINGS {
        findings.truncate(MOST_FINDINGS);
        findings.push(Problem {
            origin: Origin::File {
                file: file.to_owned(),
                line: 0,
                path: String::new(),
            },
            message: format!("has more than {MOST_FINDINGS} {what}; the others are not listed"),
        });
    }
    findings
}

/// Returns what is wrong with the values themselves, leaving out what only the host or a flag could have supplied.
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
/// The versions that kubeadm had before those we read.
const TOO_OLD: [&str; 5] = ["v1beta2", "v1beta1", "v1alpha3", "v1alpha2", "v1alpha1"];
/// What a message about versions offers.
const SUPPORTED: &str = "`kubeadm.k8s.io/v1beta4` or `kubeadm.k8s.io/v1beta3`";
/// kubeadm's kinds that have nothing to say about a tree.
const OTHER_KINDS: [&str; 4] = [
    "JoinConfiguration",
    "ResetConfiguration",
    "UpgradeConfiguration",
    "ClusterStatus",
];
/// kubeadm's kinds before 1.12.
const OLD_KINDS: [&str; 2] = ["MasterConfiguration", "NodeConfiguration"];
/// What kubeadm hands on to other components.
const COMPONENT_CONFIGURATIONS: [(&str, &str); 2] = [
    ("kubelet.config.k8s.io", "KubeletConfiguration"),
    ("kubeproxy.config.k8s.io", "KubeProxyConfiguration"),
];
/// The most items of a list that is read; a thousand names are usual in no cluster.
const MOST_ITEMS: usize = 10_000;
/// The most text in such a list: Go's TLS takes no certificate message above 256 KiB.
const MOST_TEXT: usize = 256_000;

/// Whether a document is one of the file's own, or was found inside a ConfigMap.
#[derive(Clone, Copy, PartialEq)]
enum Nesting {
    File,
    ConfigMap,
}

/// A mapping whose fields are being read.
struct Fields {
    path: String,
    entries: Rc<[Entry]>,
}

impl Fields {
    fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == name)
    }

    /// Returns a field that is a mapping.
    fn mapping(&self, name: &str) -> Option<Fields> {
        match &self.find(name)?.value.value {
            Value::Mapping(entries) => Some(Fields {
                path: field_path(&self.path, name),
                entries: entries.clone(),
            }),
            _ => None,
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    settings: Settings,
    findings: Findings,
    /// The line of the `InitConfiguration`.
    init: Option<usize>,
    /// The line of the `ClusterConfiguration`.
    cluster: Option<usize>,
    /// The kinds of the other documents.
    others: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Reader<'a> {
        Reader {
            file,
            settings: Settings::default(),
            findings: Findings::default(),
            init: None,
            cluster: None,
            others: Vec::new(),
        }
    }

    fn stream(&mut self, source: Source<'_>, text: &str, nesting: Nesting) {
        for root in document::parse(source, text, &mut self.findings.problems) {
            self.document(&root, nesting);
        }
    }

    fn has_configuration(&self) -> bool {
        self.init.is_some() || self.cluster.is_some()
    }

    fn nothing_of_ours(&self) -> String {
        let nothing = "holds neither an `InitConfiguration` nor a `ClusterConfiguration`";
        match &self.others[..] {
            [] => nothing.to_owned(),
            others => format!("{nothing}, only {}", names(others)),
        }
    }

    fn document(&mut self, root: &Node, nesting: Nesting) {
        let entries = match &root.value {
            Value::Mapping(entries) => entries.clone(),
            Value::Null => return,
            other => {
                let message = format!("the document is {}, want a mapping", other.kind());
                return self.problem(root.line, "", message);
            }
        };
        let fields = Fields {
            path: String::new(),
            entries,
        };
        let api_version = self.required(root.line, &fields, "apiVersion");
        let kind = self.required(root.line, &fields, "kind");
        let (Some(api_version), Some(kind)) = (api_version, kind) else {
            return;
        };
        let (group, version) = match api_version.value.rsplit_once('/') {
            Some((group, version)) => (group, version),
            None => ("", api_version.value.as_str()),
        };
        if let Some(document) = Document::of_kind(&kind.value) {
            if let Some(version) = self.version(&api_version, group, version) {
                self.ours(root.line, document, &kind, &fields, version);
            }
            return;
        }
        match (group, version, kind.value.as_str()) {
            (GROUP, _, other) if !OTHER_KINDS.contains(&other) => self.unknown_kind(kind),
            ("", "v1", "ConfigMap") if nesting == Nesting::File => {
                self.config_map(root.line, &fields);
            }
            ("", "v1", "List" | "ConfigMapList") if nesting == Nesting::File => {
                self.list(root.line, &fields);
            }
            (group, _, other) => {
                if !COMPONENT_CONFIGURATIONS.contains(&(group, other)) {
                    let message = format!("the {} document is ignored", quote(other));
                    self.warning(root.line, "", message);
                }
                self.others.push(kind.value);
            }
        }
    }

    /// Returns the fields of a version, or says why it is not read.
    fn version(
        &mut self,
        api_version: &Declared<String>,
        group: &str,
        version: &str,
    ) -> Option<&'static Version> {
        let found = quote(&api_version.value);
        let known = VERSIONS
            .iter()
            .find(|known| group == GROUP && known.name == version);
        if let Some(known) = known {
            if known.name == "v1beta3" {
                let message = format!(
                    "{found} is deprecated, and has no fields for algorithm and validity; convert it with `kubeadm config migrate`"
                );
                self.warn(&api_version.origin, message);
            }
            return Some(known);
        }
        let message = match group == GROUP && TOO_OLD.contains(&version) {
            true => format!(
                "{found} is too old, want {SUPPORTED}; convert it with `kubeadm config migrate`"
            ),
            false => format!("{found} is not known; want {SUPPORTED}"),
        };
        self.refuse(&api_version.origin, message);
        None
    }

    fn unknown_kind(&mut self, kind: Declared<String>) {
        let found = quote(&kind.value);
        let kinds = Document::ALL.map(Document::kind).into_iter();
        let message = match near(&kind.value, kinds.chain(["JoinConfiguration"])) {
            _ if OLD_KINDS.contains(&kind.value.as_str()) => format!(
                "{found} is of kubeadm 1.11 or older; want `InitConfiguration` or `ClusterConfiguration`"
            ),
            Some(near) => {
                format!(
                    "{found} is not a kind of kubeadm's; did you mean {}?",
                    quote(near)
                )
            }
            None => format!(
                "{found} is not a kind of kubeadm's; want `InitConfiguration` or `ClusterConfiguration`"
            ),
        };
        self.refuse(&kind.origin, message);
    }

    fn ours(
        &mut self,
        line: usize,
        document: Document,
        kind: &Declared<String>,
        fields: &Fields,
        version: &'static Version,
    ) {
        let seen = match document {
            Document::Init => &mut self.init,
            Document::Cluster => &mut self.cluster,
        };
        if let Some(first) = seen.replace(line) {
            let message = format!(
                "is a second `{}`; the first begins in line {first}",
                document.kind()
            );
            return self.refuse(&kind.origin, message);
        }
        schema::check(
            self.file,
            version,
            document,
            &fields.entries,
            &mut self.findings,
        );
        match document {
            Document::Init => self.init_configuration(fields),
            Document::Cluster => self.cluster_configuration(fields, version),
        }
    }

    fn init_configuration(&mut self, fields: &Fields) {
        if let Some(endpoint) = fields.mapping("localAPIEndpoint") {
            self.settings.advertise_address = self.text(&endpoint, "advertiseAddress");
            self.settings.bind_port = self.text(&endpoint, "bindPort");
        }
        if let Some(node) = fields.mapping("nodeRegistration") {
            self.settings.node_name = self.text(&node, "name");
            self.settings.kubelet_cert_dir = self.kubelet_cert_dir(&node);
        }
        // The key is a secret, so it is judged here and goes no further.
        if let Some(key) = self.text(fields, "certificateKey")
            && let Err(message) = certificate_key(&key.value)
        {
            self.refuse(&key.origin, message);
        }
    }

    fn cluster_configuration(&mut self, fields: &Fields, version: &Version) {
        self.settings.cluster_name = self.text(fields, "clusterName");
        self.settings.control_plane_endpoint = self.text(fields, "controlPlaneEndpoint");
        self.settings.certificates_dir = self.text(fields, "certificatesDir");
        if let Some(networking) = fields.mapping("networking") {
            self.settings.service_subnet = self.text(&networking, "serviceSubnet");
            self.settings.dns_domain = self.text(&networking, "dnsDomain");
        }
        if let Some(api_server) = fields.mapping("apiServer") {
            self.settings.apiserver_cert_sans = self.texts(&api_server, "certSANs");
        }
        if let Some(etcd) = fields.mapping("etcd") {
            self.etcd(&etcd);
        }
        // v1beta3 has none of these; there they were warned of as unknown.
        if version.has("encryptionAlgorithm") {
            self.settings.encryption_algorithm = self.text(fields, "encryptionAlgorithm");
            self.settings.certificate_validity = self.text(fields, "certificateValidityPeriod");
            self.settings.ca_certificate_validity =
                self.text(fields, "caCertificateValidityPeriod");
        }
        if let Some(gates) = fields.mapping("featureGates") {
            self.feature_gates(&gates);
        }
    }

    fn etcd(&mut self, etcd: &Fields) {
        if let Some(local) = etcd.mapping("local") {
            self.settings.etcd_local = self.presence(etcd, "local");
            self.settings.etcd_data_dir = self.text(&local, "dataDir");
            self.settings.etcd_server_cert_sans = self.texts(&local, "serverCertSANs");
            self.settings.etcd_peer_cert_sans = self.texts(&local, "peerCertSANs");
        }
        if let Some(external) = etcd.mapping("external") {
            let settings = ExternalEtcdSettings {
                endpoints: self.texts(&external, "endpoints"),
                http_endpoints: self.texts(&external, "httpEndpoints"),
                ca_file: self.text(&external, "caFile"),
                cert_file: self.text(&external, "certFile"),
                key_file: self.text(&external, "keyFile"),
            };
            self.settings.etcd_external =
                self.presence(etcd, "external").map(|presence| Declared {
                    value: settings,
                    origin: presence.origin,
                });
        }
    }

    /// Returns a field that every document has.
    fn required(
        &mut self,
        line: usize,
        fields: &Fields,
        name: &'static str,
    ) -> Option<Declared<String>> {
        if let Some(text) = self.text(fields, name) {
            return Some(text);
        }
        match fields.find(name) {
            Some(entry) if !matches!(entry.value.value, Value::Null | Value::Scalar(_)) => {
                let message = format!("is {}, want a string", entry.value.value.kind());
                self.problem(entry.line, name, message);
            }
            Some(_) => self.problem(line, "", format!("the document has no `{name}`")),
            None => {
                let is_near = |entry: &&Entry| near(&entry.key, [name].into_iter()).is_some();
                let message = match fields.entries.iter().find(is_near) {
                    Some(entry) => format!(
                        "the document has no `{name}`; did you mean that with `{}` in line {}?",
                        field_path("", &entry.key),
                        entry.line
                    ),
                    None => format!("the document has no `{name}`"),
                };
                self.problem(line, "", message);
            }
        }
        None
    }

    /// Returns a field's text; kubeadm takes null and the empty string for an absent field.
    fn text(&self, fields: &Fields, name: &str) -> Option<Declared<String>> {
        let entry = fields.find(name)?;
        match &entry.value.value {
            Value::Scalar(scalar) if !scalar.text.is_empty() => Some(Declared {
                value: scalar.text.to_string(),
                origin: self.origin(entry.value.line, field_path(&fields.path, name)),
            }),
            _ => None,
        }
    }

    /// Returns a field's list of texts, in which an empty item is kept for the judge of the values.
    fn texts(&mut self, fields: &Fields, name: &str) -> Option<Vec<Declared<String>>> {
        let entry = fields.find(name)?;
        let Value::Sequence(nodes) = &entry.value.value else {
            return None;
        };
        let path = field_path(&fields.path, name);
        let length = |node: &Node| match &node.value {
            Value::Scalar(scalar) => scalar.text.len(),
            _ => 0,
        };
        let too_much = match (nodes.len(), nodes.iter().map(length).sum::<usize>()) {
            (items, _) if items > MOST_ITEMS => {
                Some(format!("has {items} items, at most {MOST_ITEMS} are taken"))
            }
            (_, text) if text > MOST_TEXT => Some(format!(
                "has {text} characters in all, at most {MOST_TEXT} are taken: no TLS handshake carries more"
            )),
            _ => None,
        };
        if let Some(message) = too_much {
            self.problem(entry.line, path, message);
            return None;
        }
        let mut texts = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match &node.value {
                Value::Scalar(scalar) => texts.push(Declared {
                    value: scalar.text.to_string(),
                    origin: self.origin(node.line, path),
                }),
                Value::Null => self.problem(node.line, path, "is null, want a string"),
                Value::Sequence(_) | Value::Mapping(_) => {}
            }
        }
        Some(texts)
    }

    /// Returns where a field is.
    fn presence(&self, fields: &Fields, name: &str) -> Option<Declared<()>> {
        let entry = fields.find(name)?;
        Some(Declared {
            value: (),
            origin: self.origin(entry.line, field_path(&fields.path, name)),
        })
    }

    fn problem(&mut self, line: usize, path: impl Into<String>, message: impl Into<String>) {
        self.refuse(&self.origin(line, path), message.into());
    }

    fn refuse(&mut self, origin: &Origin, message: String) {
        keep(&mut self.findings.problems, origin, message);
    }

    fn warning(&mut self, line: usize, path: impl Into<String>, message: String) {
        self.warn(&self.origin(line, path), message);
    }

    fn warn(&mut self, origin: &Origin, message: String) {
        keep(&mut self.findings.warnings, origin, message);
    }

    /// Returns a place; nodes carry the file's lines already.
    fn origin(&self, line: usize, path: impl Into<String>) -> Origin {
        Origin::File {
            file: self.file.to_owned(),
            line,
            path: path.into(),
        }
    }
}

/// Adds a finding, unless there are more than will be listed already.
fn keep(findings: &mut Vec<Problem>, origin: &Origin, message: String) {
    if findings.len() <= MOST_FINDINGS {
        findings.push(Problem {
            origin: origin.clone(),
            message,
        });
    }
}

/// Returns the first few of these names, each once.
fn names(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = Vec::new();
    for name in names {
        let name = quote(name);
        if shown.contains(&name) {
            continue;
        }
        if shown.len() == SHOWN {
            shown.push("others".to_owned());
            break;
        }
        shown.push(name);
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests;
