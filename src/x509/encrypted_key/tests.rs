//! Encrypted keys that `pki` and others wrote, and damaged ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::x509::algorithm::Algorithm;

/// P-256 keys with the passphrase `secret phrase`, made by OpenSSL 3.0 with 1000 iterations unless the name says otherwise.
mod openssl {
    pub(super) const SHA256_AES256: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/sha256-aes256.pem");
    pub(super) const SHA1_AES128: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/sha1-aes128.pem");
    pub(super) const SHA512_AES192: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/sha512-aes192.pem");
    pub(super) const TRIPLE_DES: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/sha256-3des.pem");
    pub(super) const SCRYPT: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/scrypt-aes256.pem");
    pub(super) const PBES1: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/pbes1-sha1-3des.pem");
    pub(super) const MANY_ITERATIONS: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/10000001-iterations.pem");
    pub(super) const TRADITIONAL: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/traditional.pem");
    /// By `PKCS8_encrypt` with a salt of 33 bytes.
    pub(super) const LONG_SALT: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/salt-33-bytes.pem");
    /// The public half of all of them, as PEM.
    pub(super) const PUBLIC: &str =
        include_str!("../../../tests/fixtures/encrypted-keys/public.pem");
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::from_first_line(text.as_bytes()).unwrap()
}

fn encrypted(text: &str) -> EncryptedKey {
    match StoredKey::from_pem(text.as_bytes()).unwrap() {
        StoredKey::Encrypted(key) => key,
        StoredKey::Plain(_) => panic!("the key is not encrypted"),
    }
}

#[test]
fn a_key_is_written_in_the_one_form_that_others_read_and_reads_back() {
    for algorithm in [
        Algorithm::EcdsaP256,
        Algorithm::EcdsaP384,
        Algorithm::Rsa2048,
    ] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let pem = key.to_encrypted_pem(&passphrase("a b")).unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let again = encrypted(&pem);
        assert_eq!(
            again.encryption().to_string(),
            "PBES2: PBKDF2 with HMAC-SHA256 and 600000 iterations, AES-256-CBC"
        );
        let decrypted = again.decrypt(&passphrase("a b")).unwrap();
        assert_eq!(decrypted.public_key(), key.public_key());
        assert_eq!(decrypted.algorithm(), algorithm);
        assert_eq!(
            again.decrypt(&passphrase("a c")).unwrap_err(),
            UnlockError::Refused
        );
    }
}

#[test]
fn salt_and_vector_are_new_in_each_file() {
    let key = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    let of = |key: &PrivateKey| encrypted(&key.to_encrypted_pem(&passphrase("x")).unwrap());
    let (one, other) = (of(&key), of(&key));
    assert_ne!(one.ciphertext, other.ciphertext);
    let [one, other] = [one, other].map(|key| match key.encryption {
        Encryption::Pbes2(pbes2) => pbes2,
        Encryption::Unsupported(how) => panic!("{how}"),
    });
    assert_ne!(one.kdf.salt, other.kdf.salt);
    assert_ne!(one.cipher, other.cipher);
}

#[test]
fn every_pseudorandom_function_and_key_size_of_openssl_is_read() {
    for (text, encryption) in [
        (
            openssl::SHA256_AES256,
            "PBES2: PBKDF2 with HMAC-SHA256 and 1000 iterations, AES-256-CBC",
        ),
        (
            openssl::SHA1_AES128,
            "PBES2: PBKDF2 with HMAC-SHA1 and 1000 iterations, AES-128-CBC",
        ),
        (
            openssl::SHA512_AES192,
            "PBES2: PBKDF2 with HMAC-SHA512 and 1000 iterations, AES-192-CBC",
        ),
    ] {
        let key = encrypted(text);
        assert_eq!(key.encryption().to_string(), encryption);
        let decrypted = key.decrypt(&passphrase("secret phrase")).unwrap();
        assert_eq!(decrypted.public_key().to_pem(), openssl::PUBLIC);
        // What stands before it in a file of `openssl pkcs12` is ignored.
        let bag = format!("Bag Attributes\n    friendlyName: x\n{text}");
        assert_eq!(encrypted(&bag), key);
    }
}

