//! The one comparison between what a certificate says and what it should say: `init` warns of the difference, `renew` shows
//! and applies it.

use time::Duration;

use super::{Change, validity};
use crate::util::duration;
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;

/// What a certificate should say.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Subject, usages, names.
    pub contents: &'a LeafTemplate,
    /// Algorithm of its key, where one is asked for.
    pub algorithm: Option<Algorithm>,
    /// For how long it should be valid, where that is asked for.
    pub validity: Option<std::time::Duration>,
}

/// The names of the fields, as reports give them.
pub mod field {
    /// The subject's common names.
    pub const COMMON_NAME: &str = "CN";
    /// The subject's organizations: Kubernetes groups.
    pub const ORGANIZATION: &str = "O";
    /// What else the subject says.
    pub const SUBJECT: &str = "subject";
    /// The extended key usages.
    pub const USAGES: &str = "usages";
    /// Names that it has and should not have.
    pub const SANS_REMOVED: &str = "SANs removed";
    /// Names that it should have and has not.
    pub const SANS_ADDED: &str = "SANs added";
    /// The algorithm of its key.
    pub const ALGORITHM: &str = "algorithm";
    /// For how long it was made to be valid.
    pub const VALIDITY: &str = "validity";
}

/// Returns every field in which a certificate differs from what is wanted; `issuer` is the CA of its row.
pub fn between(
    certificate: &Certificate,
    issuer: Option<&Certificate>,
    wanted: Wanted<'_>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut note = |field, from: String, to: String| {
        if from != to {
            changes.push(Change {
                field,
                from,
                to,
                drift: true,
            });
        }
    };
    let (found, contents) = (LeafTemplate::of(certificate), wanted.contents);
    note(
        field::COMMON_NAME,
        found.common_names().join(", "),
        contents.common_names().join(", "),
    );
    note(
        field::ORGANIZATION,
        found.organizations().join(", "),
        contents.organizations().join(", "),
    );
    if !found.differs_only_in_names(contents) {
        note(
            field::SUBJECT,
            found.subject_text(),
            contents.subject_text(),
        );
    }
    note(
        field::USAGES,
        sorted(found.usage_names()).join(", "),
        sorted(contents.usage_names()).join(", "),
    );
    let (old, new) = (found.san_texts(), contents.san_texts());
    note(field::SANS_REMOVED, without(&old, &new), String::new());
    note(field::SANS_ADDED, String::new(), without(&new, &old));
    if let Some(algorithm) = wanted.algorithm {
        let found = certificate.public_key().algorithm();
        let found = found.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
        note(field::ALGORITHM, found, algorithm.to_string());
    }
    let period = validity::period(certificate.validity(), issuer.map(Certificate::validity));
    if let (Some(period), Some(validity)) = (period, wanted.validity)
        && is_other_period(period, validity)
    {
        let period = std::time::Duration::try_from(period).unwrap_or_default();
        note(
            field::VALIDITY,
            duration::format(period),
            duration::format(validity),
        );
    }
    changes
}

fn is_other_period(period: Duration, wanted: std::time::Duration) -> bool {
    Duration::try_from(wanted)
        .ok()
        .and_then(|wanted| period.checked_sub(wanted))
        .is_none_or(validity::is_noticeable)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

fn without(names: &[String], others: &[String]) -> String {
    let left: Vec<_> = names
        .iter()
        .filter(|name| !others.contains(name))
        .map(String::as_str)
        .collect();
    left.join(", ")
}
