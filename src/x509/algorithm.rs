//! Key algorithms: kubeadm's five, and others that a tree may contain.

use std::fmt;

/// A key algorithm with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA, modulus of 2048 bits; kubeadm's default.
    Rsa2048,
    /// RSA, modulus of 3072 bits.
    Rsa3072,
    /// RSA, modulus of 4096 bits.
    Rsa4096,
    /// RSA, modulus of 8192 bits: not one of kubeadm's choices, but a user-made CA may have it.
    Rsa8192,
    /// RSA with a modulus of another size; new keys never have it.
    OtherRsa(u32),
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// ECDSA on NIST P-521: not one of kubeadm's choices, but a user-made CA may have it.
    EcdsaP521,
}

impl Algorithm {
    /// The values of `ClusterConfiguration.encryptionAlgorithm` (kubeadm 1.36 `apis/kubeadm/types.go`).
    pub const CONFIGURABLE: [Algorithm; 5] = [
        Algorithm::Rsa2048,
        Algorithm::Rsa3072,
        Algorithm::Rsa4096,
        Algorithm::EcdsaP256,
        Algorithm::EcdsaP384,
    ];

    /// Returns the algorithm with this name in kubeadm's configuration, in upper or lower case.
    pub fn from_config(name: &str) -> Option<Algorithm> {
        Algorithm::CONFIGURABLE
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Returns RSA with a modulus of this many bits.
    pub fn rsa(bits: u32) -> Algorithm {
        match bits {
            2048 => Algorithm::Rsa2048,
            3072 => Algorithm::Rsa3072,
            4096 => Algorithm::Rsa4096,
            8192 => Algorithm::Rsa8192,
            bits => Algorithm::OtherRsa(bits),
        }
    }

    /// Returns the algorithm of a new key that replaces one of this algorithm: RSA of an unusual size is rounded up.
    pub fn for_new_key(self) -> Algorithm {
        match self {
            Algorithm::OtherRsa(..2048) => Algorithm::Rsa2048,
            Algorithm::OtherRsa(..3072) => Algorithm::Rsa3072,
            Algorithm::OtherRsa(..4096) => Algorithm::Rsa4096,
            Algorithm::OtherRsa(_) => Algorithm::Rsa8192,
            known => known,
        }
    }

    /// Returns kubeadm's name for this algorithm; an unusual size is left out.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rsa2048 => "RSA-2048",
            Algorithm::Rsa3072 => "RSA-3072",
            Algorithm::Rsa4096 => "RSA-4096",
            Algorithm::Rsa8192 => "RSA-8192",
            Algorithm::OtherRsa(_) => "RSA",
            Algorithm::EcdsaP256 => "ECDSA-P256",
            Algorithm::EcdsaP384 => "ECDSA-P384",
            Algorithm::EcdsaP521 => "ECDSA-P521",
        }
    }

    /// Returns whether this is an RSA algorithm.
    pub fn is_rsa(self) -> bool {
        matches!(
            self,
            Algorithm::Rsa2048
                | Algorithm::Rsa3072
                | Algorithm::Rsa4096
                | Algorithm::Rsa8192
                | Algorithm::OtherRsa(_)
        )
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Algorithm::OtherRsa(bits) => write!(f, "RSA-{bits}"),
            algorithm => f.write_str(algorithm.name()),
        }
    }
}
