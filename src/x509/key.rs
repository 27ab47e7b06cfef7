//! Private keys: generated, read from PEM, written as kubeadm writes them, used to sign.
//!
//! Key material stays inside [`PrivateKey`] and in buffers that are wiped when dropped; `Debug` shows none of it.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::ObjectIdentifier;
use pkcs8::der::{Decode, Encode};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::pem::{blocks, label};

pub(super) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The label of PKCS#8; those of the other formats end with it.
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// A private key with its public half.
pub struct PrivateKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

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
    /// The PEM text is malformed; the reason.
    Pem(String),
    /// There is no key in the file; the PEM labels that were found.
    NoKey(Vec<String>),
    /// There are several keys in the file.
    SeveralKeys(usize),
    /// The key is of a kind that Kubernetes components or `pki` do not use.
    Unsupported(String),
    /// The key's encoding or numbers are wrong; the library's reason.
    Malformed(String),
    /// The cryptography library failed to generate or to sign.
    Library,
}

impl PrivateKey {
    /// Generates a key. RSA-2048 takes about a tenth of a second, the larger ones seconds, ECDSA microseconds.
    pub fn generate(algorithm: Algorithm) -> Result<PrivateKey, KeyError> {
        let rsa = |size| RsaKeyPair::generate(size).map(Material::Rsa);
        let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(Material::Ecdsa);
        let material = match algorithm {
            Algorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            Algorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            Algorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            Algorithm::Rsa8192 => rsa(KeySize::Rsa8192),
            Algorithm::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Algorithm::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Algorithm::EcdsaP521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
        };
        Ok(PrivateKey {
            algorithm,
            material: material.map_err(|_| KeyError::Library)?,
        })
    }

