//! Files that cannot be read or used.

use super::finding::{Finding, FindingId};
use crate::catalog::{Profile, Row};
use crate::tree::inventory::{Fault, InvalidFile, InvalidReason};

/// Returns the finding for a file of a row that cannot be read or used.
pub(crate) fn check(row: &'static Row, invalid: &InvalidFile) -> Finding {
    let id = match (invalid.fault(), &invalid.reason) {
        (Fault::PermissionDenied, _) => FindingId::FilePermissionDenied,
        (Fault::LeakedKey, _) => FindingId::FilePrivateKeyExposed,
        (_, InvalidReason::HardLinks(_)) => FindingId::FileHardLinks,
        (Fault::Unreadable, _) => FindingId::FileUnreadable,
        (Fault::Contents, _) => FindingId::FileInvalid,
    };
    let finding = Finding::new(id, invalid.to_string())
        .about(row)
        .in_file(invalid.file.clone());
    match (id, row.profile) {
        (FindingId::FileInvalid, Profile::Client { .. }) => {
            finding.advice("put the file back from a backup, or move it away and create it again")
        }
        _ => finding,
    }
}
