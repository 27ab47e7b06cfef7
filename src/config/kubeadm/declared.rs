//! What kubeadm's structs declare about certificates.

use std::path::PathBuf;

use super::Reader;
use super::suggest::closest;
use super::types::{Arguments, Boolean, Entries, List, Number};
use super::v1beta::{ClusterConfiguration, Etcd, ExternalEtcd, InitConfiguration};
use crate::config::problem::{Problem, Setting};
use crate::config::settings::ExternalEtcdSettings;
use crate::config::values::{absolute_path, boolean, certificate_key, certificates_dir};

impl Reader<'_> {
    /// Takes the settings of an `InitConfiguration`.
    pub(super) fn declare_init(&mut self, init: InitConfiguration) {
        let endpoint = init.local_api_endpoint.unwrap_or_default();
        let node = init.node_registration.unwrap_or_default();
        let port = endpoint.bind_port.map(|port| port.map(|Number(text)| text));
        self.settings.advertise_address = text(endpoint.advertise_address);
        self.settings.bind_port = text(port);
        self.settings.node_name = text(node.name);
        self.settings.kubelet_cert_dir = self.kubelet_cert_dir(node.kubelet_extra_args);
        // The key is a secret, so it goes no further.
        if let Some(key) = text(init.certificate_key)
            && let Err(message) = certificate_key(&key.value)
        {
            self.refuse(&key.origin, message);
        }
    }

    /// Takes the settings of a `ClusterConfiguration`.
    pub(super) fn declare_cluster(&mut self, cluster: ClusterConfiguration) {
        let networking = cluster.networking.unwrap_or_default();
        self.settings.cluster_name = text(cluster.cluster_name);
        self.settings.control_plane_endpoint = text(cluster.control_plane_endpoint);
        // The directory is opened before the other values are checked.
        self.settings.certificates_dir = self.path(cluster.certificates_dir, certificates_dir);
        self.settings.service_subnet = text(networking.service_subnet);
        self.settings.dns_domain = text(networking.dns_domain);
        self.settings.apiserver_cert_sans = texts(cluster.api_server.unwrap_or_default().cert_sans);
        self.settings.encryption_algorithm = text(cluster.encryption_algorithm);
        self.settings.certificate_validity = text(cluster.certificate_validity_period);
        self.settings.ca_certificate_validity = text(cluster.ca_certificate_validity_period);
        self.declare_etcd(cluster.etcd.unwrap_or_default());
        if let Some(Entries(gates)) = cluster.feature_gates {
            self.declare_gates(gates);
        }
    }

    fn declare_etcd(&mut self, etcd: Etcd) {
        if let Some(Setting { value, origin }) = etcd.local {
            self.settings.etcd_local = Some(Setting { value: (), origin });
            self.settings.etcd_data_dir = text(value.data_dir);
            self.settings.etcd_server_cert_sans = texts(value.server_cert_sans);
            self.settings.etcd_peer_cert_sans = texts(value.peer_cert_sans);
        }
        let external = |external: ExternalEtcd| ExternalEtcdSettings {
            endpoints: texts(external.endpoints),
            http_endpoints: texts(external.http_endpoints),
            ca_file: text(external.ca_file),
            cert_file: text(external.cert_file),
            key_file: text(external.key_file),
        };
        self.settings.etcd_external = etcd.external.map(|etcd| etcd.map(external));
    }

    /// Returns the kubelet's argument `cert-dir`; of several the kubelet takes the last one.
    fn kubelet_cert_dir(&mut self, arguments: Option<Arguments>) -> Option<Setting<String>> {
        let Arguments(arguments) = arguments?;
        let is_named = |(name, _): &(String, _)| name == "cert-dir";
        let (_, value) = arguments.into_iter().rfind(is_named)?;
        self.path(value, absolute_path)
    }

    /// Returns a declared path, if `parse` accepts it.
    fn path(
        &mut self,
        path: Option<Setting<String>>,
        parse: impl FnOnce(&str) -> Result<PathBuf, String>,
    ) -> Option<Setting<String>> {
        let path = text(path)?;
        match parse(&path.value) {
            Ok(_) => Some(path),
            Err(message) => {
                self.refuse(&path.origin, message);
                None
            }
        }
    }

    /// Takes the gates; an unknown one may be a misspelt one, which must not silently change the algorithm.
    fn declare_gates(&mut self, gates: Vec<(String, Setting<Boolean>)>) {
        for (name, gate) in gates {
            let gate = gate.map(|Boolean(text)| text);
            let is_refused = |problem: &Problem| problem.origin == gate.origin;
            if self.findings.problems.iter().any(is_refused) {
                continue;
            }
            if !GATES.contains(&name.as_str()) {
                let unknown = "is not a feature gate of kubeadm";
                let message = match closest(&name, GATES.into_iter()) {
                    Some(name) => format!("{unknown}; did you mean `{name}`?"),
                    None => unknown.to_owned(),
                };
                self.refuse(&gate.origin, message);
            } else if name == PUBLIC_KEYS_ECDSA {
                self.settings.public_keys_ecdsa = Some(gate);
            } else if let Err(message) = boolean(&gate.value) {
                self.refuse(&gate.origin, message);
            }
        }
    }
}

/// Returns a declared text; kubeadm takes the empty string for an absent field.
fn text(text: Option<Setting<String>>) -> Option<Setting<String>> {
    text.filter(|text| !text.value.is_empty())
}

/// Returns a declared list, in which an empty text is kept: it is a mistake.
fn texts(list: Option<List<Setting<String>>>) -> Option<Vec<Setting<String>>> {
    list.map(|List(texts)| texts)
}

/// The gate that decides the algorithm of keys.
const PUBLIC_KEYS_ECDSA: &str = "PublicKeysECDSA";

/// Every gate that a release of kubeadm had, in the order of their appearance.
///
/// Clusters are older than the gates of today's kubeadm, and only one of these changes a certificate.
/// Source: `cmd/kubeadm/app/features/features.go` from 1.8 to 1.36.
pub(super) const GATES: [&str; 17] = [
    "SelfHosting",
    "StoreCertsInSecrets",
    "HighAvailability",
    "CoreDNS",
    "DynamicKubeletConfig",
    "SupportIPVSProxyMode",
    "Auditing",
    "IPv6DualStack",
    PUBLIC_KEYS_ECDSA,
    "RootlessControlPlane",
    "UnversionedKubeletConfigMap",
    "EtcdLearnerMode",
    "UpgradeAddonsBeforeControlPlane",
    "MergeCLIArgumentsWithConfig",
    "WaitForAllControlPlaneComponents",
    "ControlPlaneKubeletLocalMode",
    "NodeLocalCRISocket",
];
