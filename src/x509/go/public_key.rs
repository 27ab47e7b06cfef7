//! Checks that Go reads a public key (`parsePublicKey` in `parser.go`) and uses it (`checkKeySize` and
//! `checkPublicKey` in `crypto/rsa`). Go reads a key of an unknown algorithm, but verifies nothing with it.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
};

use super::PublicKeyError;
use crate::x509::der::{bit_length, is_negative};
use crate::x509::key_info::KeyInfo;
use crate::x509::oid;

/// The encoding of NULL.
const NULL: &[u8] = b"\x05\x00";

/// Checks a DER SubjectPublicKeyInfo.
pub(in crate::x509) fn check_public_key(spki: &[u8]) -> Result<(), PublicKeyError> {
    let info = KeyInfo::parse(spki).ok_or(PublicKeyError::Malformed)?;
    match info.algorithm {
        // RFC 3279 section 2.3.1: the parameters are NULL, not absent.
        oid::RSA_ENCRYPTION if info.parameters != NULL => Err(PublicKeyError::Parameters),
        oid::RSA_ENCRYPTION => check_rsa(&info),
        oid::EC_PUBLIC_KEY => check_point(&info),
        // RFC 8410 section 3: there are no parameters.
        oid::ED25519 if !info.parameters.is_empty() => Err(PublicKeyError::Parameters),
        oid::ED25519 if info.key.len() != 32 => Err(PublicKeyError::Malformed),
        _ => Ok(()),
    }
}

/// Accepts small exponents such as 3, and any size from 1024 bits.
fn check_rsa(info: &KeyInfo<'_>) -> Result<(), PublicKeyError> {
    let numbers = info.rsa_numbers().ok_or(PublicKeyError::Malformed)?;
    let is_odd = |octets: &[u8]| octets.last().is_some_and(|last| last & 1 == 1);
    if is_negative(numbers.modulus) || !is_odd(numbers.modulus) {
        return Err(PublicKeyError::RsaModulus);
    }
    let bits = bit_length(numbers.modulus);
    if bits < 1024 {
        return Err(PublicKeyError::RsaTooSmall(bits));
    }
    let exponent = numbers.exponent;
    let is_one = exponent == [1];
    if is_negative(exponent) || !is_odd(exponent) || is_one || bit_length(exponent) > 31 {
        return Err(PublicKeyError::RsaExponent);
    }
    Ok(())
}

/// Accepts only uncompressed points on four curves (`namedCurveFromOID`, `ecdsa.ParseUncompressedPublicKey`).
fn check_point(info: &KeyInfo<'_>) -> Result<(), PublicKeyError> {
    let curve = info.curve().ok_or(PublicKeyError::Parameters)?;
    let (verification, octets) = match curve {
        oid::SECP256R1 => (&ECDSA_P256_SHA256_ASN1, 32),
        oid::SECP384R1 => (&ECDSA_P384_SHA384_ASN1, 48),
        oid::SECP521R1 => (&ECDSA_P521_SHA512_ASN1, 66),
        // The library has no P-224, so the point is not verified.
        oid::SECP224R1 if info.key.len() == 57 => return Ok(()),
        oid::SECP224R1 => return Err(PublicKeyError::Point),
        _ => return Err(PublicKeyError::Curve),
    };
    let is_uncompressed = info.key.first() == Some(&0x04) && info.key.len() == 1 + 2 * octets;
    match is_uncompressed && ParsedPublicKey::new(verification, info.key).is_ok() {
        true => Ok(()),
        false => Err(PublicKeyError::Point),
    }
}
