//! Whether a CA may issue: judges the certificates of its file. Needs no key and signs nothing; see `sign`.

use std::collections::HashSet;
use std::fmt;

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::chain::CaBundle;
use super::verify::{has_supported_signature, is_signed_by};
use crate::util::escape::escape_line;

/// Why a CA must not issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerError {
    /// The certificate is not a CA's, or its key usage does not let it sign certificates.
    NotCa,
    /// The validity has ended.
    Expired(OffsetDateTime),
    /// The validity has not begun.
    NotYetValid(OffsetDateTime),
    /// The key is another certificate's.
    KeyMismatch,
    /// A self-signed CA certificate whose signature does not verify.
    BadSelfSignature,
    /// The signature does not verify with its issuer, which is in the same file; the issuer's name.
    BadIssuerSignature(String),
    /// The signature cannot be verified: the issuer is not in the file, and the certificate does not name its key; the issuer's name.
    UnprovenSignature(String),
    /// Another certificate of the file is damaged: its position, from 1, and the reason.
    OtherCertificate(usize, Box<IssuerError>),
    /// A critical extension that Go does not handle; its identifier.
    UnknownCritical(String),
}

/// Checks that the signer of a CA's file is a CA certificate that is valid at `now`. No key is needed.
///
/// The other certificates of the file may be its issuers or any other CAs. Their signatures are verified as far as the file
/// holds their issuers.
pub fn check_ca(bundle: &CaBundle, now: OffsetDateTime) -> Result<(), IssuerError> {
    let certificate = &bundle.signer;
    if !certificate.is_ca() {
        return Err(IssuerError::NotCa);
    }
    if let Some(oid) = certificate.unknown_critical() {
        return Err(IssuerError::UnknownCritical(oid.to_string()));
    }
    let certificates = bundle.certificates();
    // Go does not verify the signature on a trusted CA, so one with SHA-1 is in use and cannot be told from a damaged one.
    if has_supported_signature(certificate) {
        check_signature(&certificates, 0)?;
    }
    check_others(&certificates)?;
    if certificate.not_after() < now {
        return Err(IssuerError::Expired(certificate.not_after()));
    }
    if certificate.not_before() > now {
        return Err(IssuerError::NotYetValid(certificate.not_before()));
    }
    Ok(())
}

/// How many further certificates of a file, and how many possible issuers of each, are looked at: a file of a mebibyte holds
/// thousands.
const MAX_OTHERS: usize = 16;
const MAX_ISSUERS: usize = 4;

/// Checks the further certificates of a file: they are trusted as well, and are copied into the kubeconfigs.
fn check_others(chain: &[&Certificate]) -> Result<(), IssuerError> {
    let Some(first) = chain.first() else {
        return Ok(());
    };
    let mut seen = HashSet::from([first.der()]);
    let others = chain.iter().enumerate();
    let others =
        others.filter(|(_, other)| seen.insert(other.der()) && has_supported_signature(other));
    for (index, other) in others.take(MAX_OTHERS) {
        match check_signature(chain, index) {
            // It may have been issued by a CA that is not in the file, unless it is the issuer of the first one.
            Err(IssuerError::UnprovenSignature(_)) if !is_signed_by(first, other) => {}
            checked => {
                checked
                    .map_err(|error| IssuerError::OtherCertificate(index + 1, Box::new(error)))?;
            }
        }
    }
    Ok(())
}

/// Verifies the signature on the certificate at `index` of a file with the others; it passes if its issuer is not among them.
///
/// For the signer of the file and its issuer an equal name is enough to be taken for the issuer. Other CAs may have been issued
/// by a CA of that name with another key.
fn check_signature(chain: &[&Certificate], index: usize) -> Result<(), IssuerError> {
    let Some(certificate) = chain.get(index) else {
        return Ok(());
    };
    if is_signed_by(certificate, certificate) {
        return Ok(());
    }
    let is_above_first = || {
        let first = chain.first();
        first.is_some_and(|first| is_signed_by(first, certificate))
    };
    let is_strict = index == 0 || is_above_first();
    let (issuer, named) = (certificate.issuer(), certificate.authority_key_id());
    let is_named = |other: &Certificate| named.is_some() && named == other.subject_key_id();
    let is_another = |other: &Certificate| named.is_some() && other.subject_key_id().is_some();
    let may_be_issuer = |other: &&Certificate| {
        is_named(other) || (other.subject() == issuer && (is_strict || !is_another(other)))
    };
    let mut seen = HashSet::from([certificate.der()]);
    let mut issuers: Vec<_> = chain
        .iter()
        .copied()
        .filter(may_be_issuer)
        .filter(|other| seen.insert(other.der()))
        .collect();
    issuers.sort_by_key(|other| !is_named(other));
    let is_signed = issuers
        .iter()
        .take(MAX_ISSUERS)
        .any(|other| other.subject() == issuer && is_signed_by(certificate, other));
    if is_signed {
        return Ok(());
    }
    let names_itself = named.is_some() && named == certificate.subject_key_id();
    let claims_itself = certificate.is_self_issued() && (is_strict || named.is_none());
    if names_itself || claims_itself {
        return Err(IssuerError::BadSelfSignature);
    }
    // The issuer may be one of those that were not tried.
    if issuers.len() > MAX_ISSUERS {
        return Ok(());
    }
    if !issuers.is_empty() {
        return Err(IssuerError::BadIssuerSignature(issuer.to_string()));
    }
    // RFC 5280 section 4.2.1.1: only a self-signed certificate may leave out the identifier of its issuer's key.
    match certificate.names_its_issuer() {
        true => Ok(()),
        false => Err(IssuerError::UnprovenSignature(issuer.to_string())),
    }
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IssuerError::NotCa => f.write_str(
                "it is not a CA certificate: want basicConstraints with CA:TRUE, and keyUsage, if any, with keyCertSign",
            ),
            IssuerError::Expired(at) => write!(f, "it expired on {}; nothing it signs would be accepted", at.date()),
            IssuerError::NotYetValid(at) => write!(f, "it is not valid before {}", at.date()),
            IssuerError::KeyMismatch => f.write_str("its key does not belong to it (the public keys differ)"),
            IssuerError::UnknownCritical(oid) => {
                write!(f, "it has a critical extension that Go does not handle, {oid}; no Kubernetes component accepts it")
            }
            IssuerError::BadSelfSignature => f.write_str("its own signature does not verify: the file is damaged"),
            IssuerError::OtherCertificate(position, error) => {
                write!(f, "certificate {position} of its file is damaged: {error}")
            }
            IssuerError::BadIssuerSignature(issuer) => write!(
                f,
                "its signature does not verify with its issuer `{}`, which is in the same file",
                escape_line(issuer)
            ),
            IssuerError::UnprovenSignature(issuer) => write!(
                f,
                "its signature cannot be verified: its issuer `{}` is not in the file, and it has no authority key identifier",
                escape_line(issuer)
            ),
        }
    }
}

impl std::error::Error for IssuerError {}
