//! Checks whether a CA may issue, by the certificates in its file. Needs no key and signs nothing; see `sign`.

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
    /// The certificate is not a CA certificate, or its key usage lacks keyCertSign.
    NotCa,
    /// The validity has ended.
    Expired(OffsetDateTime),
    /// The validity has not begun.
    NotYetValid(OffsetDateTime),
    /// The key does not belong to the certificate.
    KeyMismatch,
    /// The signature of a self-signed CA certificate does not verify.
    BadSelfSignature,
    /// The signature does not verify with the issuer in the same file; the issuer's name.
    BadIssuerSignature(String),
    /// The signature cannot be verified: the issuer is not in the file, and the certificate does not name its key; the issuer's name.
    UnprovenSignature(String),
    /// Another certificate in the file is damaged: its position, from 1, and the reason.
    OtherCertificate(usize, Box<IssuerError>),
    /// A critical extension that Go does not handle; its identifier.
    UnknownCritical(String),
    /// Go does not read the certificate, so that no component would accept what it signs; why.
    RefusedByGo(String),
}

/// Checks that the first certificate of a CA file is a CA certificate that is valid at `now`. Needs no key.
///
/// The other certificates in the file may be its issuers or any other CAs. Their signatures are verified if their
/// issuers are in the file.
pub fn check_ca(bundle: &CaBundle, now: OffsetDateTime) -> Result<(), IssuerError> {
    let certificate = &bundle.signer;
    if !certificate.is_ca() {
        return Err(IssuerError::NotCa);
    }
    if let Some(oid) = certificate.unknown_critical() {
        return Err(IssuerError::UnknownCritical(oid.to_string()));
    }
    let certificates = bundle.certificates();
    // Go does not verify the signature of a trusted CA, so CAs signed with SHA-1 are in use; such signatures are not
    // verified here either.
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

/// What the path lengths of a CA and of its issuers allow below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntermediateLimit {
    /// Any CA.
    Any,
    /// A CA with this path length at most.
    PathLength(u8),
    /// No CA, only leaves.
    Leaves,
}

/// Returns what the first certificate of a CA file may sign, by its own path length and those of its issuers in the file.
pub fn intermediate_limit(bundle: &CaBundle) -> IntermediateLimit {
    let certificates = bundle.certificates();
    let mut limit: Option<u64> = None;
    let mut current = &bundle.signer;
    // RFC 5280 section 4.2.1.9: the path length counts the intermediates below a CA.
    for depth in 1..=MAX_OTHERS as u64 {
        if let Some(length) = current.path_length() {
            let Some(left) = length.checked_sub(depth) else {
                return IntermediateLimit::Leaves;
            };
            limit = Some(limit.map_or(left, |limit| limit.min(left)));
        }
        let mut issuers = certificates
            .iter()
            .filter(|other| other.der() != current.der() && other.subject() == current.issuer())
            .take(MAX_ISSUERS);
        match issuers.find(|other| is_signed_by(current, other)) {
            Some(issuer) => current = issuer,
            None => break,
        }
    }
    match limit {
        None => IntermediateLimit::Any,
        Some(length) => IntermediateLimit::PathLength(u8::try_from(length).unwrap_or(u8::MAX)),
    }
}

/// The number of further certificates in a file, and of possible issuers of each, that are checked: a file of one
/// mebibyte can hold thousands.
const MAX_OTHERS: usize = 16;
const MAX_ISSUERS: usize = 4;

/// Checks the further certificates in a file: components trust them too, and `pki` copies them into kubeconfigs.
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
            // Its CA may be outside the file, unless it issued the first certificate.
            Err(IssuerError::UnprovenSignature(_)) if !is_signed_by(first, other) => {}
            checked => {
                checked
                    .map_err(|error| IssuerError::OtherCertificate(index + 1, Box::new(error)))?;
            }
        }
    }
    Ok(())
}

/// Verifies the signature of the certificate at `index` with the other certificates; it passes if its issuer is not
/// among them.
///
/// For the first certificate and its issuer, a certificate with the issuer's name counts as the issuer. Other CAs may
/// have been issued by a CA with the same name and another key.
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
    // The issuer may be a certificate that was not tried.
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
            IssuerError::RefusedByGo(reason) => f.write_str(reason),
            IssuerError::BadSelfSignature => f.write_str("its self-signature does not verify: the file is damaged"),
            IssuerError::OtherCertificate(position, error) => {
                write!(f, "certificate {position} in its file is damaged: {error}")
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
