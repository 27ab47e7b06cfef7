//! Judges a chain with webpki, an implementation that shares nothing with the one that issues.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::asn1::BitStringRef;
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::certificate::Certificate;
use super::chain::Chain;
use crate::x509::usage::Usage;

/// Why a certificate does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The certificate's validity has ended.
    Expired(OffsetDateTime),
    /// The certificate's validity has not begun.
    NotYetValid(OffsetDateTime),
    /// A certificate between it and the CA is not valid at that time.
    Intermediate,
    /// No path leads to the CA.
    UnknownIssuer,
    /// The signature is not the CA's.
    BadSignature,
    /// The extended key usage lacks what is asked for.
    Usage(Usage),
    /// The CA's own extended key usage lacks what is asked for.
    IssuerUsage(Usage),
    /// A signature algorithm that is not accepted any more, such as SHA-1.
    WeakSignature,
    /// The CA may not sign for one of its names.
    NameConstraints,
    /// The leaf is a CA certificate.
    LeafIsCa,
    /// Anything else; the library's name of it.
    Other(String),
}

/// Verifies that `chain` leads to one of `anchors` and may be used for `usage` at `now`.
///
/// The anchors are trusted as they are: the caller checks their validity and flags.
pub fn verify(
    chain: &Chain,
    anchors: &[&Certificate],
    usage: Usage,
    now: OffsetDateTime,
) -> Result<(), VerifyError> {
    let other = |error: webpki::Error| VerifyError::Other(error.to_string());
    // webpki takes an anchor for what it is used for; Go does not (`crypto/x509`, `isValid`).
    if !anchors.iter().any(|anchor| anchor.allows(usage)) {
        return Err(VerifyError::IssuerUsage(usage));
    }
    let leaf = &chain.leaf;
    if leaf.has_ca_flag() {
        return Err(VerifyError::LeafIsCa);
    }
    let anchor_ders: Vec<_> = anchors
        .iter()
        .map(|anchor| CertificateDer::from(anchor.der()))
        .collect();
    let anchors: Vec<_> = anchor_ders
        .iter()
        .map(anchor_from_trusted_cert)
        .collect::<Result<_, _>>()
        .map_err(other)?;
    let intermediates: Vec<_> = chain
        .intermediates
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der()))
        .collect();
    let leaf_der = CertificateDer::from(leaf.der());
    let key_usage = match usage {
        Usage::ServerAuth => KeyUsage::server_auth(),
        Usage::ClientAuth => KeyUsage::client_auth(),
    };
    EndEntityCert::try_from(&leaf_der)
        .map_err(other)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &intermediates,
            unix_time(now),
            key_usage,
            None,
            None,
        )
        .map(|_| ())
        .map_err(|error| match error {
            webpki::Error::CertExpired { .. } if leaf.not_after() < now => {
                VerifyError::Expired(leaf.not_after())
            }
            webpki::Error::CertNotValidYet { .. } if leaf.not_before() > now => {
                VerifyError::NotYetValid(leaf.not_before())
            }
            webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                VerifyError::Intermediate
            }
            webpki::Error::UnknownIssuer => VerifyError::UnknownIssuer,
            webpki::Error::InvalidSignatureForPublicKey => VerifyError::BadSignature,
            webpki::Error::RequiredEkuNotFoundContext(_) => VerifyError::Usage(usage),
            webpki::Error::CaUsedAsEndEntity => VerifyError::LeafIsCa,
            webpki::Error::NameConstraintViolation => VerifyError::NameConstraints,
            webpki::Error::UnsupportedSignatureAlgorithmContext(_) => VerifyError::WeakSignature,
            // A CA of the same name with another kind of key.
            webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                VerifyError::UnknownIssuer
            }
            error => VerifyError::Other(error.to_string()),
        })
}

/// Returns whether `issuer`'s key made the signature on `certificate`.
pub fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    Signed::split(certificate.der())
        .is_ok_and(|signed| signed.is_signed_with(issuer.public_key().spki()))
}

/// Returns whether a certificate claims to be signed by one of these CAs, and none of them did: it has been changed since.
///
/// Every cluster's CA is called `kubernetes`, the former one of this cluster as well, so where the certificate names a key only
/// that counts. One that names none is of an old release, or was damaged just there: nothing but the signature tells.
pub fn is_damaged(certificate: &Certificate, issuers: &[&Certificate]) -> bool {
    let named = certificate.authority_key_id();
    let is_named = |issuer: &&Certificate| match (&named, issuer.subject_key_id()) {
        (Some(named), own) => own.as_ref() == Some(named),
        (None, _) => certificate.issuer() == issuer.subject(),
    };
    has_supported_signature(certificate)
        && issuers.iter().any(is_named)
        && !issuers
            .iter()
            .any(|issuer| is_signed_by(certificate, issuer))
}

