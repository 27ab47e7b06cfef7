//! Takes the settings on which certificates depend from the fields of kubeadm's documents.

use std::path::PathBuf;

use super::ConfigReader;
use super::suggest::closest;
use super::walk::Declared;
use crate::config::fields::FIELDS;
use crate::config::problem::Setting;
use crate::config::settings::ExternalEtcdSettings;
use crate::config::values::{absolute_path, boolean, certificate_key, certificates_dir, not_a_key};

impl ConfigReader<'_> {
    /// Takes the settings of a document.
    pub(super) fn declare(&mut self, declared: &Declared) {
        for field in FIELDS {
            if let Some(values) = declared.values(field.path) {
                (field.declare)(&mut self.settings, values.clone());
            }
        }
        // These directories are opened before the other values are checked.
        let directory = self.settings.certificates_dir.take();
        self.settings.certificates_dir = self.path(directory, certificates_dir);
        let directory = self.settings.kubelet_cert_dir.take();
        self.settings.kubelet_cert_dir = self.path(directory, absolute_path);
        // The key is a secret, so it is checked here and not kept.
        if let Some(key) = declared.value("certificateKey")
            && let Err(message) = certificate_key(&key.value)
        {
            self.refuse(&key.origin, message);
        }
        self.declare_etcd(declared);
        self.check_gates(declared);
    }

    fn declare_etcd(&mut self, declared: &Declared) {
        if let Some(local) = declared.value("etcd.local") {
            self.settings.etcd_local = Some(local.map(|_| ()));
        }
        let value = |name: &str| declared.value(&format!("etcd.external.{name}"));
        let values = |name: &str| declared.values(&format!("etcd.external.{name}")).cloned();
        if let Some(external) = declared.value("etcd.external") {
            self.settings.etcd_external = Some(external.map(|_| ExternalEtcdSettings {
                endpoints: values("endpoints"),
                http_endpoints: values("httpEndpoints"),
                ca_file: value("caFile"),
                cert_file: value("certFile"),
                key_file: value("keyFile"),
            }));
        }
    }

    /// Returns a path that `parse` accepts.
    fn path(
        &mut self,
        path: Option<Setting<String>>,
        parse: impl FnOnce(&str) -> Result<PathBuf, String>,
    ) -> Option<Setting<String>> {
        let path = path?;
        match parse(&path.value).and_then(|_| not_a_key(&path.value)) {
            Ok(()) => Some(path),
            Err(message) => {
                self.refuse(&path.origin, message);
                None
            }
        }
    }

    /// Refuses an unknown gate. A misspelt `PublicKeysECDSA` would otherwise silently produce keys of the wrong
    /// algorithm.
    fn check_gates(&mut self, declared: &Declared) {
        for (name, gate) in declared.entries("featureGates") {
            if !GATES.contains(&name) {
                let unknown = "is not a feature gate of kubeadm";
                let message = match closest(name, GATES.into_iter()) {
                    Some(name) => format!("{unknown}; did you mean `{name}`?"),
                    None => unknown.to_owned(),
                };
                self.refuse(&gate.origin, message);
            } else if name != PUBLIC_KEYS_ECDSA
                && let Err(message) = boolean(&gate.value)
            {
                self.refuse(&gate.origin, message);
            }
        }
    }
}

/// The gate that sets the key algorithm.
const PUBLIC_KEYS_ECDSA: &str = "PublicKeysECDSA";

/// The feature gates of all kubeadm releases, the oldest first.
///
/// A configuration may come from an old release. Only `PublicKeysECDSA` changes certificates.
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
