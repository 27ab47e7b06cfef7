//! Judges modes and owners of files, and who can write in directories. These findings are warnings: no component refuses such a file.

use super::finding::{Finding, FindingId};
use crate::catalog::Row;
use crate::tree::inventory::Inventory;
use crate::tree::permissions::{ExcessAccess, PermissionIssue};
use crate::util::escape::shell_path;

/// Returns a finding for each file of a row that other users can read or change and should not.
pub(super) fn check(inventory: &Inventory, row: &'static Row) -> Vec<Finding> {
    let issues = inventory.permission_issues();
    issues
        .iter()
        .filter(|issue| issue.row == row)
        .map(finding)
        .collect()
}

/// Returns a finding for each directory in which other users can write: `refusal` is why `pki` does not write in one.
pub fn directories(refusal: Option<String>, shared: Vec<String>) -> Vec<Finding> {
    let refused = refusal.map(|text| Finding::new(FindingId::DirectoryUnsafe, text));
    let shared = shared.into_iter();
    refused
        .into_iter()
        .chain(shared.map(|text| Finding::new(FindingId::DirectoryShared, text)))
        .collect()
}

fn finding(issue: &PermissionIssue) -> Finding {
    let PermissionIssue {
        row,
        file,
        path,
        wanted_mode,
        access,
    } = issue;
    let (id, what, command) = match access {
        ExcessAccess::Readable { mode } => (
            FindingId::FileOverlyPermissive,
            format!("mode {mode:04o}, everybody can read it"),
            format!("chmod {wanted_mode:04o}"),
        ),
        ExcessAccess::Writable { mode } => (
            FindingId::FileWritableByOthers,
            format!("mode {mode:04o}, others can write to it"),
            format!("chmod {wanted_mode:04o}"),
        ),
        ExcessAccess::Owner { uid } => (
            FindingId::FileOtherOwner,
            format!("it belongs to user {uid}"),
            "chown root".to_owned(),
        ),
    };
    let path = shell_path(path);
    Finding::new(id, format!("`{file}`: {what}"))
        .about(row)
        .in_file(file.clone())
        .advice(format!("run `{command} {path}`"))
}
