//! Judges a chain with webpki, an implementation that shares nothing with the one that issues.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::Decode;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::certificate::Certificate;
use crate::catalog::Usage;

/// Why a certificate does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The certificate's validity has ended.
    Expired(OffsetDateTime),
    /// The certificate's validity has not begun.
    NotYetValid(OffsetDateTime),
    /// No path leads to the CA.
    UnknownIssuer,
    /// The signature is not the CA's.
    BadSignature,
    /// The extended key usage lacks what is asked for.
    Usage(Usage),
    /// A signature algorithm that is not accepted any more, such as SHA-1.
    WeakSignature,
    /// The CA may not sign for one of its names.
    NameConstraints,
    /// The leaf is a CA certificate.
    LeafIsCa,
    /// Anything else; the library's name of it.
    Other(String),
}

/// Verifies that `chain` (leaf first, then intermediates) leads to one of `anchors` and may be used for `usage` at `now`.
///
/// The anchors are trusted as they stand: their own dates and flags are for the caller to check.
pub fn verify(
    chain: &[Certificate],
    anchors: &[Certificate],
    usage: Usage,
    now: OffsetDateTime,
) -> Result<(), VerifyError> {
    let other = |error: webpki::Error| VerifyError::Other(error.to_string());
    let Some((leaf, rest)) = chain.split_first() else {
        return Err(VerifyError::Other("no certificate".to_owned()));
    };
    if leaf.claims_ca() {
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
    let intermediates: Vec<_> = rest
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
            webpki::Error::CertExpired { .. } => VerifyError::Expired(leaf.not_after()),
            webpki::Error::CertNotValidYet { .. } => VerifyError::NotYetValid(leaf.not_before()),
            webpki::Error::UnknownIssuer => VerifyError::UnknownIssuer,
            webpki::Error::InvalidSignatureForPublicKey => VerifyError::BadSignature,
            webpki::Error::RequiredEkuNotFoundContext(_) => VerifyError::Usage(usage),
            webpki::Error::CaUsedAsEndEntity => VerifyError::LeafIsCa,
            webpki::Error::NameConstraintViolation => VerifyError::NameConstraints,
            webpki::Error::UnsupportedSignatureAlgorithmContext(_)
            | webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                VerifyError::WeakSignature
            }
            error => VerifyError::Other(error.to_string()),
        })
}

/// Returns whether `issuer`'s key made the signature on `certificate`.
pub fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let Some((signed, algorithm, signature)) = certificate.signed_parts() else {
        return false;
    };
    let spki = issuer.public_key();
    let Ok(spki) = SubjectPublicKeyInfoRef::from_der(spki.spki()) else {
        return false;
    };
    let key = spki.subject_public_key.raw_bytes();
    webpki::ALL_VERIFICATION_ALGS
        .iter()
        .filter(|candidate| is_body_of(candidate.signature_alg_id().as_ref(), &algorithm))
        .any(|candidate| candidate.verify_signature(key, &signed, signature).is_ok())
}

/// Returns whether the signature on a certificate is of a kind that is still accepted.
pub fn can_judge(certificate: &Certificate) -> bool {
    certificate.signed_parts().is_some_and(|(_, algorithm, _)| {
        webpki::ALL_VERIFICATION_ALGS
            .iter()
            .any(|candidate| is_body_of(candidate.signature_alg_id().as_ref(), &algorithm))
    })
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
            VerifyError::UnknownIssuer => f.write_str("it is not signed by its CA"),
            VerifyError::BadSignature => f.write_str(
                "its signature is wrong: it is damaged, or another CA of that name made it",
            ),
            VerifyError::Usage(usage) => write!(f, "its extended key usage lacks {}", usage.name()),
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
