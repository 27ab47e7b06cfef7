//! Judges certificates that others make and renew: by their dates, and whether they can be used at all.

use time::OffsetDateTime;

use super::chain::belongs;
use super::expired::judge;
use super::finding::{Finding, FindingId, Severity};
use super::{file, go, missing};
use crate::catalog::{KUBELET_SERVER, Row};
use crate::tree::inventory::{FileState, KeyFile, ObservedFile};
use crate::tree::layout::KUBELET_SERVER_CURRENT;
use crate::util::secret::quote;

/// Judges a certificate, and its key if there has to be one.
pub(super) fn check(
    row: &'static Row,
    observed: &ObservedFile,
    now: OffsetDateTime,
) -> Vec<Finding> {
    let mut findings = dates(row, observed, now);
    let Some(chain) = observed.chain.valid() else {
        return findings;
    };
    if let Some(reason) = go::refuses(&chain.certificates()) {
        findings.push(Finding::new(FindingId::CertificateRefusedByGo, reason).about(row));
    }
    let Some(key) = &observed.key else {
        return findings;
    };
    match &key.key {
        FileState::Missing => {
            let text = format!("its key {} is missing", quote(&key.path));
            findings.push(Finding::new(FindingId::CertificateKeyMissing, text).about(row));
        }
        FileState::Invalid(invalid) => findings.push(file::check(row, invalid)),
        FileState::Valid(KeyFile::Read(key)) if !belongs(key, &chain.leaf) => {
            let text = "its key does not belong to it (the public keys differ)";
            findings.push(Finding::new(FindingId::CertificateKeyMismatch, text).about(row));
        }
        FileState::Valid(_) => {}
    }
    findings
}

/// Judges only the dates of a certificate, and whether its file can be used.
pub(super) fn dates(
    row: &'static Row,
    observed: &ObservedFile,
    now: OffsetDateTime,
) -> Vec<Finding> {
    let chain = match &observed.chain {
        FileState::Valid(chain) => chain,
        FileState::Missing => {
            let finding = missing(row).in_file(observed.file.clone());
            return vec![Finding {
                found: format!("missing: {}", quote(&observed.file.relative)),
                ..finding
            }];
        }
        FileState::Invalid(invalid) => return vec![file::check(row, invalid)],
    };
    // As for a CA of the tree: an old one beside it may have expired.
    judge(row, &chain.leaf, now)
        .into_iter()
        .map(|finding| of_kubelet(finding, observed))
        .collect()
}

/// Returns a finding as a warning if it is about the date of a kubelet's serving certificate. The API server does not verify it
/// unless it is told to, and the kubelet serves it after its end, too.
pub(super) fn of_kubelet(finding: Finding, observed: &ObservedFile) -> Finding {
    if finding.row != Some(&KUBELET_SERVER) {
        return finding;
    }
    let advice = match observed.file.file_name() == KUBELET_SERVER_CURRENT {
        true => "approve the request of the kubelet: `kubectl get csr` lists it",
        // The kubelet signs its own and never renews it (Kubernetes `cmd/kubelet/app/server.go`).
        false => "remove `kubelet.crt` and `kubelet.key`, then run `systemctl restart kubelet`",
    };
    Finding {
        id: FindingId::KubeletServingExpires,
        severity: Severity::Warning,
        ..finding
    }
    .advice(advice)
}
