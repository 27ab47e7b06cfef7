//! Writes a [`Cluster`] as kubeadm's own configuration, which kubeadm reads.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Serialize;

use super::cluster::{Cluster, Etcd, host_port};
use super::fields::san_texts;
use crate::x509::algorithm::Algorithm;

impl Cluster {
    /// Returns the configuration as kubeadm's `v1beta4` documents, with every default written out.
    ///
    /// On any host, [`read`](super::read) and [`Cluster::resolve`] make an equal cluster of them.
    #[allow(clippy::expect_used)]
    pub fn to_yaml(&self) -> String {
        let init = InitConfiguration {
            api_version: API_VERSION,
            kind: "InitConfiguration",
            local_api_endpoint: LocalApiEndpoint {
                advertise_address: self.advertise_address.to_string(),
                bind_port: self.bind_port,
            },
            node_registration: NodeRegistration {
                name: &self.node_name,
                kubelet_extra_args: self
                    .kubelet_cert_dir
                    .iter()
                    .map(|directory| Argument {
                        name: "cert-dir",
                        value: directory.display().to_string(),
                    })
                    .collect(),
            },
        };
        let cluster = ClusterConfiguration::from(self);
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        // YAML can hold every string, number and list, and writing to memory cannot fail.
        let init = serde_saphyr::to_string_with_options(&init, options.clone())
            .expect("plain structs are representable");
        let cluster = serde_saphyr::to_string_with_options(&cluster, options)
            .expect("plain structs are representable");
        format!("{init}---\n{cluster}")
    }
}

const API_VERSION: &str = "kubeadm.k8s.io/v1beta4";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitConfiguration<'a> {
    api_version: &'a str,
    kind: &'a str,
    #[serde(rename = "localAPIEndpoint")]
    local_api_endpoint: LocalApiEndpoint,
    node_registration: NodeRegistration<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalApiEndpoint {
    advertise_address: String,
    bind_port: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeRegistration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kubelet_extra_args: Vec<Argument>,
}

#[derive(Serialize)]
struct Argument {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterConfiguration<'a> {
    api_version: &'a str,
    kind: &'a str,
    cluster_name: &'a str,
    certificates_dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    control_plane_endpoint: Option<String>,
    networking: Networking<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_server: Option<ApiServer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etcd: Option<EtcdConfiguration<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_algorithm: Option<&'a str>,
    certificate_validity_period: String,
    ca_certificate_validity_period: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Networking<'a> {
    service_subnet: String,
    dns_domain: &'a str,
}

#[derive(Serialize)]
struct ApiServer {
    #[serde(rename = "certSANs")]
    cert_sans: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum EtcdConfiguration<'a> {
    Local {
        #[serde(rename = "serverCertSANs", skip_serializing_if = "Vec::is_empty")]
        server_cert_sans: Vec<String>,
        #[serde(rename = "peerCertSANs", skip_serializing_if = "Vec::is_empty")]
        peer_cert_sans: Vec<String>,
    },
    #[serde(rename_all = "camelCase")]
    External {
        endpoints: &'a [String],
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        http_endpoints: &'a [String],
        ca_file: String,
        cert_file: String,
        key_file: String,
    },
}

impl<'a> From<&'a Cluster> for ClusterConfiguration<'a> {
    fn from(cluster: &'a Cluster) -> Self {
        let subnets: Vec<_> = cluster
            .service_subnets
            .iter()
            .map(IpNet::to_string)
            .collect();
        let file = |path: &Option<PathBuf>| match path {
            Some(path) => path.display().to_string(),
            None => String::new(),
        };
        ClusterConfiguration {
            api_version: API_VERSION,
            kind: "ClusterConfiguration",
            cluster_name: &cluster.cluster_name,
            certificates_dir: cluster.certificates_dir.display().to_string(),
            control_plane_endpoint: cluster
                .control_plane_endpoint
                .as_ref()
                .map(|endpoint| host_port(&endpoint.host_text, endpoint.port)),
            networking: Networking {
                service_subnet: subnets.join(","),
                dns_domain: &cluster.dns_domain,
            },
            api_server: (!cluster.apiserver_sans.is_empty()).then(|| ApiServer {
                cert_sans: san_texts(&cluster.apiserver_sans),
            }),
            etcd: match &cluster.etcd {
                Etcd::Local
                    if cluster.etcd_server_sans.is_empty() && cluster.etcd_peer_sans.is_empty() =>
                {
                    None
                }
                Etcd::Local => Some(EtcdConfiguration::Local {
                    server_cert_sans: san_texts(&cluster.etcd_server_sans),
                    peer_cert_sans: san_texts(&cluster.etcd_peer_sans),
                }),
                Etcd::External(external) => Some(EtcdConfiguration::External {
                    endpoints: &external.endpoints,
                    http_endpoints: &external.http_endpoints,
                    ca_file: file(&external.ca_file),
                    cert_file: file(&external.cert_file),
                    key_file: file(&external.key_file),
                }),
            },
            encryption_algorithm: cluster.algorithm.map(Algorithm::name),
            certificate_validity_period: cluster.certificate_validity.to_go(),
            ca_certificate_validity_period: cluster.ca_certificate_validity.to_go(),
        }
    }
}
