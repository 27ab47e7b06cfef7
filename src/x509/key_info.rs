//! The parts of a public key as it is encoded (RFC 5280 section 4.1.2.7).

use super::der::{Der, tag};

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
