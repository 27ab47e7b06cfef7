//! The rules of `parseCertificate` in Go's `crypto/x509/parser.go`, in its order.

use super::extensions::Extensions;
use super::names::read_name;
use super::public_key::check_public_key;
use super::{GoError, GoFields};
use crate::x509::der::{Der, is_negative, tag};
use crate::x509::signature::SignatureAlgorithm;

/// The encoded parts of a certificate that others decode.
pub(in crate::x509) struct RawFields<'a> {
    pub(in crate::x509) validity: &'a [u8],
    pub(in crate::x509) public_key: &'a [u8],
}

/// Reads one DER certificate (`ParseCertificate`).
pub(in crate::x509) fn parse(der: &[u8]) -> Result<GoFields, GoError> {
    parse_fields(der).map(|(fields, _)| fields)
}

/// Reads one DER certificate, and also returns some of its parts as they are encoded.
pub(in crate::x509) fn parse_fields(der: &[u8]) -> Result<(GoFields, RawFields<'_>), GoError> {
    let malformed = GoError::Malformed;
    let mut outer = Der(der);
    let mut certificate = outer.read(tag::SEQUENCE).ok_or(malformed("certificate"))?;
    let mut tbs = certificate
        .read(tag::SEQUENCE)
        .ok_or(malformed("tbsCertificate"))?;
    let version = version(&mut tbs)?;
    // Zero and more than 20 octets are accepted.
    let serial = tbs
        .integer(tag::INTEGER)
        .ok_or(malformed("serial number"))?;
    if is_negative(serial) {
        return Err(GoError::NegativeSerial);
    }
    let signature_algorithm = signature_algorithm(&mut tbs, &mut certificate)?;
    let issuer = read_name(&mut tbs, "issuer")?;
    let validity = read_validity(&mut tbs)?;
    let subject = read_name(&mut tbs, "subject")?;
    let spki = tbs
        .read_whole(tag::SEQUENCE)
        .ok_or(malformed("public key"))?;
    check_public_key(spki).map_err(GoError::PublicKey)?;
    let extensions = extensions(&mut tbs, version)?;
    certificate.bit_string().ok_or(malformed("signature"))?;
    if !outer.is_empty() {
        return Err(GoError::TrailingData);
    }
    let fields = GoFields {
        version,
        issuer: issuer.to_vec(),
        subject: subject.to_vec(),
        signature_algorithm,
        extensions,
    };
    let raw = RawFields {
        validity,
        public_key: spki,
    };
    Ok((fields, raw))
}

/// Version 1 is the default and may be left out; more than 3 is refused.
fn version(tbs: &mut Der<'_>) -> Result<u8, GoError> {
    let malformed = GoError::Malformed("version");
    let Some(mut explicit) = tbs
        .read_optional(tag::constructed(0))
        .ok_or(malformed.clone())?
    else {
        return Ok(1);
    };
    let version = explicit.unsigned(tag::INTEGER).ok_or(malformed.clone())?;
    if !explicit.is_empty() {
        return Err(malformed);
    }
    match version {
        0 => Ok(1),
        1 => Ok(2),
        2 => Ok(3),
        _ => Err(GoError::Version),
    }
}

/// Reads both occurrences of the algorithm, which must be the same.
fn signature_algorithm(
    tbs: &mut Der<'_>,
    certificate: &mut Der<'_>,
) -> Result<Option<SignatureAlgorithm>, GoError> {
    let malformed = GoError::Malformed("signature algorithm");
    let inner = tbs.read(tag::SEQUENCE).ok_or(malformed.clone())?;
    let outer = certificate.read(tag::SEQUENCE).ok_or(malformed.clone())?;
    if inner.0 != outer.0 {
        return Err(GoError::SignatureAlgorithms);
    }
    let mut identifier = inner;
    identifier.object_identifier().ok_or(malformed.clone())?;
    if !identifier.is_empty() {
        identifier.any().ok_or(malformed)?;
    }
    Ok(SignatureAlgorithm::parse(inner))
}

/// Go's `parseTime` takes UTCTime and GeneralizedTime; x509-cert judges their text, more strictly.
fn read_validity<'a>(tbs: &mut Der<'a>) -> Result<&'a [u8], GoError> {
    let malformed = GoError::Malformed("validity");
    let whole = tbs.read_whole(tag::SEQUENCE).ok_or(malformed.clone())?;
    let mut validity = Der(whole).read(tag::SEQUENCE).ok_or(malformed.clone())?;
    for _ in 0..2 {
        if !validity.starts_with(tag::UTC_TIME) && !validity.starts_with(tag::GENERALIZED_TIME) {
            return Err(GoError::TimeType);
        }
        validity.any().ok_or(malformed.clone())?;
    }
    Ok(whole)
}

/// Ignores the extensions of versions 1 and 2.
fn extensions(tbs: &mut Der<'_>, version: u8) -> Result<Extensions, GoError> {
    if version == 1 {
        return Ok(Extensions::default());
    }
    for (number, what) in [(1, "issuerUniqueID"), (2, "subjectUniqueID")] {
        tbs.read_optional(tag::context(number))
            .ok_or(GoError::Malformed(what))?;
    }
    if version == 2 {
        return Ok(Extensions::default());
    }
    let malformed = GoError::Malformed("extensions");
    match tbs
        .read_optional(tag::constructed(3))
        .ok_or(malformed.clone())?
    {
        Some(mut list) => Extensions::parse(list.read(tag::SEQUENCE).ok_or(malformed)?),
        None => Ok(Extensions::default()),
    }
}
