//! The certificate key: encrypts the files that control-plane nodes share, as kubeadm does (`util/crypto/crypto.go`).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::digest::hex;
use super::key::{KeyError, random};

/// The number of bytes of a certificate key.
const KEY_SIZE: usize = 32;

/// A key of AES-256-GCM, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateKey {
    bytes: Zeroizing<[u8; KEY_SIZE]>,
}

/// Why a text is not a certificate key: what the text has. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKeyError {
    /// It has another number of characters; how many.
    Length(usize),
    /// It has characters that are not hexadecimal digits.
    Digits,
}

/// Why an encrypted file cannot be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecryptionError {
    /// It is shorter than a nonce.
    TooShort,
    /// Another key encrypted it, or it is damaged: AES-GCM does not tell which.
    Refused,
}

impl CertificateKey {
    /// Generates a key.
    ///
    /// # Errors
    /// If the cryptography library has no random bytes.
    pub fn generate() -> Result<CertificateKey, KeyError> {
        Ok(CertificateKey {
            bytes: Zeroizing::new(random()?),
        })
    }

    /// Reads a key: 64 hexadecimal digits in any case, and nothing else, as kubeadm.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_hex(text: &str) -> Result<CertificateKey, CertificateKeyError> {
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(CertificateKeyError::Digits);
        }
        if text.len() != 2 * KEY_SIZE {
            return Err(CertificateKeyError::Length(text.len()));
        }
        let mut bytes = Zeroizing::new([0; KEY_SIZE]);
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = str::from_utf8(digits)
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .ok_or(CertificateKeyError::Digits)?;
        }
        Ok(CertificateKey { bytes })
    }

    /// Returns the key as 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(self.bytes.as_slice()))
    }

    /// Encrypts a file: a random nonce of 12 bytes, the ciphertext, and a tag of 16 bytes.
    ///
    /// # Errors
    /// If the cryptography library fails.
    pub fn encrypt(&self, file: &[u8]) -> Result<Vec<u8>, KeyError> {
        // The library encrypts in place.
        let mut ciphertext = Zeroizing::new(file.to_vec());
        let nonce = self
            .cipher()?
            .seal_in_place_append_tag(Aad::empty(), &mut *ciphertext)
            .map_err(|_| KeyError::Library)?;
        Ok([nonce.as_ref().as_slice(), &ciphertext].concat())
    }

    /// Decrypts a file.
    ///
    /// # Errors
    /// If another key encrypted it, or if it is damaged.
    pub fn decrypt(&self, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptionError> {
        let refused = |_| DecryptionError::Refused;
        let (nonce, ciphertext) = encrypted
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(DecryptionError::TooShort)?;
        let cipher = self.cipher().map_err(|_| DecryptionError::Refused)?;
        let mut file = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = cipher
            .open_in_place(nonce, Aad::empty(), &mut file)
            .map_err(refused)?
            .len();
        file.truncate(length);
        Ok(file)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, KeyError> {
        RandomizedNonceKey::new(&AES_256_GCM, self.bytes.as_slice()).map_err(|_| KeyError::Library)
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateKey(elided)")
    }
}

impl fmt::Display for CertificateKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = 2 * KEY_SIZE;
        match self {
            CertificateKeyError::Length(length) => write!(
                f,
                "has {length} hexadecimal digits, want {digits}, for {KEY_SIZE} bytes"
            ),
            CertificateKeyError::Digits => write!(
                f,
                "has a character that is not a hexadecimal digit; want {digits} of them, for {KEY_SIZE} bytes"
            ),
        }
    }
}

impl std::error::Error for CertificateKeyError {}

impl fmt::Display for DecryptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecryptionError::TooShort => "it is too short to be an encrypted file",
            DecryptionError::Refused => {
                "it was encrypted with another certificate key, or it is damaged"
            }
        })
    }
}

impl std::error::Error for DecryptionError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// NIST's test case 14 of AES-256-GCM ("The Galois/Counter Mode of Operation", appendix B): all zeroes.
    #[test]
    fn a_vector_of_nist_is_decrypted() {
        let zeroes = CertificateKey::from_hex(&"00".repeat(32)).unwrap();
        let mut encrypted = vec![0; 12];
        encrypted.extend(0xcea7_403d_4d60_6b6e_074e_c5d3_baf3_9d18_u128.to_be_bytes());
        encrypted.extend(0xd0d1_c8a7_9999_6bf0_265b_98b5_d48a_b919_u128.to_be_bytes());
        assert_eq!(*zeroes.decrypt(&encrypted).unwrap(), [0; 16]);
    }

    #[test]
    fn a_file_is_decrypted_only_unchanged_and_with_its_own_key() {
        let key = CertificateKey::generate().unwrap();
        let encrypted = key.encrypt(b"a file").unwrap();
        assert_eq!(encrypted.len(), 12 + 6 + 16);
        assert_eq!(*key.decrypt(&encrypted).unwrap(), *b"a file");
        let other = CertificateKey::generate().unwrap();
        assert_eq!(other.decrypt(&encrypted), Err(DecryptionError::Refused));
        for index in 0..encrypted.len() {
            let mut damaged = encrypted.clone();
            damaged[index] ^= 1;
            assert_eq!(key.decrypt(&damaged), Err(DecryptionError::Refused));
            let cut = key.decrypt(&encrypted[..index]).unwrap_err();
            let want = match index < 12 {
                true => DecryptionError::TooShort,
                false => DecryptionError::Refused,
            };
            assert_eq!(cut, want, "{index} bytes");
        }
    }

    #[test]
    fn every_encryption_has_a_nonce_of_its_own() {
        let key = CertificateKey::generate().unwrap();
        assert_ne!(key.encrypt(b"").unwrap(), key.encrypt(b"").unwrap());
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits_in_any_case() {
        let digits = "00112233445566778899aabbccddeeff00112233445566778899aAbBcCdDeEfF";
        let key = CertificateKey::from_hex(digits).unwrap();
        assert_eq!(*key.to_hex(), digits.to_lowercase());
        let length = |text: &str| CertificateKey::from_hex(text).unwrap_err();
        assert_eq!(length(""), CertificateKeyError::Length(0));
        assert_eq!(length(&digits[1..]), CertificateKeyError::Length(63));
        assert_eq!(
            length(&format!("{digits}0")),
            CertificateKeyError::Length(65)
        );
        for wrong in ["+", " ", "g", "é", ":"] {
            let text = format!("{wrong}{}", &digits[1..]);
            let error = CertificateKey::from_hex(&text).unwrap_err();
            assert_eq!(error, CertificateKeyError::Digits, "{wrong}");
            assert!(!error.to_string().contains("1122"), "{error}");
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let key = CertificateKey::from_hex(&"ab".repeat(32)).unwrap();
        assert_eq!(format!("{key:?}"), "CertificateKey(elided)");
    }
}
