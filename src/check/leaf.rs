//! Whether a leaf certificate, with its key, serves its row: the one judgement that `init` and `rollback` share.

use std::fmt;

use time::OffsetDateTime;

use crate::catalog::Row;
use crate::x509::ca::IssuerError;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::key::PrivateKey;
use crate::x509::verify::{VerifyError, is_signed_by, verify};

/// Why a leaf does not serve its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// It does not verify.
    Chain(VerifyError),
    /// Its serial number is none that RFC 5280 section 4.1.2.2 allows.
    Serial,
    /// There is another leaf behind it.
    SeveralLeaves,
    /// A CA behind it must not sign, or stands too far below the tree's.
    Intermediate,
    /// A name of it is malformed.
    Name,
    /// Its key is another certificate's.
    KeyMismatch,
}

/// Judges a leaf: chain to one of `anchors`, every usage of the row, dates, and, where the key is at hand, that it is its own.
///
/// # Errors
/// The first thing that is wrong.
pub fn judge(
    row: &Row,
    chain: &Chain,
    key: Option<&PrivateKey>,
    bundle: &CaBundle,
    now: OffsetDateTime,
) -> Result<(), Unsound> {
    let anchors = bundle.certificates();
    let Chain {
        leaf,
        intermediates,
    } = chain;
    for usage in row.usages() {
        verify(chain, &anchors, *usage, now).map_err(Unsound::Chain)?;
    }
    if !leaf.has_valid_serial() {
        return Err(Unsound::Serial);
    }
    if !intermediates.iter().all(Certificate::has_ca_flag) {
        return Err(Unsound::SeveralLeaves);
    }
    let signer = anchors.iter().find(|anchor| is_signed_by(leaf, anchor));
    // webpki looks neither at the key usage of an intermediate nor at the path length of what it trusts; Go does.
    if signer.is_none() {
        let between: Vec<_> = intermediates
            .iter()
            .filter(|ca| !bundle.contains(ca))
            .collect();
        let is_far = |anchor: &&Certificate| {
            anchor
                .path_length()
                .is_some_and(|length| between.len() > usize::from(length))
        };
        if !between.iter().all(|ca| ca.is_ca()) || anchors.iter().all(is_far) {
            return Err(Unsound::Intermediate);
        }
    }
    if !chain
        .certificates()
        .into_iter()
        .all(Certificate::has_valid_names)
    {
        return Err(Unsound::Name);
    }
    match key {
        Some(key) if !belongs(key, leaf) => Err(Unsound::KeyMismatch),
        _ => Ok(()),
    }
}

/// Returns the last second at which a leaf can be used: the intermediates that lead to its CA may end before it does.
pub fn last_valid(chain: &Chain, bundle: &CaBundle) -> OffsetDateTime {
    let anchors = bundle.certificates();
    let (mut current, mut end) = (&chain.leaf, chain.leaf.not_after());
    // No path is longer than the file.
    for _ in &chain.intermediates {
        let is_anchor = |anchor: &Certificate| is_same_ca(anchor, current);
        let is_signed = |anchor: &Certificate| is_signed_by(current, anchor);
        if anchors
            .iter()
            .any(|anchor| is_anchor(anchor) || is_signed(anchor))
        {
            break;
        }
        let issuers = chain
            .intermediates
            .iter()
            .filter(|ca| ca.subject() == current.issuer() && is_signed_by(current, ca));
        match issuers.max_by_key(|ca| ca.not_after()) {
            Some(issuer) => {
                (current, end) = (issuer, end.min(issuer.not_after()));
            }
            None => break,
        }
    }
    end
}

/// Returns whether two certificates are of one CA: name and key count, and not when or by whom they were signed.
pub fn is_same_ca(one: &Certificate, other: &Certificate) -> bool {
    one.subject() == other.subject() && one.public_key() == other.public_key()
}

/// Returns whether a key is the one of a certificate.
pub fn belongs(key: &PrivateKey, certificate: &Certificate) -> bool {
    key.public_key()
        .is_ok_and(|public| public == certificate.public_key())
}

/// Returns what to do about a CA's key that is not its certificate's.
pub fn key_hint(key: &PrivateKey, bundle: &CaBundle) -> &'static str {
    if bundle.others.iter().any(|other| belongs(key, other)) {
        "the key is that of another certificate in the same file: put that one first, as the one that signs"
    } else {
        "put back the key that belongs to it, or take the key away if this CA is an external one"
    }
}

/// Returns what to do about a CA that must not issue.
pub fn ca_hint(error: &IssuerError) -> &'static str {
    match error {
        IssuerError::Expired(_) => "the CA has to be replaced, and everything it signed with it",
        IssuerError::NotYetValid(_) => "set the clock",
        IssuerError::WeakSignature | IssuerError::UnknownCritical(_) => {
            "replace the CA by one that Kubernetes components accept"
        }
        IssuerError::UnprovenSignature(_) => {
            "if it should be self-signed, put the file back from a backup; if not, have its issuer sign it again with an authority key identifier"
        }
        IssuerError::OtherCertificate(..) => {
            "take that certificate out of the file, or put the file back from a backup"
        }
        IssuerError::BadIssuerSignature(_) => {
            "put the file back from a backup, or take out of it the certificate that is not its issuer's"
        }
        IssuerError::NotCa | IssuerError::KeyMismatch | IssuerError::BadSelfSignature => {
            "put the file back from a backup"
        }
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsound::Chain(error) => error.fmt(f),
            Unsound::Serial => {
                f.write_str("its serial number is zero, negative, or longer than 20 octets")
            }
            Unsound::SeveralLeaves => {
                f.write_str("there is another certificate behind it that is no CA's")
            }
            Unsound::Intermediate => f.write_str(
                "a certificate behind it is that of no CA that may sign it: want keyCertSign, and a path no longer than the CA allows",
            ),
            Unsound::Name => f.write_str("one of its IP addresses has neither 4 nor 16 octets"),
            Unsound::KeyMismatch => {
                f.write_str("its key does not belong to it (the public keys differ)")
            }
        }
    }
}

impl std::error::Error for Unsound {}
