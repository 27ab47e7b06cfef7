//! Private keys that are encrypted with a passphrase: PKCS#8 EncryptedPrivateKeyInfo (RFC 5958 section 3) with PBES2 (RFC 8018).
//!
//! `pkcs8` and `pkcs5` read and write the encoding; AWS-LC derives the key from the passphrase and encrypts. `pki` writes
//! the one form that OpenSSL, GnuTLS, Go's `pkcs8` packages and Python's `cryptography` all read.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2::{
    PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512, derive,
};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Encode, ErrorKind, Tag};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme as Cipher, Kdf, PBES2_OID, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt,
};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use x509_cert::der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use super::der::{Der, tag};
use super::key::{KeyError, PrivateKey, random};
use super::pem::{self, Block};

/// The label of an encrypted key.
const ENCRYPTED_PRIVATE_KEY: &str = "ENCRYPTED PRIVATE KEY";

/// How often PBKDF2 hashes the passphrase of a new file: what OWASP's Password Storage Cheat Sheet asks for with HMAC-SHA256.
const ITERATIONS: u32 = 600_000;

/// The most iterations with which a key is read. They take about seven seconds; a hostile file must not keep
/// a cron job busy for minutes.
pub const MAX_ITERATIONS: u32 = 10_000_000;

/// The number of bytes of a new salt.
const SALT_SIZE: usize = 16;

/// The most bytes of a passphrase; OpenSSL reads no more.
pub const MAX_PASSPHRASE: usize = 1024;

/// The command that brings a key that `pki` does not read into the form that it writes.
pub const CONVERT: &str = "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in OLD.key -out NEW.key";

/// A passphrase, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why a text is not a passphrase. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassphraseError {
    /// It is empty.
    Empty,
    /// It has a control character, such as NUL.
    ControlCharacter,
    /// It has more than [`MAX_PASSPHRASE`] bytes.
    Length,
}

/// What the key file of a CA holds.
#[derive(Debug)]
pub enum StoredKey {
    /// A private key.
    Plain(PrivateKey),
    /// A private key that needs a passphrase.
    Encrypted(EncryptedKey),
}

/// A private key that needs a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedKey {
    encryption: Encryption,
    ciphertext: Vec<u8>,
}

/// How a key is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// PBKDF2 and AES in CBC mode.
    Pbes2(Pbes2),
    /// In a way that `pki` does not read; which one.
    Unsupported(String),
}

/// The parameters of PBES2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pbes2 {
    kdf: Pbkdf2Params,
    iterations: NonZeroU32,
    cipher: Cipher,
}

/// Why an encrypted key cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockError {
    /// It is encrypted in a way that `pki` does not read; which one.
    Unsupported(String),
    /// The passphrase is wrong, or the file is damaged: nothing tells which.
    Refused,
    /// The decrypted key cannot be used.
    Key(KeyError),
}

impl Passphrase {
    /// Reads a passphrase: the first line, as OpenSSL does. The line end may be missing.
    ///
    /// # Errors
    /// If the line is empty, too long, or has control characters, which other programs read differently.
    pub fn from_first_line(text: &[u8]) -> Result<Passphrase, PassphraseError> {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(PassphraseError::Empty);
        }
        if line.len() > MAX_PASSPHRASE {
            return Err(PassphraseError::Length);
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(PassphraseError::ControlCharacter);
        }
        Ok(Passphrase(Zeroizing::new(line.to_vec())))
    }
}

impl StoredKey {
    /// Reads the first private key of a PEM file, as [`PrivateKey::from_pem`]. It may be encrypted.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pem`]. An encrypted key that `pki` cannot decrypt is not an error.
    pub fn from_pem(text: &[u8]) -> Result<StoredKey, KeyError> {
        PrivateKey::first_of(text, StoredKey::from_block)
    }

    /// Reads the key of a PEM block; `None` if the block is not a private key.
    pub(super) fn from_block(block: &Block) -> Result<Option<StoredKey>, KeyError> {
        Ok(match EncryptedKey::from_block(block)? {
            Some(key) => Some(StoredKey::Encrypted(key)),
            None => PrivateKey::from_block(block)?.map(StoredKey::Plain),
        })
    }
}

