//! The public keys of a file.

use super::certificate::Certificate;
use super::go::check_public_key;
use super::key::{KeyError, PrivateKey, PublicKey};
use super::pem;

impl PublicKey {
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
}
