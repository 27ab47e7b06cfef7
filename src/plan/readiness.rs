//! Checks that rows of a tree can be given to others: to another node, or to a user.

use super::{PlanError, Reason};
use crate::catalog::Row;
use crate::check::finding::Findings;
use crate::check::title;
use crate::tree::inventory::Inventory;

/// Checks rows of a tree with these findings. A CA may be external.
///
/// # Errors
/// Every row without files, and every error about the others.
pub fn check(
    rows: &[&'static Row],
    inventory: &Inventory,
    findings: &Findings,
) -> Result<(), PlanError> {
    let mut error = PlanError::default();
    for row in rows.iter().copied() {
        if inventory.row(row).is_missing() {
            error.add(missing(row));
            continue;
        }
        for finding in findings.errors_of(row) {
            error.add(Reason::from(finding));
        }
    }
    match error.reasons.is_empty() {
        true => Ok(()),
        false => Err(error),
    }
}

fn missing(row: &'static Row) -> Reason {
    let words = "run this on a control plane node, which has the files of the cluster";
    Reason::new(format!("{}: it is missing", title(row)), words).about(row)
}