    /// Reads the one private key of a PEM file: PKCS#1, SEC1 or PKCS#8, as kubeadm does.
    ///
    /// Blocks of other kinds (`EC PARAMETERS`, certificates) are passed over. Unlike kubeadm, which takes the first of
    /// several keys, a file with more than one is refused: nobody can tell which one is meant.
    pub fn from_pem(text: &[u8]) -> Result<PrivateKey, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let blocks = blocks(text).map_err(KeyError::Pem)?;
        // Counted before any is read: thousands of them would take their time.
        let is_key =
            |block: &&pem::Pem| block.tag() == PRIVATE_KEY || block.tag().ends_with(" PRIVATE KEY");
        let count = blocks.iter().filter(is_key).count();
        if count > 1 {
            return Err(KeyError::SeveralKeys(count));
        }
        let mut labels = Vec::new();
        for block in blocks {
            let tag = block.tag().to_owned();
            // RFC 1421 headers on a key mean OpenSSL's traditional encryption.
            let encrypted =
                tag == "ENCRYPTED PRIVATE KEY" || block.headers().get("DEK-Info").is_some();
            let der = Zeroizing::new(block.into_contents());
            match tag.as_str() {
                _ if encrypted => return Err(KeyError::Encrypted),
                "RSA PRIVATE KEY" => return PrivateKey::from_rsa(RsaKeyPair::from_der(&der), &der),
                "EC PRIVATE KEY" => return PrivateKey::from_sec1(&der),
                PRIVATE_KEY => return PrivateKey::from_pkcs8(&der),
                _ => labels.push(label(&tag)),
            }
        }
        Err(KeyError::NoKey(labels))
    }

    fn from_rsa(
        parsed: Result<RsaKeyPair, aws_lc_rs::error::KeyRejected>,
        der: &[u8],
    ) -> Result<PrivateKey, KeyError> {
        let key = parsed.map_err(|error| match error.to_string().as_str() {
            "TooSmall" => KeyError::Unsupported("RSA with less than 2048 bits".to_owned()),
            "TooLarge" => KeyError::Unsupported("RSA with more than 8192 bits".to_owned()),
            reason => KeyError::Malformed(reason.to_owned()),
        })?;
        if has_close_primes(der) {
            return Err(KeyError::Unsupported(
                "RSA with two primes so close to each other that anybody can find them".to_owned(),
            ));
        }
        let bits = key.public_modulus_len() * 8;
        let algorithm = rsa_algorithm(bits)
            .ok_or_else(|| KeyError::Unsupported(format!("RSA with {bits} bits")))?;
        Ok(PrivateKey {
            algorithm,
            material: Material::Rsa(key),
        })
    }

    fn from_sec1(der: &[u8]) -> Result<PrivateKey, KeyError> {
        let curves: [(Algorithm, &'static EcdsaSigningAlgorithm); 3] = [
            (Algorithm::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
            (Algorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
            (Algorithm::EcdsaP521, &ECDSA_P521_SHA512_ASN1_SIGNING),
        ];
        for (algorithm, curve) in curves {
            // Go reads no key whose curve is spelled out instead of named, or left out.
            if !names_curve(der, algorithm) {
                continue;
            }
            if let Ok(key) = EcdsaKeyPair::from_private_key_der(curve, der) {
                return Ok(PrivateKey {
                    algorithm,
                    material: Material::Ecdsa(key),
                });
            }
        }
        Err(KeyError::Unsupported(
            "an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve".to_owned(),
        ))
    }

    fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der)
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => {
                PrivateKey::from_rsa(RsaKeyPair::from_pkcs8(der), info.private_key.as_bytes())
            }
            EC_PUBLIC_KEY => PrivateKey::from_sec1(der),
            other => Err(KeyError::Unsupported(format!(
                "a key of algorithm {other}, neither RSA nor ECDSA"
            ))),
        }
    }

    /// Returns the key's algorithm and size.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public half.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        let der: PublicKeyX509Der<'_> = match &self.material {
            Material::Rsa(key) => key.public_key().as_der(),
            Material::Ecdsa(key) => key.public_key().as_der(),
        }
        .map_err(|_| KeyError::Library)?;
        Ok(PublicKey {
            spki: der.as_ref().to_vec(),
        })
    }

    /// Returns the key as PEM, as kubeadm writes it: `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC1 with the curve inside).
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        match &self.material {
            Material::Rsa(key) => {
                let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| KeyError::Library)?;
                let info =
                    PrivateKeyInfoRef::try_from(pkcs8.as_ref()).map_err(|_| KeyError::Library)?;
                Ok(encode_pem("RSA PRIVATE KEY", info.private_key.as_bytes()))
            }
            Material::Ecdsa(key) => {
                let sec1: EcPrivateKeyRfc5915Der<'_> =
                    key.private_key().as_der().map_err(|_| KeyError::Library)?;
                Ok(encode_pem("EC PRIVATE KEY", sec1.as_ref()))
            }
        }
    }

    /// Signs `message`: SHA-256 with PKCS#1 v1.5 for RSA of any size, the curve's own hash for ECDSA, as Go's `crypto/x509` chooses.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        match &self.material {
            Material::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| KeyError::Library)?;
                Ok(signature)
            }
            Material::Ecdsa(key) => {
                let signature = key.sign(&random, message).map_err(|_| KeyError::Library)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// Returns whether the primes of an RSA key (DER RSAPrivateKey, RFC 8017 appendix A.1.2) differ by less than FIPS 186-5
/// section A.1.3 wants, 2^(half of the bits - 100). Fermat's method finds such primes at once.
fn has_close_primes(der: &[u8]) -> bool {
    /// The first 128 bits tell.
    fn leading(prime: &[u8]) -> Option<u128> {
        prime.first_chunk().copied().map(u128::from_be_bytes)
    }
    let Ok(key) = pkcs1::RsaPrivateKeyRef::from_der(der) else {
        return false;
    };
    let (p, q) = (key.prime1.as_bytes(), key.prime2.as_bytes());
    match (leading(p), leading(q)) {
        (Some(p_leading), Some(q_leading)) if p.len() == q.len() => {
            p_leading.abs_diff(q_leading) >> 28 == 0
        }
        _ => false,
    }
}

/// Returns whether a key's encoding holds the identifier of its curve.
fn names_curve(der: &[u8], algorithm: Algorithm) -> bool {
    let curve = match algorithm {
        Algorithm::EcdsaP256 => SECP256R1,
        Algorithm::EcdsaP384 => SECP384R1,
        _ => SECP521R1,
    };
    let Ok(encoded) = curve.to_der() else {
        return false;
    };
    der.windows(encoded.len()).any(|window| window == encoded)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, elided)", self.algorithm)
    }
}

impl PublicKey {
    /// Takes DER SubjectPublicKeyInfo as it stands.
    pub(crate) fn from_spki(spki: Vec<u8>) -> PublicKey {
        PublicKey { spki }
    }

