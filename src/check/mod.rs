//! Judges a tree: compares its contents with a configuration and a time, and returns [`Findings`]. It opens no files and
//! reads no clock.
//!
//! All commands decide by these findings only, see [`check`]. Each subject has its own file, and [`finding`] has the
//! table of all kinds. `expected` has the desired contents of a row, `validity` the desired dates. `plan::remedy` adds
//! the commands to the remedies.

pub(crate) mod ca;
pub(crate) mod chain;
pub mod commit;
pub mod drift;
mod duplicates;
pub mod expected;
mod expired;
pub mod expiry;
pub(crate) mod file;
pub mod finding;
mod go;
pub mod host;
pub(crate) mod identity;
mod kubeconfig;
mod leaf;
pub mod manifests;
pub mod names;
mod observed;
pub(crate) mod pending;
pub mod permissions;
pub mod request;
mod sa;
pub mod served;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
mod trust;
pub mod validity;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::finding::{Finding, FindingId, Findings};
use self::host::HostKind;
use crate::catalog::{CATALOG, Profile, Row};
use crate::config::cluster::{Cluster, DeclaredCluster};
use crate::tree::inventory::{FileState, Inventory, RowFiles};
use crate::x509::certificate::Certificate;

pub use self::drift::{Change, ChangedField};

/// The configuration that a tree is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The configuration.
    pub cluster: &'a Cluster,
    /// Whether its node name and address are known. If not, names are not judged.
    pub is_node_known: bool,
}

impl<'a> From<&'a Cluster> for Expected<'a> {
    fn from(cluster: &'a Cluster) -> Expected<'a> {
        Expected {
            cluster,
            is_node_known: true,
        }
    }
}

impl<'a> From<&'a DeclaredCluster> for Expected<'a> {
    fn from(declared: &'a DeclaredCluster) -> Expected<'a> {
        Expected {
            cluster: &declared.cluster,
            is_node_known: declared.is_node_known(),
        }
    }
}

/// The input of a judgement.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The contents of the tree.
    pub inventory: &'a Inventory,
    /// The declared or recorded configuration, if there is one.
    pub expected: Option<Expected<'a>>,
    /// The time of the judgement.
    pub now: OffsetDateTime,
}

impl Context<'_> {
    /// Returns the kind of host that the tree is on.
    pub fn host(&self) -> HostKind {
        host::recognize(self.inventory, self.expected.is_some())
    }

    /// Returns the configuration, if it has the row and the node is known.
    fn cluster_for(&self, row: &Row) -> Option<&Cluster> {
        self.expected
            .filter(|expected| expected.is_node_known)
            .map(|expected| expected.cluster)
            .filter(|cluster| expected::is_wanted(row, cluster))
    }
}

/// Judges a tree at `now` against a configuration, if one is declared or recorded.
///
/// One cause gives one finding: an error of a CA is not reported again for each of its leaves.
pub fn check(
    inventory: &Inventory,
    expected: Option<Expected<'_>>,
    now: OffsetDateTime,
) -> Findings {
    let context = Context {
        inventory,
        expected,
        now,
    };
    let rows = host::rows(&context);
    let required = host::required(&context);
    let mut findings: Findings = host::check(&context).into_iter().collect();
    let cas: Vec<_> = CATALOG
        .iter()
        .copied()
        .filter(|row| row.is_ca())
        .map(|row| ca::check(&context, row))
        .collect();
    for row in rows.iter().copied() {
        let files = inventory.row(row);
        let is_required = required.contains(&row);
        match files {
            RowFiles::Ca { .. } => {
                if files.is_missing() {
                    findings.extend(ca::missing(&context, row));
                } else {
                    let judged = cas.iter().filter(|judged| judged.row == row);
                    findings.extend(judged.flat_map(|judged| judged.findings.clone()));
                }
            }
            RowFiles::Leaf { chain, key } => {
                findings.extend(leaf::check(&context, row, chain, key, &cas, is_required));
            }
            RowFiles::ServiceAccount { public, key } => {
                findings.extend(sa::check(row, public, key, is_required));
            }
            RowFiles::Kubeconfig(file) => {
                findings.extend(kubeconfig::check(&context, row, file, &cas));
            }
            RowFiles::Observed(file) => findings.extend(observed::check(row, file, context.now)),
        }
        findings.extend(pending::check(inventory, row));
        findings.extend(permissions::check(inventory, row));
    }
    findings.extend(duplicates::check(inventory, &rows));
    findings
}

