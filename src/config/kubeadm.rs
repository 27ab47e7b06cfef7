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

/// What a configuration declares, as text; every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `localAPIEndpoint.advertiseAddress`.
    pub advertise_address: Option<Declared<String>>,
    /// `localAPIEndpoint.bindPort`.
    pub bind_port: Option<Declared<String>>,
    /// `nodeRegistration.name`.
    pub node_name: Option<Declared<String>>,
    /// `clusterName`.
    pub cluster_name: Option<Declared<String>>,
    /// `controlPlaneEndpoint`.
    pub control_plane_endpoint: Option<Declared<String>>,
    /// `certificatesDir`.
    pub certificates_dir: Option<Declared<String>>,
    /// `networking.serviceSubnet`.
    pub service_subnet: Option<Declared<String>>,
    /// `networking.dnsDomain`.
    pub dns_domain: Option<Declared<String>>,
    /// `apiServer.certSANs`.
    pub apiserver_cert_sans: Option<Vec<Declared<String>>>,
    /// The presence of `etcd.local`.
    pub etcd_local: Option<Declared<()>>,
    /// `etcd.local.dataDir`.
    pub etcd_data_dir: Option<Declared<String>>,
    /// `etcd.local.serverCertSANs`.
    pub etcd_server_cert_sans: Option<Vec<Declared<String>>>,
    /// `etcd.local.peerCertSANs`.
    pub etcd_peer_cert_sans: Option<Vec<Declared<String>>>,
    /// `etcd.external`.
    pub etcd_external: Option<Declared<ExternalEtcdSettings>>,
    /// `encryptionAlgorithm`.
    pub encryption_algorithm: Option<Declared<String>>,
    /// `certificateValidityPeriod`.
    pub certificate_validity: Option<Declared<String>>,
    /// `caCertificateValidityPeriod`.
    pub ca_certificate_validity: Option<Declared<String>>,
    /// `featureGates.PublicKeysECDSA`.
    pub public_keys_ecdsa: Option<Declared<String>>,
}

/// What a configuration declares of an external etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalEtcdSettings {
    /// `endpoints`.
    pub endpoints: Option<Vec<Declared<String>>>,
    /// `httpEndpoints`.
    pub http_endpoints: Option<Vec<Declared<String>>>,
    /// `caFile`.
    pub ca_file: Option<Declared<String>>,
    /// `certFile`.
    pub cert_file: Option<Declared<String>>,
    /// `keyFile`.
    pub key_file: Option<Declared<String>>,
}

impl Settings {
    /// Returns these settings, and `fallback`'s where these declare nothing: flags over file over recorded.
    ///
    /// Lists are taken as a whole, and a declared kind of etcd hides every field of the other kind.
    pub fn or(self, fallback: Settings) -> Settings {
        let etcd_kind_declared = self.etcd_local.is_some() || self.etcd_external.is_some();
        let (local, external) = match (etcd_kind_declared, self.etcd_external.is_some()) {
            (false, _) => (true, true),
            (true, external) => (!external, false),
        };
        Settings {
            advertise_address: self.advertise_address.or(fallback.advertise_address),
            bind_port: self.bind_port.or(fallback.bind_port),
            node_name: self.node_name.or(fallback.node_name),
            cluster_name: self.cluster_name.or(fallback.cluster_name),
            control_plane_endpoint: self
                .control_plane_endpoint
                .or(fallback.control_plane_endpoint),
            certificates_dir: self.certificates_dir.or(fallback.certificates_dir),
            service_subnet: self.service_subnet.or(fallback.service_subnet),
            dns_domain: self.dns_domain.or(fallback.dns_domain),
            apiserver_cert_sans: self.apiserver_cert_sans.or(fallback.apiserver_cert_sans),
            etcd_local: self.etcd_local.or(fallback.etcd_local.filter(|_| local)),
            etcd_data_dir: self
                .etcd_data_dir
                .or(fallback.etcd_data_dir.filter(|_| local)),
            etcd_server_cert_sans: self
                .etcd_server_cert_sans
                .or(fallback.etcd_server_cert_sans.filter(|_| local)),
            etcd_peer_cert_sans: self
                .etcd_peer_cert_sans
                .or(fallback.etcd_peer_cert_sans.filter(|_| local)),
            etcd_external: self
                .etcd_external
                .or(fallback.etcd_external.filter(|_| external)),
            encryption_algorithm: self.encryption_algorithm.or(fallback.encryption_algorithm),
            certificate_validity: self.certificate_validity.or(fallback.certificate_validity),
            ca_certificate_validity: self
                .ca_certificate_validity
                .or(fallback.ca_certificate_validity),
            public_keys_ecdsa: self.public_keys_ecdsa.or(fallback.public_keys_ecdsa),
        }
    }
}

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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reading(text: &str) -> Reading {
        read("f", text.as_bytes()).unwrap()
    }

    fn check_refused(text: &str, problems: &[&str]) {
        let Problems(found) = read("f", text.as_bytes()).unwrap_err();
        let shown: Vec<_> = found.iter().map(Problem::to_string).collect();
        assert_eq!(shown, problems, "{text}");
    }

    fn check_warnings(text: &str, warnings: &[&str]) {
        let shown: Vec<_> = reading(text)
            .warnings
            .iter()
            .map(Problem::to_string)
            .collect();
        assert_eq!(shown, warnings, "{text}");
    }

    /// Returns a `ClusterConfiguration` with these fields, which begin on line 3.
    fn cluster(fields: &str) -> String {
        format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{fields}")
    }

    fn declared(value: &str, line: usize, path: &str) -> Option<Declared<String>> {
        Some(Declared {
            value: value.into(),
            origin: Origin::File {
                file: "f".into(),
                line,
                path: path.into(),
            },
        })
    }

    #[test]
    fn every_field_is_read_with_its_place() {
        let text = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 6444}
