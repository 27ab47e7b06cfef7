//! Judges whether certificates have expired, or are not valid yet.

use time::OffsetDateTime;
use time::macros::format_description;

use super::chain::last_valid;
use super::finding::{Finding, FindingId};
use crate::catalog::Row;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};

/// Judges the dates of a leaf and of the intermediates that it needs.
pub(super) fn check(
    row: &'static Row,
    chain: &Chain,
    anchors: Option<&CaBundle>,
    now: OffsetDateTime,
) -> Option<Finding> {
    if let Some(finding) = judge(row, &chain.leaf, now) {
        return Some(finding);
    }
    let end = anchors.map(|anchors| last_valid(chain, &anchors.certificates()))?;
    let text = format!("an intermediate that it needs expired on {}", end.date());
    (end < now).then(|| Finding::new(FindingId::CertificateExpired, text).about(row))
}

/// Judges the dates of one certificate.
pub(super) fn judge(
    row: &'static Row,
    certificate: &Certificate,
    now: OffsetDateTime,
) -> Option<Finding> {
    let (id, text) = if certificate.not_after() < now {
        let text = format!("it expired on {}", certificate.not_after().date());
        (FindingId::CertificateExpired, text)
    } else if certificate.not_before() > now {
        let text = not_yet_valid(certificate.not_before());
        (FindingId::CertificateNotYetValid, text)
    } else {
        return None;
    };
    Some(Finding::new(id, text).about(row))
}

pub(super) fn not_yet_valid(not_before: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    // The components of a UTC time are always valid.
    let time = not_before.format(format).unwrap_or_default();
    format!("it is not valid before {time}")
}