    /// Reads every `PUBLIC KEY` block of a PEM file; at least one.
    ///
    /// Several are legitimate: `--service-account-key-file` accepts any number while a key is being replaced.
    pub fn from_pem(text: &[u8]) -> Result<Vec<PublicKey>, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let blocks = blocks(text).map_err(KeyError::Pem)?;
        let labels = blocks.iter().map(|block| label(block.tag())).collect();
        let keys: Vec<_> = blocks
            .into_iter()
            .filter(|block| block.tag() == "PUBLIC KEY")
            .map(|block| PublicKey {
                spki: block.into_contents(),
            })
            .collect();
        if keys.is_empty() {
            Err(KeyError::NoKey(labels))
        } else {
            Ok(keys)
        }
    }

    /// Returns the key as a `PUBLIC KEY` PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode_config(
            &pem::Pem::new("PUBLIC KEY", self.spki.clone()),
            unix_lines(),
        )
    }

    /// Returns the key's algorithm and size, if it is one that `pki` can make.
    pub fn algorithm(&self) -> Option<Algorithm> {
        let info = SubjectPublicKeyInfoRef::try_from(self.spki.as_slice()).ok()?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => {
                let key = aws_lc_rs::rsa::PublicKey::from_der(info.subject_public_key.raw_bytes())
                    .ok()?;
                rsa_algorithm(key.modulus_len() * 8)
            }
            EC_PUBLIC_KEY => match info.algorithm.parameters_oid().ok()? {
                SECP256R1 => Some(Algorithm::EcdsaP256),
                SECP384R1 => Some(Algorithm::EcdsaP384),
                SECP521R1 => Some(Algorithm::EcdsaP521),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether it is an RSA key with a public exponent below 65537, which have a history of attacks (FIPS 186-5 section 5.1).
    pub fn has_small_exponent(&self) -> bool {
        let Ok(info) = SubjectPublicKeyInfoRef::try_from(self.spki.as_slice()) else {
            return false;
        };
        info.algorithm.oid == RSA_ENCRYPTION
            && pkcs1::RsaPublicKeyRef::from_der(info.subject_public_key.raw_bytes())
                .is_ok_and(|key| key.public_exponent.as_bytes().len() < 3)
    }

    /// Returns the key identifier: the first 20 bytes of the SHA-256 of the key bits (RFC 7093 section 2, method 1; Go since 1.25).
    pub fn key_id(&self) -> Result<Vec<u8>, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(self.spki.as_slice())
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        Ok(sha256(info.subject_public_key.raw_bytes())
            .into_iter()
            .take(20)
            .collect())
    }

    /// Returns the DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Empty => f.write_str("the file is empty"),
            KeyError::Encrypted => f.write_str("the key is encrypted with a passphrase; Kubernetes components need it in the clear"),
            KeyError::Pem(reason) => write!(f, "malformed PEM: {reason}"),
            KeyError::NoKey(labels) if labels.is_empty() => f.write_str("there is no PEM block in it"),
            KeyError::NoKey(labels) => write!(f, "there is no key in it, only `{}`", labels.join("`, `")),
            KeyError::SeveralKeys(count) => write!(f, "there are {count} private keys in it, want one"),
            KeyError::Unsupported(what) => write!(f, "unsupported key: {what}"),
            KeyError::Malformed(reason) => write!(f, "malformed key: {reason}"),
            KeyError::Library => f.write_str("the cryptography library failed"),
        }
    }
}

impl std::error::Error for KeyError {}

fn rsa_algorithm(bits: usize) -> Option<Algorithm> {
    match bits {
        2048 => Some(Algorithm::Rsa2048),
        3072 => Some(Algorithm::Rsa3072),
        4096 => Some(Algorithm::Rsa4096),
        8192 => Some(Algorithm::Rsa8192),
        _ => None,
    }
}

/// Encodes with 64 columns and LF, as Go's `encoding/pem` does, and wipes the copy it makes.
fn encode_pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let block = pem::Pem::new(label, der);
    let text = Zeroizing::new(pem::encode_config(&block, unix_lines()));
    drop(Zeroizing::new(block.into_contents()));
    text
}

pub(super) fn unix_lines() -> pem::EncodeConfig {
    pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF)
}

/// Returns the SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)
        .as_ref()
        .to_vec()
}

/// Returns bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns random bytes from the cryptography library's generator.
pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Library)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