/// Judges only the dates of certificates, and files that are missing or cannot be used. Verifies no signature, except where
/// the dates of a leaf depend on its intermediates.
pub fn dates(context: &Context<'_>) -> Findings {
    let required = host::required(context);
    let mut findings: Findings = host::check(context).into_iter().collect();
    for row in host::rows(context) {
        let files = context.inventory.row(row);
        let is_required = required.contains(&row);
        let invalid = match files {
            RowFiles::Ca { bundle, .. } => bundle.invalid(),
            RowFiles::Leaf { chain, .. } => chain.invalid(),
            RowFiles::Kubeconfig(file) => file.invalid(),
            RowFiles::Observed(file) => {
                findings.extend(observed::dates(row, file, context.now));
                continue;
            }
            RowFiles::ServiceAccount { .. } => continue,
        };
        findings.extend(invalid.map(|invalid| file::check(row, invalid)));
        match files {
            RowFiles::Ca { bundle, .. } if bundle.is_missing() => {
                findings.extend(ca::missing(context, row));
            }
            RowFiles::Ca { bundle, .. } => {
                let bundle = bundle.valid().into_iter();
                findings.extend(bundle.flat_map(|bundle| ca::dates(row, bundle, context.now)));
            }
            _ if pending::is_pending(context.inventory, row) => {}
            RowFiles::Leaf { chain, .. } if chain.is_missing() && is_required => {
                findings.extend([missing(row)]);
            }
            RowFiles::Kubeconfig(file) if file.is_missing() && is_required => {
                findings.extend([missing(row)]);
            }
            RowFiles::Kubeconfig(FileState::Valid(file)) => {
                findings.extend(kubeconfig::unusable_client(row, &file.client));
            }
            _ => {}
        }
        findings.extend(pending::check(context.inventory, row));
        let chain = files.chain();
        findings.extend(chain.and_then(|chain| expired::check(row, chain, None, context.now)));
    }
    findings
}

/// Returns the finding for a row without files.
fn missing(row: &'static Row) -> Finding {
    let id = match row.profile {
        Profile::Ca { .. } => FindingId::CaMissing,
        Profile::Leaf { .. } | Profile::Observed => FindingId::CertificateMissing,
        Profile::Client { .. } | Profile::User => FindingId::KubeconfigMissing,
        Profile::ServiceAccount => FindingId::ServiceAccountMissing,
    };
    Finding::new(id, "missing").about(row)
}

/// Returns the name of another CA of the catalog with this certificate's common name.
fn other_ca(row: &Row, certificate: &Certificate) -> Option<&'static str> {
    let common_name = certificate.common_name()?;
    let is_other = |other: &&&'static Row| {
        matches!(other.profile, Profile::Ca { common_name: name } if name == common_name)
            && **other != row
    };
    CATALOG.iter().find(is_other).map(|other| other.name)
}

/// Returns the name of a row for messages.
pub(crate) fn title(row: &Row) -> String {
    if row.is_ca() {
        format!("CA `{}`", row.name)
    } else {
        format!("`{}`", row.name)
    }
}

/// Returns a time for reports: RFC 3339, UTC.
pub(crate) fn time_text(time: OffsetDateTime) -> String {
    // RFC 3339 can express every time that a certificate can.
    time.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .unwrap_or_else(|_| time.to_string())
}
