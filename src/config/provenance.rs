//! Where each value of a resolved configuration comes from.

use std::fmt;
use std::net::IpAddr;

use super::cluster::{Cluster, Etcd, host_port};
use super::problem::{Declared, Origin};
use super::settings::Settings;
use crate::util::duration;
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

/// What kind of source a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// A flag of the command line.
    Flag,
    /// The file of `--config`.
    File,
    /// The configuration that an earlier run recorded.
    Record,
    /// The certificates and kubeconfigs of the tree.
    Inferred,
    /// The machine that this runs on.
    Detected,
    /// kubeadm's default.
    Default,
}

/// The settings of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The source.
    pub provenance: Provenance,
    /// What it says.
    pub settings: Settings,
}

/// One field of a resolved configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's path in kubeadm's documents.
    pub path: &'static str,
    /// Its values: one, or those of a list.
    pub values: Vec<String>,
    /// The kind of its source.
    pub provenance: Provenance,
    /// The place in the source; none for a default.
    pub origin: Option<Origin>,
}

impl Layer {
    /// Takes what a source says. An unspecified advertise address is none: kubeadm, too, takes it for the wish to have one
    /// found.
    pub fn new(provenance: Provenance, mut settings: Settings) -> Layer {
        settings.advertise_address = settings.advertise_address.filter(|address| {
            !matches!(address.value.parse::<IpAddr>(), Ok(address) if address.is_unspecified())
        });
        Layer {
            provenance,
            settings,
        }
    }
}

/// Returns every field of `cluster` with the first of `layers` that declares it, in the order of kubeadm's documents.
pub fn explain(cluster: &Cluster, layers: &[Layer]) -> Vec<Field> {
    let mut fields = Fields {
        layers,
        fields: Vec::new(),
    };
    fields.host(
        "localAPIEndpoint.advertiseAddress",
        cluster.advertise_address.to_string(),
        |settings| one(&settings.advertise_address),
    );
    fields.add(
        "localAPIEndpoint.bindPort",
        [cluster.bind_port.to_string()],
        |settings| one(&settings.bind_port),
    );
    fields.host(
        "nodeRegistration.name",
        cluster.node_name.clone(),
        |settings| one(&settings.node_name),
    );
    if let Some(directory) = &cluster.kubelet_cert_dir {
        let directory = directory.display().to_string();
        let path = "nodeRegistration.kubeletExtraArgs.cert-dir";
        fields.add(
            path,
            [directory],
            |settings| one(&settings.kubelet_cert_dir),
        );
    }
    fields.add("clusterName", [cluster.cluster_name.clone()], |settings| {
        one(&settings.cluster_name)
    });
    let directory = cluster.certificates_dir.display().to_string();
    fields.add("certificatesDir", [directory], |settings| {
        one(&settings.certificates_dir)
    });
    let endpoint = cluster.control_plane_endpoint.iter();
    let endpoint = endpoint.map(|endpoint| host_port(&endpoint.host_text, endpoint.port));
    fields.add("controlPlaneEndpoint", endpoint, |settings| {
        one(&settings.control_plane_endpoint)
    });
    let subnets = cluster.service_subnets.iter().map(ToString::to_string);
    fields.add("networking.serviceSubnet", subnets, |settings| {
        one(&settings.service_subnet)
    });
    fields.add(
        "networking.dnsDomain",
        [cluster.dns_domain.clone()],
        |settings| one(&settings.dns_domain),
    );
    fields.add(
        "apiServer.certSANs",
        texts(&cluster.apiserver_sans),
        |settings| list(&settings.apiserver_cert_sans),
    );
    match &cluster.etcd {
        Etcd::Local => {
            fields.add("etcd", ["local".to_owned()], |settings| {
                one(&settings.etcd_local)
            });
            fields.add(
                "etcd.local.serverCertSANs",
                texts(&cluster.etcd_server_sans),
                |settings| list(&settings.etcd_server_cert_sans),
            );
            fields.add(
                "etcd.local.peerCertSANs",
                texts(&cluster.etcd_peer_sans),
                |settings| list(&settings.etcd_peer_cert_sans),
            );
        }
        Etcd::External(external) => {
            fields.add("etcd", ["external".to_owned()], |settings| {
                one(&settings.etcd_external)
            });
            let endpoints = external.endpoints.iter().cloned();
            fields.add("etcd.external.endpoints", endpoints, |settings| {
                list(&settings.etcd_external.as_ref()?.value.endpoints)
            });
        }
    }
    let algorithm = cluster.algorithm.unwrap_or(Algorithm::Rsa2048);
    fields.add("encryptionAlgorithm", [algorithm.to_string()], |settings| {
        one(&settings.public_keys_ecdsa).or(one(&settings.encryption_algorithm))
    });
    fields.add(
        "certificateValidityPeriod",
        [duration::format(cluster.certificate_validity)],
        |settings| one(&settings.certificate_validity),
    );
    fields.add(
        "caCertificateValidityPeriod",
        [duration::format(cluster.ca_certificate_validity)],
        |settings| one(&settings.ca_certificate_validity),
    );
    fields.fields
}

struct Fields<'a> {
    layers: &'a [Layer],
    fields: Vec<Field>,
}

impl Fields<'_> {
    fn add(
        &mut self,
        path: &'static str,
        values: impl IntoIterator<Item = String>,
        origin: impl Fn(&Settings) -> Option<&Origin>,
    ) {
        self.push(path, values, origin, Provenance::Default);
    }

    /// Adds a field that has no default but what the machine says.
    fn host(
        &mut self,
        path: &'static str,
        value: String,
        origin: impl Fn(&Settings) -> Option<&Origin>,
    ) {
        self.push(path, [value], origin, Provenance::Detected);
    }

    fn push(
        &mut self,
        path: &'static str,
        values: impl IntoIterator<Item = String>,
        origin: impl Fn(&Settings) -> Option<&Origin>,
        otherwise: Provenance,
    ) {
        let declared = self
            .layers
            .iter()
            .find_map(|layer| Some((layer.provenance, origin(&layer.settings)?)));
        let (provenance, origin) = match declared {
            Some((provenance, origin)) => (provenance, Some(origin.clone())),
            None => (otherwise, None),
        };
        self.fields.push(Field {
            path,
            values: values.into_iter().collect(),
            provenance,
            origin,
        });
    }
}

fn one<T>(declared: &Option<Declared<T>>) -> Option<&Origin> {
    declared.as_ref().map(|declared| &declared.origin)
}

fn list(declared: &Option<Vec<Declared<String>>>) -> Option<&Origin> {
    declared.as_ref()?.first().map(|first| &first.origin)
}

fn texts(sans: &[San]) -> impl Iterator<Item = String> {
    sans.iter().map(|san| match san {
        San::Dns(name) => name.clone(),
        San::Ip(address) => address.to_string(),
    })
}

impl Provenance {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Provenance::Flag => "flag",
            Provenance::File => "file",
            Provenance::Record => "record",
            Provenance::Inferred => "inferred",
            Provenance::Detected => "detected",
            Provenance::Default => "default",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
