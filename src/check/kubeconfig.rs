//! Judges kubeconfigs: their CA, their server and their client certificate.

use super::ca::JudgedCa;
use super::finding::{Finding, FindingId, Remedy, Severity};
use super::{Context, file, host, identity, leaf, missing, names, pending, trust};
use crate::catalog::{APISERVER, KUBELET_CONF, Profile, Row, Server};
use crate::config::cluster::Cluster;
use crate::tree::inventory::{ClientCertificate, FileState, KeyFile, KubeconfigFile};
use crate::util::escape::escape;

pub(super) fn check(
    context: &Context<'_>,
    row: &'static Row,
    file: &FileState<Box<KubeconfigFile>>,
    cas: &[JudgedCa<'_>],
) -> Vec<Finding> {
    match file {
        FileState::Valid(file) => {
            let mut findings = cluster(context, row, file, cas);
            findings.extend(client(context, row, file, cas));
            if matches!(row.profile, Profile::User) {
                findings.iter_mut().for_each(allow_another_ca);
            }
            findings
        }
        FileState::Invalid(invalid) => vec![file::check(row, invalid)],
        FileState::Missing if host::required(context).contains(&row) => vec![missing(row)],
        FileState::Missing => {
            vec![Finding::new(FindingId::KubeconfigOptionalMissing, "it is not here").about(row)]
        }
    }
}

/// Makes a warning of a client certificate that the CA of its kubeconfig did not sign: outside kubeadm's trees, the API server
/// may have another CA for clients (`--client-ca-file`), as in k3s.
fn allow_another_ca(finding: &mut Finding) {
    if finding.id == FindingId::CertificateOtherIssuer {
        finding.severity = Severity::Warning;
        finding.remedy =
            Remedy::words("this works only if the API server accepts another CA for clients");
    }
}

/// Judges the cluster entry: CA and server.
fn cluster(
    context: &Context<'_>,
    row: &'static Row,
    file: &KubeconfigFile,
    cas: &[JudgedCa<'_>],
) -> Vec<Finding> {
    let judged = cas.iter().find(|judged| row.signer() == Some(judged.row));
    let anchors = judged.and_then(|judged| judged.anchors);
    let trust = trust::check(row, file, context.inventory, anchors, context.now);
    let server = server(context, row, file);
    match (&trust, &server) {
        (Some(other_ca), Some(other_server))
            if other_ca.id == FindingId::KubeconfigOtherCa
                && other_server.id == FindingId::KubeconfigServerNotInSans =>
        {
            let text = format!("it trusts another CA, and {}", other_server.found);
            vec![Finding::new(FindingId::KubeconfigOtherCluster, text).about(row)]
        }
        _ => trust.into_iter().chain(server).collect(),
    }
}

/// Judges the server: whether the API server's certificate has its name, and whether it is the configured one.
fn server(context: &Context<'_>, row: &'static Row, file: &KubeconfigFile) -> Option<Finding> {
    let url = file.kubeconfig.server().unwrap_or_default();
    let cluster = context.cluster_for(row);
    let desired = cluster.and_then(|cluster| server_url(row, cluster));
    if url.is_empty() {
        let finding = Finding::new(FindingId::KubeconfigServerInvalid, "it names no server");
        return Some(with_desired(finding.about(row), desired));
    }
    let shown = escape(url);
    if !names::is_https(url) {
        let text = format!("its server is `{shown}`, want an https URL");
        let finding = Finding::new(FindingId::KubeconfigServerInvalid, text);
        return Some(with_desired(finding.about(row), desired));
    }
    // If the configuration has the name, the finding is about the certificate, which lacks it.
    let is_declared = cluster
        .is_some_and(|cluster| names::accepts(&file.kubeconfig, &names::of_apiserver(cluster)));
    // A client's certificate in the place of the API server's has a finding of its own.
    let present = context
        .inventory
        .row(&APISERVER)
        .certificate()
        .filter(|leaf| identity::check(context.inventory, &APISERVER, leaf).is_none());
    let is_covered = match present {
        Some(leaf) => is_declared || names::accepts(&file.kubeconfig, &leaf.sans()),
        None => is_declared || cluster.is_none(),
    };
    if !is_covered {
        let text =
            format!("its server is `{shown}`, which is not a name in the API server's certificate");
        let finding = Finding::new(FindingId::KubeconfigServerNotInSans, text).about(row);
        return Some(with_desired(finding, desired));
    }
    let (cluster, desired) = (cluster?, desired?);
    // Up to 1.32 the kubelet used the control-plane endpoint (kubernetes/kubernetes#129956).
    let is_old_kubelets =
        *row == KUBELET_CONF && names::is_same(url, &cluster.server_url(Server::ControlPlane));
    if names::is_same(url, &desired) || is_old_kubelets {
        return None;
    }
    let text = format!("its server is `{shown}`, the configuration says `{desired}`");
    let finding = Finding::new(FindingId::KubeconfigServerDiffers, text).about(row);
    Some(finding.wanted(desired))
}

fn with_desired(finding: Finding, desired: Option<String>) -> Finding {
    match desired {
        Some(desired) => Finding {
            found: format!("{}; the configuration says `{desired}`", finding.found),
            ..finding.wanted(desired)
        },
        None => finding,
    }
}

/// Returns the configured server of a kubeconfig.
fn server_url(row: &Row, cluster: &Cluster) -> Option<String> {
    match row.profile {
        Profile::Client { server, .. } => Some(cluster.server_url(server)),
        _ => None,
    }
}

/// Judges the user entry: its client certificate.
fn client(
    context: &Context<'_>,
    row: &'static Row,
    file: &KubeconfigFile,
    cas: &[JudgedCa<'_>],
) -> Vec<Finding> {
    match &file.client {
        ClientCertificate::Embedded { chain, key } => {
            leaf::certificate(context, row, chain, KeyFile::read(key), cas)
        }
        ClientCertificate::KubeletRotated(FileState::Valid(chain))
        | ClientCertificate::InTree {
            chain: FileState::Valid(chain),
            ..
        } => leaf::certificate(context, row, chain, None, cas),
        ClientCertificate::KeyOnly { .. } if pending::is_pending(context.inventory, row) => {
            Vec::new()
        }
        client => unusable_client(row, client).into_iter().collect(),
    }
}

/// Returns why a kubeconfig has no client certificate that can be judged.
pub(super) fn unusable_client(row: &'static Row, client: &ClientCertificate) -> Option<Finding> {
    let found = |id, text: String| Some(Finding::new(id, text).about(row));
    match client {
        ClientCertificate::Embedded { .. }
        | ClientCertificate::KubeletRotated(FileState::Valid(_))
        | ClientCertificate::InTree {
            chain: FileState::Valid(_),
            ..
        } => None,
        ClientCertificate::KubeletRotated(FileState::Invalid(invalid))
        | ClientCertificate::InTree {
            chain: FileState::Invalid(invalid),
            ..
        } => Some(file::check(row, invalid)),
        ClientCertificate::KeyOnly { .. } => found(
            FindingId::CertificateKeyOnly,
            "it has the key of its client certificate, but not the certificate".to_owned(),
        ),
        ClientCertificate::KubeletRotated(FileState::Missing) => found(
            FindingId::KubeletCertificateMissing,
            "the kubelet's client certificate is missing".to_owned(),
        ),
        ClientCertificate::InTree {
            path,
            chain: FileState::Missing,
        } => found(
            FindingId::KubeconfigClientCertificateMissing,
            format!("its client certificate `{}` is missing", escape(path)),
        ),
        ClientCertificate::OutsideTree {
            path,
            is_missing: true,
        } => found(
            FindingId::KubeconfigClientCertificateMissing,
            format!("its client certificate `{}` is missing", escape(path)),
        ),
        ClientCertificate::OutsideTree { path, .. } => found(
            FindingId::KubeconfigClientCertificateNotRead,
            format!(
                "its client certificate `{}` is outside the tree and is not read",
                escape(path)
            ),
        ),
        ClientCertificate::Unused => found(
            FindingId::KubeconfigWithoutClientCertificate,
            "its user has no client certificate".to_owned(),
        ),
    }
}
