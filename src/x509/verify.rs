//! Verifies chains: existing ones by Go's rules (see `go`), new ones with webpki, too.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, anchor_from_trusted_cert,
};

use super::certificate::{Certificate, usage_oid};
use super::chain::Chain;
use super::go::{self, GoError};
use super::usage::Usage;

/// Why a certificate does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The certificate's validity has ended.
    Expired(OffsetDateTime),
    /// The certificate's validity has not begun.
    NotYetValid(OffsetDateTime),
    /// An intermediate has expired or is not valid yet.
    Intermediate,
    /// No path leads to the CA.
    UnknownIssuer,
    /// The CA did not make the signature.
    BadSignature,
    /// The extended key usage lacks this usage.
    Usage(Usage),
    /// The CA's extended key usage lacks this usage.
    IssuerUsage(Usage),
    /// The signature algorithm is no longer accepted, such as SHA-1.
    WeakSignature,
    /// The CA's name constraints exclude one of its names.
    NameConstraints,
    /// Go's `crypto/x509` does not read a certificate of the chain.
    Go(GoError),
    /// The trusted CA must not sign any certificate.
    Anchor(Box<VerifyError>),
    /// A CA in its path must not sign certificates.
    NotCa,
    /// A CA in its path allows fewer intermediates.
    PathLength,
    /// A critical extension that Go does not handle; its identifier.
    UnknownCritical(String),
    /// The leaf is a CA certificate.
    LeafIsCa,
    /// Another error; the library's message.
    Other(String),
}

/// Verifies that `chain` leads to one of `anchors` and may be used for `usage` at `now`, as Go's `crypto/x509` does.
///
/// The caller checks the validity of the anchors.
pub fn verify(
    chain: &Chain,
    anchors: &[&Certificate],
    usage: Usage,
    now: OffsetDateTime,
) -> Result<(), VerifyError> {
    go::verify(chain, anchors, usage, now)
}

/// Verifies a new leaf for all of these usages with webpki, which is stricter than Go and shares no code with `sign`.
pub fn verify_issued(
    leaf: &Certificate,
    issuer: &Certificate,
    usages: &[Usage],
    now: OffsetDateTime,
) -> Result<(), VerifyError> {
    // webpki does not check the usages of an anchor; Go does (`checkChainForKeyUsage`).
    if let Some(usage) = usages.iter().find(|usage| !issuer.allows(**usage)) {
        return Err(VerifyError::IssuerUsage(*usage));
    }
    let other = |error: webpki::Error| match error {
        webpki::Error::NameConstraintViolation => VerifyError::NameConstraints,
        error => VerifyError::Other(error.to_string()),
    };
    let issuer = CertificateDer::from(issuer.der());
    let anchor = anchor_from_trusted_cert(&issuer).map_err(other)?;
    EndEntityCert::try_from(&CertificateDer::from(leaf.der()))
        .map_err(other)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            unix_time(now),
            AllUsages(usages),
            None,
            None,
        )
        .map(|_| ())
        .map_err(other)
}

/// Requires all of these usages at once, so that the signature is verified only once.
struct AllUsages<'a>(&'a [Usage]);

impl ExtendedKeyUsageValidator for AllUsages<'_> {
    fn validate(&self, ids: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let is_missing = |usage: &&Usage| {
            let oid = usage_oid(**usage);
            !ids.contains(&KeyPurposeId::new(oid.as_bytes()))
        };
        match self.0.iter().find(is_missing) {
            Some(usage) => Err(webpki::Error::RequiredEkuNotFoundContext(
                RequiredEkuNotFoundContext {
                    required: match usage {
                        Usage::ServerAuth => KeyUsage::server_auth(),
                        Usage::ClientAuth => KeyUsage::client_auth(),
                    },
                    present: ids.iter().map(KeyPurposeId::to_decoded_oid).collect(),
                },
            )),
            None => Ok(()),
        }
    }
}

/// Returns whether the key of `issuer` signed `certificate`.
pub fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    certificate.is_signed_with(issuer.public_key())
}

/// Returns whether a certificate claims to be signed by one of these CAs, but none of them signed it: it was changed
/// afterwards.
///
/// The CA of every cluster is called `kubernetes`, so if the certificate has an authority key identifier, only that
/// is compared, not the name.
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

/// Returns whether a certificate names one of these CAs as its issuer, by key or by name, but none of them signed it.
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

/// Returns whether Go accepts the signature algorithm of a certificate.
pub fn has_supported_signature(certificate: &Certificate) -> bool {
    certificate.facts().signature_algorithm.is_some()
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
            VerifyError::NotYetValid(at) => write!(f, "it is not valid before {}", at.date()),
            VerifyError::Intermediate => {
                f.write_str("an intermediate has expired or is not valid yet")
            }
            VerifyError::UnknownIssuer => f.write_str("it is not signed by its CA"),
            VerifyError::BadSignature => f.write_str(
                "its signature is wrong: it is damaged, or another CA of the same name signed it",
            ),
            VerifyError::Usage(usage) => write!(f, "its extended key usage lacks {}", usage.name()),
            VerifyError::IssuerUsage(usage) => {
                write!(f, "the extended key usage of its CA lacks {}", usage.name())
            }
            VerifyError::WeakSignature => f.write_str(
                "it is signed with an algorithm that is no longer accepted, such as SHA-1",
            ),
            VerifyError::NameConstraints => {
                f.write_str("its CA has name constraints that exclude one of its names")
            }
            VerifyError::Go(error) => error.fmt(f),
            VerifyError::Anchor(error) => error.fmt(f),
            VerifyError::NotCa => f.write_str(
                "a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign",
            ),
            VerifyError::PathLength => {
                f.write_str("a CA in its path allows fewer intermediates (pathlen)")
            }
            VerifyError::UnknownCritical(oid) => {
                write!(
                    f,
                    "it has a critical extension that Go does not handle, {oid}"
                )
            }
            VerifyError::LeafIsCa => f.write_str("it is a CA certificate, want a leaf"),
            VerifyError::Other(reason) => write!(f, "it does not verify: {reason}"),
        }
    }
}

impl std::error::Error for VerifyError {}
