//! The table: every CA, certificate, key pair and kubeconfig of a kubeadm 1.36 tree, one row each.
//!
//! Rows are constants. Values that depend on the cluster (node name, SANs, server URL) are rules here, which
//! `check::expected` resolves; `tree::layout` has the paths of a row's files.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/phases/certs/certlist.go` and `phases/kubeconfig/kubeconfig.go`.

pub mod components;
pub mod listeners;
pub mod rows;
pub mod signers;

use crate::x509::usage::Usage;

pub use rows::*;

/// A CA, certificate, key pair or kubeconfig in a tree.
#[derive(Debug)]
pub struct Row {
    /// kubeadm's name, as typed on the command line: `etcd-server`, `admin.conf`.
    pub name: &'static str,
    /// Its purpose, one phrase.
    pub description: &'static str,
    /// The files that it is stored in.
    pub storage: Storage,
    /// Its contents.
    pub profile: Profile,
    /// Whether all control-plane nodes share it.
    pub sharing: Sharing,
}

/// The files of a row, relative to their directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
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
    /// A file that the row does not name.
    Elsewhere,
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
        /// The server in the kubeconfig.
        server: Server,
    },
    /// A kubeconfig outside a tree. Its user may have any name, and a client certificate signed by [`CA`].
    User,
    /// The service-account token key pair; no certificate.
    ServiceAccount,
    /// A certificate that others make and renew. Who signs it is not known.
    Observed,
}

/// A subject common name: fixed, or derived from the node's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonName {
    /// The same in every cluster.
    Fixed(&'static str),
    /// The node name.
    Node,
    /// [`NODE_USER_PREFIX`] and the node name.
    NodeUser,
}

/// The prefix of the node name in the user name of a kubelet.
pub const NODE_USER_PREFIX: &str = "system:node:";

/// The rule for the subject alternative names of a leaf.
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

impl Row {
    /// Returns the row of the CA that signs this row's certificate, if a CA signs it.
    pub fn signer(&self) -> Option<&'static Row> {
        match self.profile {
            Profile::Leaf { signer, .. } => Some(signer),
            Profile::Client { .. } | Profile::User => Some(&CA),
            Profile::Ca { .. } | Profile::ServiceAccount | Profile::Observed => None,
        }
    }

    /// Returns whether this row is a CA.
    pub fn is_ca(&self) -> bool {
        matches!(self.profile, Profile::Ca { .. })
    }

    /// Returns whether `pki` only reads its certificate.
    pub fn is_observed(&self) -> bool {
        matches!(self.profile, Profile::Observed)
    }

    /// Returns whether this row exists only if etcd runs as a static pod on the same node.
    pub fn needs_local_etcd(&self) -> bool {
        std::ptr::eq(self, &ETCD_CA)
            || self
                .signer()
                .is_some_and(|signer| std::ptr::eq(signer, &ETCD_CA))
    }

    /// Returns whether a control-plane node is healthy without this row.
    ///
    /// `kubeadm join` never writes `super-admin.conf`, and kubeadm's guide says to keep it elsewhere; every other row
    /// is needed.
    pub fn is_optional(&self) -> bool {
        std::ptr::eq(self, &SUPER_ADMIN_CONF)
    }

    /// Returns the rule for the common name of this row's leaf certificate.
    pub fn common_name(&self) -> Option<CommonName> {
        match self.profile {
            Profile::Leaf { common_name, .. } | Profile::Client { common_name, .. } => {
                Some(common_name)
            }
            Profile::Ca { .. } | Profile::User | Profile::ServiceAccount | Profile::Observed => {
                None
            }
        }
    }

    /// Returns whether the subject of this row's certificate names the node.
    pub fn names_node(&self) -> bool {
        matches!(
            self.common_name(),
            Some(CommonName::Node | CommonName::NodeUser)
        )
    }

    /// Returns the extended key usages of this row's certificate.
    pub fn usages(&self) -> &'static [Usage] {
        match self.profile {
            Profile::Leaf { usages, .. } => usages,
            Profile::Client { .. } | Profile::User => &[Usage::ClientAuth],
            Profile::Ca { .. } | Profile::ServiceAccount | Profile::Observed => &[],
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

/// Returns the rows that `renew` can renew, in catalog order: those that a CA signs.
pub fn renewable() -> impl Iterator<Item = &'static Row> {
    CATALOG.iter().copied().filter(|row| row.signer().is_some())
}

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