impl EncryptedKey {
    /// Reads the key of a PEM block; `None` if it is not an encrypted private key.
    fn from_block(block: &Block) -> Result<Option<EncryptedKey>, KeyError> {
        match block.label.as_str() {
            ENCRYPTED_PRIVATE_KEY => EncryptedKey::from_der(&block.contents).map(Some),
            "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "PRIVATE KEY" if block.is_encrypted => {
                let how = "OpenSSL's traditional encryption".to_owned();
                Ok(Some(EncryptedKey::unsupported(how)))
            }
            _ => Ok(None),
        }
    }

    /// Reads an EncryptedPrivateKeyInfo.
    fn from_der(der: &[u8]) -> Result<EncryptedKey, KeyError> {
        let malformed = |reason: String| KeyError::Malformed(reason);
        let scheme =
            scheme(der).ok_or_else(|| malformed("it is not an encrypted key".to_owned()))?;
        if scheme != PBES2_OID {
            return Ok(EncryptedKey::unsupported(format!("the scheme {scheme}")));
        }
        let info = match EncryptedPrivateKeyInfoRef::try_from(der) {
            Ok(info) => info,
            Err(pkcs8::Error::Asn1(error)) => {
                return match error.kind() {
                    ErrorKind::OidUnknown { oid } => {
                        Ok(EncryptedKey::unsupported(format!("PBES2 with {oid}")))
                    }
                    // Only the salt has a limit of its own; an initialization vector has the wrong value.
                    ErrorKind::Length {
                        tag: Tag::OctetString,
                    } => {
                        let how =
                            format!("PBKDF2 with a salt of more than {} bytes", Salt::MAX_LEN);
                        Ok(EncryptedKey::unsupported(how))
                    }
                    _ => Err(malformed(error.to_string())),
                };
            }
            Err(error) => return Err(malformed(error.to_string())),
        };
        let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
            return Ok(EncryptedKey::unsupported(format!("the scheme {scheme}")));
        };
        Ok(EncryptedKey {
            encryption: Encryption::new(parameters)?,
            ciphertext: info.encrypted_data.as_bytes().to_vec(),
        })
    }

    fn unsupported(how: String) -> EncryptedKey {
        EncryptedKey {
            encryption: Encryption::Unsupported(how),
            ciphertext: Vec::new(),
        }
    }

    /// Returns how the key is encrypted.
    pub fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// Decrypts the key. This takes as long as the file says, up to [`MAX_ITERATIONS`].
    ///
    /// # Errors
    /// If `pki` does not read this encryption, if the passphrase is wrong, or if the key cannot be used.
    pub fn decrypt(&self, passphrase: &Passphrase) -> Result<PrivateKey, UnlockError> {
        let pbes2 = match &self.encryption {
            Encryption::Pbes2(pbes2) => pbes2,
            Encryption::Unsupported(how) => return Err(UnlockError::Unsupported(how.clone())),
        };
        let refused = |_| UnlockError::Refused;
        let library = |_| UnlockError::Key(KeyError::Library);
        let (key, iv) = pbes2.cipher_key(passphrase).map_err(UnlockError::Key)?;
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(library)?;
        let mut plain = Zeroizing::new(self.ciphertext.clone());
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let der: &[u8] = cipher.decrypt(&mut plain, context).map_err(refused)?;
        // One in 256 wrong passphrases leaves a padding that is right.
        if PrivateKeyInfoRef::try_from(der).is_err() {
            return Err(UnlockError::Refused);
        }
        PrivateKey::from_pkcs8(der).map_err(UnlockError::Key)
    }
}

/// Returns the algorithm of an EncryptedPrivateKeyInfo.
fn scheme(der: &[u8]) -> Option<ObjectIdentifier> {
    let mut info = Der(der).read(tag::SEQUENCE)?;
    let mut algorithm = info.read(tag::SEQUENCE)?;
    ObjectIdentifier::from_bytes(algorithm.object_identifier()?).ok()
}

impl Encryption {
    fn new(parameters: &Parameters) -> Result<Encryption, KeyError> {
        let unsupported = |how: &str| Ok(Encryption::Unsupported(how.to_owned()));
        let kdf = match &parameters.kdf {
            Kdf::Pbkdf2(kdf) => *kdf,
            _ => return unsupported("PBES2 with scrypt"),
        };
        if kdf.prf == Pbkdf2Prf::HmacWithSha224 {
            return unsupported("PBKDF2 with HMAC-SHA224");
        }
        let cipher = parameters.encryption;
        if !matches!(
            cipher,
            Cipher::Aes128Cbc { .. } | Cipher::Aes192Cbc { .. } | Cipher::Aes256Cbc { .. }
        ) {
            return unsupported("PBES2 with AES-GCM");
        }
        if kdf
            .key_length
            .is_some_and(|length| usize::from(length) != cipher.key_size())
        {
            return Err(KeyError::Malformed(
                "PBKDF2 makes a key of another length than the cipher needs".to_owned(),
            ));
        }
        let count = kdf.iteration_count;
        if count > MAX_ITERATIONS {
            return unsupported(&format!(
                "PBKDF2 with {count} iterations, more than {MAX_ITERATIONS}"
            ));
        }
        match NonZeroU32::new(count) {
            Some(iterations) => Ok(Encryption::Pbes2(Pbes2 {
                kdf,
                iterations,
                cipher,
            })),
            None => Err(KeyError::Malformed("PBKDF2 with no iterations".to_owned())),
        }
    }
}

