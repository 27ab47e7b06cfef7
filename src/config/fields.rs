//! The table of configuration fields: how each is spelled, which flag overrides it, its default, and how it is shown.
//!
//! Flags, documents, `pki config show`, merging and the origin of values all use this table. `values` parses the values.

use std::time::Duration;

use super::cluster::{Cluster, Etcd, host_port};
use super::problem::{Origin, Setting};
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

/// The settings of an external etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalEtcdSettings {
    /// `endpoints`.
    pub endpoints: Option<Vec<Setting<String>>>,
    /// `httpEndpoints`.
    pub http_endpoints: Option<Vec<Setting<String>>>,
    /// `caFile`.
    pub ca_file: Option<Setting<String>>,
    /// `certFile`.
    pub cert_file: Option<Setting<String>>,
    /// `keyFile`.
    pub key_file: Option<Setting<String>>,
}

/// A field of the configuration.
pub struct Field {
    /// The path in kubeadm's documents, the same in all versions.
    pub path: &'static str,
    /// The command-line flag that overrides it.
    pub flag: Option<&'static str>,
    /// The value if nothing declares it.
    pub default: Fallback,
    /// Returns the values that `config show` prints, or nothing if it does not show the field.
    pub show: fn(&Cluster) -> Option<Vec<String>>,
    /// Returns the place where settings declare it.
    pub origin: fn(&Settings) -> Option<&Origin>,
    /// Takes it from the second settings if the first do not declare it.
    pub merge: fn(&mut Settings, &mut Settings),
    /// Sets it to the values of a flag or document.
    pub declare: fn(&mut Settings, Vec<Setting<String>>),
}

/// The value of a field that nothing declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// kubeadm's default.
    Value(&'static str),
    /// A fact about the host.
    Host,
    /// No value.
    Empty,
}

pub(super) const DEFAULT_BIND_PORT: &str = "6443";
pub(super) const DEFAULT_CLUSTER_NAME: &str = "kubernetes";
/// The default of `certificatesDir`.
pub const DEFAULT_CERTIFICATES_DIR: &str = "/etc/kubernetes/pki";
/// The default of `networking.serviceSubnet`.
pub const DEFAULT_SERVICE_SUBNET: &str = "10.96.0.0/12";
pub(super) const DEFAULT_DNS_DOMAIN: &str = "cluster.local";
const DEFAULT_ALGORITHM: Algorithm = Algorithm::Rsa2048;
pub(super) const DEFAULT_VALIDITY: &str = "8760h";
pub(super) const DEFAULT_CA_VALIDITY: &str = "87600h";
/// The default of `certificateValidityPeriod`.
pub const DEFAULT_CERTIFICATE_VALIDITY: Duration = Duration::from_secs(8760 * 3600);
/// The default of `caCertificateValidityPeriod`.
pub const DEFAULT_CA_CERTIFICATE_VALIDITY: Duration = Duration::from_secs(87600 * 3600);

/// Defines the struct [`Settings`] and the table [`FIELDS`].
///
/// An entry is `name: kind = "path" { ... }`. The braces contain the parts of [`Field`] that are not the default: no
/// flag, no default value, not shown. The kind is the type of the setting: `text`, `list`, `presence` or `group`.
macro_rules! fields {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ident = $path:literal { $($key:ident: $value:expr,)* })*) => {
        /// What a configuration declares, as text; every field is optional.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Settings {
            $(
                #[doc = concat!("`", $path, "`.")]
                $(#[doc = $doc])*
                pub $name: Option<fields!(@type $kind)>,
            )*
        }

        /// The fields, in the order of kubeadm's documents.
        pub const FIELDS: &[Field] = &[$(
            Field {
                path: $path,
                $($key: $value,)*
                ..fields!(@field $kind $name)
            },
        )*];
    };
    (@type text) => { Setting<String> };
    (@type list) => { Vec<Setting<String>> };
    (@type presence) => { Setting<()> };
    (@type group) => { Setting<ExternalEtcdSettings> };
    (@field text $name:ident) => {
        fields!(
            @field $name,
            |settings| settings.$name.as_ref().map(|setting| &setting.origin),
            |settings, values| settings.$name = values.into_iter().next()
        )
    };
    (@field list $name:ident) => {
        fields!(
            @field $name,
            |settings| Some(&settings.$name.as_ref()?.first()?.origin),
            |settings, values| settings.$name = Some(values)
        )
    };
    // `presence` and `group`: no flag sets them, and the reader of documents sets them itself.
    (@field $kind:ident $name:ident) => {
        fields!(@field $name, |_| None, |_, _| {})
    };
    (@field $name:ident, $origin:expr, $declare:expr) => {
        Field {
            path: "",
            flag: None,
            default: Fallback::Empty,
            show: |_| None,
            origin: $origin,
            merge: |settings, fallback| {
                if settings.$name.is_none() {
                    settings.$name = fallback.$name.take();
                }
            },
            declare: $declare,
        }
    };
}

