//! What `renew` plans for a kubeconfig: its client certificate and, where they have to change, its CAs; nothing else.

use super::old::Old;
use super::{Instead, Planner, make};
use crate::catalog::{Profile, Row};
use crate::check::names;
use crate::check::trust::{self, Distrust};
use crate::plan::{Action, Change, Make};
use crate::tree::inventory::{ClientCertificate, KubeconfigFile};
use crate::util::escape::escaped;
use crate::x509::certificate::Certificate;
use crate::x509::verify::is_signed_by;

impl<'a> Planner<'a> {
    pub(super) fn kubeconfig(
        &mut self,
        row: &'static Row,
        signer: &'static Row,
        file: &'a KubeconfigFile,
    ) -> Result<Option<Action>, Instead> {
        let old = match &file.client {
            ClientCertificate::Embedded { chain, key } => Old {
                leaf: Some(&chain.leaf),
                key: key.read(),
                broken: None,
                broken_key: None,
                intermediates: &chain.intermediates,
            },
            ClientCertificate::KubeletRotated(_) => {
                return Err(self.leave_out(
                    row,
                    "it points at a certificate that the kubelet renews by itself",
                    None,
                ));
            }
            ClientCertificate::InTree { path, .. } => {
                let what = format!(
                    "its client certificate lies in a file of its own, `{}`",
                    escaped(path)
                );
                return Err(self.leave_out(row, &what, None));
            }
            ClientCertificate::OutsideTree(path) => {
                let what = format!(
                    "its client certificate lies outside the tree, in `{}`",
                    escaped(path)
                );
                return Err(self.leave_out(row, &what, None));
            }
            ClientCertificate::Unused => {
                return Err(self.leave_out(row, "its user has no client certificate", None));
            }
        };
        let distrust = trust::judge(file, signer, self.inventory, self.now);
        if let Some(foreign @ Distrust::Foreign(_)) = &distrust
            && !self.is_declared(row, file)
        {
            let hint = "is it another cluster's? move it away and run `pki init`";
            return Err(self.fail(row, &foreign.to_string(), hint));
        }
        let (leaf, mut changes) = self.leaf(row, signer, &old)?;
        self.say_what_was_wrong(row, &old, false);
        self.say_what_is_dropped(row, &old, &leaf);
        self.say_another_server(row, file);
        if let Some(distrust) = distrust.filter(|why| !why.is_mended_by_renewal()) {
            let what = format!("`{}`: {distrust}; a renewal does not change that", row.name);
            self.plan.warnings.push(what);
        }
        let ca = self.ca_change(signer, file, &mut changes);
        Ok(Some(make(Make::RenewedKubeconfig { leaf, ca }, changes)))
    }

    /// Returns whether the configuration says, or knows, the server that a kubeconfig points at.
    fn is_declared(&self, row: &Row, file: &KubeconfigFile) -> bool {
        let (Some(cluster), Profile::Client { server, .. }) = (self.request.declared, row.profile)
        else {
            return false;
        };
        let found = file.kubeconfig.server().unwrap_or_default();
        let target = names::judge(found, &cluster.server_url(server), cluster);
        target != names::Target::Foreign
    }

    /// The CA data stays as it is as long as it trusts every CA of the tree, the signer's first. Otherwise the tree's CAs come
    /// before the ones that are there, so that a bundle of two stays two.
    fn ca_change(
        &self,
        signer: &Row,
        file: &KubeconfigFile,
        changes: &mut Vec<Change>,
    ) -> Option<Vec<Certificate>> {
        let (embedded, bundle) = (file.ca.embedded()?, self.inventory.ca_bundle(signer)?);
        let own = bundle.certificates();
        // kubeadm compares the first one only.
        if own.iter().all(|ca| embedded.contains(ca)) && embedded.first() == Some(&bundle.signer) {
            return None;
        }
        // One that does not trust the signer at all is another cluster's, or stale: nothing of it is kept.
        let leads_to = |signer: &Certificate, known: &Certificate| {
            let is_above = !signer.is_self_issued() && known.subject() == signer.issuer();
            known == signer || (is_above && is_signed_by(signer, known))
        };
        let is_ours = embedded.iter().any(|known| leads_to(&bundle.signer, known));
        let others = embedded
            .iter()
            .filter(|ca| is_ours && !bundle.contains(ca) && ca.not_after() >= self.now);
        let trusted: Vec<_> = own.iter().copied().chain(others).cloned().collect();
        let describe = |cas: &[Certificate]| {
            let cas: Vec<_> = cas
                .iter()
                .map(|ca| format!("{} (serial {})", ca.subject(), ca.serial()))
                .collect();
            cas.join(", ")
        };
        changes.push(Change {
            field: "CA data",
            from: describe(embedded),
            to: describe(&trusted),
            drift: true,
        });
        Some(trusted)
    }

    /// A renewal leaves the server's address alone: where it differs, it may be a load balancer that no configuration names.
    fn say_another_server(&mut self, row: &Row, file: &KubeconfigFile) {
        let (Some(cluster), Profile::Client { server, .. }) = (self.request.declared, row.profile)
        else {
            return;
        };
        let (found, wanted) = (
            file.kubeconfig.server().unwrap_or_default(),
            cluster.server_url(server),
        );
        if !names::is_same(found, &wanted) {
            self.plan.warnings.push(format!(
                "`{}`: it points at `{}`, the configuration says `{wanted}`; a renewal does not change that",
                row.name,
                escaped(found)
            ));
        }
    }
}
