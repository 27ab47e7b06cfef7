//! Judges leaf certificates in their own files and in kubeconfigs.

use super::ca::JudgedCa;
use super::chain::belongs;
use super::drift::{self, ChangedField, Desired};
use super::finding::{Finding, FindingId};
use super::{Context, expected, expired, file, identity, missing, names, pending};
use crate::catalog::Row;
use crate::config::cluster::Cluster;
use crate::tree::inventory::{FileState, KeyFile};
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::key::PrivateKey;
use crate::x509::verify::is_signed_by;

/// Judges a leaf with its key.
pub(super) fn check(
    context: &Context<'_>,
    row: &'static Row,
    chain: &FileState<Chain>,
    key: &FileState<KeyFile>,
    cas: &[JudgedCa<'_>],
    is_required: bool,
) -> Vec<Finding> {
    let mut findings: Vec<_> = [chain.invalid(), key.invalid()]
        .into_iter()
        .flatten()
        .map(|invalid| file::check(row, invalid))
        .collect();
    match (chain, key) {
        // It has a finding of its own.
        (FileState::Missing, _) if pending::is_pending(context.inventory, row) => {}
        (FileState::Missing, FileState::Missing) if is_required => findings.push(missing(row)),
        (FileState::Missing, FileState::Valid(_)) => {
            let text = "its key exists, its certificate is missing";
            findings.push(Finding::new(FindingId::CertificateKeyOnly, text).about(row));
        }
        (FileState::Valid(chain), key) => {
            if key.is_missing() {
                let text = "its certificate exists, its key is missing";
                findings.push(Finding::new(FindingId::CertificateKeyMissing, text).about(row));
            }
            let key = key.valid().and_then(KeyFile::read);
            findings.extend(certificate(context, row, chain, key, cas));
        }
        _ => {}
    }
    findings
}

/// Judges a leaf certificate by its CA, usages, names, dates and key, and by the configuration.
pub(super) fn certificate(
    context: &Context<'_>,
    row: &'static Row,
    chain: &Chain,
    key: Option<&PrivateKey>,
    cas: &[JudgedCa<'_>],
) -> Vec<Finding> {
    let judged = cas.iter().find(|judged| row.signer() == Some(judged.row));
    let anchors = judged.and_then(|judged| judged.anchors);
    let mut findings: Vec<_> = judged
        .filter(|judged| judged.anchors.is_some())
        .and_then(|judged| judged.chain_error(row))
        .into_iter()
        .collect();
    let is_signed = anchors.is_some()
        && findings
            .iter()
            .all(|finding| finding.id == FindingId::CertificateUsageMissing);
    if is_signed && let Some(foreign) = identity::check(context.inventory, row, &chain.leaf) {
        // A missing usage has the same cause.
        findings.retain(|_| !foreign.is_error());
        findings.push(foreign);
    }
    if !findings.iter().any(Finding::is_error)
        && let Some(reason) = super::go::refuses(&chain.certificates())
    {
        findings.push(Finding::new(FindingId::CertificateRefusedByGo, reason).about(row));
    }
    if key.is_some_and(|key| !belongs(key, &chain.leaf)) {
        let text = "its key does not belong to it (the public keys differ)";
        findings.push(Finding::new(FindingId::CertificateKeyMismatch, text).about(row));
    }
    findings.extend(expired::check(row, chain, anchors, context.now));
    if let Some(cluster) = context.cluster_for(row) {
        let is_foreign = |finding: &Finding| {
            matches!(
                finding.id,
                FindingId::CertificateIsTheCa | FindingId::CertificateOfAnotherRow
            )
        };
        if !findings.iter().any(is_foreign) {
            findings.extend(names::missing_from(row, cluster, &chain.leaf));
        }
        if findings.is_empty() {
            findings.extend(differences(row, cluster, chain, anchors));
        }
    }
    if !findings.iter().any(Finding::is_error) {
        findings.extend(warnings(row, chain, anchors));
    }
    findings
}

fn differences(
    row: &'static Row,
    cluster: &Cluster,
    chain: &Chain,
    anchors: Option<&CaBundle>,
) -> Vec<Finding> {
    let Some(Ok(contents)) = expected::contents(row, cluster) else {
        return Vec::new();
    };
    let desired = Desired {
        contents: &contents,
        algorithm: cluster.algorithm,
        validity: Some(cluster.certificate_validity.length()),
    };
    drift::between(&chain.leaf, anchors.map(|ca| &ca.signer), desired)
        .into_iter()
        // These have separate findings.
        .filter(|change| {
            change.field != ChangedField::SansAdded
                && !(change.field == ChangedField::Usages && change.from.is_empty())
        })
        .map(|change| {
            let finding = Finding::new(FindingId::CertificateDiffers, drift::describe(&change));
            finding.about(row).wanted(change.to)
        })
        .collect()
}

fn warnings(row: &'static Row, chain: &Chain, anchors: Option<&CaBundle>) -> Vec<Finding> {
    let leaf = &chain.leaf;
    let mut warnings = Vec::new();
    let mut warn = |id, text: String| warnings.push(Finding::new(id, text).about(row));
    if leaf.has_ca_flag() {
        let text = "it is a CA certificate, want a leaf";
        warn(FindingId::CertificateWithCaFlag, text.to_owned());
    }
    if leaf.is_version_1() {
        let text = "it is an X.509 version 1 certificate";
        warn(FindingId::CertificateVersion, text.to_owned());
    } else if leaf.usage_oids().is_empty() {
        let text = "it has no extended key usage";
        warn(FindingId::CertificateWithoutUsages, text.to_owned());
    }
    if leaf.has_zero_serial() || leaf.has_long_serial() {
        let text = "its serial number is zero or longer than 20 octets";
        warn(FindingId::CertificateOddSerial, text.to_owned());
    }
    if !chain.intermediates.iter().all(Certificate::has_ca_flag) {
        let text = "its file holds another certificate that is not an intermediate";
        warn(FindingId::CertificateExtra, text.to_owned());
    }
    if let Some(ca) = anchors
        && leaf.not_after() > ca.signer.not_after()
        && is_signed_by(leaf, &ca.signer)
    {
        let text = format!(
            "it is valid for longer than its CA, which expires on {}",
            ca.signer.not_after().date()
        );
        warn(FindingId::CertificateOutlivesCa, text);
    }
    warnings
}
