//! `kubeadm.k8s.io/v1beta4`, and what it says about certificates.
//!
//! Every field of kubeadm is named, whether certificates depend on it or not, so that only a mistake is unknown. Older
//! versions are converted to these structs, as kubeadm does.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go`, `bootstraptoken/v1/types.go`; `k8s.io/api/core/v1`
//! for taints and environment variables.

#![expect(dead_code, reason = "fields are named to be known; few are read")]

use serde::Deserialize;

use super::types::{ARGUMENT_LIST, Boolean, Entries, Item, List, Number};
use crate::config::problem::Setting;

type Text = Option<Setting<String>>;
type Texts = Option<List<Setting<String>>>;
type Words = Option<List<Option<String>>>;
type Structs<T> = Option<List<Option<T>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitConfiguration {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) bootstrap_tokens: Structs<BootstrapToken>,
    pub(super) dry_run: Option<Boolean>,
    pub(super) node_registration: Option<NodeRegistration>,
    #[serde(rename = "localAPIEndpoint")]
    pub(super) local_api_endpoint: Option<ApiEndpoint>,
    pub(super) certificate_key: Text,
    pub(super) skip_phases: Words,
    pub(super) patches: Option<Patches>,
    pub(super) timeouts: Option<Timeouts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterConfiguration {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) etcd: Option<Etcd>,
    pub(super) networking: Option<Networking>,
    pub(super) kubernetes_version: Option<String>,
    pub(super) control_plane_endpoint: Text,
    pub(super) api_server: Option<ApiServer>,
    pub(super) controller_manager: Option<Component>,
    pub(super) scheduler: Option<Component>,
    pub(super) dns: Option<Dns>,
    pub(super) proxy: Option<Proxy>,
    pub(super) certificates_dir: Text,
    pub(super) image_repository: Option<String>,
    pub(super) feature_gates: Option<Entries<Setting<Boolean>>>,
    pub(super) cluster_name: Text,
    pub(super) encryption_algorithm: Text,
    pub(super) certificate_validity_period: Text,
    pub(super) ca_certificate_validity_period: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeRegistration {
    pub(super) name: Text,
    pub(super) cri_socket: Option<String>,
    pub(super) taints: Structs<Taint>,
    pub(super) kubelet_extra_args: Structs<Argument>,
    pub(super) ignore_preflight_errors: Words,
    pub(super) image_pull_policy: Option<String>,
    pub(super) image_pull_serial: Option<Boolean>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiEndpoint {
    pub(super) advertise_address: Text,
    pub(super) bind_port: Option<Setting<Number>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Etcd {
    pub(super) local: Option<Setting<LocalEtcd>>,
    pub(super) external: Option<Setting<ExternalEtcd>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocalEtcd {
    pub(super) image_repository: Option<String>,
    pub(super) image_tag: Option<String>,
    pub(super) data_dir: Text,
    pub(super) extra_args: Structs<Argument>,
    pub(super) extra_envs: Structs<Environment>,
    #[serde(rename = "serverCertSANs")]
    pub(super) server_cert_sans: Texts,
    #[serde(rename = "peerCertSANs")]
    pub(super) peer_cert_sans: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalEtcd {
    pub(super) endpoints: Texts,
    pub(super) http_endpoints: Texts,
    pub(super) ca_file: Text,
    pub(super) cert_file: Text,
    pub(super) key_file: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Networking {
    pub(super) service_subnet: Text,
    pub(super) pod_subnet: Option<String>,
    pub(super) dns_domain: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiServer {
    pub(super) extra_args: Structs<Argument>,
    pub(super) extra_volumes: Structs<Volume>,
    pub(super) extra_envs: Structs<Environment>,
    #[serde(rename = "certSANs")]
    pub(super) cert_sans: Texts,
}

/// An argument of a component.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Argument {
    pub(super) name: Text,
    pub(super) value: Text,
}

impl Item for Argument {
    const LIST: &'static str = ARGUMENT_LIST;
}

/// What the controller manager and the scheduler have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    pub(super) extra_args: Structs<Argument>,
    pub(super) extra_volumes: Structs<Volume>,
    pub(super) extra_envs: Structs<Environment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dns {
    pub(super) image_repository: Option<String>,
    pub(super) image_tag: Option<String>,
    pub(super) disabled: Option<Boolean>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Proxy {
    pub(super) disabled: Option<Boolean>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BootstrapToken {
    pub(super) token: Option<String>,
    pub(super) description: Option<String>,
    pub(super) ttl: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) usages: Words,
    pub(super) groups: Words,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Taint {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    pub(super) effect: Option<String>,
    pub(super) time_added: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Patches {
    pub(super) directory: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timeouts {
    pub(super) control_plane_component_health_check: Option<String>,
    pub(super) kubelet_health_check: Option<String>,
    #[serde(rename = "kubernetesAPICall")]
    pub(super) kubernetes_api_call: Option<String>,
    #[serde(rename = "etcdAPICall")]
    pub(super) etcd_api_call: Option<String>,
    pub(super) tls_bootstrap: Option<String>,
    pub(super) discovery: Option<String>,
    pub(super) upgrade_manifests: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    pub(super) name: Option<String>,
    pub(super) host_path: Option<String>,
    pub(super) mount_path: Option<String>,
    pub(super) read_only: Option<Boolean>,
    pub(super) path_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
    pub(super) value_from: Option<EnvironmentSource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentSource {
    pub(super) field_ref: Option<FieldReference>,
    pub(super) resource_field_ref: Option<ResourceReference>,
    pub(super) config_map_key_ref: Option<KeyReference>,
    pub(super) secret_key_ref: Option<KeyReference>,
    pub(super) file_key_ref: Option<FileReference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldReference {
    pub(super) api_version: Option<String>,
    pub(super) field_path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceReference {
    pub(super) container_name: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) divisor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyReference {
    pub(super) name: Option<String>,
    pub(super) key: Option<String>,
    pub(super) optional: Option<Boolean>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileReference {
    pub(super) volume_name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) key: Option<String>,
    pub(super) optional: Option<Boolean>,
}

impl Item for BootstrapToken {}
impl Item for Taint {}
impl Item for Volume {}
impl Item for Environment {}
