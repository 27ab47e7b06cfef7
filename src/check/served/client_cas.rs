//! Compares the CAs whose clients an endpoint accepts with those in the files of the tree.

use super::{Served, ServedContext, is_pending};
use crate::catalog::Row;
use crate::catalog::components::{Component, Reload};
use crate::catalog::listeners::Listener;
use crate::check::finding::{Finding, FindingId};
use crate::net::handshake::Handshake;
use crate::tree::layout;
use crate::x509::attribute::name_text;
use crate::x509::certificate::Certificate;

/// Compares the CAs whose clients are accepted with those in the files.
pub(super) fn check(
    context: &ServedContext<'_>,
    served: &Served<'_>,
    handshake: &Handshake,
) -> Vec<Finding> {
    let (Some(listener), Some(rows)) = (served.listener, served.client_cas) else {
        return Vec::new();
    };
    let mut wanted: Vec<(&'static Row, &Certificate)> = Vec::new();
    for row in rows {
        let certificates = context.inventory.ca_bundle(row).map(|ca| ca.certificates());
        for certificate in certificates.into_iter().flatten() {
            // Go's `CertPool` holds each certificate once.
            if !wanted.iter().any(|(_, known)| *known == certificate) {
                wanted.push((row, certificate));
            }
        }
    }
    let mut loaded: Vec<&[u8]> = match &handshake.accepted_cas {
        Some(names) => names.iter().map(Vec::as_slice).collect(),
        None => Vec::new(),
    };
    let mut missing = Vec::new();
    for (row, certificate) in &wanted {
        // Two CAs with one name are two entries.
        match loaded
            .iter()
            .position(|name| *name == certificate.raw_subject())
        {
            Some(position) => _ = loaded.swap_remove(position),
            None => missing.push((*row, *certificate)),
        }
    }
    let mut findings: Vec<_> = missing
        .iter()
        .map(|(row, certificate)| not_loaded(context, listener, row, certificate))
        .collect();
    findings.extend(
        loaded
            .iter()
            .map(|name| still_loaded(context, listener, rows, name)),
    );
    if findings.is_empty() && !wanted.is_empty() {
        let text = "it accepts clients of the CAs in its files";
        findings.push(Finding::new(FindingId::ServedCaLoaded, text));
    }
    findings
}

fn not_loaded(
    context: &ServedContext<'_>,
    listener: &Listener,
    row: &'static Row,
    certificate: &Certificate,
) -> Finding {
    let file = layout::certificate_file(row);
    let is_pending = listener.reload_cas == Reload::Automatic
        && file.as_ref().is_some_and(|file| is_pending(context, file));
    let id = match is_pending {
        true => FindingId::ServedPending,
        false => FindingId::ServedCaNotLoaded,
    };
    let text = format!(
        "it does not accept clients of the CA {} in `{}`",
        certificate.subject(),
        row.name
    );
    let finding = Finding::new(id, text).about(row);
    match (id, listener.component) {
        (FindingId::ServedCaNotLoaded, Component::Scheduler) => finding.advice(
            "check kube-apiserver first: it publishes its CAs in the ConfigMap `extension-apiserver-authentication`",
        ),
        _ => finding,
    }
}

fn still_loaded(
    context: &ServedContext<'_>,
    listener: &Listener,
    rows: &[&'static Row],
    name: &[u8],
) -> Finding {
    let files = rows.iter().filter_map(|row| layout::certificate_file(row));
    let is_pending = listener.reload_cas == Reload::Automatic
        && files.into_iter().any(|file| is_pending(context, &file));
    let id = match is_pending {
        true => FindingId::ServedPending,
        false => FindingId::ServedCaStillLoaded,
    };
    let name = name_text(name);
    let text = format!("it accepts clients of the CA {name}, which is not in its files");
    let finding = Finding::new(id, text);
    match (id, listener.component) {
        // Nothing removes a CA from the ConfigMap (Kubernetes `controlplane/controller/clusterauthenticationtrust`).
        (FindingId::ServedCaStillLoaded, Component::Scheduler) => finding.advice(
            "remove the CA from the ConfigMap `extension-apiserver-authentication` in namespace `kube-system`",
        ),
        _ => finding,
    }
}
