//! Whether a leaf certificate, with its key, serves its row: the one judgement that `init` and `rollback` share.

use std::fmt;

use time::OffsetDateTime;

use crate::catalog::Row;
use crate::x509::certificate::Certificate;
use crate::x509::key::PrivateKey;
use crate::x509::verify::{VerifyError, verify};

/// Why a leaf does not serve its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// It does not verify.
    Chain(VerifyError),
    /// Its serial number is none that RFC 5280 section 4.1.2.2 allows.
    Serial,
    /// There is another leaf behind it.
    SeveralLeaves,
    /// Its key is another certificate's.
    KeyMismatch,
}

/// Judges a leaf: chain to one of `anchors`, every usage of the row, dates, and, where the key is at hand, that it is its own.
///
/// # Errors
/// The first thing that is wrong.
pub fn judge(
    row: &Row,
    chain: &[Certificate],
    key: Option<&PrivateKey>,
    anchors: &[Certificate],
    now: OffsetDateTime,
) -> Result<(), Unsound> {
    if let Some((leaf, behind)) = chain.split_first() {
        if !leaf.has_valid_serial() {
            return Err(Unsound::Serial);
        }
        if !behind.iter().all(Certificate::claims_ca) {
            return Err(Unsound::SeveralLeaves);
        }
    }
    for usage in row.usages() {
        verify(chain, anchors, *usage, now).map_err(Unsound::Chain)?;
    }
    match (key, chain.first()) {
        (Some(key), Some(leaf)) if !belongs(key, leaf) => Err(Unsound::KeyMismatch),
        _ => Ok(()),
    }
}

/// Returns whether a key is the one of a certificate.
pub fn belongs(key: &PrivateKey, certificate: &Certificate) -> bool {
    key.public_key()
        .is_ok_and(|public| public == certificate.public_key())
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
            Unsound::KeyMismatch => {
                f.write_str("its key does not belong to it (the public keys differ)")
            }
        }
    }
}

impl std::error::Error for Unsound {}
