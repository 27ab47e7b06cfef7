//! Signs certificates: with a private key in memory, later also with one in a PKCS#11 token.

use super::algorithm::Algorithm;
use super::key::{KeyError, PrivateKey};
use super::public_key::PublicKey;

/// Holds a private key and signs with it.
pub trait Signer: Sync {
    /// Returns the public half of the key.
    fn public_key(&self) -> &PublicKey;

    /// Returns the key's algorithm and size.
    fn algorithm(&self) -> Algorithm;

    /// Signs a message: RSA of any size with PKCS#1 v1.5 and SHA-256, ECDSA with the curve's own hash.
    ///
    /// # Errors
    /// A failure of the library or of the token.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        PrivateKey::public_key(self)
    }

    fn algorithm(&self) -> Algorithm {
        PrivateKey::algorithm(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        PrivateKey::sign(self, message)
    }
}