/// Returns whether a certificate names one of these CAs as its issuer, by key or by name, and none of them signed it.
pub fn has_forged_issuer(certificate: &Certificate, issuers: &[&Certificate]) -> bool {
    let named = certificate.authority_key_id();
    let claims = |issuer: &&Certificate| {
        certificate.issuer() == issuer.subject()
            || (named.is_some() && named == issuer.subject_key_id())
    };
    issuers.iter().any(claims)
        && !issuers
            .iter()
            .any(|issuer| is_signed_by(certificate, issuer))
}

/// Returns whether the signature on a certificate is of a kind that is still accepted.
pub fn has_supported_signature(certificate: &Certificate) -> bool {
    Signed::split(certificate.der()).is_ok_and(|signed| signed.is_accepted())
}

/// The parts of a signed structure (RFC 5280 section 4.1.1, RFC 2986 section 4.2), as they are encoded.
///
/// A decoded body must not be encoded again to check its signature: the library puts sets in order, and not everybody who
/// signed one did.
pub(super) struct Signed<'a> {
    body: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Takes a DER structure apart.
    pub(super) fn split(der: &'a [u8]) -> x509_cert::der::Result<Signed<'a>> {
        let mut reader = SliceReader::new(der)?;
        let signed = reader.sequence(|reader| {
            let body = reader.tlv_bytes()?;
            let algorithm = reader.tlv_bytes()?;
            let signature = BitStringRef::decode(reader)?;
            Ok::<_, x509_cert::der::Error>(Signed {
                body,
                algorithm,
                // A signature that does not end with an octet is none.
                signature: signature.as_bytes().unwrap_or_default(),
            })
        })?;
        reader.finish()?;
        Ok(signed)
    }

    /// Returns whether the signature algorithm is one that is still accepted.
    pub(super) fn is_accepted(&self) -> bool {
        self.candidates().next().is_some()
    }

    /// Returns whether the key in this DER SubjectPublicKeyInfo made the signature.
    pub(super) fn is_signed_with(&self, spki: &[u8]) -> bool {
        let Ok(spki) = SubjectPublicKeyInfoRef::from_der(spki) else {
            return false;
        };
        let Ok(kind) = spki.algorithm.to_der() else {
            return false;
        };
        let key = spki.subject_public_key.raw_bytes();
        self.candidates()
            .filter(|candidate| is_body_of(candidate.public_key_alg_id().as_ref(), &kind))
            .any(|candidate| {
                candidate
                    .verify_signature(key, self.body, self.signature)
                    .is_ok()
            })
    }

    fn candidates(&self) -> impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm> {
        webpki::ALL_VERIFICATION_ALGS
            .iter()
            .copied()
            .filter(|candidate| is_body_of(candidate.signature_alg_id().as_ref(), self.algorithm))
    }
}

/// Returns whether `sequence` is a DER SEQUENCE with this body: webpki keeps algorithm identifiers without the header.
fn is_body_of(body: &[u8], sequence: &[u8]) -> bool {
    x509_cert::der::asn1::AnyRef::from_der(sequence).is_ok_and(|any| any.value() == body)
}

fn unix_time(time: OffsetDateTime) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(
        u64::try_from(time.unix_timestamp()).unwrap_or(0),
    ))
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Expired(at) => write!(f, "it expired on {}", at.date()),
            VerifyError::NotYetValid(at) => write!(
                f,
                "it is not valid before {} (is the clock right?)",
                at.date()
            ),
            VerifyError::Intermediate => {
                f.write_str("a certificate behind it has expired, or is not valid yet")
            }
            VerifyError::UnknownIssuer => f.write_str("it is not signed by its CA"),
            VerifyError::BadSignature => f.write_str(
                "its signature is wrong: it is damaged, or another CA of that name made it",
            ),
            VerifyError::Usage(usage) => write!(f, "its extended key usage lacks {}", usage.name()),
            VerifyError::IssuerUsage(usage) => {
                write!(f, "the extended key usage of its CA lacks {}", usage.name())
            }
            VerifyError::WeakSignature => f.write_str(
                "it is signed with an algorithm that is not accepted any more, such as SHA-1",
            ),
            VerifyError::NameConstraints => {
                f.write_str("its CA has name constraints that exclude one of its names")
            }
            VerifyError::LeafIsCa => f.write_str("it is a CA certificate, want a leaf"),
            VerifyError::Other(reason) => write!(f, "it does not verify: {reason}"),
        }
    }
}

impl std::error::Error for VerifyError {}
