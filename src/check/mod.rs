//! The judgement of a tree: what is wrong with what is there, given a configuration and a time. Looks only.

pub mod drift;
pub mod expected;
pub mod expiry;
pub mod leaf;
pub mod names;
pub mod trust;
pub mod validity;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::catalog::{CATALOG, Profile, Row};
use crate::x509::certificate::Certificate;

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field: `not after`, `subject`, `SANs`.
    pub field: &'static str,
    /// What it was.
    pub from: String,
    /// What it becomes.
    pub to: String,
    /// Whether the change follows from a difference between the old certificate and the declared configuration, and not
    /// from the renewal as such.
    pub drift: bool,
}

/// Returns the name of another CA of the catalog, if a certificate is that one's: its files may have been exchanged.
pub(crate) fn other_ca(row: &Row, certificate: &Certificate) -> Option<&'static str> {
    let common_name = certificate.common_name()?;
    let is_other = |other: &&&'static Row| {
        matches!(other.profile, Profile::Ca { common_name: name } if name == common_name)
            && **other != row
    };
    CATALOG.iter().find(is_other).map(|other| other.name)
}

/// Returns how a message names a row.
pub(crate) fn title(row: &Row) -> String {
    if row.is_ca() {
        format!("CA `{}`", row.name)
    } else {
        format!("`{}`", row.name)
    }
}

/// Returns a time as reports give it: RFC 3339, UTC.
pub(crate) fn time_text(time: OffsetDateTime) -> String {
    // Every time that a certificate can express has an RFC 3339 form.
    time.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .unwrap_or_else(|_| time.to_string())
}
