//! Recognizes the certificate of one row in the place of another row of the same CA.

use super::finding::{Finding, FindingId, Findings, Severity};
use crate::catalog::{
    ADMIN_CONF, CATALOG, CommonName, ETCD_CA, NODE_USER_PREFIX, Profile, Row, SUPER_ADMIN_CONF,
};
use crate::tree::inventory::Inventory;
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;
use crate::x509::usage::Usage;

/// Returns a finding if a certificate was made for another row of the same CA.
///
/// Kubernetes gives a client the rights of its CN and O, so it is an error unless the client is an administrator. etcd
/// accepts every client of its CA. A server is judged by its SANs, so its CN does not matter if it has SANs.
pub(super) fn check(
    inventory: &Inventory,
    row: &'static Row,
    leaf: &Certificate,
) -> Option<Finding> {
    let owner = owner(inventory, row, leaf)?;
    let is_server = row.usages().contains(&Usage::ServerAuth);
    if is_server && !leaf.sans().is_empty() {
        return None;
    }
    let common_name = leaf.common_name().unwrap_or_default();
    let text = format!(
        "it is the certificate of `{}` (CN `{}`)",
        owner.name,
        escape(&common_name)
    );
    let finding = Finding::new(FindingId::CertificateOfAnotherRow, text).about(row);
    let is_accepted = !is_server && (row.signer() == Some(&ETCD_CA) || is_administrator(leaf));
    Some(match is_accepted {
        true => Finding {
            severity: Severity::Warning,
            ..finding
        },
        false => finding,
    })
}

/// Returns whether the certificate in the place of a row was made for another row, so that it says nothing about this one.
pub(crate) fn is_of_another_row(findings: &Findings, row: &Row) -> bool {
    findings
        .errors_of(row)
        .any(|error| error.id == FindingId::CertificateOfAnotherRow)
}

/// Returns the other row of the same CA that a certificate was made for, unless `row` can have such a certificate.
pub(crate) fn owner(
    inventory: &Inventory,
    row: &'static Row,
    leaf: &Certificate,
) -> Option<&'static Row> {
    if matches!(row.profile, Profile::User) {
        return None;
    }
    let common_name = leaf.common_name()?;
    let has_name_of = |row: &Row| match row.common_name() {
        Some(CommonName::Fixed(name)) => name == common_name,
        Some(CommonName::NodeUser) => common_name.starts_with(NODE_USER_PREFIX),
        Some(CommonName::Node) | None => false,
    };
    if has_name_of(row) {
        return None;
    }
    // A node may have any name, so only a copy is recognized.
    let is_copy_of = |other: &Row| {
        other.common_name() == Some(CommonName::Node)
            && row.common_name() != Some(CommonName::Node)
            && inventory
                .row(other)
                .certificate()
                .is_some_and(|known| known.public_key() == leaf.public_key())
    };
    CATALOG.iter().copied().find(|other| {
        *other != row && other.signer() == row.signer() && (has_name_of(other) || is_copy_of(other))
    })
}

/// Returns whether a client certificate has a group of the administrators.
fn is_administrator(leaf: &Certificate) -> bool {
    let groups = LeafTemplate::of(leaf).organizations();
    [&ADMIN_CONF, &SUPER_ADMIN_CONF]
        .iter()
        .any(|row| match row.profile {
            Profile::Client {
                organization: Some(group),
                ..
            } => groups.iter().any(|own| own == group),
            _ => false,
        })
}