fields! {
    advertise_address: text = "localAPIEndpoint.advertiseAddress" {
        flag: Some("--apiserver-advertise-address"),
        default: Fallback::Host,
        show: |cluster| one(&cluster.advertise_address),
        origin: |settings| {
            let declared = settings.advertise_address.as_ref();
            let declared = declared.filter(|_| settings.declares_address());
            declared.map(|address| &address.origin)
        },
    }
    bind_port: text = "localAPIEndpoint.bindPort" {
        flag: Some("--apiserver-bind-port"),
        default: Fallback::Value(DEFAULT_BIND_PORT),
        show: |cluster| one(&cluster.bind_port),
    }
    node_name: text = "nodeRegistration.name" {
        flag: Some("--node-name"),
        default: Fallback::Host,
        show: |cluster| one(&cluster.node_name),
    }
    /// The last `cert-dir` among the arguments; an absolute path.
    kubelet_cert_dir: text = "nodeRegistration.kubeletExtraArgs.cert-dir" {
        show: |cluster| one(&cluster.kubelet_cert_dir.as_ref()?.display()),
    }
    cluster_name: text = "clusterName" {
        flag: Some("--cluster-name"),
        default: Fallback::Value(DEFAULT_CLUSTER_NAME),
        show: |cluster| one(&cluster.cluster_name),
    }
    certificates_dir: text = "certificatesDir" {
        flag: Some("--cert-dir"),
        default: Fallback::Value(DEFAULT_CERTIFICATES_DIR),
        show: |cluster| one(&cluster.certificates_dir.display()),
    }
    control_plane_endpoint: text = "controlPlaneEndpoint" {
        flag: Some("--control-plane-endpoint"),
        show: |cluster| {
            let endpoint = cluster.control_plane_endpoint.iter();
            Some(endpoint.map(|it| host_port(&it.host_text, it.port)).collect())
        },
    }
    service_subnet: text = "networking.serviceSubnet" {
        flag: Some("--service-cidr"),
        default: Fallback::Value(DEFAULT_SERVICE_SUBNET),
        show: |cluster| Some(texts(&cluster.service_subnets)),
    }
    dns_domain: text = "networking.dnsDomain" {
        flag: Some("--service-dns-domain"),
        default: Fallback::Value(DEFAULT_DNS_DOMAIN),
        show: |cluster| one(&cluster.dns_domain),
    }
    apiserver_cert_sans: list = "apiServer.certSANs" {
        flag: Some("--apiserver-cert-extra-sans"),
        show: |cluster| Some(san_texts(&cluster.apiserver_sans)),
    }
    /// The presence of `etcd.local`.
    etcd_local: presence = "etcd" {
        show: |cluster| match cluster.etcd {
            Etcd::Local => one(&"local"),
            Etcd::External(_) => one(&"external"),
        },
        origin: |settings| {
            let external = settings.etcd_external.as_ref().map(|etcd| &etcd.origin);
            external.or(settings.etcd_local.as_ref().map(|etcd| &etcd.origin))
        },
    }
    etcd_data_dir: text = "etcd.local.dataDir" {}
    etcd_server_cert_sans: list = "etcd.local.serverCertSANs" {
        show: |cluster| local_sans(cluster, &cluster.etcd_server_sans),
    }
    etcd_peer_cert_sans: list = "etcd.local.peerCertSANs" {
        show: |cluster| local_sans(cluster, &cluster.etcd_peer_sans),
    }
    /// `etcd.external`. All of its fields are taken together.
    etcd_external: group = "etcd.external.endpoints" {
        show: |cluster| match &cluster.etcd {
            Etcd::Local => None,
            Etcd::External(external) => Some(external.endpoints.clone()),
        },
        origin: |settings| {
            let endpoints = settings.etcd_external.as_ref()?.value.endpoints.as_ref();
            Some(&endpoints?.first()?.origin)
        },
    }
    encryption_algorithm: text = "encryptionAlgorithm" {
        flag: Some("--encryption-algorithm"),
        default: Fallback::Value("RSA-2048"),
        show: |cluster| one(&cluster.algorithm.unwrap_or(DEFAULT_ALGORITHM)),
        origin: |settings| {
            let gate = settings.public_keys_ecdsa.as_ref();
            let algorithm = gate.or(settings.encryption_algorithm.as_ref());
            algorithm.map(|algorithm| &algorithm.origin)
        },
    }
    certificate_validity: text = "certificateValidityPeriod" {
        flag: Some("--certificate-validity-period"),
        default: Fallback::Value(DEFAULT_VALIDITY),
        show: |cluster| one(&cluster.certificate_validity),
    }
    ca_certificate_validity: text = "caCertificateValidityPeriod" {
        flag: Some("--ca-certificate-validity-period"),
        default: Fallback::Value(DEFAULT_CA_VALIDITY),
        show: |cluster| one(&cluster.ca_certificate_validity),
    }
    public_keys_ecdsa: text = "featureGates.PublicKeysECDSA" {}
}

fn one(value: &impl ToString) -> Option<Vec<String>> {
    Some(vec![value.to_string()])
}

pub(super) fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Returns SANs as a configuration spells them.
pub(super) fn san_texts(sans: &[San]) -> Vec<String> {
    sans.iter()
        .map(|san| match san {
            San::Dns(name) => name.clone(),
            San::Ip(address) => address.to_string(),
        })
        .collect()
}

fn local_sans(cluster: &Cluster, sans: &[San]) -> Option<Vec<String>> {
    match cluster.etcd {
        Etcd::Local => Some(san_texts(sans)),
        Etcd::External(_) => None,
    }
}

impl Settings {
    /// Returns whether an advertise address is declared that is not a wildcard.
    pub(super) fn declares_address(&self) -> bool {
        let address = self.advertise_address.as_ref();
        address.is_some_and(|address| {
            !matches!(address.value.parse::<std::net::IpAddr>(), Ok(ip) if ip.is_unspecified())
        })
    }
}
