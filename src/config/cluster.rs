//! The configuration on which certificates depend: every value is set and valid.
//!
//! [`Cluster::resolve`], in `resolve`, is the only way from settings to a [`Cluster`].

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::problem::Problem;
use super::values::SERVICE_PREFIX;
use crate::catalog::{SanRule, Server};
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

/// A cluster's configuration, seen from one control-plane node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster's name in kubeconfigs.
    pub cluster_name: String,
    /// The node's name, lower case.
    pub node_name: String,
    /// The address at which this node's API server is reached.
    pub advertise_address: IpAddr,
    /// The port of this node's API server.
    pub bind_port: u16,
    /// The address shared by all API servers, if there is one.
    pub control_plane_endpoint: Option<Endpoint>,
    /// One network for services, or two of different families; the first one is the API server's.
    pub service_subnets: Vec<IpNet>,
    /// The domain of the cluster's services.
    pub dns_domain: String,
    /// Further SANs of the API server's certificate, in declared order.
    pub apiserver_sans: Vec<San>,
    /// Further SANs of etcd's serving certificate, in declared order.
    pub etcd_server_sans: Vec<San>,
    /// Further SANs of etcd's peer certificate, in declared order.
    pub etcd_peer_sans: Vec<San>,
    /// Where etcd runs.
    pub etcd: Etcd,
    /// The key algorithm, if the configuration names one.
    pub algorithm: Option<Algorithm>,
    /// How long a leaf is valid.
    pub certificate_validity: Period,
    /// How long a CA is valid.
    pub ca_certificate_validity: Period,
    /// The directory of certificates and keys; absolute.
    pub certificates_dir: PathBuf,
    /// The kubelet's directory for its own certificates, if an argument names one; absolute.
    pub kubelet_cert_dir: Option<PathBuf>,
}

/// The control-plane endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host, as a SAN.
    pub host: San,
    /// The host in URLs: an address as typed, a name in lower case.
    pub host_text: String,
    /// The port; the bind port by default.
    pub port: u16,
}

/// Where etcd runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Etcd {
    /// On the control-plane node, with certificates in this tree.
    Local,
    /// On other hosts; its certificates are not part of this tree.
    External(ExternalEtcd),
}

/// How the API server reaches an external etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalEtcd {
    /// The URLs of the members.
    pub endpoints: Vec<String>,
    /// The URLs of the members' separate HTTP listeners.
    pub http_endpoints: Vec<String>,
    /// etcd's CA.
    pub ca_file: Option<PathBuf>,
    /// The client certificate.
    pub cert_file: Option<PathBuf>,
    /// The client certificate's key.
    pub key_file: Option<PathBuf>,
}

/// Facts about the host, used only where the settings do not declare them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The host name.
    pub node_name: Option<String>,
    /// The addresses of the interfaces that have a default route, the preferred one first.
    pub addresses: Vec<IpAddr>,
}

/// A configuration that need not say which node it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredCluster {
    /// The cluster. What is not known of its node is a placeholder.
    pub cluster: Cluster,
    /// Whether the node's name is known.
    pub has_node_name: bool,
    /// Whether the node's address is known.
    pub has_address: bool,
}

/// A cluster and the warnings about its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The cluster.
    pub cluster: Cluster,
    /// Warnings about declared values.
    pub warnings: Vec<Problem>,
}

impl DeclaredCluster {
    /// Returns whether everything about the node is known.
    pub fn is_node_known(&self) -> bool {
        self.has_node_name && self.has_address
    }
}

impl Cluster {
    /// Returns the URL of the API server in a kubeconfig.
    pub fn server_url(&self, server: Server) -> String {
        match (&self.control_plane_endpoint, server) {
            (Some(endpoint), Server::ControlPlane) => {
                format!("https://{}", host_port(&endpoint.host_text, endpoint.port))
            }
            _ => format!(
                "https://{}",
                host_port(&self.advertise_address.to_string(), self.bind_port)
            ),
        }
    }

    /// Returns a certificate's SANs in kubeadm's order: DNS names sorted, then addresses in declared order, without
    /// duplicates.
    pub fn sans(&self, rule: SanRule) -> Vec<San> {
        let (fixed, declared) = match rule {
            SanRule::Empty => return Vec::new(),
            SanRule::ApiServer => (self.apiserver_names(), &self.apiserver_sans),
            SanRule::EtcdServer => (self.etcd_names(), &self.etcd_server_sans),
            SanRule::EtcdPeer => (self.etcd_names(), &self.etcd_peer_sans),
        };
        // Some clusters name their nodes by their addresses; verifiers ignore an address in a dNSName.
        let node = match self.node_name.parse() {
            Ok(address) => San::Ip(address),
            Err(_) => dns(&self.node_name),
        };
        let sans = [node].into_iter().chain(fixed);
        in_certificate_order(sans.chain(declared.iter().cloned()))
    }

    fn apiserver_names(&self) -> Vec<San> {
        let mut sans = vec![
            dns("kubernetes"),
            dns("kubernetes.default"),
            dns("kubernetes.default.svc"),
            San::Dns(format!("{SERVICE_PREFIX}{}", self.dns_domain)),
        ];
        // Only the first network counts: the `kubernetes` service has one address.
        sans.extend(self.service_subnets.first().map(first_address).map(San::Ip));
        sans.push(San::Ip(self.advertise_address));
        sans.extend(self.control_plane_endpoint.iter().map(|e| e.host.clone()));
        sans
    }

    fn etcd_names(&self) -> Vec<San> {
        vec![
            dns("localhost"),
            San::Ip(self.advertise_address),
            San::Ip(Ipv4Addr::LOCALHOST.into()),
            San::Ip(Ipv6Addr::LOCALHOST.into()),
        ]
    }
}

fn dns(name: &str) -> San {
    San::Dns(name.to_owned())
}

/// Returns `host:port`, an IPv6 address in brackets.
pub(super) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Returns the address of the `kubernetes` service: the second address of the network.
pub fn first_address(network: &IpNet) -> IpAddr {
    match network.network() {
        IpAddr::V4(base) => IpAddr::V4(base.to_bits().wrapping_add(1).into()),
        IpAddr::V6(base) => IpAddr::V6(base.to_bits().wrapping_add(1).into()),
    }
}

fn in_certificate_order(sans: impl Iterator<Item = San>) -> Vec<San> {
    let (mut names, addresses): (Vec<San>, Vec<San>) =
        sans.partition(|san| matches!(san, San::Dns(_)));
    names.sort();
    names.dedup();
    let mut seen = HashSet::new();
    names.extend(addresses.into_iter().filter(|san| seen.insert(san.clone())));
    names
}
