//! Whether a CA may issue: judges the certificates of its file, with or without its key. Nothing here signs; see `issue`.

use std::collections::HashSet;
use std::fmt;

use time::OffsetDateTime;
use x509_cert::ext::Extension;

use super::certificate::Certificate;
use super::chain::{can_judge, is_signed_by};
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
    Damaged,
    /// The signature is not that of the issuer behind it; the issuer's name.
    NotByIssuer(String),
    /// Nothing shows whose signature it is: it names no key, and its issuer is not behind it; the issuer's name.
    Unproven(String),
    /// Something is wrong with another certificate of its file: its position, from 1, and the reason.
    Other(usize, Box<IssuerError>),
    /// A signature algorithm that nothing accepts any more, such as SHA-1.
    WeakSignature,
    /// A critical extension that is not known here; its identifier.
    UnknownCritical(String),
}

/// Checks that the first certificate of a file is a CA's and valid at `now`, whether or not its key is at hand, and returns it.
///
/// What stands behind it may be its issuer, or any other CA; each has to be as it was signed, as far as that can be told.
pub fn check_ca(chain: &[Certificate], now: OffsetDateTime) -> Result<&Certificate, IssuerError> {
    let certificate = match chain.first() {
        Some(certificate) if certificate.is_ca() => certificate,
        _ => return Err(IssuerError::NotCa),
    };
    if let Some(extension) = certificate
        .extensions()
        .iter()
        .find(|extension| is_unknown_critical(extension))
    {
        return Err(IssuerError::UnknownCritical(extension.extn_id.to_string()));
    }
    if !can_judge(certificate) {
        return Err(IssuerError::WeakSignature);
    }
    check_signature(chain, 0)?;
    check_others(chain)?;
    if certificate.not_after() < now {
        return Err(IssuerError::Expired(certificate.not_after()));
    }
    if certificate.not_before() > now {
        return Err(IssuerError::NotYetValid(certificate.not_before()));
    }
    Ok(certificate)
}

/// How many certificates behind the first one, and how many possible issuers of each, are looked at: a file of a mebibyte holds
/// thousands, and whatever is in it is judged within a second.
const MOST_OTHERS: usize = 16;
const MOST_ISSUERS: usize = 4;

/// Checks what lies behind the first certificate of a file: it is trusted as well, and goes into the kubeconfigs.
fn check_others(chain: &[Certificate]) -> Result<(), IssuerError> {
    let Some(first) = chain.first() else {
        return Ok(());
    };
    let mut seen = HashSet::from([first.der()]);
    let others = chain.iter().enumerate();
    let others = others.filter(|(_, other)| seen.insert(other.der()) && can_judge(other));
    for (index, other) in others.take(MOST_OTHERS) {
        match check_signature(chain, index) {
            // It may be one below a CA elsewhere, but the issuer of the first one should be known for what it is.
            Err(IssuerError::Unproven(_)) if !is_signed_by(first, other) => {}
            checked => {
                checked.map_err(|error| IssuerError::Other(index + 1, Box::new(error)))?;
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
fn check_signature(chain: &[Certificate], index: usize) -> Result<(), IssuerError> {
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
        return Err(IssuerError::Damaged);
    }
    // Of so many the true one may be one that was not tried.
    if issuers.len() > MOST_ISSUERS {
        return Ok(());
    }
    if !issuers.is_empty() {
        return Err(IssuerError::NotByIssuer(issuer.to_string()));
    }
    // RFC 5280 section 4.2.1.1: only a self-signed certificate may leave out the identifier of its issuer's key.
    match certificate.names_its_issuer() {
        true => Ok(()),
        false => Err(IssuerError::Unproven(issuer.to_string())),
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
                "it is not a CA certificate: want critical basicConstraints with CA:TRUE, and keyUsage with keyCertSign",
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
            IssuerError::Damaged => f.write_str("its own signature does not verify: the file is damaged"),
            IssuerError::Other(position, error) => {
                write!(f, "certificate {position} of its file is damaged: {error}")
            }
            IssuerError::NotByIssuer(issuer) => write!(
                f,
                "its signature is not that of its issuer, `{}`, whose certificate is behind it",
                tame(issuer)
            ),
            IssuerError::Unproven(issuer) => write!(
                f,
                "nothing shows that it is undamaged: its issuer, `{}`, is not behind it in its file, and it has no authority key identifier",
                tame(issuer)
            ),
        }
    }
}

impl std::error::Error for IssuerError {}
