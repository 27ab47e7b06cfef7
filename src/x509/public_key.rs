//! Public keys: read from PEM and from certificates, used to verify signatures.

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
use super::certificate::Certificate;
use super::der::{Der, bit_length, tag};
use super::go::check_public_key;
use super::key::{KeyError, PrivateKey, hex, sha256};
use super::oid::oid_name;
use super::pem;
use super::signature::{Hash, SignatureAlgorithm};

/// A public key as DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

/// The parts of a SubjectPublicKeyInfo.
pub(super) struct KeyInfo<'a> {
    /// The octets of the algorithm's object identifier.
    pub(super) algorithm: &'a [u8],
    /// The parameters as they are encoded; empty if there are none.
    pub(super) parameters: &'a [u8],
    /// The octets of the key.
    pub(super) key: &'a [u8],
}

/// The numbers of an RSA public key, as the octets of an INTEGER each.
pub(super) struct RsaNumbers<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) exponent: &'a [u8],
}

/// Object identifiers of keys and curves, as they are encoded.
pub(super) mod oid {
    pub(in crate::x509) const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    pub(in crate::x509) const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
    pub(in crate::x509) const ED25519: &[u8] = b"\x2b\x65\x70";
    pub(in crate::x509) const SECP224R1: &[u8] = b"\x2b\x81\x04\x00\x21";
    pub(in crate::x509) const SECP256R1: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
    pub(in crate::x509) const SECP384R1: &[u8] = b"\x2b\x81\x04\x00\x22";
    pub(in crate::x509) const SECP521R1: &[u8] = b"\x2b\x81\x04\x00\x23";
}

impl PublicKey {
    /// Wraps a DER SubjectPublicKeyInfo without checking it.
    pub(crate) fn from_spki(spki: Vec<u8>) -> PublicKey {
        PublicKey { spki }
    }

    /// Reads the public keys of a PEM file; at least one.
    ///
    /// A file may contain several: `--service-account-key-file` accepts any number while a key is being replaced. As
    /// in Kubernetes (`keyutil.ParsePublicKeysPEM`), the public key of a certificate or private key counts too.
    pub fn from_pem(text: &[u8]) -> Result<Vec<PublicKey>, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let blocks = pem::blocks(text).map_err(KeyError::Pem)?;
        let mut keys = Vec::new();
        for block in &blocks {
            match block.label.as_str() {
                "PUBLIC KEY" => {
                    check_public_key(&block.contents)
                        .map_err(|error| KeyError::Malformed(error.to_string()))?;
                    keys.push(PublicKey::from_spki(block.contents.to_vec()));
                }
                "CERTIFICATE" => {
                    let certificate = Certificate::from_der(block.contents.to_vec())
                        .map_err(|error| KeyError::Malformed(error.to_string()))?;
                    keys.push(certificate.public_key().clone());
                }
                // Kubernetes ignores blocks that it cannot read.
                _ => {
                    let private = PrivateKey::from_block(block).ok().flatten();
                    keys.extend(private.map(|key| key.public_key().clone()));
                }
            }
        }
        match keys.is_empty() {
            true => Err(KeyError::NoKey(
                blocks.iter().map(pem::Block::display_label).collect(),
            )),
            false => Ok(keys),
        }
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
        super::key::sha256(&self.spki)
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

    /// Returns whether this key made the signature on a message.
    pub(super) fn verifies(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(info) = self.info() else {
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
            .verify(message, signature)
            .is_ok()
    }
}

impl<'a> KeyInfo<'a> {
    /// Reads DER SubjectPublicKeyInfo.
    pub(super) fn parse(spki: &'a [u8]) -> Option<KeyInfo<'a>> {
        let mut info = Der(spki).read(tag::SEQUENCE)?;
        let mut algorithm = info.read(tag::SEQUENCE)?;
        let key = info.octets_of_bit_string()?;
        Some(KeyInfo {
            algorithm: algorithm.object_identifier()?,
            parameters: match algorithm.is_empty() {
                true => &[],
                false => algorithm.any()?.whole,
            },
            key,
        })
    }

    /// Returns the octets of the curve's object identifier, if the parameters name one.
    pub(super) fn curve(&self) -> Option<&'a [u8]> {
        Der(self.parameters).object_identifier()
    }

    /// Reads the key as an RSAPublicKey (RFC 8017 appendix A.1.1).
    pub(super) fn rsa_numbers(&self) -> Option<RsaNumbers<'a>> {
        let mut numbers = Der(self.key).read(tag::SEQUENCE)?;
        Some(RsaNumbers {
            modulus: numbers.integer(tag::INTEGER)?,
            exponent: numbers.integer(tag::INTEGER)?,
        })
    }
}
