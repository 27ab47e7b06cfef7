//! Whether a CA may issue: judges the certificates of its file, with or without its key. Nothing here signs; see `issue`.

use std::collections::HashSet;
use std::fmt;

use time::OffsetDateTime;
use x509_cert::ext::Extension;

use super::certificate::Certificate;
use super::chain::CaBundle;
use super::verify::{has_supported_signature, is_signed_by};
use crate::util::escape::tame;

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
    /// The signature is not that of the issuer behind it; the issuer's name.
    BadIssuerSignature(String),
    /// Nothing shows whose signature it is: it names no key, and its issuer is not behind it; the issuer's name.
    UnprovenSignature(String),
    /// Something is wrong with another certificate of its file: its position, from 1, and the reason.
    OtherCertificate(usize, Box<IssuerError>),
    /// A signature algorithm that nothing accepts any more, such as SHA-1.
    WeakSignature,
    /// A critical extension that is not known here; its identifier.
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
    if let Some(extension) = certificate
        .extensions()
        .iter()
        .find(|extension| is_unknown_critical(extension))
    {
        return Err(IssuerError::UnknownCritical(extension.extn_id.to_string()));
    }
    if !has_supported_signature(certificate) {
        return Err(IssuerError::WeakSignature);
    }
    let certificates = bundle.certificates();
    check_signature(&certificates, 0)?;
    check_others(&certificates)?;
    if certificate.not_after() < now {
        return Err(IssuerError::Expired(certificate.not_after()));
    }
    if certificate.not_before() > now {
        return Err(IssuerError::NotYetValid(certificate.not_before()));
    }
    Ok(())
}

/// How many certificates behind the first one, and how many possible issuers of each, are looked at: a file of a mebibyte holds
/// thousands, and whatever is in it is judged within a second.
const MOST_OTHERS: usize = 16;
const MOST_ISSUERS: usize = 4;

/// Checks what lies behind the first certificate of a file: it is trusted as well, and goes into the kubeconfigs.
fn check_others(chain: &[&Certificate]) -> Result<(), IssuerError> {
    let Some(first) = chain.first() else {
        return Ok(());
    };
    let mut seen = HashSet::from([first.der()]);
    let others = chain.iter().enumerate();
    let others =
        others.filter(|(_, other)| seen.insert(other.der()) && has_supported_signature(other));
    for (index, other) in others.take(MOST_OTHERS) {
        match check_signature(chain, index) {
            // It may be one below a CA elsewhere, but the issuer of the first one should be known for what it is.
            Err(IssuerError::UnprovenSignature(_)) if !is_signed_by(first, other) => {}
            checked => {
                checked
                    .map_err(|error| IssuerError::OtherCertificate(index + 1, Box::new(error)))?;
            }
        }
    }
    Ok(())
}

/// Checks the signature on `chain`'s certificate at `index` as far as that is possible with the others: one that only a CA
/// elsewhere can judge passes.
///
/// The first one signs, so of that, and of the one that signed it, a name alone is a claim. Besides there may be any CA, also one
/// that another CA of the same name, with another key, has signed.
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
        .take(MOST_ISSUERS)
        .any(|other| other.subject() == issuer && is_signed_by(certificate, other));
    if is_signed {
        return Ok(());
    }
    let names_itself = named.is_some() && named == certificate.subject_key_id();
    let claims_itself = certificate.is_self_issued() && (is_strict || named.is_none());
    if names_itself || claims_itself {
        return Err(IssuerError::BadSelfSignature);
    }
    // Of so many the true one may be one that was not tried.
    if issuers.len() > MOST_ISSUERS {
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

/// RFC 5280 section 4.2: a verifier refuses a certificate with a critical extension that it does not know.
pub(super) fn is_unknown_critical(extension: &Extension) -> bool {
    /// What Go's `crypto/x509` handles: names, key identifiers, usages and constraints.
    const KNOWN: [&str; 10] = [
        "2.5.29.14",
        "2.5.29.15",
        "2.5.29.17",
        "2.5.29.18",
        "2.5.29.19",
        "2.5.29.30",
        "2.5.29.31",
        "2.5.29.32",
        "2.5.29.35",
        "2.5.29.37",
    ];
    extension.critical && !KNOWN.contains(&extension.extn_id.to_string().as_str())
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IssuerError::NotCa => f.write_str(
                "it is not a CA certificate: want basicConstraints with CA:TRUE, and keyUsage with keyCertSign",
            ),
            IssuerError::Expired(at) => write!(f, "it expired on {}; nothing it signs would be accepted", at.date()),
            IssuerError::NotYetValid(at) => write!(f, "it is not valid before {} (is the clock right?)", at.date()),
            IssuerError::KeyMismatch => f.write_str("its key does not belong to it (the public keys differ)"),
            IssuerError::WeakSignature => {
                f.write_str("it is signed with an algorithm that is not accepted any more, such as SHA-1")
            }
            IssuerError::UnknownCritical(oid) => {
                write!(f, "it has a critical extension that is not known here, {oid}; most verifiers refuse it")
            }
            IssuerError::BadSelfSignature => f.write_str("its own signature does not verify: the file is damaged"),
            IssuerError::OtherCertificate(position, error) => {
                write!(f, "certificate {position} of its file is damaged: {error}")
            }
            IssuerError::BadIssuerSignature(issuer) => write!(
                f,
                "its signature is not that of its issuer, `{}`, whose certificate is behind it",
                tame(issuer)
            ),
            IssuerError::UnprovenSignature(issuer) => write!(
                f,
                "nothing shows that it is undamaged: its issuer, `{}`, is not behind it in its file, and it has no authority key identifier",
                tame(issuer)
            ),
        }
    }
}

impl std::error::Error for IssuerError {}
