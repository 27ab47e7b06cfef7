//! `kubeadm.k8s.io/v1beta3`, converted to `v1beta4`: it has no field for the algorithm and the validity of certificates.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/apis/kubeadm/v1beta3/types.go`.

#![expect(dead_code, reason = "fields are named to be known; few are read")]

use serde::Deserialize;

use super::types::{ArgumentMap, Boolean, Entries, List};
use super::v1beta4::{
    self, ApiEndpoint, Argument, BootstrapToken, Networking, Patches, Taint, Volume,
};
use crate::config::problem::Setting;

type Text = Option<Setting<String>>;
type Texts = Option<List<Setting<String>>>;
type Words = Option<List<Option<String>>>;
type Structs<T> = Option<List<Option<T>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitConfiguration {
    api_version: Option<String>,
    kind: Option<String>,
    bootstrap_tokens: Structs<BootstrapToken>,
    node_registration: Option<NodeRegistration>,
    #[serde(rename = "localAPIEndpoint")]
    local_api_endpoint: Option<ApiEndpoint>,
    certificate_key: Text,
    skip_phases: Words,
    patches: Option<Patches>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterConfiguration {
    api_version: Option<String>,
    kind: Option<String>,
    etcd: Option<Etcd>,
    networking: Option<Networking>,
    kubernetes_version: Option<String>,
    control_plane_endpoint: Text,
    api_server: Option<ApiServer>,
    controller_manager: Option<Component>,
    scheduler: Option<Component>,
    dns: Option<Dns>,
    certificates_dir: Text,
    image_repository: Option<String>,
    feature_gates: Option<Entries<Setting<Boolean>>>,
    cluster_name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeRegistration {
    name: Text,
    cri_socket: Option<String>,
    taints: Structs<Taint>,
    kubelet_extra_args: Option<ArgumentMap>,
    ignore_preflight_errors: Words,
    image_pull_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Etcd {
    local: Option<Setting<LocalEtcd>>,
    external: Option<Setting<ExternalEtcd>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocalEtcd {
    image_repository: Option<String>,
    image_tag: Option<String>,
    data_dir: Text,
    extra_args: Option<ArgumentMap>,
    #[serde(rename = "serverCertSANs")]
    server_cert_sans: Texts,
    #[serde(rename = "peerCertSANs")]
    peer_cert_sans: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalEtcd {
    endpoints: Texts,
    ca_file: Text,
    cert_file: Text,
    key_file: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiServer {
    extra_args: Option<ArgumentMap>,
    extra_volumes: Structs<Volume>,
    #[serde(rename = "certSANs")]
    cert_sans: Texts,
    timeout_for_control_plane: Option<String>,
}

/// What the controller manager and the scheduler have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    extra_args: Option<ArgumentMap>,
    extra_volumes: Structs<Volume>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dns {
    image_repository: Option<String>,
    image_tag: Option<String>,
}

impl From<InitConfiguration> for v1beta4::InitConfiguration {
    fn from(old: InitConfiguration) -> Self {
        v1beta4::InitConfiguration {
            node_registration: old.node_registration.map(Into::into),
            local_api_endpoint: old.local_api_endpoint,
            certificate_key: old.certificate_key,
            ..Default::default()
        }
    }
}

impl From<ClusterConfiguration> for v1beta4::ClusterConfiguration {
    fn from(old: ClusterConfiguration) -> Self {
        v1beta4::ClusterConfiguration {
            etcd: old.etcd.map(Into::into),
            networking: old.networking,
            control_plane_endpoint: old.control_plane_endpoint,
            api_server: old.api_server.map(Into::into),
            certificates_dir: old.certificates_dir,
            feature_gates: old.feature_gates,
            cluster_name: old.cluster_name,
            ..Default::default()
        }
    }
}

impl From<NodeRegistration> for v1beta4::NodeRegistration {
    fn from(old: NodeRegistration) -> Self {
        let argument = |(name, value): (String, Text)| {
            let name = value.as_ref().map(|value| Setting {
                value: name,
                origin: value.origin.clone(),
            });
            Some(Argument { name, value })
        };
        let arguments = |ArgumentMap(entries)| List(entries.into_iter().map(argument).collect());
        v1beta4::NodeRegistration {
            name: old.name,
            kubelet_extra_args: old.kubelet_extra_args.map(arguments),
            ..Default::default()
        }
    }
}

impl From<Etcd> for v1beta4::Etcd {
    fn from(old: Etcd) -> Self {
        v1beta4::Etcd {
            local: old.local.map(|local| {
                local.map(|local| v1beta4::LocalEtcd {
                    data_dir: local.data_dir,
                    server_cert_sans: local.server_cert_sans,
                    peer_cert_sans: local.peer_cert_sans,
                    ..Default::default()
                })
            }),
            external: old.external.map(|external| {
                external.map(|external| v1beta4::ExternalEtcd {
                    endpoints: external.endpoints,
                    http_endpoints: None,
                    ca_file: external.ca_file,
                    cert_file: external.cert_file,
                    key_file: external.key_file,
                })
            }),
        }
    }
}

impl From<ApiServer> for v1beta4::ApiServer {
    fn from(old: ApiServer) -> Self {
        v1beta4::ApiServer {
            cert_sans: old.cert_sans,
            ..Default::default()
        }
    }
}
