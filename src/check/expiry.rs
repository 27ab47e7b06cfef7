//! Expiration dates: findings about them, and the table of `check-expiration`.

use time::{Duration, OffsetDateTime};

use super::chain::last_valid;
use super::finding::{Finding, FindingId, Findings, Outcome, Severity};
use super::{Context, host, observed};
use crate::catalog::Row;
use crate::tree::inventory::{ClientCertificate, FileState, Inventory, RowFiles};
use crate::x509::certificate::Certificate;

/// The expiration dates of a tree, and all findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The leaves and kubeconfigs, by name in byte order, as kubeadm lists them.
    pub certificates: Vec<ExpiringRow>,
    /// The CAs, by name in byte order.
    pub authorities: Vec<ExpiringRow>,
    /// The kubeconfigs without client certificate: their users have a token, a password or a plugin.
    pub without_certificate: Vec<&'static str>,
    /// The findings, including those about rows that expire soon.
    pub findings: Findings,
}

/// A row that can expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringRow {
    /// The row's name.
    pub name: &'static str,
    /// The state of its certificate.
    pub state: ExpiryState,
    /// The row name of the CA that signs it; `None` for a CA.
    pub ca: Option<&'static str>,
    /// Whether others renew it: an external CA, or the component that made it.
    pub external: bool,
    /// Its errors other than its dates.
    pub error: Option<String>,
    /// The outcome of its findings, for the exit code.
    pub outcome: Outcome,
}

/// The state of a row that can expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpiryState {
    /// It has a certificate.
    Dated {
        /// The last valid second.
        not_after: OffsetDateTime,
        /// The time from now to `not_after`; negative after the expiry.
        residual: Duration,
    },
    /// Its file is missing.
    Missing,
    /// This user may not read its file.
    Unreadable,
    /// It has no usable certificate.
    Unusable,
}

/// The residual times below which a row needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// At this residual time, a renewal is due.
    pub warn: Duration,
    /// At this residual time, a row counts as expired.
    pub critical: Duration,
}

impl Thresholds {
    /// Returns the longer of the two.
    pub fn longest(self) -> Duration {
        self.warn.max(self.critical)
    }
}

/// Returns a finding for each certificate that expires within the thresholds and has not expired.
pub fn soon(context: &Context<'_>, thresholds: Thresholds) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in host::rows(context) {
        let files = context.inventory.row(row);
        let Some(end) = ends(row, files, context.inventory) else {
            continue;
        };
        let residual = end - context.now;
        if residual.is_negative() || residual > thresholds.longest() {
            continue;
        }
        let text = format!("expires on {}", end.date());
        let finding = Finding::new(FindingId::CertificateExpiresSoon, text).about(row);
        let finding = match row.is_ca() {
            true => finding.advice(FindingId::CaExpired.kind().advice),
            false => finding,
        };
        let finding = match residual <= thresholds.critical {
            true => Finding {
                severity: Severity::Error,
                ..finding
            },
            false => finding,
        };
        findings.push(match files {
            RowFiles::Observed(file) => observed::of_kubelet(finding, file),
            _ => finding,
        });
    }
    findings
}

/// Returns when the certificate of a row, or an intermediate that it needs, expires.
pub fn ends(row: &Row, files: &RowFiles, inventory: &Inventory) -> Option<OffsetDateTime> {
    if let RowFiles::Observed(file) = files {
        return Some(file.chain.valid()?.leaf.not_after());
    }
    let anchors = row.signer().and_then(|ca| inventory.ca_bundle(ca));
    match (files.chain(), anchors) {
        (Some(chain), Some(anchors)) => Some(last_valid(chain, &anchors.certificates())),
        _ => files.certificate().map(Certificate::not_after),
    }
}

/// Returns the table of all rows of a tree that can expire, with findings.
pub fn table(context: &Context<'_>, findings: Findings) -> Expiry {
    let (undated, dated): (Vec<_>, Vec<_>) = host::rows(context)
        .into_iter()
        .filter(|row| row.is_ca() || row.signer().is_some() || row.is_observed())
        .partition(|row| host::has_no_certificate(context.inventory.row(row)));
    let items = |wants_ca: bool| {
        let mut items: Vec<_> = dated
            .iter()
            .filter(|row| row.is_ca() == wants_ca)
            .map(|row| item(row, context, &findings))
            .collect();
        items.sort_unstable_by_key(|item| item.name);
        items
    };
    Expiry {
        certificates: items(false),
        authorities: items(true),
        without_certificate: undated.iter().map(|row| row.name).collect(),
        findings,
    }
}

fn item(row: &'static Row, context: &Context<'_>, findings: &Findings) -> ExpiringRow {
    let inventory = context.inventory;
    let files = inventory.row(row);
    let state = match ends(row, files, inventory) {
        Some(not_after) => ExpiryState::Dated {
            not_after,
            residual: not_after - context.now,
        },
        None if findings.has(row, FindingId::FilePermissionDenied) => ExpiryState::Unreadable,
        None if is_missing(row, files, findings) => ExpiryState::Missing,
        None => ExpiryState::Unusable,
    };
    // For a missing file, kubeadm shows neither its CA nor whether it is externally managed.
    let is_missing = state == ExpiryState::Missing;
    let authority = if row.is_ca() { Some(row) } else { row.signer() };
    let errors: Vec<_> = findings
        .errors_of(row)
        .filter(|error| !is_about_time(error.id))
        .map(|error| error.found.clone())
        .collect();
    ExpiringRow {
        name: row.name,
        ca: row
            .signer()
            .filter(|_| !is_missing)
            .map(|signer| signer.name),
        external: !is_missing
            && (row.is_observed() || authority.is_some_and(|ca| inventory.is_external(ca))),
        error: Some(errors.join("; ")).filter(|text| !text.is_empty() && !is_missing),
        outcome: findings.outcome_of(row),
        state,
    }
}

/// Returns whether the certificate of a row is missing.
fn is_missing(row: &Row, files: &RowFiles, findings: &Findings) -> bool {
    match files {
        RowFiles::Ca { bundle, .. } => bundle.is_missing(),
        RowFiles::Leaf { chain, .. } => chain.is_missing(),
        RowFiles::Kubeconfig(FileState::Valid(file))
            if matches!(file.client, ClientCertificate::KeyOnly { .. }) =>
        {
            true
        }
        RowFiles::Observed(file) => file.chain.is_missing(),
        _ => files.is_missing() || findings.has(row, FindingId::KubeletCertificateMissing),
    }
}

fn is_about_time(id: FindingId) -> bool {
    matches!(
        id,
        FindingId::CaExpired
            | FindingId::CaNotYetValid
            | FindingId::CertificateExpired
            | FindingId::CertificateNotYetValid
            | FindingId::CertificateExpiresSoon
            | FindingId::KubeletServingExpires
    )
}
