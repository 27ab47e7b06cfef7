//! The signers that kube-controller-manager has built in, and Kubernetes' words for usages.
//!
//! Source: Kubernetes `pkg/apis/certificates/helpers.go`, `pkg/controller/certificates/signer/signer.go` and
//! `authority/policies.go`.

use crate::x509::usage::Purpose;

/// A signer of kube-controller-manager, with what it demands of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct SignerRule {
    /// Its `signerName`.
    pub name: &'static str,
    /// Whether the subject must be a node: `O` exactly `system:nodes`, `CN` a node's user.
    pub is_for_nodes: bool,
    /// The alternative names that it accepts.
    pub names: RequestedNames,
    /// The usages that a request must have.
    pub required: &'static [Purpose],
    /// The usages that it may have as well; `None` for any.
    pub optional: Option<&'static [Purpose]>,
}

/// The alternative names that a signer accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedNames {
    /// Any.
    Any,
    /// None.
    Empty,
    /// At least one DNS name or IP address, and no other kind.
    Server,
}

/// The signers.
pub static SIGNERS: [SignerRule; 4] = [
    SignerRule {
        name: "kubernetes.io/kube-apiserver-client",
        is_for_nodes: false,
        names: RequestedNames::Any,
        required: &[Purpose::ClientAuth],
        optional: Some(&[Purpose::DigitalSignature, Purpose::KeyEncipherment]),
    },
    SignerRule {
        name: "kubernetes.io/kube-apiserver-client-kubelet",
        is_for_nodes: true,
        names: RequestedNames::Empty,
        required: &[Purpose::DigitalSignature, Purpose::ClientAuth],
        optional: Some(&[Purpose::KeyEncipherment]),
    },
    SignerRule {
        name: "kubernetes.io/kubelet-serving",
        is_for_nodes: true,
        names: RequestedNames::Server,
        required: &[Purpose::DigitalSignature, Purpose::ServerAuth],
        optional: Some(&[Purpose::KeyEncipherment]),
    },
    SignerRule {
        name: "kubernetes.io/legacy-unknown",
        is_for_nodes: false,
        names: RequestedNames::Any,
        required: &[],
        optional: None,
    },
];

/// The shortest lifetime that a request may ask for, in seconds.
pub const MIN_EXPIRATION_SECONDS: u64 = 600;

/// The group of all nodes.
pub const NODES_GROUP: &str = "system:nodes";

/// The group whose members RBAC does not limit.
pub const MASTERS_GROUP: &str = "system:masters";

/// Kubernetes' word for each usage (`k8s.io/api/certificates/v1`, `KeyUsage`).
pub const USAGE_WORDS: [(&str, Purpose); 23] = [
    ("signing", Purpose::DigitalSignature),
    ("digital signature", Purpose::DigitalSignature),
    ("content commitment", Purpose::ContentCommitment),
    ("key encipherment", Purpose::KeyEncipherment),
    ("key agreement", Purpose::KeyAgreement),
    ("data encipherment", Purpose::DataEncipherment),
    ("cert sign", Purpose::CertSign),
    ("crl sign", Purpose::CrlSign),
    ("encipher only", Purpose::EncipherOnly),
    ("decipher only", Purpose::DecipherOnly),
    ("any", Purpose::Any),
    ("server auth", Purpose::ServerAuth),
    ("client auth", Purpose::ClientAuth),
    ("code signing", Purpose::CodeSigning),
    ("email protection", Purpose::EmailProtection),
    ("s/mime", Purpose::EmailProtection),
    ("ipsec end system", Purpose::IpsecEndSystem),
    ("ipsec tunnel", Purpose::IpsecTunnel),
    ("ipsec user", Purpose::IpsecUser),
    ("timestamping", Purpose::TimeStamping),
    ("ocsp signing", Purpose::OcspSigning),
    ("microsoft sgc", Purpose::MicrosoftSgc),
    ("netscape sgc", Purpose::NetscapeSgc),
];

impl SignerRule {
    /// Returns the usages that kubelets and kubectl users ask for, if the signer has any: only RSA keys encipher keys.
    pub fn usual_usages(&self, is_rsa: bool) -> Vec<Purpose> {
        let is_optional = |usage| self.optional.is_some_and(|usages| usages.contains(&usage));
        let mut usages = self.required.to_vec();
        if is_optional(Purpose::DigitalSignature) {
            usages.push(Purpose::DigitalSignature);
        }
        if is_rsa && is_optional(Purpose::KeyEncipherment) {
            usages.push(Purpose::KeyEncipherment);
        }
        usages
    }
}

/// Returns the signer of that name, if kube-controller-manager has it.
pub fn find_signer(name: &str) -> Option<&'static SignerRule> {
    SIGNERS.iter().find(|signer| signer.name == name)
}

/// Returns the usage that a word of Kubernetes means.
pub fn usage_of_word(word: &str) -> Option<Purpose> {
    let (_, purpose) = USAGE_WORDS.iter().find(|(known, _)| *known == word)?;
    Some(*purpose)
}

/// Returns Kubernetes' word for a usage.
pub fn word_of_usage(purpose: Purpose) -> &'static str {
    // Every purpose is in the table; `signing` is the older word.
    let mut words = USAGE_WORDS
        .iter()
        .rev()
        .filter(|(_, known)| *known == purpose);
    words.next().map_or("unknown", |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_unique_and_lead_back() {
        let words: BTreeSet<_> = USAGE_WORDS.iter().map(|(word, _)| word).collect();
        assert_eq!(words.len(), USAGE_WORDS.len());
        for (word, purpose) in USAGE_WORDS {
            assert_eq!(usage_of_word(word), Some(purpose));
            assert_eq!(
                usage_of_word(word_of_usage(purpose)),
                Some(purpose),
                "{word}"
            );
        }
        assert_eq!(
            word_of_usage(Purpose::DigitalSignature),
            "digital signature"
        );
    }

    #[test]
    fn no_usage_is_both_required_and_optional() {
        for signer in &SIGNERS {
            let optional = signer.optional.unwrap_or_default();
            assert!(
                signer
                    .required
                    .iter()
                    .all(|usage| !optional.contains(usage))
            );
        }
    }
}
