//! Plans the renewal of a kubeconfig: its client certificate and, if they must change, its CAs and server.

use super::current::Current;
use super::{RenewPlanner, Skip, make};
use crate::catalog::{APISERVER, Profile, Row};
use crate::check::finding::{FindingId, Remedy};
use crate::check::{Change, ChangedField, names};
use crate::plan::{Action, Make};
use crate::tree::inventory::{ClientCertificate, FileState, KubeconfigFile, RowFiles};
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::chain::CaBundle;
use crate::x509::san::San;
use crate::x509::verify::is_signed_by;

impl<'a> RenewPlanner<'a> {
    pub(super) fn kubeconfig(
        &mut self,
        row: &'static Row,
        signer: &'static Row,
        file: &'a KubeconfigFile,
    ) -> Result<Action, Skip> {
        let current = self.current_client(row, file)?;
        let bundle = self.issuer(signer)?;
        let (leaf, mut changes) = self.leaf(row, signer, &bundle.signer, &current)?;
        let ca = self.trusted(row, file, bundle);
        if let Some(trusted) = &ca {
            changes.push(Change {
                field: ChangedField::CaData,
                from: describe(file.ca.embedded().unwrap_or_default()),
                to: describe(trusted),
                drift: false,
            });
        }
        let server = self.moved_server(row, file);
        if let Some(server) = &server {
            changes.push(server_change(file, server));
        }
        Ok(make(Make::RenewedKubeconfig { leaf, ca, server }, changes))
    }

    /// Returns the current client certificate, or why `pki` does not renew it.
    fn current_client(
        &self,
        row: &'static Row,
        file: &'a KubeconfigFile,
    ) -> Result<Current<'a>, Skip> {
        let other = |what: String| Err(Skip::not_managed(what, Remedy::default()));
        match &file.client {
            ClientCertificate::Embedded { chain, key } => Ok(Current {
                key: key.read(),
                ..Current::of_chain(chain)
            }),
            ClientCertificate::KeyOnly { key } => Ok(Current {
                key: key.read(),
                ..Current::default()
            }),
            // Without a valid certificate, the kubelet cannot request a new one.
            ClientCertificate::KubeletRotated(chain) if self.is_kubelet_locked_out(row) => {
                Ok(chain.valid().map(Current::of_chain).unwrap_or_default())
            }
            ClientCertificate::KubeletRotated(_) => {
                other("the kubelet renews its client certificate".to_owned())
            }
            ClientCertificate::InTree { path, .. } => other(format!(
                "its client certificate is in another file, `{}`",
                escape(path)
            )),
            ClientCertificate::OutsideTree { path, .. } => other(format!(
                "its client certificate is outside the tree, in `{}`",
                escape(path)
            )),
            ClientCertificate::Unused => other("its user has no client certificate".to_owned()),
        }
    }

    /// Returns whether the API server does not accept the kubelet's client certificate.
    fn is_kubelet_locked_out(&self, row: &Row) -> bool {
        self.findings.errors_of(row).any(|error| {
            matches!(
                error.id,
                FindingId::KubeletCertificateMissing
                    | FindingId::CertificateExpired
                    | FindingId::CertificateOtherIssuer
                    | FindingId::CertificateDamaged
                    | FindingId::FileInvalid
            )
        })
    }

    /// Returns the CAs that a kubeconfig must trust, if it does not trust all CAs of the tree: the tree's CAs, then
    /// its own.
    fn trusted(
        &self,
        row: &Row,
        file: &KubeconfigFile,
        bundle: &CaBundle,
    ) -> Option<Vec<Certificate>> {
        let own = bundle.certificates();
        let Some(embedded) = file.ca.embedded() else {
            let is_lost = [
                FindingId::KubeconfigWithoutCa,
                FindingId::KubeconfigCaFileMissing,
                FindingId::KubeconfigCaFileOther,
            ]
            .iter()
            .any(|id| self.findings.has(row, *id));
            return is_lost.then(|| own.into_iter().cloned().collect());
        };
        if own.iter().all(|ca| embedded.contains(ca)) {
            return None;
        }
        // If no CA in it leads to the signer, its CAs are stale and are not kept.
        let leads_to_signer = |known: &Certificate| {
            let signer = &bundle.signer;
            let is_above = !signer.is_self_issued() && known.subject() == signer.issuer();
            known == signer || (is_above && is_signed_by(signer, known))
        };
        let is_ours = embedded.iter().any(leads_to_signer);
        let others = embedded
            .iter()
            .filter(|ca| is_ours && !bundle.contains(ca) && ca.not_after() >= self.now);
        Some(own.iter().copied().chain(others).cloned().collect())
    }

    /// Returns the new server of a kubeconfig: the configured one, if the API server's certificate will not have the
    /// name of the current one. The kubeconfig of another cluster keeps its server.
    pub(super) fn moved_server(&self, row: &Row, file: &KubeconfigFile) -> Option<String> {
        let (cluster, Profile::Client { server, .. }) = (self.request.declared?, row.profile)
        else {
            return None;
        };
        if self.findings.has(row, FindingId::KubeconfigOtherCluster) {
            return None;
        }
        let names = self.apiserver_names()?;
        let desired = cluster.server_url(server);
        let is_invalid = self.findings.has(row, FindingId::KubeconfigServerInvalid);
        let is_reached = !is_invalid && names::accepts(&file.kubeconfig, &names);
        // Another server would not help where another name is wanted than the server's.
        let is_by_url = file.kubeconfig.tls_server_name().is_none();
        (!is_reached && is_by_url && names::reaches(&desired, &names)).then_some(desired)
    }

    /// Returns the names that the API server's certificate will have.
    fn apiserver_names(&self) -> Option<Vec<San>> {
        let planned = self.plan.made_of(&APISERVER).and_then(Make::leaf);
        match planned {
            Some(leaf) => Some(leaf.contents.sans()),
            None => Some(self.inventory.row(&APISERVER).certificate()?.sans()),
        }
    }

    /// Changes the server in kubeconfigs that are not renewed and that could not connect after the renewal.
    pub(super) fn move_others(&mut self) {
        let Some(old) = self.inventory.row(&APISERVER).certificate() else {
            return;
        };
        if self.plan.made_of(&APISERVER).is_none() {
            return;
        }
        let old = old.sans();
        let mut moved = Vec::new();
        for (row, files) in self.inventory.rows() {
            if self.plan.made_of(row).is_none()
                && let RowFiles::Kubeconfig(FileState::Valid(file)) = files
                && names::accepts(&file.kubeconfig, &old)
                && let Some(server) = self.moved_server(row, file)
            {
                moved.push((row, server_change(file, &server), server));
            }
        }
        for (row, change, server) in moved {
            self.plan.steps.retain(|step| step.row != row);
            let action = make(Make::MovedKubeconfig { server }, vec![change]);
            let action = match self.check_names(row, action) {
                Ok(action) => Some(action),
                Err(skip) => self.skip(row, skip),
            };
            self.plan
                .steps
                .extend(action.map(|action| super::Step { row, action }));
        }
    }
}

fn server_change(file: &KubeconfigFile, server: &str) -> Change {
    Change {
        field: ChangedField::Server,
        from: file.kubeconfig.server().unwrap_or_default().to_owned(),
        to: server.to_owned(),
        drift: true,
    }
}

fn describe(cas: &[Certificate]) -> String {
    let cas: Vec<_> = cas
        .iter()
        .map(|ca| format!("{} (serial {})", ca.subject(), ca.short_serial()))
        .collect();
    cas.join(", ")
}
