//! Private keys: generated, read from PEM, written as kubeadm writes them, used to sign.
//!
//! Key material stays inside [`PrivateKey`] and in buffers that are wiped when dropped; `Debug` does not show it.
//! `x509` lists the modules that use AWS-LC.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::der::{bit_length, encode as encode_der, tag};
use super::oid;
use super::pem::{self, Block};
pub use super::public_key::{KeyError, PublicKey};

/// The label of PKCS#8; the labels of the other formats end with it.
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// A private key with its public half.
pub struct PrivateKey {
    algorithm: Algorithm,
    material: Material,
    public: PublicKey,
}

enum Material {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl PrivateKey {
    /// Generates a key; an unusual RSA size is rounded up. RSA-2048 takes about a tenth of a second, the larger ones
    /// seconds, ECDSA microseconds.
    pub fn generate(algorithm: Algorithm) -> Result<PrivateKey, KeyError> {
        let algorithm = algorithm.for_new_key();
        let rsa = |size| RsaKeyPair::generate(size).map(Material::Rsa);
        let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(Material::Ecdsa);
        let material = match algorithm {
            Algorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            Algorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            Algorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            Algorithm::Rsa8192 | Algorithm::OtherRsa(_) => rsa(KeySize::Rsa8192),
            Algorithm::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Algorithm::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Algorithm::EcdsaP521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
        };
        PrivateKey::new(algorithm, material.map_err(|_| KeyError::Library)?)
    }

    /// Reads the first private key of a PEM file: PKCS#1, SEC1 or PKCS#8. Other blocks (`EC PARAMETERS`,
    /// certificates) and further keys are ignored, as in Kubernetes and in Go's `crypto/tls`.
    pub fn from_pem(text: &[u8]) -> Result<PrivateKey, KeyError> {
        PrivateKey::first_of(text, PrivateKey::from_block)
    }

    /// Returns the first key of a PEM file that `read` finds in one of its blocks.
    pub(super) fn first_of<T>(
        text: &[u8],
        read: impl Fn(&Block) -> Result<Option<T>, KeyError>,
    ) -> Result<T, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let blocks = pem::blocks(text).map_err(KeyError::Pem)?;
        for block in &blocks {
            if let Some(key) = read(block)? {
                return Ok(key);
            }
        }
        Err(KeyError::NoKey(
            blocks.iter().map(Block::display_label).collect(),
        ))
    }

    /// Reads the key of a PEM block; `None` if the block is not a private key.
    pub(super) fn from_block(block: &Block) -> Result<Option<PrivateKey>, KeyError> {
        let der = block.contents.as_slice();
        match block.label.as_str() {
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            "RSA PRIVATE KEY" | "EC PRIVATE KEY" | PRIVATE_KEY if block.is_encrypted => {
                Err(KeyError::Encrypted)
            }
            "RSA PRIVATE KEY" => PrivateKey::from_rsa(RsaKeyPair::from_der(der), der),
            "EC PRIVATE KEY" => PrivateKey::from_sec1(der),
            PRIVATE_KEY => PrivateKey::from_pkcs8(der),
            _ => return Ok(None),
        }
        .map(Some)
    }

    fn new(algorithm: Algorithm, material: Material) -> Result<PrivateKey, KeyError> {
        let public: PublicKeyX509Der<'_> = match &material {
            Material::Rsa(key) => key.public_key().as_der(),
            Material::Ecdsa(key) => key.public_key().as_der(),
        }
        .map_err(|_| KeyError::Library)?;
        let public = PublicKey::from_spki(public.as_ref().to_vec());
        Ok(PrivateKey {
            algorithm,
            material,
            public,
        })
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
                "RSA with two primes that are so close that the private key can be computed"
                    .to_owned(),
            ));
        }
        let modulus = key.public_key().modulus();
        let bits = bit_length(modulus.big_endian_without_leading_zero());
        PrivateKey::new(Algorithm::rsa(bits), Material::Rsa(key))
    }

    fn from_sec1(der: &[u8]) -> Result<PrivateKey, KeyError> {
        let curves: [(Algorithm, &'static EcdsaSigningAlgorithm); 3] = [
            (Algorithm::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
            (Algorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
            (Algorithm::EcdsaP521, &ECDSA_P521_SHA512_ASN1_SIGNING),
        ];
        for (algorithm, curve) in curves {
            // Go does not read a key that spells out its curve or leaves it out.
            if !names_curve(der, algorithm) {
                continue;
            }
            if let Ok(key) = EcdsaKeyPair::from_private_key_der(curve, der) {
                return PrivateKey::new(algorithm, Material::Ecdsa(key));
            }
        }
        Err(KeyError::Unsupported(
            "an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve".to_owned(),
        ))
    }

    /// Reads a PKCS#8 structure.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der)
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        match info.algorithm.oid.as_bytes() {
            oid::RSA_ENCRYPTION => {
                PrivateKey::from_rsa(RsaKeyPair::from_pkcs8(der), info.private_key.as_bytes())
            }
            oid::EC_PUBLIC_KEY => PrivateKey::from_sec1(der),
            _ => Err(KeyError::Unsupported(format!(
                "a key of algorithm {}, neither RSA nor ECDSA",
                info.algorithm.oid
            ))),
        }
    }

    /// Returns the key's algorithm and size.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Returns the key as PEM in kubeadm's format: `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC1 with the
    /// curve).
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        match &self.material {
            Material::Rsa(_) => {
                let pkcs8 = self.to_pkcs8()?;
                let info =
                    PrivateKeyInfoRef::try_from(pkcs8.as_slice()).map_err(|_| KeyError::Library)?;
                Ok(pem::encode("RSA PRIVATE KEY", info.private_key.as_bytes()))
            }
            Material::Ecdsa(key) => {
                let sec1: EcPrivateKeyRfc5915Der<'_> =
                    key.private_key().as_der().map_err(|_| KeyError::Library)?;
                Ok(pem::encode("EC PRIVATE KEY", sec1.as_ref()))
            }
        }
    }

    /// Returns the key as a PKCS#8 structure.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_| KeyError::Library;
        match &self.material {
            Material::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Material::Ecdsa(key) => {
                let der = key.to_pkcs8v1().map_err(failed)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
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

/// Returns whether the primes of an RSA key (DER RSAPrivateKey, RFC 8017 appendix A.1.2) differ by less than 2^(half
/// of the bits - 100), the limit of FIPS 186-5 section A.1.3. Fermat's method finds such primes at once.
fn has_close_primes(der: &[u8]) -> bool {
    /// Comparing the first 128 bits is enough.
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
        Algorithm::EcdsaP256 => oid::SECP256R1,
        Algorithm::EcdsaP384 => oid::SECP384R1,
        _ => oid::SECP521R1,
    };
    let encoded = encode_der(tag::OBJECT_IDENTIFIER, &[curve]);
    der.windows(encoded.len()).any(|window| window == encoded)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, elided)", self.algorithm)
    }
}

/// Returns random bytes from the cryptography library's generator.
pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Library)?;
    Ok(bytes)
}

/// Returns random lower-case letters and digits.
pub(crate) fn random_text(length: usize) -> Result<Zeroizing<String>, KeyError> {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    /// The multiple of 36 below which every character is equally likely.
    const LIMIT: u8 = 252;
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let [byte] = random::<1>()?;
        let character = ALPHABET.get(usize::from(byte) % ALPHABET.len());
        let character = character.filter(|_| byte < LIMIT);
        text.extend(character.map(|character| char::from(*character)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
