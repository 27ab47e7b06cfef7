//! Different certificates of one CA with the same serial number.

use super::finding::{Finding, FindingId};
use crate::catalog::Row;
use crate::tree::inventory::Inventory;
use crate::x509::certificate::Certificate;

/// Compares the certificates of these rows with one another. The same certificate in two places is not a duplicate.
pub(super) fn check(inventory: &Inventory, rows: &[&'static Row]) -> Vec<Finding> {
    let certificates: Vec<(&'static Row, &Certificate)> = rows
        .iter()
        .filter_map(|row| Some((*row, inventory.row(row).certificate()?)))
        .collect();
    let mut findings = Vec::new();
    for (index, (row, certificate)) in certificates.iter().enumerate() {
        let earlier = certificates.iter().take(index);
        for (other_row, other) in earlier.filter(|(_, other)| other != certificate) {
            if certificate.has_issuer_and_serial_of(other) {
                let text = format!(
                    "it has the serial number of `{}`: {}",
                    other_row.name,
                    certificate.short_serial()
                );
                findings.push(Finding::new(FindingId::CertificateSameSerial, text).about(row));
            }
        }
    }
    findings
}
