//! The table: every CA, certificate, key pair and kubeconfig of a kubeadm 1.36 tree, one row each.
//!
//! Rows are constants. What depends on the cluster (node name, SANs, server URL) is a rule here and is resolved by
//! `plan::wanted`; where a row's files lie in the file system is `store::layout`.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/phases/certs/certlist.go` and `phases/kubeconfig/kubeconfig.go`.

use crate::x509::usage::Usage;

/// One thing that `pki` keeps in a tree.
#[derive(Debug)]
pub struct Row {
    /// kubeadm's name, as typed on the command line: `etcd-server`, `admin.conf`.
    pub name: &'static str,
    /// What it is for, one phrase.
    pub description: &'static str,
    /// The files it consists of.
    pub place: Place,
    /// What is inside.
    pub profile: Profile,
    /// Whether every control-plane node holds the same one.
    pub sharing: Sharing,
    /// What has to be restarted before a renewed one is used.
    pub reload: Reload,
}

/// Where a row lives, relative to the directory it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `<base>.crt` and `<base>.key` in the certificates directory.
    Pair {
        /// Path without extension, such as `etcd/server`.
        base: &'static str,
    },
    /// `<base>.pub` and `<base>.key` in the certificates directory.
    PublicPair {
        /// Path without extension.
        base: &'static str,
    },
    /// A file in the kubeconfig directory.
    Kubeconfig {
        /// File name, such as `admin.conf`.
        file: &'static str,
    },
}

/// What a row contains.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// A self-signed CA. Its only SAN is its common name.
    Ca {
        /// Subject common name.
        common_name: &'static str,
    },
    /// A leaf certificate signed by one of the CAs.
    Leaf {
        /// The CA's row.
        signer: &'static Row,
        /// Subject common name.
        common_name: CommonName,
        /// Extended key usages, in this order.
        usages: &'static [Usage],
        /// Subject alternative names.
        sans: SanRule,
    },
    /// A kubeconfig whose user is a client certificate signed by [`CA`].
    Client {
        /// Subject common name; the Kubernetes user.
        common_name: CommonName,
        /// Subject organization; the Kubernetes group.
        organization: Option<&'static str>,
        /// The server the kubeconfig points at.
        server: Server,
    },
    /// The service-account token key pair; no certificate.
    ServiceAccount,
}

/// A subject common name, fixed or made from the node's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonName {
    /// The same in every cluster.
    Fixed(&'static str),
    /// The node name.
    Node,
    /// `system:node:` and the node name.
    NodeUser,
}

/// Which subject alternative names a leaf gets from the cluster's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SanRule {
    /// None.
    Empty,
    /// Node name, the `kubernetes` service names, first service address, advertise address, endpoint, `apiServer.certSANs`.
    ApiServer,
    /// Node name, localhost, advertise address, loopback addresses, `etcd.local.serverCertSANs`.
    EtcdServer,
    /// As [`SanRule::EtcdServer`], with `etcd.local.peerCertSANs`.
    EtcdPeer,
}

/// The server URL of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The control-plane endpoint, or the local endpoint where none is set.
    ControlPlane,
    /// This node's advertise address.
    Local,
}

/// Whether control-plane nodes share a row's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each node has its own.
    Node,
    /// Copied to every control-plane node (kubeadm `phases/copycerts/copycerts.go`).
    Cluster,
}

/// What makes a renewed row effective (measured per component from Kubernetes 1.36 sources).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The component reads its files again for new connections.
    Automatic,
    /// Read on each use; copies elsewhere have to be distributed again.
    Copies,
    /// Embedded in a kubeconfig that the named static pod reads once.
    StaticPod(&'static str),
    /// Embedded in a kubeconfig that the kubelet service reads once.
    Kubelet,
}

