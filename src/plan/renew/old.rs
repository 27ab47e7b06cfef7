//! What a row holds before its renewal, and in what the new certificate differs from that.

use crate::check::drift::{self, Wanted};
use crate::check::{Change, time_text};
use crate::plan::{KeySource, Leaf};
use crate::tree::inventory::{Broken, Found, KeyFile};
use crate::x509::certificate::Certificate;
use crate::x509::key::PrivateKey;

/// What is there of a row that is to be renewed.
pub(super) struct Old<'a> {
    pub(super) leaf: Option<&'a Certificate>,
    pub(super) key: Option<&'a PrivateKey>,
    /// What is wrong with the certificate's file, where something is.
    pub(super) broken: Option<&'a Broken>,
    /// What is wrong with the key's file, where something is.
    pub(super) broken_key: Option<&'a Broken>,
    /// The certificates behind the leaf.
    pub(super) behind: &'a [Certificate],
}

pub(super) fn old_pair<'a>(
    certificate: &'a Found<Vec<Certificate>>,
    key: &'a Found<KeyFile>,
) -> Old<'a> {
    let chain = match certificate {
        Found::Present(chain) => chain.as_slice(),
        Found::Absent | Found::Broken(_) => &[],
    };
    Old {
        leaf: chain.first(),
        key: match key {
            Found::Present(key) => read_key(key),
            Found::Absent | Found::Broken(_) => None,
        },
        broken: certificate.broken(),
        broken_key: key.broken(),
        behind: behind(chain),
    }
}

pub(super) fn behind(chain: &[Certificate]) -> &[Certificate] {
    chain.get(1..).unwrap_or_default()
}

pub(super) fn read_key(key: &KeyFile) -> Option<&PrivateKey> {
    match key {
        KeyFile::Read(key) => Some(key),
        KeyFile::Unread => None,
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
        dates("not before", leaf.not_before(), new.dates.not_before),
        dates("not after", leaf.not_after(), new.dates.not_after),
        key,
    ];
    changes.retain(|change| change.from != change.to || change.field == "not after");
    changes.extend(drift::between(leaf, Some(issuer), wanted));
    changes
}
