//! What a renewal leads to outside of the rows that it renews: whoever asked for it has to know before it is done.

use super::{Planner, Selection};
use crate::catalog::{APISERVER, CA, Row};
use crate::check::expected;
use crate::check::names::{self, covers};
use crate::config::cluster::Cluster;
use crate::tree::inventory::{FileState, RowFiles};
use crate::util::escape::escaped;
use crate::x509::certificate::Certificate;
use crate::x509::san::San;
use crate::x509::sign::LeafTemplate;

/// Members of this group may do everything, whatever RBAC says.
const MASTERS: &str = "system:masters";

impl Planner<'_> {
    /// A kubeconfig that points at a name which the API server's certificate no longer has connects to nothing any more.
    pub(super) fn say_who_is_cut_off(&mut self) {
        let Some(old) = self.inventory.row(&APISERVER).certificate() else {
            return;
        };
        let made = self.plan.made().find(|(row, ..)| **row == APISERVER);
        let Some(new) = made.and_then(|(_, make, _)| make.leaf()) else {
            return;
        };
        let (old, new) = (old.sans(), new.contents.sans());
        let mut cut_off = Vec::new();
        for (row, files) in self.inventory.rows() {
            // One that is renewed by a configuration is compared with that.
            let is_compared =
                self.request.declared.is_some() && self.plan.made().any(|(made, ..)| made == row);
            if !is_compared
                && let RowFiles::Kubeconfig(FileState::Valid(file)) = files
                && let Some(server) = file.kubeconfig.server()
                && names::reaches(server, &old)
                && !names::reaches(server, &new)
            {
                cut_off.push(format!(
                    "`{}`: it points at `{}`, which the new certificate of `apiserver` is not for; a renewal does not change that",
                    row.name,
                    escaped(server)
                ));
            }
        }
        self.plan.warnings.extend(cut_off);
    }

    /// A configuration that was changed for one row may concern others, which were not asked for.
    pub(super) fn say_what_else_lacks_names(&mut self) {
        let (Selection::Rows(rows), Some(cluster)) =
            (&self.request.selection, self.request.declared)
        else {
            return;
        };
        let lacking: Vec<_> = self
            .inventory
            .rows()
            .filter(|(row, _)| row.signer().is_some() && !rows.contains(row))
            .filter(|(row, _)| expected::is_wanted(row, cluster))
            .filter_map(|(row, files)| Some((row, missing(row, cluster, files.certificate()?))))
            .filter(|(_, missing)| !missing.is_empty())
            .map(|(row, missing)| {
                let names: Vec<_> = missing.iter().map(San::to_string).collect();
                let remedy = match row
                    .signer()
                    .is_some_and(|ca| self.inventory.is_external(ca))
                {
                    true => "its external CA has to sign it again".to_owned(),
                    false => format!("`pki renew {}` adds them", row.name),
                };
                format!(
                    "`{}`: it lacks names that the configuration asks for: {}; {remedy}",
                    row.name,
                    names.join(", ")
                )
            })
            .collect();
        self.plan.warnings.extend(lacking);
    }

    /// Rights that a group had of itself have to be given to the new one before anybody relies on it.
    pub(super) fn say_which_rights_go(&mut self, row: &Row, old: &Certificate, new: &LeafTemplate) {
        let (from, to) = (LeafTemplate::of(old).organizations(), new.organizations());
        let is_master = |groups: &[String]| groups.iter().any(|group| group == MASTERS);
        // etcd knows no groups.
        let is_of_cluster = row.signer() == Some(&CA);
        if is_of_cluster && is_master(&from) && !is_master(&to) {
            self.plan.warnings.push(format!(
                "`{}`: it leaves the group `{MASTERS}`, and has only the rights that RBAC gives it: before it is used, apply `pki template rbac` with a kubeconfig that is still in that group",
                row.name
            ));
        }
    }
}

/// Returns the names that a row's certificate should have and does not.
fn missing(row: &Row, cluster: &Cluster, leaf: &Certificate) -> Vec<San> {
    let present = leaf.sans();
    let mut wanted = expected::sans(row, cluster);
    wanted.retain(|wanted| !present.iter().any(|san| covers(san, wanted)));
    wanted
}
