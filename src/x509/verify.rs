//! Verifies certificates: new ones with webpki, existing ones by Go's rules (see `path`).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, anchor_from_trusted_cert,
};

use super::certificate::Certificate;
pub use super::path::{VerifyError, verify};
use super::usage::{Usage, usage_oid};

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
