//! THE table: one row for every CA, certificate, key pair and kubeconfig of a kubeadm 1.36 tree.

use super::signers::MASTERS_GROUP;
use super::*;

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
    storage: Storage::Pair { base: "ca" },
    profile: Profile::Ca {
        common_name: "kubernetes",
    },
    sharing: Sharing::Cluster,
};

/// The API server's serving certificate.
pub static APISERVER: Row = Row {
    name: "apiserver",
    description: "API server, serving",
    storage: Storage::Pair { base: "apiserver" },
    profile: Profile::Leaf {
        signer: &CA,
        common_name: CommonName::Fixed("kube-apiserver"),
        usages: &[Usage::ServerAuth],
        sans: SanRule::ApiServer,
    },
    sharing: Sharing::Node,
};

/// The API server's client certificate towards kubelets.
///
/// It has no organization since kubeadm 1.36.1: a ClusterRoleBinding for this user replaced the groups
/// `system:masters` and `kubeadm:cluster-admins` (kubernetes/kubernetes#138957).
pub static APISERVER_KUBELET_CLIENT: Row = Row {
    name: "apiserver-kubelet-client",
    description: "API server, client of kubelets",
    storage: Storage::Pair {
        base: "apiserver-kubelet-client",
    },
    profile: Profile::Leaf {
        signer: &CA,
        common_name: CommonName::Fixed("kube-apiserver-kubelet-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
};

/// The front-proxy CA.
pub static FRONT_PROXY_CA: Row = Row {
    name: "front-proxy-ca",
    description: "CA of the aggregation layer",
    storage: Storage::Pair {
        base: "front-proxy-ca",
    },
    profile: Profile::Ca {
        common_name: "front-proxy-ca",
    },
    sharing: Sharing::Cluster,
};

/// The API server's client certificate towards aggregated API servers.
pub static FRONT_PROXY_CLIENT: Row = Row {
    name: "front-proxy-client",
    description: "client of extension APIs",
    storage: Storage::Pair {
        base: "front-proxy-client",
    },
    profile: Profile::Leaf {
        signer: &FRONT_PROXY_CA,
        common_name: CommonName::Fixed("front-proxy-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
};

/// The etcd CA.
pub static ETCD_CA: Row = Row {
    name: "etcd-ca",
    description: "etcd CA",
    storage: Storage::Pair { base: "etcd/ca" },
    profile: Profile::Ca {
        common_name: "etcd-ca",
    },
    sharing: Sharing::Cluster,
};

/// etcd's serving certificate.
pub static ETCD_SERVER: Row = Row {
    name: "etcd-server",
    description: "etcd, serving",
    storage: Storage::Pair {
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
};

/// etcd's certificate towards its peers.
pub static ETCD_PEER: Row = Row {
    name: "etcd-peer",
    description: "etcd, between members",
    storage: Storage::Pair { base: "etcd/peer" },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Node,
        usages: &[Usage::ServerAuth, Usage::ClientAuth],
        sans: SanRule::EtcdPeer,
    },
    sharing: Sharing::Node,
};

/// The client certificate of etcd's liveness probe.
pub static ETCD_HEALTHCHECK_CLIENT: Row = Row {
    name: "etcd-healthcheck-client",
    description: "etcd, liveness probe",
    storage: Storage::Pair {
        base: "etcd/healthcheck-client",
    },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Fixed("kube-etcd-healthcheck-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
};

/// The API server's client certificate towards etcd; signed by the etcd CA, but not in `etcd/`.
pub static APISERVER_ETCD_CLIENT: Row = Row {
    name: "apiserver-etcd-client",
    description: "API server, client of etcd",
    storage: Storage::Pair {
        base: "apiserver-etcd-client",
    },
    profile: Profile::Leaf {
        signer: &ETCD_CA,
        common_name: CommonName::Fixed("kube-apiserver-etcd-client"),
        usages: &[Usage::ClientAuth],
        sans: SanRule::Empty,
    },
    sharing: Sharing::Node,
};

/// The service-account token key pair.
pub static SA: Row = Row {
    name: "sa",
    description: "service-account token key pair",
    storage: Storage::PublicPair { base: "sa" },
    profile: Profile::ServiceAccount,
    sharing: Sharing::Cluster,
};

/// The administrator's kubeconfig; its group needs a ClusterRoleBinding.
pub static ADMIN_CONF: Row = Row {
    name: "admin.conf",
    description: "cluster administrator",
    storage: Storage::Kubeconfig { file: "admin.conf" },
    profile: Profile::Client {
        common_name: CommonName::Fixed("kubernetes-admin"),
        organization: Some("kubeadm:cluster-admins"),
        server: Server::ControlPlane,
    },
    sharing: Sharing::Node,
};

/// The kubeconfig for emergencies; its group bypasses RBAC.
pub static SUPER_ADMIN_CONF: Row = Row {
    name: "super-admin.conf",
    description: "emergency access, above RBAC",
    storage: Storage::Kubeconfig {
        file: "super-admin.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::Fixed("kubernetes-super-admin"),
        organization: Some(MASTERS_GROUP),
        server: Server::ControlPlane,
    },
    sharing: Sharing::Node,
};

/// The kubelet's kubeconfig. It has the local endpoint since kubeadm 1.33 (kubernetes/kubernetes#129956).
pub static KUBELET_CONF: Row = Row {
    name: "kubelet.conf",
    description: "kubelet of this node",
    storage: Storage::Kubeconfig {
        file: "kubelet.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::NodeUser,
        organization: Some("system:nodes"),
        server: Server::Local,
    },
    sharing: Sharing::Node,
};

/// The controller manager's kubeconfig.
pub static CONTROLLER_MANAGER_CONF: Row = Row {
    name: "controller-manager.conf",
    description: "controller manager",
    storage: Storage::Kubeconfig {
        file: "controller-manager.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::Fixed("system:kube-controller-manager"),
        organization: None,
        server: Server::Local,
    },
    sharing: Sharing::Node,
};

/// The scheduler's kubeconfig.
pub static SCHEDULER_CONF: Row = Row {
    name: "scheduler.conf",
    description: "scheduler",
    storage: Storage::Kubeconfig {
        file: "scheduler.conf",
    },
    profile: Profile::Client {
        common_name: CommonName::Fixed("system:kube-scheduler"),
        organization: None,
        server: Server::Local,
    },
    sharing: Sharing::Node,
};

/// A kubeconfig that belongs to no tree, such as `~/.kube/config`. It is not in [`CATALOG`].
pub static KUBECONFIG: Row = Row {
    name: "kubeconfig",
    description: "a user of the cluster",
    storage: Storage::Kubeconfig { file: "" },
    profile: Profile::User,
    sharing: Sharing::Node,
};

/// A certificate file that belongs to no tree. It is not in [`CATALOG`].
pub static CERTIFICATE: Row = Row {
    name: "certificate",
    description: "a certificate",
    storage: Storage::Elsewhere,
    profile: Profile::Observed,
    sharing: Sharing::Node,
};

/// The certificate that the kubelet serves. It is not in [`CATALOG`].
pub static KUBELET_SERVER: Row = Row {
    name: "kubelet-server",
    description: "kubelet, serving",
    storage: Storage::Elsewhere,
    profile: Profile::Observed,
    sharing: Sharing::Node,
};

/// The CAs of an external etcd, where their file is outside the tree. They are not in [`CATALOG`].
pub static EXTERNAL_ETCD_CA: Row = Row {
    name: "external-etcd-ca",
    description: "CA of the external etcd",
    storage: Storage::Elsewhere,
    profile: Profile::Observed,
    sharing: Sharing::Cluster,
};

/// The API server's client certificate for an external etcd, where its file is outside the tree. It is not in [`CATALOG`].
pub static EXTERNAL_ETCD_CLIENT: Row = Row {
    name: "external-etcd-client",
    description: "API server to the external etcd",
    storage: Storage::Elsewhere,
    profile: Profile::Observed,
    sharing: Sharing::Cluster,
};