#[test]
fn an_encryption_that_is_not_read_is_named() {
    for (text, how) in [
        (openssl::TRIPLE_DES, "PBES2 with 1.2.840.113549.3.7"),
        (openssl::SCRYPT, "PBES2 with scrypt"),
        (openssl::PBES1, "the scheme 1.2.840.113549.1.12.1.3"),
        (
            openssl::MANY_ITERATIONS,
            "PBKDF2 with 10000001 iterations, more than 10000000",
        ),
        (openssl::TRADITIONAL, "OpenSSL's traditional encryption"),
        (
            openssl::LONG_SALT,
            "PBKDF2 with a salt of more than 32 bytes",
        ),
    ] {
        let key = encrypted(text);
        assert_eq!(key.encryption(), &Encryption::Unsupported(how.to_owned()));
        assert_eq!(
            key.decrypt(&passphrase("secret phrase")).unwrap_err(),
            UnlockError::Unsupported(how.to_owned())
        );
    }
}

/// The key is on a curve, or of a kind, that `pki` does not use; that is not the fault of the passphrase.
#[test]
fn a_decrypted_key_of_another_kind_is_named() {
    let ed25519 = include_str!("../../../tests/fixtures/encrypted-keys/ed25519.pem");
    let error = encrypted(ed25519)
        .decrypt(&passphrase("secret phrase"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA"
    );
}

#[test]
fn a_key_that_components_read_must_not_be_encrypted() {
    for text in [openssl::SHA256_AES256, openssl::TRADITIONAL] {
        let error = PrivateKey::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!(error, KeyError::Encrypted);
    }
}

#[test]
fn a_passphrase_is_one_line() {
    for text in ["x", "x\n", "x\r\n"] {
        assert_eq!(passphrase(text), passphrase("x"), "{text:?}");
    }
    // Blanks and other encodings than UTF-8 belong to it.
    assert_ne!(passphrase(" x"), passphrase("x"));
    assert!(Passphrase::from_first_line(b"Z\xfcrich").is_ok());
    // The entries of a password store often have more lines.
    assert_eq!(passphrase("x\r\nlogin: y\t\0\n"), passphrase("x"));
    let longest = "x".repeat(MAX_PASSPHRASE);
    assert_eq!(passphrase(&format!("{longest}\n")), passphrase(&longest));
    for (text, error) in [
        (&b""[..], PassphraseError::Empty),
        (b"\n", PassphraseError::Empty),
        (b"\r\n", PassphraseError::Empty),
        (b"\nx\n", PassphraseError::Empty),
        (b"x\0", PassphraseError::ControlCharacter),
        (b"x\ty", PassphraseError::ControlCharacter),
        (&[b'x'; MAX_PASSPHRASE + 1], PassphraseError::Length),
    ] {
        assert_eq!(
            Passphrase::from_first_line(text),
            Err(error),
            "{}",
            text.escape_ascii()
        );
    }
    assert_eq!(format!("{:?}", passphrase("x")), "Passphrase(elided)");
}

#[test]
fn a_truncated_ciphertext_is_refused() {
    let key = encrypted(openssl::SHA256_AES256);
    for length in [
        0,
        1,
        15,
        16,
        key.ciphertext.len() - 16,
        key.ciphertext.len() - 1,
    ] {
        let cut = EncryptedKey {
            ciphertext: key.ciphertext[..length].to_vec(),
            ..key.clone()
        };
        let error = cut.decrypt(&passphrase("secret phrase")).unwrap_err();
        assert_eq!(error, UnlockError::Refused, "{length}");
    }
}

/// Returns the bytes of a PEM file's only block.
fn der(text: &str) -> Vec<u8> {
    let blocks = pem::blocks(text.as_bytes()).unwrap();
    blocks[0].contents.to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage never panics, and never yields another key. It may change what does not count, such as the passphrase's hash.
    #[test]
    fn a_damaged_key_is_never_another_key(at in 0usize..400, value: u8, cut in prop::option::of(0usize..400)) {
        let mut damaged = der(openssl::SHA256_AES256);
        let length = damaged.len();
        damaged[at % length] = value;
        damaged.truncate(cut.map_or(length, |cut| cut % length));
        let text = pem::encode(ENCRYPTED_PRIVATE_KEY, &damaged);
        if let Ok(StoredKey::Encrypted(key)) = StoredKey::from_pem(text.as_bytes())
            && let Ok(decrypted) = key.decrypt(&passphrase("secret phrase"))
        {
            prop_assert_eq!(decrypted.public_key().to_pem(), openssl::PUBLIC);
        }
    }

    #[test]
    fn garbage_is_never_a_key(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = pem::encode(ENCRYPTED_PRIVATE_KEY, &bytes);
        prop_assert!(StoredKey::from_pem(text.as_bytes()).is_err());
    }
}
