//! Warns about the effects of a renewal on other rows and clients.

use super::{RenewPlanner, Selection};
use crate::catalog::signers::MASTERS_GROUP;
use crate::catalog::{CA, KUBELET_CONF, Row};
use crate::check::ChangedField;
use crate::check::finding::{Finding, FindingId};
use crate::plan::{Make, message};
use crate::tree::inventory::{ClientCertificate, FileState, RowFiles};
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;

impl RenewPlanner<'_> {
    /// Warns about the effects of the plan on clients, other rows and the kubelet.
    pub(super) fn warn_of_effects(&mut self) {
        self.warn_of_repairs();
        self.warn_of_moves();
        self.warn_of_kubelet();
        self.find_names_elsewhere();
        self.warn_of_servers();
    }

    /// Warns about defects that the renewal repairs.
    fn warn_of_repairs(&mut self) {
        let is_usual = |id| {
            matches!(
                id,
                FindingId::CertificateExpired
                    | FindingId::CertificateNamesMissing
                    | FindingId::KubeletCertificateMissing
                    | FindingId::KubeconfigServerNotInSans
            )
        };
        let repairs: Vec<_> = self
            .plan
            .made()
            .flat_map(|(row, ..)| self.findings.errors_of(row))
            .filter(|finding| !is_usual(finding.id))
            .map(|finding| format!("{}; this renewal repairs it", message(finding)))
            .collect();
        self.plan.warnings.extend(repairs);
    }

    /// Warns about kubeconfigs whose server changes, and about other clients of the old server.
    fn warn_of_moves(&mut self) {
        let mut warnings = Vec::new();
        for (row, _, changes) in self.plan.made() {
            let moved = changes
                .iter()
                .find(|change| change.field == ChangedField::Server);
            if let Some(change) = moved {
                warnings.push(format!(
                    "`{}`: its server changes to `{}`, because the API server's certificate does not have the name in `{}`",
                    row.name,
                    escape(&change.to),
                    escape(&change.from)
                ));
            }
        }
        if !warnings.is_empty() {
            warnings.push(
                "other clients may still use the old address: `kubelet.conf` of the other nodes, the ConfigMap `cluster-info` in namespace `kube-public` and the ConfigMap `kube-proxy` in namespace `kube-system`"
                    .to_owned(),
            );
        }
        self.plan.warnings.extend(warnings);
    }

    /// Explains why a certificate is embedded in `kubelet.conf`.
    fn warn_of_kubelet(&mut self) {
        let is_embedded = matches!(
            self.plan.made_of(&KUBELET_CONF),
            Some(Make::RenewedKubeconfig { .. })
        );
        let was_rotated = matches!(
            self.inventory.row(&KUBELET_CONF),
            RowFiles::Kubeconfig(FileState::Valid(file))
                if matches!(file.client, ClientCertificate::KubeletRotated(_))
        );
        if is_embedded && was_rotated {
            self.warn(
                "`kubelet.conf`: the kubelet can no longer renew its own client certificate, so `pki` embeds a new one; restart the kubelet to use it"
                    .to_owned(),
            );
        }
    }

    /// Adds the findings about rows that were not selected and lack names from the configuration, which may just have changed.
    fn find_names_elsewhere(&mut self) {
        let Selection::Rows(rows) = &self.request.selection else {
            return;
        };
        let is_elsewhere = |finding: &&Finding| {
            finding.id == FindingId::CertificateNamesMissing
                && finding.row.is_some_and(|row| !rows.contains(&row))
        };
        let elsewhere = self.findings.iter().filter(is_elsewhere).cloned();
        self.plan.elsewhere.extend(elsewhere);
    }

    /// Warns about kubeconfigs that keep a server that is not the configured one.
    fn warn_of_servers(&mut self) {
        let ids = [
            FindingId::KubeconfigServerDiffers,
            FindingId::KubeconfigInsecure,
            FindingId::KubeconfigInsecureWithCa,
        ];
        let warnings: Vec<_> = self
            .plan
            .made()
            .flat_map(|(row, _, changes)| {
                let is_moved = changes
                    .iter()
                    .any(|change| change.field == ChangedField::Server);
                self.findings
                    .iter()
                    .filter(move |finding| finding.row == Some(row) && !is_moved)
            })
            .filter(|finding| ids.contains(&finding.id))
            .map(|finding| format!("{}; a renewal does not change that", message(finding)))
            .collect();
        self.plan.warnings.extend(warnings);
    }

    /// Warns if a certificate loses the rights of the group `system:masters`.
    pub(super) fn warn_of_lost_rights(&mut self, row: &Row, old: &Certificate, new: &LeafTemplate) {
        let (from, to) = (LeafTemplate::of(old).organizations(), new.organizations());
        let is_master = |groups: &[String]| groups.iter().any(|group| group == MASTERS_GROUP);
        // etcd has no groups.
        let is_of_cluster = row.signer() == Some(&CA);
        if is_of_cluster && is_master(&from) && !is_master(&to) {
            self.warn(format!(
                "`{}`: no longer in group `{MASTERS_GROUP}`; apply the output of `pki template rbac` with a kubeconfig that is still in that group before using it",
                row.name
            ));
        }
    }
}
