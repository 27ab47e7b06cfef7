//! kubeadm's own feature gates, of which one decides the algorithm of keys.

use super::*;
use crate::config::values::boolean;

/// The gate that decides the algorithm.
const PUBLIC_KEYS_ECDSA: &str = "PublicKeysECDSA";

/// Every gate that a release of kubeadm had, in the order of their appearance.
///
/// Clusters are older than the gates of today's kubeadm, and none of these but one has a bearing on certificates.
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

impl Reader<'_> {
    /// Reads the gates; a name that is not known may be a misspelt one, and must not silently change the algorithm.
    pub(super) fn feature_gates(&mut self, gates: &Fields) {
        for entry in gates.entries.iter() {
            if self.findings.problems.len() > MOST_FINDINGS {
                return;
            }
            let path = || field_path(&gates.path, &entry.key);
            if !GATES.contains(&&*entry.key) {
                let message = match near(&entry.key, GATES.into_iter()) {
                    Some(name) => {
                        format!("is not a feature gate of kubeadm's; did you mean `{name}`?")
                    }
                    None => "is not a feature gate of kubeadm's".to_owned(),
                };
                self.problem(entry.line, path(), message);
                continue;
            }
            let text = match &entry.value.value {
                Value::Scalar(scalar) => &scalar.text,
                Value::Null => {
                    self.problem(entry.line, path(), "is null, want `true` or `false`");
                    continue;
                }
                Value::Sequence(_) | Value::Mapping(_) => continue,
            };
            if &*entry.key == PUBLIC_KEYS_ECDSA {
                self.settings.public_keys_ecdsa = Some(Declared {
                    value: text.to_string(),
                    origin: self.origin(entry.value.line, path()),
                });
            } else if let Err(message) = boolean(text) {
                self.problem(entry.value.line, path(), message);
            }
        }
    }
}
