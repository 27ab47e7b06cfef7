//! kubeadm's configuration files: `kubeadm.k8s.io/v1beta4` and `v1beta3`, and the `kubeadm-config` ConfigMap.
//!
//! [`read`] takes the fields that decide what is in a certificate, as text, each with its place. It judges the shape of the
//! file: kinds, versions, types of fields. What the values mean is judged by `cluster`, after flags and files were put
//! over each other with [`Settings::or`]. Unknown fields and foreign documents only warn, as with kubeadm.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go`, `v1beta3/types.go`, `util/config/initconfiguration.go`.

use std::rc::Rc;

use super::cluster::{Cluster, Host};
use super::document::{self, Entry, Lines, Node, Source, Value, field_path};
use super::problem::{Declared, Origin, Problem, Problems, quote};
use super::settings::{ExternalEtcdSettings, Settings};

/// What a file declares, and what in it is worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The declared settings.
    pub settings: Settings,
    /// Ignored documents and fields, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration file: kubeadm's documents, or the `kubeadm-config` ConfigMap as YAML or JSON.
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
    let Reader {
        settings,
        mut problems,
        warnings,
        init,
        cluster,
        ..
    } = reader;
    if problems.is_empty() && init.is_none() && cluster.is_none() {
        problems.push(Problem {
            origin: source.origin(0, ""),
            message: match text.trim().is_empty() {
                true => "is empty".to_owned(),
                false => {
                    "holds neither an `InitConfiguration` nor a `ClusterConfiguration`".to_owned()
                }
            },
        });
    }
    if problems.is_empty() {
        return Ok(Reading { settings, warnings });
    }
    problems.extend(problems_of_values(settings));
    problems.sort_by_key(|problem| match problem.origin {
        Origin::File { line, .. } => line,
        Origin::Flag(_) | Origin::Detected(_) => 0,
    });
    Err(Problems(problems))
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

/// The field names of one version's structs; structs that we take nothing from are not listed.
struct Schema {
    init_configuration: &'static [&'static str],
    node_registration: &'static [&'static str],
    cluster_configuration: &'static [&'static str],
    api_server: &'static [&'static str],
    etcd_local: &'static [&'static str],
    etcd_external: &'static [&'static str],
}

const LOCAL_API_ENDPOINT: &[&str] = &["advertiseAddress", "bindPort"];
const NETWORKING: &[&str] = &["serviceSubnet", "podSubnet", "dnsDomain"];
const ETCD: &[&str] = &["local", "external"];

const V1BETA4: Schema = Schema {
    init_configuration: &[
        "apiVersion",
        "kind",
        "bootstrapTokens",
        "dryRun",
        "nodeRegistration",
        "localAPIEndpoint",
        "certificateKey",
        "skipPhases",
        "patches",
        "timeouts",
    ],
    node_registration: &[
        "name",
        "criSocket",
        "taints",
        "kubeletExtraArgs",
        "ignorePreflightErrors",
        "imagePullPolicy",
        "imagePullSerial",
    ],
    cluster_configuration: &[
        "apiVersion",
        "kind",
        "etcd",
        "networking",
        "kubernetesVersion",
        "controlPlaneEndpoint",
        "apiServer",
        "controllerManager",
        "scheduler",
        "dns",
        "proxy",
        "certificatesDir",
        "imageRepository",
        "featureGates",
        "clusterName",
        "encryptionAlgorithm",
        "certificateValidityPeriod",
        "caCertificateValidityPeriod",
    ],
    api_server: &["extraArgs", "extraVolumes", "extraEnvs", "certSANs"],
    etcd_local: &[
        "imageRepository",
        "imageTag",
        "dataDir",
        "extraArgs",
        "extraEnvs",
        "serverCertSANs",
        "peerCertSANs",
    ],
    etcd_external: &[
        "endpoints",
        "httpEndpoints",
        "caFile",
        "certFile",
        "keyFile",
    ],
};