impl Row {
    /// Returns the row of the CA that signs this row's certificate, if it has one that another row signs.
    pub fn signer(&self) -> Option<&'static Row> {
        match self.profile {
            Profile::Leaf { signer, .. } => Some(signer),
            Profile::Client { .. } => Some(&CA),
            Profile::Ca { .. } | Profile::ServiceAccount => None,
        }
    }

    /// Returns whether this row is a CA.
    pub fn is_ca(&self) -> bool {
        matches!(self.profile, Profile::Ca { .. })
    }

    /// Returns whether this row exists only where etcd runs as a static pod beside the API server.
    pub fn needs_local_etcd(&self) -> bool {
        std::ptr::eq(self, &ETCD_CA)
            || self
                .signer()
                .is_some_and(|signer| std::ptr::eq(signer, &ETCD_CA))
    }

    /// Returns whether a control-plane node is healthy without this row.
    ///
    /// `kubeadm join` never writes `super-admin.conf`, and operators are told to keep it elsewhere; every other row is needed.
    pub fn is_optional(&self) -> bool {
        std::ptr::eq(self, &SUPER_ADMIN_CONF)
    }

    /// Returns the extended key usages of this row's certificate.
    pub fn usages(&self) -> &'static [Usage] {
        match self.profile {
            Profile::Leaf { usages, .. } => usages,
            Profile::Client { .. } => &[Usage::ClientAuth],
            Profile::Ca { .. } | Profile::ServiceAccount => &[],
        }
    }
}

impl PartialEq for Row {
    /// Rows are equal when they are the same row.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Row {}

/// Returns the row of that name.
pub fn find(name: &str) -> Option<&'static Row> {
    CATALOG.iter().copied().find(|row| row.name == name)
}

/// Returns the rows whose certificate some CA signs, in catalog order: what `renew` can renew.
pub fn renewable() -> impl Iterator<Item = &'static Row> {
    CATALOG.iter().copied().filter(|row| row.signer().is_some())
}

/// Every row, each CA directly before its leaves: kubeadm's generation order, then the kubeconfigs.
pub static CATALOG: &[&Row] = &[
    &CA,
    &APISERVER,
    &APISERVER_KUBELET_CLIENT,
    &FRONT_PROXY_CA,
    &FRONT_PROXY_CLIENT,
    &ETCD_CA,
    &ETCD_SERVER,
    &ETCD_PEER,
    &ETCD_HEALTHCHECK_CLIENT,
    &APISERVER_ETCD_CLIENT,
    &SA,
    &ADMIN_CONF,
    &SUPER_ADMIN_CONF,
    &KUBELET_CONF,
    &CONTROLLER_MANAGER_CONF,
    &SCHEDULER_CONF,
];

/// The cluster CA.
pub static CA: Row = Row {
    name: "ca",
    description: "cluster CA",
    place: Place::Pair { base: "ca" },
    profile: Profile::Ca {
        common_name: "kubernetes",
    },
    sharing: Sharing::Cluster,
    reload: Reload::Automatic,
};

