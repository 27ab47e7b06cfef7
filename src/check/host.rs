//! Recognizes the kind of host, and so which rows belong on it. Only these can be missing.

use super::Context;
use super::finding::{Finding, FindingId};
use crate::catalog::{
    ADMIN_CONF, APISERVER, APISERVER_ETCD_CLIENT, APISERVER_KUBELET_CLIENT, CA,
    CONTROLLER_MANAGER_CONF, ETCD_CA, ETCD_HEALTHCHECK_CLIENT, ETCD_PEER, ETCD_SERVER,
    FRONT_PROXY_CA, FRONT_PROXY_CLIENT, KUBELET_CONF, KUBELET_SERVER, Row, SA, SCHEDULER_CONF,
    SUPER_ADMIN_CONF,
};
use crate::config::cluster::Etcd;
use crate::tree::inventory::{CaState, ClientCertificate, FileState, Inventory, RowFiles};

/// A kind of host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// It runs an API server, or is about to.
    ControlPlane,
    /// It runs etcd, but no API server.
    EtcdMember,
    /// It runs a kubelet, but neither API server nor etcd.
    Worker,
    /// It has some files of the catalog, but they do not identify the kind, such as a CA alone.
    Other,
    /// It has no file of the catalog.
    Nothing,
}

/// Rows that only a control plane node has.
const CONTROL_PLANE_ROWS: [&Row; 7] = [
    &APISERVER,
    &APISERVER_KUBELET_CLIENT,
    &FRONT_PROXY_CA,
    &FRONT_PROXY_CLIENT,
    &SA,
    &CONTROLLER_MANAGER_CONF,
    &SCHEDULER_CONF,
];

/// Returns the kind of host that a tree is on. With a declared or recorded configuration, it is a control plane node.
pub fn recognize(inventory: &Inventory, is_configured: bool) -> HostKind {
    let has_any = |rows: &[&Row]| rows.iter().any(|row| !inventory.row(row).is_missing());
    // A file that cannot be read may not be there: it does not show that others are not needed.
    let has_readable = |rows: &[&Row]| {
        let files = rows.iter().map(|row| inventory.row(row));
        files
            .into_iter()
            .any(|files| !files.is_missing() && !files.is_unreadable())
    };
    // An administrator's kubeconfig may be copied anywhere; together with the cluster CA it identifies a control
    // plane node.
    let has_ca = inventory.ca_bundle(&CA).is_some();
    let is_control_plane = is_configured
        || inventory.runs_apiserver()
        || has_any(&CONTROL_PLANE_ROWS)
        || (has_ca && has_any(&[&ADMIN_CONF, &SUPER_ADMIN_CONF]));
    if is_control_plane {
        HostKind::ControlPlane
    } else if inventory.runs_etcd()
        || has_readable(&[
            &ETCD_SERVER,
            &ETCD_PEER,
            &ETCD_HEALTHCHECK_CLIENT,
            &APISERVER_ETCD_CLIENT,
        ])
    {
        HostKind::EtcdMember
    } else if has_readable(&[&KUBELET_CONF]) {
        HostKind::Worker
    } else if inventory
        .rows()
        // A kubelet that once ran here says nothing about a tree.
        .any(|(row, files)| *row != KUBELET_SERVER && !files.is_missing())
    {
        HostKind::Other
    } else {
        HostKind::Nothing
    }
}

/// Returns whether certificates or kubeconfigs show that a cluster was set up on this host. CAs, service-account keys and the
/// client certificate for an external etcd alone do not, because they may be copied in advance for a new cluster.
pub fn belongs_to_cluster(inventory: &Inventory) -> bool {
    inventory.rows().any(|(row, files)| {
        row.signer().is_some() && *row != APISERVER_ETCD_CLIENT && !files.is_missing()
    })
}

/// Returns the rows that belong on a host of this kind, in catalog order. Optional rows are included if they have a file.
///
/// With an external etcd, its CA and the API server's client certificate are optional: according to kubeadm's guide, they
/// are copied to these paths by hand.
pub fn rows(context: &Context<'_>) -> Vec<&'static Row> {
    let kind = context.host();
    let required = required_on(kind, context);
    let rows = context.inventory.rows().map(|(row, _)| row);
    rows.filter(|row| {
        let is_listed = row.is_optional() && kind == HostKind::ControlPlane;
        required.contains(row) || is_listed || !context.inventory.row(row).is_missing()
    })
    .filter(|row| {
        !row.needs_local_etcd()
            || required.contains(row)
            || [&ETCD_CA, &APISERVER_ETCD_CLIENT].contains(row)
    })
    .collect()
}

/// Returns the rows that a host of this kind needs, in catalog order.
pub fn required(context: &Context<'_>) -> Vec<&'static Row> {
    required_on(context.host(), context)
}

fn required_on(kind: HostKind, context: &Context<'_>) -> Vec<&'static Row> {
    let inventory = context.inventory;
    let has_local_etcd = match context.expected {
        Some(expected) => matches!(expected.cluster.etcd, Etcd::Local),
        None => has_local_etcd(inventory),
    };
    let is_required = |row: &Row| match kind {
        HostKind::ControlPlane => {
            // On a node that joined, the kubelet may write kubelet.conf later. All other rows are required from the beginning.
            *row != KUBELET_CONF
                && !row.is_optional()
                && (!row.needs_local_etcd() || has_local_etcd)
        }
        HostKind::EtcdMember => {
            [&ETCD_CA, &ETCD_SERVER, &ETCD_PEER, &ETCD_HEALTHCHECK_CLIENT].contains(&row)
        }
        HostKind::Worker => [&CA, &KUBELET_CONF].contains(&row),
        HostKind::Other | HostKind::Nothing => false,
    };
    let rows = inventory.rows().map(|(row, _)| row);
    rows.filter(|row| is_required(row)).collect()
}

/// Returns whether etcd runs on this host: its static pod manifest exists, or a file that only etcd or the owner of
/// its CA has.
pub fn has_local_etcd(inventory: &Inventory) -> bool {
    let has_certificates = [&ETCD_SERVER, &ETCD_PEER, &ETCD_HEALTHCHECK_CLIENT]
        .into_iter()
        .any(|row| !inventory.row(row).is_missing());
    let has_ca_key = matches!(
        inventory.ca(&ETCD_CA),
        CaState::Local { .. } | CaState::KeyOnly(_)
    );
    inventory.runs_etcd() || has_certificates || has_ca_key
}

/// Returns whether a kubeconfig has no known client certificate: its user has a token, a password or a plugin, or a
/// certificate that is not read.
pub fn has_no_certificate(files: &RowFiles) -> bool {
    let RowFiles::Kubeconfig(FileState::Valid(file)) = files else {
        return false;
    };
    matches!(
        file.client,
        ClientCertificate::Unused
            | ClientCertificate::OutsideTree {
                is_missing: false,
                ..
            }
    )
}

pub(super) fn check(context: &Context<'_>) -> Option<Finding> {
    let kind = match context.host() {
        HostKind::ControlPlane | HostKind::Other => return None,
        HostKind::Nothing => {
            return Some(Finding::new(
                FindingId::HostNothingFound,
                "neither certificates nor kubeconfigs were found",
            ));
        }
        HostKind::EtcdMember => "an etcd member without control plane",
        HostKind::Worker => "a worker",
    };
    Some(Finding::new(
        FindingId::HostKind,
        format!("this host is {kind}; only its files are checked"),
    ))
}