impl Pbes2 {
    /// Derives the key of the cipher, and returns it with the initialization vector.
    fn cipher_key(
        &self,
        passphrase: &Passphrase,
    ) -> Result<(UnboundCipherKey, [u8; 16]), KeyError> {
        let (algorithm, iv) = match self.cipher {
            Cipher::Aes128Cbc { iv } => (&AES_128, iv),
            Cipher::Aes192Cbc { iv } => (&AES_192, iv),
            Cipher::Aes256Cbc { iv } => (&AES_256, iv),
            _ => return Err(KeyError::Library),
        };
        let prf = match self.kdf.prf {
            Pbkdf2Prf::HmacWithSha1 => PBKDF2_HMAC_SHA1,
            Pbkdf2Prf::HmacWithSha256 => PBKDF2_HMAC_SHA256,
            Pbkdf2Prf::HmacWithSha384 => PBKDF2_HMAC_SHA384,
            Pbkdf2Prf::HmacWithSha512 => PBKDF2_HMAC_SHA512,
            _ => return Err(KeyError::Library),
        };
        let mut key = Zeroizing::new(vec![0; self.cipher.key_size()]);
        let salt = self.kdf.salt.as_bytes();
        derive(prf, self.iterations, salt, &passphrase.0, &mut key);
        let key = UnboundCipherKey::new(algorithm, &key).map_err(|_| KeyError::Library)?;
        Ok((key, iv))
    }
}

impl PrivateKey {
    /// Returns the key as PEM, encrypted with a passphrase: PBKDF2 with HMAC-SHA256, and AES-256-CBC.
    ///
    /// # Errors
    /// If the cryptography library fails.
    pub fn to_encrypted_pem(&self, passphrase: &Passphrase) -> Result<Zeroizing<String>, KeyError> {
        let library = |_| KeyError::Library;
        let der = self.to_pkcs8()?;
        let salt: [u8; SALT_SIZE] = random()?;
        let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, random()?)
            .map_err(|_| KeyError::Library)?;
        let Encryption::Pbes2(pbes2) = Encryption::new(&parameters)? else {
            return Err(KeyError::Library);
        };
        let (key, iv) = pbes2.cipher_key(passphrase)?;
        // Room for the padding, so that no copy of the key is left behind.
        let mut ciphertext = Zeroizing::new(Vec::with_capacity(der.len() + iv.len()));
        ciphertext.extend_from_slice(&der);
        PaddedBlockEncryptingKey::cbc_pkcs7(key)
            .and_then(|cipher| {
                let context = EncryptionContext::Iv128(FixedLength::from(iv));
                cipher.less_safe_encrypt(&mut *ciphertext, context)
            })
            .map_err(library)?;
        let info = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: EncryptionScheme::Pbes2(parameters),
            encrypted_data: OctetStringRef::new(&ciphertext).map_err(|_| KeyError::Library)?,
        };
        let der = info.to_der().map_err(|_| KeyError::Library)?;
        Ok(pem::encode(ENCRYPTED_PRIVATE_KEY, &der))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(elided)")
    }
}

impl fmt::Display for PassphraseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PassphraseError::Empty => f.write_str("the passphrase is empty"),
            PassphraseError::ControlCharacter => {
                f.write_str("it has a control character, so it is not a passphrase")
            }
            PassphraseError::Length => write!(
                f,
                "it has more than {MAX_PASSPHRASE} bytes, so it is not a passphrase"
            ),
        }
    }
}

impl std::error::Error for PassphraseError {}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encryption::Pbes2(pbes2) => pbes2.fmt(f),
            Encryption::Unsupported(how) => f.write_str(how),
        }
    }
}

impl fmt::Display for Pbes2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = match self.kdf.prf {
            Pbkdf2Prf::HmacWithSha1 => "SHA1",
            Pbkdf2Prf::HmacWithSha384 => "SHA384",
            Pbkdf2Prf::HmacWithSha512 => "SHA512",
            _ => "SHA256",
        };
        let bits = 8 * self.cipher.key_size();
        let iterations = self.iterations;
        write!(
            f,
            "PBES2: PBKDF2 with HMAC-{hash} and {iterations} iterations, AES-{bits}-CBC"
        )
    }
}

impl fmt::Display for UnlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnlockError::Unsupported(how) => {
                write!(
                    f,
                    "it is encrypted in a way that `pki` does not read: {how}"
                )
            }
            UnlockError::Refused => f.write_str("the passphrase is wrong, or the file is damaged"),
            UnlockError::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for UnlockError {}

#[cfg(test)]
mod tests;
