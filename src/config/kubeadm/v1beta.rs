//! The documents of `kubeadm.k8s.io/v1beta4` and older; [`versions`](super::versions) tells which version lacks which field.
//!
//! Every field is named, whether certificates depend on it or not, so that only a mistake is unknown.
//!
//! Source: `cmd/kubeadm/app/apis/kubeadm/*/types.go` and `bootstraptoken/v1/types.go` of kubeadm 1.20 and 1.36;
//! `k8s.io/api/core/v1` for taints and environment variables.

#![expect(dead_code, reason = "fields are named to be known; few are read")]

use serde::Deserialize;

use super::types::{Arguments, Boolean, Entries, Item, List, Number};
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
    dry_run: Option<Boolean>,
    pub(super) node_registration: Option<NodeRegistration>,
    #[serde(rename = "localAPIEndpoint")]
    pub(super) local_api_endpoint: Option<ApiEndpoint>,
    pub(super) certificate_key: Text,
    skip_phases: Words,
    patches: Option<Patches>,
    timeouts: Option<Timeouts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterConfiguration {
    api_version: Option<String>,
    kind: Option<String>,
    pub(super) etcd: Option<Etcd>,
    pub(super) networking: Option<Networking>,
    kubernetes_version: Option<String>,
    pub(super) control_plane_endpoint: Text,
    pub(super) api_server: Option<ApiServer>,
    controller_manager: Option<Component>,
    scheduler: Option<Component>,
    dns: Option<Dns>,
    proxy: Option<Proxy>,
    pub(super) certificates_dir: Text,
    image_repository: Option<String>,
    use_hyper_kube_image: Option<Boolean>,
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
    cri_socket: Option<String>,
    taints: Structs<Taint>,
    pub(super) kubelet_extra_args: Option<Arguments>,
    ignore_preflight_errors: Words,
    image_pull_policy: Option<String>,
    image_pull_serial: Option<Boolean>,
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
    image_repository: Option<String>,
    image_tag: Option<String>,
    pub(super) data_dir: Text,
    extra_args: Option<Arguments>,
    extra_envs: Structs<Environment>,
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
    pod_subnet: Option<String>,
    pub(super) dns_domain: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiServer {
    extra_args: Option<Arguments>,
    extra_volumes: Structs<Volume>,
    extra_envs: Structs<Environment>,
    #[serde(rename = "certSANs")]
    pub(super) cert_sans: Texts,
    timeout_for_control_plane: Option<String>,
}

/// What the controller manager and the scheduler have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    extra_args: Option<Arguments>,
    extra_volumes: Structs<Volume>,
    extra_envs: Structs<Environment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dns {
    r#type: Option<String>,
    image_repository: Option<String>,
    image_tag: Option<String>,
    disabled: Option<Boolean>,
}

#[derive(Debug, Deserialize)]
struct Proxy {
    disabled: Option<Boolean>,
}

#[derive(Debug, Deserialize)]
struct BootstrapToken {
    token: Option<String>,
    description: Option<String>,
    ttl: Option<String>,
    expires: Option<String>,
    usages: Words,
    groups: Words,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taint {
    key: Option<String>,
    value: Option<String>,
    effect: Option<String>,
    time_added: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Patches {
    directory: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timeouts {
    control_plane_component_health_check: Option<String>,
    kubelet_health_check: Option<String>,
    #[serde(rename = "kubernetesAPICall")]
    kubernetes_api_call: Option<String>,
    #[serde(rename = "etcdAPICall")]
    etcd_api_call: Option<String>,
    tls_bootstrap: Option<String>,
    discovery: Option<String>,
    upgrade_manifests: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: Option<String>,
    host_path: Option<String>,
    mount_path: Option<String>,
    read_only: Option<Boolean>,
    path_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    name: Option<String>,
    value: Option<String>,
    value_from: Option<EnvironmentSource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentSource {
    field_ref: Option<FieldReference>,
    resource_field_ref: Option<ResourceReference>,
    config_map_key_ref: Option<KeyReference>,
    secret_key_ref: Option<KeyReference>,
    file_key_ref: Option<FileReference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldReference {
    api_version: Option<String>,
    field_path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceReference {
    container_name: Option<String>,
    resource: Option<String>,
    divisor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct KeyReference {
    name: Option<String>,
    key: Option<String>,
    optional: Option<Boolean>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileReference {
    volume_name: Option<String>,
    path: Option<String>,
    key: Option<String>,
    optional: Option<Boolean>,
}

impl Item for BootstrapToken {}
impl Item for Taint {}
impl Item for Volume {}
impl Item for Environment {}
