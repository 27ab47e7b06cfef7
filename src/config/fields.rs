//! The table of configuration fields: how each is spelled, which flag overrides it, its default, and how it is shown.
//!
//! The flags, `pki config show`, merging and the origin of values all follow this table. What a value means is in
//! `values`.

use std::time::Duration;

use super::cluster::{Cluster, Etcd, host_port};
use super::problem::{Origin, Setting};
use super::settings::Settings;
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

/// A field of the configuration.
pub struct Field {
    /// The path in the documents of `v1beta4`.
    pub path: &'static str,
    /// Whether `v1beta3` and older have it, with the same path.
    pub in_v1beta3: bool,
    /// The command-line flag that overrides it.
    pub flag: Option<&'static str>,
    /// The value where nothing declares it.
    pub default: Fallback,
    /// Returns the values that `config show` prints; nothing where the field is not shown.
    pub show: fn(&Cluster) -> Option<Vec<String>>,
    /// Returns where settings declare it.
    pub origin: fn(&Settings) -> Option<&Origin>,
    /// Fills it from the second settings where the first declare nothing.
    pub merge: fn(&mut Settings, &mut Settings),
    /// Declares it with the values of its flag.
    pub declare: fn(&mut Settings, Vec<Setting<String>>),
}

/// The value of a field that nothing declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// kubeadm's default.
    Value(&'static str),
    /// The host's own.
    Host,
    /// None.
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

/// The accessors of a field whose setting is a text, a list or a presence.
macro_rules! access {
    (text $name:ident) => {
        access!(
            $name,
            |settings| settings.$name.as_ref().map(|setting| &setting.origin),
            |settings, values| settings.$name = values.into_iter().next()
        )
    };
    (list $name:ident) => {
        access!(
            $name,
            |settings| Some(&settings.$name.as_ref()?.first()?.origin),
            |settings, values| settings.$name = Some(values)
        )
    };
    (presence $name:ident) => {
        access!(
            $name,
            |settings| settings.$name.as_ref().map(|setting| &setting.origin),
            |_, _| {}
        )
    };
    ($name:ident, $origin:expr, $declare:expr) => {
        Field {
            path: "",
            in_v1beta3: true,
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

/// The fields, in the order of kubeadm's documents.
pub const FIELDS: &[Field] = &[
    Field {
        path: "localAPIEndpoint.advertiseAddress",
        flag: Some("--apiserver-advertise-address"),
        default: Fallback::Host,
        show: |cluster| one(&cluster.advertise_address),
        origin: |settings| {
            let declared = settings.advertise_address.as_ref();
            let declared = declared.filter(|_| settings.declares_address());
            declared.map(|address| &address.origin)
        },
        ..access!(text advertise_address)
    },
    Field {
        path: "localAPIEndpoint.bindPort",
        flag: Some("--apiserver-bind-port"),
        default: Fallback::Value(DEFAULT_BIND_PORT),
        show: |cluster| one(&cluster.bind_port),
        ..access!(text bind_port)
    },
    Field {
        path: "nodeRegistration.name",
        flag: Some("--node-name"),
        default: Fallback::Host,
        show: |cluster| one(&cluster.node_name),
        ..access!(text node_name)
    },
    Field {
        path: "nodeRegistration.kubeletExtraArgs.cert-dir",
        show: |cluster| one(&cluster.kubelet_cert_dir.as_ref()?.display()),
        ..access!(text kubelet_cert_dir)
    },
    Field {
        path: "clusterName",
        flag: Some("--cluster-name"),
        default: Fallback::Value(DEFAULT_CLUSTER_NAME),
        show: |cluster| one(&cluster.cluster_name),
        ..access!(text cluster_name)
    },
    Field {
        path: "certificatesDir",
        flag: Some("--cert-dir"),
        default: Fallback::Value(DEFAULT_CERTIFICATES_DIR),
        show: |cluster| one(&cluster.certificates_dir.display()),
        ..access!(text certificates_dir)
    },
    Field {
        path: "controlPlaneEndpoint",
        flag: Some("--control-plane-endpoint"),
        show: |cluster| {
            let endpoint = cluster.control_plane_endpoint.iter();
            Some(
                endpoint
                    .map(|it| host_port(&it.host_text, it.port))
                    .collect(),
            )
        },
        ..access!(text control_plane_endpoint)
    },
    Field {
        path: "networking.serviceSubnet",
        flag: Some("--service-cidr"),
        default: Fallback::Value(DEFAULT_SERVICE_SUBNET),
        show: |cluster| Some(texts(&cluster.service_subnets)),
        ..access!(text service_subnet)
    },
    Field {
        path: "networking.dnsDomain",
        flag: Some("--service-dns-domain"),
        default: Fallback::Value(DEFAULT_DNS_DOMAIN),
        show: |cluster| one(&cluster.dns_domain),
        ..access!(text dns_domain)
    },
    Field {
        path: "apiServer.certSANs",
        flag: Some("--apiserver-cert-extra-sans"),
        show: |cluster| Some(san_texts(&cluster.apiserver_sans)),
        ..access!(list apiserver_cert_sans)
    },
    Field {
        path: "etcd",
        show: |cluster| match cluster.etcd {
            Etcd::Local => one(&"local"),
            Etcd::External(_) => one(&"external"),
        },
        origin: |settings| {
            let external = settings.etcd_external.as_ref().map(|etcd| &etcd.origin);
            external.or(settings.etcd_local.as_ref().map(|etcd| &etcd.origin))
        },
        ..access!(presence etcd_local)
    },
    Field {
        path: "etcd.local.dataDir",
        ..access!(text etcd_data_dir)
    },
    Field {
        path: "etcd.local.serverCertSANs",
        show: |cluster| local_sans(cluster, &cluster.etcd_server_sans),
        ..access!(list etcd_server_cert_sans)
    },
    Field {
        path: "etcd.local.peerCertSANs",
        show: |cluster| local_sans(cluster, &cluster.etcd_peer_sans),
        ..access!(list etcd_peer_cert_sans)
    },
    Field {
        path: "etcd.external.endpoints",
        show: |cluster| match &cluster.etcd {
            Etcd::Local => None,
            Etcd::External(external) => Some(external.endpoints.clone()),
        },
        origin: |settings| {
            let endpoints = settings.etcd_external.as_ref()?.value.endpoints.as_ref();
            Some(&endpoints?.first()?.origin)
        },
        // All fields of an external etcd are taken together.
        ..access!(presence etcd_external)
    },
    Field {
        path: "encryptionAlgorithm",
        in_v1beta3: false,
        flag: Some("--encryption-algorithm"),
        default: Fallback::Value("RSA-2048"),
        show: |cluster| one(&cluster.algorithm.unwrap_or(DEFAULT_ALGORITHM)),
        origin: |settings| {
            let gate = settings.public_keys_ecdsa.as_ref();
            let algorithm = gate.or(settings.encryption_algorithm.as_ref());
            algorithm.map(|algorithm| &algorithm.origin)
        },
        ..access!(text encryption_algorithm)
    },
    Field {
        path: "certificateValidityPeriod",
        in_v1beta3: false,
        flag: Some("--certificate-validity-period"),
        default: Fallback::Value(DEFAULT_VALIDITY),
        show: |cluster| one(&cluster.certificate_validity),
        ..access!(text certificate_validity)
    },
    Field {
        path: "caCertificateValidityPeriod",
        in_v1beta3: false,
        flag: Some("--ca-certificate-validity-period"),
        default: Fallback::Value(DEFAULT_CA_VALIDITY),
        show: |cluster| one(&cluster.ca_certificate_validity),
        ..access!(text ca_certificate_validity)
    },
    Field {
        path: "featureGates.PublicKeysECDSA",
        ..access!(text public_keys_ecdsa)
    },
];

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