/// The API server's serving certificate.
pub static APISERVER: Row = Row {
    name: "apiserver",
    description: "serving certificate of the API server",
    place: Place::Pair { base: "apiserver" },
    profile: Profile::Leaf {
        signer: &CA,
        common_name: CommonName::Fixed("kube-apiserver"),
        usages: &[Usage::ServerAuth],
        sans: SanRule::ApiServer,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// The API server's client certificate towards kubelets.
///
/// Without an organization since kubeadm 1.36.1: the group `system:masters`, then `kubeadm:cluster-admins`, gave way to a
/// ClusterRoleBinding for this user (kubernetes/kubernetes#138957).
pub static APISERVER_KUBELET_CLIENT: Row = Row {
    name: "apiserver-kubelet-client",
    description: "client certificate of the API server towards kubelets",
    place: Place::Pair {
        base: "apiserver-kubelet-client",
    },
    profile: Profile::Leaf {
        signer: &CA,
        common_name: CommonName::Fixed("kube-apiserver-kubelet-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// The front-proxy CA.
pub static FRONT_PROXY_CA: Row = Row {
    name: "front-proxy-ca",
    description: "CA of the API aggregation layer",
    place: Place::Pair {
        base: "front-proxy-ca",
    },
    profile: Profile::Ca {
        common_name: "front-proxy-ca",
    },
    sharing: Sharing::Cluster,
    reload: Reload::Automatic,
};

/// The API server's client certificate towards aggregated API servers.
pub static FRONT_PROXY_CLIENT: Row = Row {
    name: "front-proxy-client",
    description: "client certificate of the front proxy",
    place: Place::Pair {
        base: "front-proxy-client",
    },
    profile: Profile::Leaf {
        signer: &FRONT_PROXY_CA,
        common_name: CommonName::Fixed("front-proxy-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// The etcd CA.
pub static ETCD_CA: Row = Row {
    name: "etcd-ca",
    description: "etcd CA",
    place: Place::Pair { base: "etcd/ca" },
    profile: Profile::Ca {
        common_name: "etcd-ca",
    },
    sharing: Sharing::Cluster,
    reload: Reload::Automatic,
};

/// etcd's serving certificate.
pub static ETCD_SERVER: Row = Row {
    name: "etcd-server",
    description: "serving certificate of etcd",
    place: Place::Pair {
        base: "etcd/server",
    },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Node,
        // etcd's gRPC gateway dials etcd with the server certificate (etcd-io/etcd#9785).
        usages: &[Usage::ServerAuth, Usage::ClientAuth],
        sans: SanRule::EtcdServer,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// etcd's certificate towards its peers.
pub static ETCD_PEER: Row = Row {
    name: "etcd-peer",
    description: "certificate of etcd members towards each other",
    place: Place::Pair { base: "etcd/peer" },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Node,
        usages: &[Usage::ServerAuth, Usage::ClientAuth],
        sans: SanRule::EtcdPeer,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// The client certificate of etcd's liveness probe.
pub static ETCD_HEALTHCHECK_CLIENT: Row = Row {
    name: "etcd-healthcheck-client",
    description: "client certificate of etcd's liveness probe",
    place: Place::Pair {
        base: "etcd/healthcheck-client",
    },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Fixed("kube-etcd-healthcheck-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// The API server's client certificate towards etcd; signed by the etcd CA, but not in `etcd/`.
pub static APISERVER_ETCD_CLIENT: Row = Row {
    name: "apiserver-etcd-client",
    description: "client certificate of the API server towards etcd",
    place: Place::Pair {
        base: "apiserver-etcd-client",
    },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Fixed("kube-apiserver-etcd-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
    reload: Reload::Automatic,
};

/// The service-account token key pair.
pub static SA: Row = Row {
    name: "sa",
    description: "key pair that signs service-account tokens",
    place: Place::PublicPair { base: "sa" },
    profile: Profile::ServiceAccount,
    sharing: Sharing::Cluster,
    reload: Reload::StaticPod("kube-apiserver"),
};

/// The administrator's kubeconfig; its group needs a ClusterRoleBinding.
pub static ADMIN_CONF: Row = Row {
    name: "admin.conf",
    description: "kubeconfig of the cluster administrator",
    place: Place::Kubeconfig { file: "admin.conf" },
    profile: Profile::Client {
        common_name: CommonName::Fixed("kubernetes-admin"),
        organization: Some("kubeadm:cluster-admins"),
        server: Server::ControlPlane,
    },
    sharing: Sharing::Node,
    reload: Reload::Copies,
};

/// The break-glass kubeconfig, which no RBAC rule can lock out.
pub static SUPER_ADMIN_CONF: Row = Row {
    name: "super-admin.conf",
    description: "break-glass kubeconfig, above RBAC",
    place: Place::Kubeconfig {
        file: "super-admin.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::Fixed("kubernetes-super-admin"),
        organization: Some("system:masters"),
        server: Server::ControlPlane,
    },
    sharing: Sharing::Node,
    reload: Reload::Copies,
};

/// The kubelet's kubeconfig; the local endpoint since kubeadm 1.33 (kubernetes/kubernetes#129956).
pub static KUBELET_CONF: Row = Row {
    name: "kubelet.conf",
    description: "kubeconfig of this node's kubelet",
    place: Place::Kubeconfig {
        file: "kubelet.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::NodeUser,
        organization: Some("system:nodes"),
        server: Server::Local,
    },
    sharing: Sharing::Node,
    reload: Reload::Kubelet,
};

/// The controller manager's kubeconfig.
pub static CONTROLLER_MANAGER_CONF: Row = Row {
    name: "controller-manager.conf",
    description: "kubeconfig of the controller manager",
    place: Place::Kubeconfig {
        file: "controller-manager.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::Fixed("system:kube-controller-manager"),
        organization: None,
        server: Server::Local,
    },
    sharing: Sharing::Node,
    reload: Reload::StaticPod("kube-controller-manager"),
};

/// The scheduler's kubeconfig.
pub static SCHEDULER_CONF: Row = Row {
    name: "scheduler.conf",
    description: "kubeconfig of the scheduler",
    place: Place::Kubeconfig {
        file: "scheduler.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::Fixed("system:kube-scheduler"),
        organization: None,
        server: Server::Local,
    },
    sharing: Sharing::Node,
    reload: Reload::StaticPod("kube-scheduler"),
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_files_are_unique() {
        let names: BTreeSet<_> = CATALOG.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), CATALOG.len());
        let files: Vec<_> = CATALOG
            .iter()
            .flat_map(|row| crate::tree::layout::files(row))
            .collect();
        let unique: BTreeSet<_> = files.iter().map(|(file, _)| file).collect();
        assert_eq!(unique.len(), files.len());
    }

    #[test]
    fn every_leaf_follows_its_ca() {
        for (index, row) in CATALOG.iter().enumerate() {
            if let Some(signer) = row.signer() {
                let position = CATALOG.iter().position(|candidate| *candidate == signer);
                assert!(
                    position.is_some_and(|position| position < index),
                    "{}: {}",
                    row.name,
                    signer.name
                );
                assert!(signer.is_ca(), "{}: {} is no CA", row.name, signer.name);
            }
        }
    }

    #[test]
    fn every_leaf_has_a_usage_and_every_server_has_names() {
        for row in CATALOG {
            assert_eq!(
                row.usages().is_empty(),
                row.signer().is_none(),
                "{}",
                row.name
            );
            if let Profile::Leaf { usages, sans, .. } = row.profile {
                assert_eq!(
                    usages.contains(&Usage::ServerAuth),
                    sans != SanRule::Empty,
                    "{}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn the_etcd_family_is_what_the_etcd_ca_signs() {
        let family: Vec<_> = CATALOG
            .iter()
            .filter(|row| row.needs_local_etcd())
            .map(|row| row.name)
            .collect();
        assert_eq!(
            family,
            [
                "etcd-ca",
                "etcd-server",
                "etcd-peer",
                "etcd-healthcheck-client",
                "apiserver-etcd-client"
            ]
        );
    }

    #[test]
    fn what_all_control_plane_nodes_share_is_what_kubeadm_copies() {
        let shared: Vec<_> = CATALOG
            .iter()
            .filter(|row| row.sharing == Sharing::Cluster)
            .map(|row| row.name)
            .collect();
        assert_eq!(shared, ["ca", "front-proxy-ca", "etcd-ca", "sa"]);
    }

    #[test]
    fn renew_takes_kubeadms_names_and_kubelet_conf() {
        let mut names: Vec<_> = renewable().map(|row| row.name).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "admin.conf",
                "apiserver",
                "apiserver-etcd-client",
                "apiserver-kubelet-client",
                "controller-manager.conf",
                "etcd-healthcheck-client",
                "etcd-peer",
                "etcd-server",
                "front-proxy-client",
                "kubelet.conf",
                "scheduler.conf",
                "super-admin.conf",
            ]
        );
    }
}
