//! Signatures of certificates and requests: the accepted algorithms, and the bytes that are signed.

use super::der::{Der, tag};
use super::oid;

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A signature algorithm that Go's `crypto/x509` accepts on certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureAlgorithm {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ecdsa(Hash),
    Ed25519,
}

/// The parts of a signed structure (RFC 5280 section 4.1.1, RFC 2986 section 4.2), as they are encoded.
///
/// The body must not be decoded and encoded again before its signature is checked: the library sorts sets, and not
/// every signer did.
pub(super) struct Signed<'a> {
    /// What is signed.
    pub(super) body: &'a [u8],
    algorithm: Option<SignatureAlgorithm>,
    /// The octets of the signature.
    pub(super) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Splits a DER structure.
    pub(super) fn split(der: &'a [u8]) -> Option<Signed<'a>> {
        let mut reader = Der(der).read(tag::SEQUENCE)?;
        let body = reader.read_whole(tag::SEQUENCE)?;
        let algorithm = reader.read(tag::SEQUENCE)?;
        let signature = reader.octets_of_bit_string()?;
        Some(Signed {
            body,
            algorithm: SignatureAlgorithm::parse(algorithm),
            signature,
        })
    }

    /// Returns the signature algorithm, if it is accepted.
    pub(super) fn algorithm(&self) -> Option<SignatureAlgorithm> {
        self.algorithm
    }
}

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01";
const ECDSA_WITH_SHA2: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03";
const SHA2: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02";
const NULL: &[u8] = b"\x05\x00";

impl SignatureAlgorithm {
    /// Reads the contents of an AlgorithmIdentifier (Go's `getSignatureAlgorithmFromAI`); `None` for algorithms that
    /// Go does not know or calls insecure, such as MD5 and SHA-1.
    pub(super) fn parse(mut identifier: Der<'_>) -> Option<SignatureAlgorithm> {
        let algorithm = identifier.object_identifier()?;
        if algorithm == oid::ED25519 {
            return identifier.is_empty().then_some(SignatureAlgorithm::Ed25519);
        }
        let (last, family) = algorithm.split_last()?;
        match (family, last) {
            (RSA, 10) => Some(SignatureAlgorithm::RsaPss(pss_hash(identifier)?)),
            (RSA, 11) => Some(SignatureAlgorithm::RsaPkcs1(Hash::Sha256)),
            (RSA, 12) => Some(SignatureAlgorithm::RsaPkcs1(Hash::Sha384)),
            (RSA, 13) => Some(SignatureAlgorithm::RsaPkcs1(Hash::Sha512)),
            (ECDSA_WITH_SHA2, 2) => Some(SignatureAlgorithm::Ecdsa(Hash::Sha256)),
            (ECDSA_WITH_SHA2, 3) => Some(SignatureAlgorithm::Ecdsa(Hash::Sha384)),
            (ECDSA_WITH_SHA2, 4) => Some(SignatureAlgorithm::Ecdsa(Hash::Sha512)),
            _ => None,
        }
    }

    /// Returns the octets of the object identifier of the keys that make such signatures.
    pub(super) fn key_algorithm(self) -> &'static [u8] {
        match self {
            SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_) => oid::RSA_ENCRYPTION,
            SignatureAlgorithm::Ecdsa(_) => oid::EC_PUBLIC_KEY,
            SignatureAlgorithm::Ed25519 => oid::ED25519,
        }
    }
}

/// Reads RSASSA-PSS parameters (RFC 4055 section 3.1): both hashes must be the same, and the salt must be as long as
/// the hash.
fn pss_hash(mut identifier: Der<'_>) -> Option<Hash> {
    let mut parameters = identifier.read(tag::SEQUENCE)?;
    let hash = parameters.read(tag::constructed(0))?;
    let mask = parameters.read(tag::constructed(1))?;
    let salt = parameters
        .read(tag::constructed(2))?
        .unsigned(tag::INTEGER)?;
    let trailer = match parameters.read_optional(tag::constructed(3))? {
        Some(mut trailer) => trailer.unsigned(tag::INTEGER)?,
        None => 1,
    };
    let hash = sha2({ hash }.read(tag::SEQUENCE)?)?;
    let mut mask = { mask }.read(tag::SEQUENCE)?;
    let is_mgf1 = mask.object_identifier()?.split_last() == Some((&8, RSA));
    let is_same = sha2(mask.read(tag::SEQUENCE)?)? == hash;
    let length = match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    };
    (is_mgf1 && is_same && salt == length && trailer == 1).then_some(hash)
}

fn sha2(mut identifier: Der<'_>) -> Option<Hash> {
    let oid = identifier.object_identifier()?;
    let hash = match oid.split_last()? {
        (1, SHA2) => Hash::Sha256,
        (2, SHA2) => Hash::Sha384,
        (3, SHA2) => Hash::Sha512,
        _ => return None,
    };
    (identifier.is_empty() || identifier.0 == NULL).then_some(hash)
}