const V1BETA3: Schema = Schema {
    init_configuration: &[
        "apiVersion",
        "kind",
        "bootstrapTokens",
        "nodeRegistration",
        "localAPIEndpoint",
        "certificateKey",
        "skipPhases",
        "patches",
    ],
    node_registration: &[
        "name",
        "criSocket",
        "taints",
        "kubeletExtraArgs",
        "ignorePreflightErrors",
        "imagePullPolicy",
    ],
    cluster_configuration: &[
        "apiVersion",
        "kind",
        "etcd",
        "networking",
        "kubernetesVersion",
        "controlPlaneEndpoint",
        "apiServer",
        "controllerManager",
        "scheduler",
        "dns",
        "certificatesDir",
        "imageRepository",
        "featureGates",
        "clusterName",
    ],
    api_server: &[
        "extraArgs",
        "extraVolumes",
        "certSANs",
        "timeoutForControlPlane",
    ],
    etcd_local: &[
        "imageRepository",
        "imageTag",
        "dataDir",
        "extraArgs",
        "serverCertSANs",
        "peerCertSANs",
    ],
    etcd_external: &["endpoints", "caFile", "certFile", "keyFile"],
};

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
}

struct Reader<'a> {
    file: &'a str,
    settings: Settings,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// The line of the `InitConfiguration`.
    init: Option<usize>,
    /// The line of the `ClusterConfiguration`.
    cluster: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Reader<'a> {
        Reader {
            file,
            settings: Settings::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
            init: None,
            cluster: None,
        }
    }

    fn stream(&mut self, source: Source<'_>, text: &str, nesting: Nesting) {
        for root in document::parse(source, text, &mut self.problems) {
            self.document(&root, nesting);
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
        let ours = matches!(
            kind.value.as_str(),
            "InitConfiguration" | "ClusterConfiguration"
        );
        match (group, kind.value.as_str()) {
            (GROUP, "JoinConfiguration" | "ResetConfiguration" | "UpgradeConfiguration") => {
                self.ignored(root.line, &kind.value);
            }
            _ if ours => {
                if let Some(schema) = self.schema(&api_version, group, version) {
                    self.ours(root.line, &kind, &fields, schema);
                }
            }
            (GROUP, _) => self.problems.push(Problem {
                message: format!(
                    "{} is not a kind of kubeadm's; want `InitConfiguration` or `ClusterConfiguration`",
                    quote(&kind.value)
                ),
                origin: kind.origin,
            }),
            ("", "ConfigMap") if version == "v1" && nesting == Nesting::File => {
                self.config_map(root.line, &fields);
            }
            _ => self.ignored(root.line, &kind.value),
        }
    }

    /// Returns the field names of a version, or says why it is not read.
    fn schema(
        &mut self,
        api_version: &Declared<String>,
        group: &str,
        version: &str,
    ) -> Option<&'static Schema> {
        let found = quote(&api_version.value);
        let message = match version {
            "v1beta4" if group == GROUP => return Some(&V1BETA4),
            "v1beta3" if group == GROUP => {
                self.warnings.push(Problem {
                    origin: api_version.origin.clone(),
                    message: format!(
                        "{found} is deprecated, and has no fields for algorithm and validity; convert it with `kubeadm config migrate`"
                    ),
                });
                return Some(&V1BETA3);
            }
            _ if group == GROUP && TOO_OLD.contains(&version) => format!(
                "{found} is too old, want {SUPPORTED}; convert it with `kubeadm config migrate`"
            ),
            _ => format!("{found} is not known; want {SUPPORTED}"),
        };
        self.problems.push(Problem {
            origin: api_version.origin.clone(),
            message,
        });
        None
    }

    fn ours(&mut self, line: usize, kind: &Declared<String>, fields: &Fields, schema: &Schema) {
        let init = kind.value == "InitConfiguration";
        let seen = if init {
            &mut self.init
        } else {
            &mut self.cluster
        };
        if let Some(first) = seen.replace(line) {
            return self.problems.push(Problem {
                origin: kind.origin.clone(),
                message: format!(
                    "is a second `{}`; the first begins in line {first}",
                    kind.value
                ),
            });
        }
        if init {
            self.init_configuration(fields, schema);
        } else {
            self.cluster_configuration(fields, schema);
        }
    }

    fn init_configuration(&mut self, fields: &Fields, schema: &Schema) {
        self.warn_unknown(fields, schema.init_configuration);
        if let Some(endpoint) = self.child(fields, "localAPIEndpoint", LOCAL_API_ENDPOINT) {
            self.settings.advertise_address = self.text(&endpoint, "advertiseAddress");
            self.settings.bind_port = self.text(&endpoint, "bindPort");
        }
        if let Some(node) = self.child(fields, "nodeRegistration", schema.node_registration) {
            self.settings.node_name = self.text(&node, "name");
        }
    }

    fn cluster_configuration(&mut self, fields: &Fields, schema: &Schema) {
        self.warn_unknown(fields, schema.cluster_configuration);
        self.settings.cluster_name = self.text(fields, "clusterName");
        self.settings.control_plane_endpoint = self.text(fields, "controlPlaneEndpoint");
        self.settings.certificates_dir = self.text(fields, "certificatesDir");
        if let Some(networking) = self.child(fields, "networking", NETWORKING) {
            self.settings.service_subnet = self.text(&networking, "serviceSubnet");
            self.settings.dns_domain = self.text(&networking, "dnsDomain");
        }
        if let Some(api_server) = self.child(fields, "apiServer", schema.api_server) {
            self.settings.apiserver_cert_sans = self.texts(&api_server, "certSANs");
        }
        if let Some(etcd) = self.child(fields, "etcd", ETCD) {
            self.etcd(&etcd, schema);
        }
        // v1beta3 has none of these; there they were warned of as unknown.
        if schema
            .cluster_configuration
            .contains(&"encryptionAlgorithm")
        {
            self.settings.encryption_algorithm = self.text(fields, "encryptionAlgorithm");
            self.settings.certificate_validity = self.text(fields, "certificateValidityPeriod");
            self.settings.ca_certificate_validity =
                self.text(fields, "caCertificateValidityPeriod");
        }
        if let Some(gates) = self.mapping(fields, "featureGates") {
            self.settings.public_keys_ecdsa = self.text(&gates, "PublicKeysECDSA");
        }
    }

    fn etcd(&mut self, etcd: &Fields, schema: &Schema) {
        if let Some(local) = self.child(etcd, "local", schema.etcd_local) {
            self.settings.etcd_local = self.presence(etcd, "local");
            self.settings.etcd_data_dir = self.text(&local, "dataDir");
            self.settings.etcd_server_cert_sans = self.texts(&local, "serverCertSANs");
            self.settings.etcd_peer_cert_sans = self.texts(&local, "peerCertSANs");
        }
        if let Some(external) = self.child(etcd, "external", schema.etcd_external) {
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

    fn config_map(&mut self, line: usize, fields: &Fields) {
        let data = self.mapping(fields, "data");
        let entry = data
            .as_ref()
            .and_then(|data| data.find("ClusterConfiguration"));
        let Some(entry) = entry else {
            let message = "the ConfigMap has no `data.ClusterConfiguration`; want `kubeadm-config` of `kube-system`";
            return self.problem(line, "", message);
        };
        let path = field_path("data", &entry.key);
        let Value::Scalar(scalar) = &entry.value.value else {
            let message = format!("is {}, want a string", entry.value.value.kind());
            return self.problem(entry.line, &path, message);
        };
        let source = Source {
            file: self.file,
            lines: if scalar.literal {
                Lines::After(entry.line)
            } else {
                Lines::All(entry.line)
            },
        };
        let found = self.problems.len();
        self.stream(source, &scalar.text, Nesting::ConfigMap);
        if self.problems.len() == found && self.init.is_none() && self.cluster.is_none() {
            self.problem(entry.line, &path, "holds no `ClusterConfiguration`");
        }
    }

    /// Returns a field that every document has.
    fn required(&mut self, line: usize, fields: &Fields, name: &str) -> Option<Declared<String>> {
        let found = self.problems.len();
        let text = self.text(fields, name);
        if text.is_none() && self.problems.len() == found {
            self.problem(line, "", format!("the document has no `{name}`"));
        }
        text
    }

    /// Returns a field's text; kubeadm takes null and the empty string for an absent field.
    fn text(&mut self, fields: &Fields, name: &str) -> Option<Declared<String>> {
        let entry = fields.find(name)?;
        let path = field_path(&fields.path, name);
        match &entry.value.value {
            Value::Null => None,
            Value::Scalar(scalar) if scalar.text.is_empty() => None,
            Value::Scalar(scalar) => Some(Declared {
                value: scalar.text.to_string(),
                origin: self.origin(entry.value.line, path),
            }),
            other => {
                let message = format!("is {}, want a string", other.kind());
                self.problem(entry.line, &path, message);
                None
            }
        }
    }

    /// Returns a field's list of texts, in which an empty item is kept for the judge of the values.
    fn texts(&mut self, fields: &Fields, name: &str) -> Option<Vec<Declared<String>>> {
        let entry = fields.find(name)?;
        let path = field_path(&fields.path, name);
        let nodes = match &entry.value.value {
            Value::Null => return None,
            Value::Sequence(nodes) => nodes.clone(),
            other => {
                let message = format!("is {}, want a list of strings", other.kind());
                self.problem(entry.line, &path, message);
                return None;
            }
        };
        let mut texts = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match &node.value {
                Value::Scalar(scalar) => texts.push(Declared {
                    value: scalar.text.to_string(),
                    origin: self.origin(node.line, path),
                }),
                other => {
                    let message = format!("is {}, want a string", other.kind());
                    self.problem(node.line, &path, message);
                }
            }
        }
        Some(texts)
    }

    /// Returns a field that is a mapping with these fields, warning of all others.
    fn child(&mut self, fields: &Fields, name: &str, known: &[&str]) -> Option<Fields> {
        let child = self.mapping(fields, name)?;
        self.warn_unknown(&child, known);
        Some(child)
    }

    /// Returns a field that is a mapping.
    fn mapping(&mut self, fields: &Fields, name: &str) -> Option<Fields> {
        let entry = fields.find(name)?;
        let path = field_path(&fields.path, name);
        match &entry.value.value {
            Value::Null => None,
            Value::Mapping(entries) => Some(Fields {
                path,
                entries: entries.clone(),
            }),
            other => {
                let message = format!("is {}, want a mapping", other.kind());
                self.problem(entry.line, &path, message);
                None
            }
        }
    }

    /// Returns where a field is.
    fn presence(&self, fields: &Fields, name: &str) -> Option<Declared<()>> {
        let entry = fields.find(name)?;
        Some(Declared {
            value: (),
            origin: self.origin(entry.line, field_path(&fields.path, name)),
        })
    }

    fn warn_unknown(&mut self, fields: &Fields, known: &[&str]) {
        for entry in fields.entries.iter() {
            if known.contains(&&*entry.key) {
                continue;
            }
            let spelled = known
                .iter()
                .find(|name| name.eq_ignore_ascii_case(&entry.key));
            let message = match spelled {
                Some(name) => {
                    format!("is not a known field and is ignored; kubeadm spells it `{name}`")
                }
                None => "is not a known field and is ignored".to_owned(),
            };
            self.warnings.push(Problem {
                origin: self.origin(entry.line, field_path(&fields.path, &entry.key)),
                message,
            });
        }
    }

    fn ignored(&mut self, line: usize, kind: &str) {
        self.warnings.push(Problem {
            origin: self.origin(line, ""),
            message: format!("the {} document is ignored", quote(kind)),
        });
    }

    fn problem(&mut self, line: usize, path: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            origin: self.origin(line, path),
            message: message.into(),
        });
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

#[cfg(test)]
mod tests;