nodeRegistration:
  name: cp1
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: c
controlPlaneEndpoint: lb
certificatesDir: /pki
networking:
  serviceSubnet: 10.0.0.0/16
  dnsDomain: d
apiServer:
  certSANs:
  - a
  - b
etcd:
  local:
    dataDir: /data
    serverCertSANs: [s]
    peerCertSANs: [p]
encryptionAlgorithm: RSA-3072
certificateValidityPeriod: 1h
caCertificateValidityPeriod: 2h
featureGates:
  PublicKeysECDSA: true
";
        let Reading { settings, warnings } = reading(text);
        assert_eq!(warnings, []);
        let list = |items: &[(&str, usize, &str)]| {
            Some(
                items
                    .iter()
                    .map(|(value, line, path)| declared(value, *line, path).unwrap())
                    .collect(),
            )
        };
        assert_eq!(
            settings,
            Settings {
                advertise_address: declared("192.0.2.1", 3, "localAPIEndpoint.advertiseAddress"),
                bind_port: declared("6444", 3, "localAPIEndpoint.bindPort"),
                node_name: declared("cp1", 5, "nodeRegistration.name"),
                cluster_name: declared("c", 9, "clusterName"),
                control_plane_endpoint: declared("lb", 10, "controlPlaneEndpoint"),
                certificates_dir: declared("/pki", 11, "certificatesDir"),
                service_subnet: declared("10.0.0.0/16", 13, "networking.serviceSubnet"),
                dns_domain: declared("d", 14, "networking.dnsDomain"),
                apiserver_cert_sans: list(&[
                    ("a", 17, "apiServer.certSANs[0]"),
                    ("b", 18, "apiServer.certSANs[1]"),
                ]),
                etcd_local: Some(Declared {
                    value: (),
                    origin: Origin::File {
                        file: "f".into(),
                        line: 20,
                        path: "etcd.local".into(),
                    },
                }),
                etcd_data_dir: declared("/data", 21, "etcd.local.dataDir"),
                etcd_server_cert_sans: list(&[("s", 22, "etcd.local.serverCertSANs[0]")]),
                etcd_peer_cert_sans: list(&[("p", 23, "etcd.local.peerCertSANs[0]")]),
                etcd_external: None,
                encryption_algorithm: declared("RSA-3072", 24, "encryptionAlgorithm"),
                certificate_validity: declared("1h", 25, "certificateValidityPeriod"),
                ca_certificate_validity: declared("2h", 26, "caCertificateValidityPeriod"),
                public_keys_ecdsa: declared("true", 28, "featureGates.PublicKeysECDSA"),
            }
        );
    }

    #[test]
    fn external_etcd_is_read() {
        let text = cluster("etcd: {external: {endpoints: [https://e:2379], caFile: /ca}}\n");
        let external = reading(&text).settings.etcd_external.unwrap().value;
        assert_eq!(external.ca_file, declared("/ca", 3, "etcd.external.caFile"));
        assert_eq!(external.endpoints.unwrap().len(), 1);
    }

    #[test]
    fn text_stays_text() {
        for text in ["no", "1.10", "0x1F", "0755", "on", "1e3"] {
            let settings = reading(&cluster(&format!("clusterName: {text}\n"))).settings;
            assert_eq!(settings.cluster_name, declared(text, 3, "clusterName"));
        }
    }

    #[test]
    fn null_and_empty_fields_are_undeclared() {
        let text =
            cluster("clusterName:\nnetworking: ~\ncontrolPlaneEndpoint: ''\netcd: {local: null}\n");
        assert_eq!(
            reading(&text),
            Reading {
                settings: Settings::default(),
                warnings: Vec::new()
            }
        );
    }

    #[test]
    fn byte_order_mark_and_crlf_are_accepted() {
        let text = format!(
            "\u{feff}{}",
            cluster("clusterName: c\n").replace('\n', "\r\n")
        );
        assert_eq!(
            reading(&text).settings.cluster_name,
            declared("c", 3, "clusterName")
        );
    }

    #[test]
    fn files_without_configuration_are_refused() {
        check_refused("", &["f: is empty"]);
        check_refused("\n \n", &["f: is empty"]);
        let none = "f: holds neither an `InitConfiguration` nor a `ClusterConfiguration`";
        check_refused("# nothing\n", &[none]);
        check_refused("---\n---\n", &[none]);
        check_refused(
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
            &[none],
        );
        check_refused("- a\n", &["f:1: the document is a list, want a mapping"]);
        check_refused(
            "\nfoo\n",
            &["f:2: the document is a single value, want a mapping"],
        );
    }

    #[test]
    fn documents_say_what_they_are() {
        check_refused(
            "clusterName: c\n",
            &[
                "f:1: the document has no `apiVersion`",
                "f:1: the document has no `kind`",
            ],
        );
        check_refused(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind:\n",
            &["f:1: the document has no `kind`"],
        );
        check_refused(
            "apiVersion: [a]\nkind: ClusterConfiguration\n",
            &["f:1: apiVersion: is a list, want a string"],
        );
    }

    #[test]
    fn only_two_versions_are_read() {
        let with = |version: &str| cluster("").replace("kubeadm.k8s.io/v1beta4", version);
        let want = "want `kubeadm.k8s.io/v1beta4` or `kubeadm.k8s.io/v1beta3`";
        for version in [
            "kubeadm.k8s.io/v1beta9",
            "kubeadm.k8s.io",
            "v1",
            "kubeadm.example/v1beta4",
        ] {
            check_refused(
                &with(version),
                &[&format!(
                    "f:1: apiVersion: `{version}` is not known; {want}"
                )],
            );
        }
        check_refused(
            &with("kubeadm.k8s.io/v1beta2"),
            &[&format!(
                "f:1: apiVersion: `kubeadm.k8s.io/v1beta2` is too old, {want}; convert it with `kubeadm config migrate`"
            )],
        );
        check_warnings(
            &with("kubeadm.k8s.io/v1beta3"),
            &[
                "f:1: apiVersion: `kubeadm.k8s.io/v1beta3` is deprecated, and has no fields for algorithm and validity; convert it with `kubeadm config migrate`",
            ],
        );
    }

    #[test]
    fn version_1beta3_has_no_algorithm() {
        let text =
            cluster("encryptionAlgorithm: RSA-4096\napiServer: {timeoutForControlPlane: 1m}\n")
                .replace("v1beta4", "v1beta3");
        let Reading { settings, warnings } = reading(&text);
        assert_eq!(settings, Settings::default());
        assert_eq!(
            warnings.last().unwrap().to_string(),
            "f:3: encryptionAlgorithm: is not a known field and is ignored"
        );
    }

    #[test]
    fn kinds_are_told_apart() {
        let join = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n";
        let kubelet =
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        check_warnings(
            &format!("{}{join}{kubelet}", cluster("")),
            &[
                "f:4: the `JoinConfiguration` document is ignored",
                "f:7: the `KubeletConfiguration` document is ignored",
            ],
        );
        check_refused(
            &cluster("").replace("ClusterConfiguration", "ClusterConfig"),
            &[
                "f:2: kind: `ClusterConfig` is not a kind of kubeadm's; want `InitConfiguration` or `ClusterConfiguration`",
            ],
        );
        check_refused(
            &format!("{0}---\n{0}", cluster("")),
            &["f:5: kind: is a second `ClusterConfiguration`; the first begins in line 1"],
        );
    }

    #[test]
    fn unknown_fields_warn() {
        let text = cluster(
            "apiServer:\n  certSans: [a]\n  extraArgs: []\nnetworkin: {}\n\"a\\e[31m\": 1\nscheduler: {foo: 1}\n",
        );
        check_warnings(
            &text,
            &[
                "f:6: networkin: is not a known field and is ignored",
                "f:7: a\\u{1b}[31m: is not a known field and is ignored",
                "f:4: apiServer.certSans: is not a known field and is ignored; kubeadm spells it `certSANs`",
            ],
        );
    }

    #[test]
    fn wrong_types_are_refused() {
        let text = cluster(
            "clusterName:\n- a\nnetworking: x\napiServer: {certSANs: a}\netcd: {local: {peerCertSANs: [a, [b], ~]}}\n",
        );
        check_refused(
            &text,
            &[
                "f:3: clusterName: is a list, want a string",
                "f:5: networking: is a single value, want a mapping",
                "f:6: apiServer.certSANs: is a single value, want a list of strings",
                "f:7: etcd.local.peerCertSANs[1]: is a list, want a string",
                "f:7: etcd.local.peerCertSANs[2]: is null, want a string",
            ],
        );
    }

    #[test]
    fn every_problem_is_reported_with_its_line() {
        let text = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  bindPort: 0
nodeRegistration:
  name: a_b
  name: c
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: {}
apiServer:
  certSANs:
  - ok
  - ''
  - api_1.example
networking:
  serviceSubnet: 10.96.0.1/12
";
        check_refused(
            text,
            &[
                "f:4: localAPIEndpoint.bindPort: `0` is not a port; want 1 to 65535",
                "f:6: nodeRegistration.name: `a_b` is not a node name: `_` is not allowed",
                "f:7: nodeRegistration.name: is given twice, first in line 6",
                "f:11: clusterName: is a mapping, want a string",
                "f:15: apiServer.certSANs[1]: is empty; want an IP address or a DNS name",
                "f:16: apiServer.certSANs[2]: `api_1.example` is neither an IP address nor a DNS name: `_` is not allowed",
                "f:18: networking.serviceSubnet: `10.96.0.1/12` has host bits set; the network is `10.96.0.0/12`",
            ],
        );
    }

    #[test]
    fn broken_yaml_is_named_once() {
        check_refused(
            &cluster("a: [1\n"),
            &["f:3: a[0]: is not valid YAML: unclosed bracket '['"],
        );
    }

    #[test]
    fn config_map_lines_are_those_of_the_file() {
        let text = "\
apiVersion: v1
data:
  ClusterConfiguration: |
    apiServer: {}
    apiVersion: kubeadm.k8s.io/v1beta4
    clusterName: c
    kind: ClusterConfiguration
    foo: 1
kind: ConfigMap
metadata:
  name: kubeadm-config
";
        let found = reading(text);
        assert_eq!(found.settings.cluster_name, declared("c", 6, "clusterName"));
        check_warnings(text, &["f:8: foo: is not a known field and is ignored"]);
        check_refused(
            &text.replace("clusterName: c", "clusterName: []"),
            &["f:6: clusterName: is a list, want a string"],
        );
    }

    #[test]
    fn config_map_as_json_has_the_line_of_its_key() {
        let text = r#"{
    "apiVersion": "v1",
    "data": {
        "ClusterConfiguration": "apiVersion: kubeadm.k8s.io/v1beta4\nclusterName: c\nkind: ClusterConfiguration\n"
    },
    "kind": "ConfigMap"
}"#;
        assert_eq!(
            reading(text).settings.cluster_name,
            declared("c", 4, "clusterName")
        );
    }

    #[test]
    fn config_maps_without_configuration_are_refused() {
        let map = |data: &str| format!("apiVersion: v1\nkind: ConfigMap\n{data}");
        let missing = "f:1: the ConfigMap has no `data.ClusterConfiguration`; want `kubeadm-config` of `kube-system`";
        check_refused(&map(""), &[missing]);
        check_refused(&map("data: {a: b}\n"), &[missing]);
        check_refused(
            &map("data:\n  ClusterConfiguration: [a]\n"),
            &["f:4: data.ClusterConfiguration: is a list, want a string"],
        );
        check_refused(
            &map("data:\n  ClusterConfiguration: ''\n"),
            &["f:4: data.ClusterConfiguration: holds no `ClusterConfiguration`"],
        );
    }

    #[test]
    fn flags_go_before_files() {
        let flags = Settings {
            cluster_name: Some(Declared::by_flag("--cluster-name", "flag".into())),
            ..Settings::default()
        };
        let file = reading(&cluster("clusterName: file\ncertificatesDir: /pki\n")).settings;
        let settings = flags.or(file);
        assert_eq!(settings.cluster_name.unwrap().value, "flag");
        assert_eq!(settings.certificates_dir.unwrap().value, "/pki");
    }

    #[test]
    fn a_declared_kind_of_etcd_hides_the_other() {
        let local = reading(&cluster("etcd: {local: {serverCertSANs: [a]}}\n")).settings;
        let external = reading(&cluster("etcd: {external: {endpoints: [https://e]}}\n")).settings;
        assert_eq!(external.clone().or(local.clone()), external);
        assert_eq!(local.clone().or(external.clone()), local);
        assert_eq!(Settings::default().or(external.clone()), external);
        assert_eq!(Settings::default().or(local.clone()), local);
    }

    #[test]
    fn endless_input_is_refused() {
        check_refused(
            &" ".repeat((1 << 20) + 1),
            &["f: has 1048577 bytes, at most 1048576 are read as configuration"],
        );
    }
}
