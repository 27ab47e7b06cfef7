//! `kubeadm.k8s.io/v1beta2` and `v1beta1`, converted to `v1beta4`: today's kubeadm refuses both, and clusters made with
//! them still run.
//!
//! `v1beta1` has fewer fields than `v1beta2`; they are read alike.
//!
//! Source: kubeadm 1.20 `cmd/kubeadm/app/apis/kubeadm/v1beta2/types.go`, `v1beta1/types.go`.

#![expect(dead_code, reason = "fields are named to be known; few are read")]

use serde::Deserialize;

use super::types::{Boolean, Entries, List};
use super::v1beta3::{ApiServer, Component, Etcd, NodeRegistration};
use super::v1beta4::{self, ApiEndpoint, BootstrapToken, Networking};
use crate::config::problem::Setting;

type Text = Option<Setting<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitConfiguration {
    api_version: Option<String>,
    kind: Option<String>,
    bootstrap_tokens: Option<List<Option<BootstrapToken>>>,
    node_registration: Option<NodeRegistration>,
    #[serde(rename = "localAPIEndpoint")]
    local_api_endpoint: Option<ApiEndpoint>,
    certificate_key: Text,
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
    use_hyper_kube_image: Option<Boolean>,
    feature_gates: Option<Entries<Setting<Boolean>>>,
    cluster_name: Text,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dns {
    r#type: Option<String>,
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
