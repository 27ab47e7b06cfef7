//! Judges requests that wait to be signed, which is no fault as long as the key is there.

use super::finding::{Finding, FindingId, Severity};
use super::{file, title};
use crate::catalog::Row;
use crate::tree::inventory::{FileState, Inventory, KeyFile};
use crate::x509::key::{PrivateKey, PublicKey};
use crate::x509::request::CertificateRequest;

/// The state of a row's request.
#[derive(Debug)]
pub(crate) enum RequestState<'a> {
    /// There is no request.
    Missing,
    /// It waits to be signed, and its key is there as far as it was read.
    Pending(&'a CertificateRequest),
    /// The row has a certificate for the new key that waited.
    Settled,
    /// No certificate for it can be used; why.
    Unusable(Box<Finding>),
}

/// Returns the state of a row's request. Keys that were not read are believed to be the right ones.
pub(crate) fn state<'a>(inventory: &'a Inventory, row: &'static Row) -> RequestState<'a> {
    let Some(files) = inventory.request(row) else {
        return RequestState::Missing;
    };
    let unusable = |text: &str| {
        let finding = Finding::new(FindingId::RequestUnusable, text).about(row);
        RequestState::Unusable(Box::new(finding))
    };
    let invalid = files.request.invalid().or(files.key.invalid());
    if let Some(invalid) = invalid {
        let finding = file::check(row, invalid);
        let is_of_contents = finding.id == FindingId::FileInvalid;
        return RequestState::Unusable(Box::new(match is_of_contents {
            true => Finding::new(FindingId::RequestUnusable, invalid.to_string())
                .about(row)
                .in_file(invalid.file.clone()),
            false => Finding {
                severity: Severity::Warning,
                ..finding
            },
        }));
    }
    let waiting = waiting_key(inventory, row);
    if waiting.is_some_and(|key| is_certified(inventory, row, key.public_key())) {
        return RequestState::Settled;
    }
    let FileState::Valid(request) = &files.request else {
        return unusable("a new key waits for its certificate, but the request for it is missing");
    };
    match owner_of(inventory, row, &request.public_key()) {
        Some(false) => unusable("its request is for a key that is not here"),
        Some(true) | None => RequestState::Pending(request),
    }
}

/// Returns whether a key of the row belongs to a request; `None` if that is not known, because a key was not read.
fn owner_of(inventory: &Inventory, row: &Row, public: &PublicKey) -> Option<bool> {
    if let Some(files) = inventory.request(row)
        && !files.key.is_missing()
    {
        return waiting_key(inventory, row).map(|key| key.public_key() == public);
    }
    match inventory.row(row).key() {
        Some(key) => Some(key.public_key() == public),
        None if inventory.row(row).has_unread_key() => None,
        None => Some(false),
    }
}

/// Returns the new key of a row that waits beside its request, if it was read.
pub(crate) fn waiting_key<'a>(inventory: &'a Inventory, row: &Row) -> Option<&'a PrivateKey> {
    inventory.request(row)?.key.valid().and_then(KeyFile::read)
}

/// Returns the new key of a row that waits for its certificate. One that has it is left over from an import that was killed.
pub(crate) fn next_key<'a>(inventory: &'a Inventory, row: &Row) -> Option<&'a PrivateKey> {
    waiting_key(inventory, row).filter(|key| !is_certified(inventory, row, key.public_key()))
}

/// Returns whether the row has a certificate for this key.
fn is_certified(inventory: &Inventory, row: &Row, public: &PublicKey) -> bool {
    let certificate = inventory.row(row).certificate();
    certificate.is_some_and(|certificate| certificate.public_key() == public)
}

/// Returns whether the row has no certificate yet, and its request waits to be signed.
pub(crate) fn is_pending(inventory: &Inventory, row: &'static Row) -> bool {
    inventory.row(row).certificate().is_none()
        && matches!(state(inventory, row), RequestState::Pending(_))
}

/// Judges the request of a row.
pub(super) fn check(inventory: &Inventory, row: &'static Row) -> Option<Finding> {
    let ca = || row.signer().map(title).unwrap_or_default();
    match state(inventory, row) {
        RequestState::Missing => None,
        RequestState::Settled => {
            let text = "its request is left over: the certificate for it is in place";
            Some(Finding::new(FindingId::RequestSettled, text).about(row))
        }
        RequestState::Unusable(finding) => Some(*finding),
        RequestState::Pending(_) if inventory.row(row).certificate().is_none() => {
            let text = format!("its request waits to be signed by the {}", ca());
            Some(Finding::new(FindingId::RequestPending, text).about(row))
        }
        RequestState::Pending(_) => {
            let text = format!(
                "the request for its next certificate waits to be signed by the {}",
                ca()
            );
            let finding = Finding::new(FindingId::RequestPending, text).about(row);
            Some(Finding {
                severity: Severity::Info,
                ..finding
            })
        }
    }
}
