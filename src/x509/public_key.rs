//! Public keys, which verify signatures, and why a key cannot be read.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};

use x509_cert::der::asn1::ObjectIdentifier;

use super::algorithm::Algorithm;
use super::der::bit_length;
use super::digest::{hex, sha256};
use super::key_info::KeyInfo;
use super::oid::{self, oid_name};
use super::pem::{self, PemError};
use super::signature::{Hash, SignatureAlgorithm, Signed};

/// A public key as DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

/// Why a private or public key could not be read or used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The file has no bytes.
    Empty,
    /// The key needs a passphrase.
    Encrypted,
    /// The PEM text is malformed.
    Pem(PemError),
    /// There is no key in the file; the PEM labels that were found.
    NoKey(Vec<String>),
    /// The key is of a kind that Kubernetes components or `pki` do not use.
    Unsupported(String),
    /// The key's encoding or numbers are wrong; the library's reason.
    Malformed(String),
    /// The cryptography library failed to generate or to sign.
    Library,
}

impl PublicKey {
    /// Wraps a DER SubjectPublicKeyInfo without checking it.
    pub(crate) fn from_spki(spki: Vec<u8>) -> PublicKey {
        PublicKey { spki }
    }

    /// Returns the key as a `PUBLIC KEY` PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.spki).to_string()
    }

    /// Returns the key's algorithm and size, if it is RSA, or ECDSA on a curve that `pki` knows.
    pub fn algorithm(&self) -> Option<Algorithm> {
        let info = self.info()?;
        match info.algorithm {
            oid::RSA_ENCRYPTION => {
                let modulus = info.rsa_numbers()?.modulus;
                Some(Algorithm::rsa(bit_length(modulus)))
            }
            oid::EC_PUBLIC_KEY => match info.curve()? {
                oid::SECP256R1 => Some(Algorithm::EcdsaP256),
                oid::SECP384R1 => Some(Algorithm::EcdsaP384),
                oid::SECP521R1 => Some(Algorithm::EcdsaP521),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the algorithm for reports; one that `pki` does not know by its name or object identifier.
    pub fn description(&self) -> String {
        if let Some(algorithm) = self.algorithm() {
            return algorithm.to_string();
        }
        let name = |octets: &[u8]| ObjectIdentifier::from_bytes(octets).map(oid_name).ok();
        let info = self.info();
        let algorithm = info.as_ref().and_then(|info| name(info.algorithm));
        let curve = info
            .as_ref()
            .filter(|info| info.algorithm == oid::EC_PUBLIC_KEY)
            .and_then(|info| name(info.curve()?));
        match (algorithm, curve) {
            (Some(_), Some(curve)) => format!("ECDSA on {curve}"),
            (Some(algorithm), None) => algorithm,
            (None, _) => "unknown".to_owned(),
        }
    }

    /// Returns the SHA-256 of the key, for comparisons.
    pub fn fingerprint(&self) -> Vec<u8> {
        sha256(&self.spki)
    }

    /// Returns whether this is an RSA key with a public exponent below 65537, the minimum of FIPS 186-5 section 5.1.
    pub fn has_small_exponent(&self) -> bool {
        let info = self
            .info()
            .filter(|info| info.algorithm == oid::RSA_ENCRYPTION);
        let numbers = info.and_then(|info| info.rsa_numbers());
        numbers.is_some_and(|numbers| bit_length(numbers.exponent) < 17)
    }

    /// Returns the key identifier: the first 20 bytes of the SHA-256 of the key bits (RFC 7093 section 2, method 1; Go since 1.25).
    pub fn key_id(&self) -> Result<Vec<u8>, KeyError> {
        let info = self.info();
        let info = info.ok_or_else(|| KeyError::Malformed("not a public key".to_owned()))?;
        Ok(sha256(info.key).into_iter().take(20).collect())
    }

    /// Returns the pin of kubeadm: `sha256:` and the SHA-256 of the SubjectPublicKeyInfo (`util/pubkeypin/pubkeypin.go`).
    pub fn pin(&self) -> String {
        format!("sha256:{}", hex(&sha256(&self.spki)))
    }

    /// Returns the DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(super) fn info(&self) -> Option<KeyInfo<'_>> {
        KeyInfo::parse(&self.spki)
    }

    /// Returns whether this key made the signature of a structure.
    pub(super) fn has_signed(&self, signed: &Signed<'_>) -> bool {
        let (Some(algorithm), Some(info)) = (signed.algorithm(), self.info()) else {
            return false;
        };
        let verification: &'static dyn VerificationAlgorithm = match (algorithm, info.algorithm) {
            (SignatureAlgorithm::RsaPkcs1(hash), oid::RSA_ENCRYPTION) => match hash {
                Hash::Sha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                Hash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                Hash::Sha512 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            },
            (SignatureAlgorithm::RsaPss(hash), oid::RSA_ENCRYPTION) => match hash {
                Hash::Sha256 => &RSA_PSS_2048_8192_SHA256,
                Hash::Sha384 => &RSA_PSS_2048_8192_SHA384,
                Hash::Sha512 => &RSA_PSS_2048_8192_SHA512,
            },
            (SignatureAlgorithm::Ecdsa(hash), oid::EC_PUBLIC_KEY) => match (info.curve(), hash) {
                (Some(oid::SECP256R1), Hash::Sha256) => &ECDSA_P256_SHA256_ASN1,
                (Some(oid::SECP256R1), Hash::Sha384) => &ECDSA_P256_SHA384_ASN1,
                (Some(oid::SECP256R1), Hash::Sha512) => &ECDSA_P256_SHA512_ASN1,
                (Some(oid::SECP384R1), Hash::Sha256) => &ECDSA_P384_SHA256_ASN1,
                (Some(oid::SECP384R1), Hash::Sha384) => &ECDSA_P384_SHA384_ASN1,
                (Some(oid::SECP384R1), Hash::Sha512) => &ECDSA_P384_SHA512_ASN1,
                (Some(oid::SECP521R1), Hash::Sha256) => &ECDSA_P521_SHA256_ASN1,
                (Some(oid::SECP521R1), Hash::Sha384) => &ECDSA_P521_SHA384_ASN1,
                (Some(oid::SECP521R1), Hash::Sha512) => &ECDSA_P521_SHA512_ASN1,
                _ => return false,
            },
            (SignatureAlgorithm::Ed25519, oid::ED25519) => &ED25519,
            _ => return false,
        };
        UnparsedPublicKey::new(verification, info.key)
            .verify(signed.body, signed.signature)
            .is_ok()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Empty => f.write_str("the file is empty"),
            KeyError::Encrypted => f.write_str("the key is encrypted with a passphrase; Kubernetes components need an unencrypted key"),
            KeyError::Pem(error) => write!(f, "malformed PEM: {error}"),
            KeyError::NoKey(labels) if labels.is_empty() => f.write_str("it contains no PEM block"),
            KeyError::NoKey(labels) => write!(f, "it contains no key, only `{}`", labels.join("`, `")),
            KeyError::Unsupported(what) => write!(f, "unsupported key: {what}"),
            KeyError::Malformed(reason) => write!(f, "malformed key: {reason}"),
            KeyError::Library => f.write_str("the cryptography library failed"),
        }
    }
}

impl std::error::Error for KeyError {}
