//! The state of a row before its renewal, and the differences of the new certificate.

use crate::check::drift::{self, Desired};
use crate::check::{Change, ChangedField, time_text};
use crate::plan::{KeySource, Leaf};
use crate::tree::inventory::{Fault, FileState, KeyFile};
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::key::PrivateKey;

/// The current state of a row that is renewed.
#[derive(Default)]
pub(super) struct Current<'a> {
    pub(super) leaf: Option<&'a Certificate>,
    pub(super) key: Option<&'a PrivateKey>,
    /// Whether a world-readable file contains a private key.
    pub(super) is_key_exposed: bool,
    /// The certificates that follow the leaf in its file.
    pub(super) intermediates: &'a [Certificate],
}

impl<'a> Current<'a> {
    pub(super) fn of_pair(chain: &'a FileState<Chain>, key: &'a FileState<KeyFile>) -> Current<'a> {
        Current {
            key: key.valid().and_then(KeyFile::read),
            is_key_exposed: chain
                .invalid()
                .is_some_and(|invalid| invalid.fault() == Fault::LeakedKey),
            ..chain.valid().map(Current::of_chain).unwrap_or_default()
        }
    }

    pub(super) fn of_chain(chain: &'a Chain) -> Current<'a> {
        Current {
            leaf: Some(&chain.leaf),
            intermediates: &chain.intermediates,
            ..Current::default()
        }
    }
}

/// Returns what differs between the old certificate and the new one, field by field. Without a declared
/// configuration, no change is drift.
pub(super) fn changes(
    current: &Current<'_>,
    new: &Leaf,
    issuer: &Certificate,
    declared_validity: Option<std::time::Duration>,
) -> Vec<Change> {
    let change = |field, from: String, to: String| Change {
        field,
        from,
        to,
        drift: false,
    };
    let old_key = current
        .leaf
        .and_then(|leaf| leaf.public_key().algorithm())
        .map_or_else(|| "unknown".to_owned(), |algorithm| algorithm.to_string());
    let new_key = match new.key {
        KeySource::New(algorithm) => format!("new {algorithm}"),
        KeySource::Reuse(algorithm) => algorithm.to_string(),
    };
    let key = change(ChangedField::Key, old_key, new_key);
    let Some(leaf) = current.leaf else {
        let subject = new.contents.subject_text();
        let made = change(ChangedField::Certificate, "unreadable".to_owned(), subject);
        return vec![made, key];
    };
    let date = |field, from, to| change(field, time_text(from), time_text(to));
    let desired = Desired {
        contents: &new.contents,
        algorithm: Some(new.key.algorithm()),
        validity: declared_validity,
    };
    let mut changes = vec![
        date(
            ChangedField::NotBefore,
            leaf.not_before(),
            new.validity.not_before,
        ),
        date(
            ChangedField::NotAfter,
            leaf.not_after(),
            new.validity.not_after,
        ),
        key,
    ];
    changes.retain(|change| change.from != change.to || change.field == ChangedField::NotAfter);
    let is_declared = declared_validity.is_some();
    changes.extend(
        drift::between(leaf, Some(issuer), desired)
            .into_iter()
            .map(|change| Change {
                drift: is_declared,
                ..change
            }),
    );
    changes
}
