//! What a row holds before its renewal, and in what the new certificate differs from that.

use crate::check::drift::{self, Wanted};
use crate::check::{Change, time_text};
use crate::plan::{KeySource, Leaf};
use crate::tree::inventory::{FileState, InvalidFile, KeyFile};
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::key::PrivateKey;

/// What is there of a row that is to be renewed.
pub(super) struct Old<'a> {
    pub(super) leaf: Option<&'a Certificate>,
    pub(super) key: Option<&'a PrivateKey>,
    /// What is wrong with the certificate's file, where something is.
    pub(super) broken: Option<&'a InvalidFile>,
    /// What is wrong with the key's file, where something is.
    pub(super) broken_key: Option<&'a InvalidFile>,
    /// The certificates that follow the leaf in its file.
    pub(super) intermediates: &'a [Certificate],
}

pub(super) fn old_pair<'a>(chain: &'a FileState<Chain>, key: &'a FileState<KeyFile>) -> Old<'a> {
    Old {
        leaf: chain.valid().map(|chain| &chain.leaf),
        key: key.valid().and_then(KeyFile::read),
        broken: chain.invalid(),
        broken_key: key.invalid(),
        intermediates: chain
            .valid()
            .map_or(&[], |chain| chain.intermediates.as_slice()),
    }
}

/// Returns what differs between the old certificate and the new one, field by field.
pub(super) fn changes(
    old: &Old<'_>,
    new: &Leaf,
    issuer: &Certificate,
    validity: Option<std::time::Duration>,
) -> Vec<Change> {
    let change = |field, from: String, to: String| Change {
        field,
        from,
        to,
        drift: false,
    };
    let old_key = old.leaf.and_then(|leaf| leaf.public_key().algorithm());
    let old_key = old_key.map_or_else(|| "unknown".to_owned(), |algorithm| algorithm.to_string());
    let new_key = match new.key {
        KeySource::New(algorithm) => format!("new {algorithm}"),
        KeySource::Reuse(algorithm) => algorithm.to_string(),
    };
    let key = change("key", old_key, new_key);
    let Some(leaf) = old.leaf else {
        let subject = new.contents.subject_text();
        return vec![change("certificate", "unreadable".to_owned(), subject), key];
    };
    let dates = |field, from, to| change(field, time_text(from), time_text(to));
    let wanted = Wanted {
        contents: &new.contents,
        algorithm: Some(new.key.algorithm()),
        validity,
    };
    let mut changes = vec![
        dates("not before", leaf.not_before(), new.validity.not_before),
        dates("not after", leaf.not_after(), new.validity.not_after),
        key,
    ];
    changes.retain(|change| change.from != change.to || change.field == "not after");
    changes.extend(drift::between(leaf, Some(issuer), wanted));
    changes
}
