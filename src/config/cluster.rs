//! The cluster as its certificates need it: validated, defaulted, nothing left open.
//!
//! [`Cluster::resolve`] is the only way from [`Settings`] to a [`Cluster`]; whoever holds one need not check it. The rules
//! of kubeadm 1.36 (`apis/kubeadm/validation/validation.go`) apply, and are stricter where kubeadm would make a
//! certificate that is useless: no validity of zero, no host bits in a subnet, no name that a verifier refuses.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::document::MOST_FINDINGS;
use super::problem::{Declared, Origin, Problem, Problems};
use super::san::{parse_san, unreachable_kind};
use super::settings::{ExternalEtcdSettings, Settings};
use super::values::{
    SERVICE_PREFIX, absolute_path, algorithm, boolean, cluster_name, dns_domain, endpoint,
    etcd_url, node_name, port, service_subnets, validity,
};
use crate::catalog::{SanRule, Server};
use crate::util::duration;
use crate::util::escape::quote;
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
    pub certificate_validity: Duration,
    /// How long a CA is valid.
    pub ca_certificate_validity: Duration,
    /// The directory of certificates and keys; absolute.
    pub certificates_dir: PathBuf,
    /// The kubelet's directory for its own certificates, where it is told to use another than its default; absolute.
    pub kubelet_cert_dir: Option<PathBuf>,
}

/// The control-plane endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host, as a SAN.
    pub host: San,
    /// The host as typed, a name in lower case: what stands in the URL.
    pub host_text: String,
    /// The port; the bind port where none was declared.
    pub port: u16,
}

/// Where etcd runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Etcd {
    /// Beside the API server, with certificates of its own.
    Local,
    /// Elsewhere, with certificates that are none of this tree's.
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

/// Facts that the caller detected, used only where the settings do not declare them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The host name.
    pub node_name: Option<String>,
    /// The address of the interface that has the default route.
    pub advertise_address: Option<IpAddr>,
}

/// A cluster, and what in its configuration is worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The cluster.
    pub cluster: Cluster,
    /// Declared values that are legal but not what they seem.
    pub warnings: Vec<Problem>,
}

const DEFAULT_CLUSTER_NAME: &str = "kubernetes";
const DEFAULT_BIND_PORT: u16 = 6443;
/// kubeadm's default for `networking.serviceSubnet`.
pub const DEFAULT_SERVICE_SUBNET: &str = "10.96.0.0/12";
const DEFAULT_DNS_DOMAIN: &str = "cluster.local";
/// kubeadm's default for `certificatesDir`.
pub const DEFAULT_CERTIFICATES_DIR: &str = "/etc/kubernetes/pki";
/// kubeadm's default for `certificateValidityPeriod`.
pub const DEFAULT_CERTIFICATE_VALIDITY: Duration = Duration::from_secs(8760 * 60 * 60);
/// kubeadm's default for `caCertificateValidityPeriod`.
pub const DEFAULT_CA_CERTIFICATE_VALIDITY: Duration = Duration::from_secs(87600 * 60 * 60);

impl Cluster {
    /// Adds kubeadm's defaults and the host's facts to `settings`, and judges the whole.
    pub fn resolve(settings: Settings, host: &Host) -> Result<Resolved, Problems> {
        let mut judge = Judge::default();
        let node_name = judge.node_name(settings.node_name, host);
        let advertise_address = judge.advertise_address(settings.advertise_address.as_ref(), host);
        let bind_port = judge
            .value(settings.bind_port.as_ref(), port)
            .unwrap_or(DEFAULT_BIND_PORT);
        let service_subnets = judge.service_subnets(settings.service_subnet.as_ref());
        if let (Some(address), Some(subnets)) = (advertise_address, &service_subnets) {
            let origin = settings.service_subnet.as_ref().map(|s| &s.origin);
            judge.family(address, subnets, origin);
        }
        let algorithm = judge.algorithm(
            settings.encryption_algorithm.as_ref(),
            settings.public_keys_ecdsa.as_ref(),
        );
        let certificate_validity = judge.validity(
            settings.certificate_validity.as_ref(),
            DEFAULT_CERTIFICATE_VALIDITY,
        );
        let ca_certificate_validity = judge.validity(
            settings.ca_certificate_validity.as_ref(),
            DEFAULT_CA_CERTIFICATE_VALIDITY,
        );
        if certificate_validity > ca_certificate_validity {
            // At least one of the two was declared, for the defaults are in order.
            let declared = settings.certificate_validity.as_ref();
            if let Some(declared) = declared.or(settings.ca_certificate_validity.as_ref()) {
                let message = format!(
                    "leaves are asked to be valid for {}, longer than their CA with {}; they will end with their CA",
                    duration::format(certificate_validity),
                    duration::format(ca_certificate_validity)
                );
                judge.warning(&declared.origin, message);
            }
        }
        judge.value(settings.etcd_data_dir.as_ref(), absolute_path);
        let etcd = judge.etcd(
            settings.etcd_local.as_ref(),
            settings.etcd_external.as_ref(),
        );
        let cluster_name = judge
            .value(settings.cluster_name.as_ref(), cluster_name)
            .unwrap_or_else(|| DEFAULT_CLUSTER_NAME.to_owned());
        let control_plane_endpoint = judge
            .value(settings.control_plane_endpoint.as_ref(), endpoint)
            .map(|(host, host_text, port)| Endpoint {
                host,
                host_text,
                port: port.unwrap_or(bind_port),
            });
        let dns_domain = judge
            .value(settings.dns_domain.as_ref(), dns_domain)
            .unwrap_or_else(|| DEFAULT_DNS_DOMAIN.to_owned());
        let certificates_dir = judge
            .value(settings.certificates_dir.as_ref(), absolute_path)
            .unwrap_or_else(|| PathBuf::from(DEFAULT_CERTIFICATES_DIR));
        let kubelet_cert_dir = judge.value(settings.kubelet_cert_dir.as_ref(), absolute_path);
        let apiserver_sans = judge.sans(settings.apiserver_cert_sans);
        let etcd_server_sans = judge.sans(settings.etcd_server_cert_sans);
        let etcd_peer_sans = judge.sans(settings.etcd_peer_cert_sans);

        match (node_name, advertise_address, service_subnets) {
            (Some(node_name), Some(advertise_address), Some(service_subnets))
                if judge.problems.is_empty() =>
            {
                let cluster = Cluster {
                    cluster_name,
                    node_name,
                    advertise_address,
                    bind_port,
                    control_plane_endpoint,
                    service_subnets,
                    dns_domain,
                    apiserver_sans,
                    etcd_server_sans,
                    etcd_peer_sans,
                    etcd,
                    algorithm,
                    certificate_validity,
                    ca_certificate_validity,
                    certificates_dir,
                    kubelet_cert_dir,
                };
                Ok(Resolved {
                    cluster,
                    warnings: judge.warnings,
                })
            }
            _ => {
                // In the order of the file, whatever the order of the rules above.
                judge.problems.sort_by_key(|problem| match problem.origin {
                    Origin::File { line, .. } => line,
                    Origin::Flag(_) | Origin::Detected(_) => 0,
                });
                if judge.problems.len() > MOST_FINDINGS {
                    judge.problems.truncate(MOST_FINDINGS);
                    let rest =
                        "the configuration has more than these problems; the others are not listed";
                    judge.problem(&Origin::Detected("note"), rest);
                }
                Err(Problems(judge.problems))
            }
        }
    }

    /// Returns the URL that a kubeconfig points at.
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

    /// Returns a certificate's SANs in kubeadm's order: DNS names sorted, then addresses as first named; none twice.
    pub fn sans(&self, rule: SanRule) -> Vec<San> {
        let name = |name: &str| San::Dns(name.to_owned());
        // Some clusters name their nodes by their addresses; in a dNSName no verifier would look for one.
        let node = match self.node_name.parse() {
            Ok(address) => San::Ip(address),
            Err(_) => name(&self.node_name),
        };
        let mut sans = match rule {
            SanRule::Empty => return Vec::new(),
            SanRule::ApiServer => vec![
                node,
                name("kubernetes"),
                name("kubernetes.default"),
                name("kubernetes.default.svc"),
                San::Dns(format!("{SERVICE_PREFIX}{}", self.dns_domain)),
            ],
            SanRule::EtcdServer | SanRule::EtcdPeer => {
                vec![node, name("localhost")]
            }
        };
        match rule {
            SanRule::Empty => {}
            SanRule::ApiServer => {
                // Only the first network counts: the `kubernetes` service has one address.
                sans.extend(self.service_subnets.first().map(first_address).map(San::Ip));
                sans.push(San::Ip(self.advertise_address));
                sans.extend(self.control_plane_endpoint.iter().map(|e| e.host.clone()));
                sans.extend_from_slice(&self.apiserver_sans);
            }
            SanRule::EtcdServer | SanRule::EtcdPeer => {
                sans.push(San::Ip(self.advertise_address));
                sans.push(San::Ip(std::net::Ipv4Addr::LOCALHOST.into()));
                sans.push(San::Ip(std::net::Ipv6Addr::LOCALHOST.into()));
                sans.extend_from_slice(match rule {
                    SanRule::EtcdServer => &self.etcd_server_sans,
                    _ => &self.etcd_peer_sans,
                });
            }
        }
        in_certificate_order(sans)
    }
}

/// Returns `host:port`, an IPv6 address in brackets.
pub(super) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Returns the address of the `kubernetes` service: the one after the network's own.
pub fn first_address(network: &IpNet) -> IpAddr {
    match network.network() {
        IpAddr::V4(base) => IpAddr::V4(base.to_bits().wrapping_add(1).into()),
        IpAddr::V6(base) => IpAddr::V6(base.to_bits().wrapping_add(1).into()),
    }
}

fn in_certificate_order(sans: Vec<San>) -> Vec<San> {
    let (mut names, addresses): (Vec<San>, Vec<San>) =
        sans.into_iter().partition(|san| matches!(san, San::Dns(_)));
    names.sort();
    names.dedup();
    let mut seen = HashSet::new();
    names.extend(addresses.into_iter().filter(|san| seen.insert(san.clone())));
    names
}

/// Collects what is wrong while a cluster is put together.
#[derive(Default)]
struct Judge {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Judge {
    fn problem(&mut self, origin: &Origin, message: impl Into<String>) {
        self.problems.push(Problem {
            origin: origin.clone(),
            message: message.into(),
        });
    }

    fn warning(&mut self, origin: &Origin, message: String) {
        self.warnings.push(Problem {
            origin: origin.clone(),
            message,
        });
    }

    /// Returns what `parse` makes of a declared value; `None` if it is absent or wrong.
    fn value<T>(
        &mut self,
        declared: Option<&Declared<String>>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Declared { value, origin } = declared?;
        let result = match value.is_empty() {
            true => Err("is empty".to_owned()),
            false => parse(value),
        };
        result.map_err(|message| self.problem(origin, message)).ok()
    }

    fn node_name(&mut self, declared: Option<Declared<String>>, host: &Host) -> Option<String> {
        let detected = Origin::Detected("host name");
        let name = declared.or_else(|| {
            host.node_name.clone().map(|value| Declared {
                value,
                origin: detected.clone(),
            })
        });
        if name.is_none() {
            self.problem(
                &detected,
                "not known; give `--node-name` or `nodeRegistration.name`",
            );
        }
        self.value(name.as_ref(), node_name)
    }

    fn advertise_address(
        &mut self,
        declared: Option<&Declared<String>>,
        host: &Host,
    ) -> Option<IpAddr> {
        let (address, origin) = match declared {
            Some(declared) => {
                let address = self.value(Some(declared), |text| {
                    text.parse::<IpAddr>()
                        .map(|address| address.to_canonical())
                        .map_err(|_| format!("{} is not an IP address", quote(text)))
                })?;
                (address, declared.origin.clone())
            }
            None => (UNSPECIFIED, Origin::Detected("advertise address")),
        };
        // kubeadm, too, takes the unspecified addresses for the wish to detect one.
        let (address, origin) = match (address.is_unspecified(), host.advertise_address) {
            (false, _) => (address, origin),
            (true, Some(detected)) => (
                detected.to_canonical(),
                Origin::Detected("detected advertise address"),
            ),
            (true, None) => {
                self.problem(
                    &Origin::Detected("advertise address"),
                    "no default route; give `--apiserver-advertise-address` or `localAPIEndpoint.advertiseAddress`",
                );
                return None;
            }
        };
        let link_local = match address {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        if let Some(kind) = unreachable_kind(address) {
            self.problem(&origin, format!("`{address}` is {kind}"));
            return None;
        }
        if link_local {
            let why = match address.is_ipv4() {
                true => "is not routed",
                false => "needs a zone to be reached",
            };
            let message = format!("`{address}` is a link-local address, which {why}");
            self.problem(&origin, message);
            return None;
        }
        if address.is_loopback() {
            let message =
                format!("`{address}` is a loopback address, which no other host can reach");
            self.warning(&origin, message);
        }
        Some(address)
    }

    fn service_subnets(&mut self, declared: Option<&Declared<String>>) -> Option<Vec<IpNet>> {
        match declared {
            Some(declared) => self.value(Some(declared), service_subnets),
            None => service_subnets(DEFAULT_SERVICE_SUBNET).ok(),
        }
    }

    /// Refuses a first service subnet of the other family: kube-apiserver does not start with it
    /// (`pkg/controlplane/apiserver/options/validation.go`).
    fn family(&mut self, address: IpAddr, subnets: &[IpNet], origin: Option<&Origin>) {
        let of_family = |subnet: &IpNet| subnet.network().is_ipv4() == address.is_ipv4();
        if subnets.first().is_none_or(of_family) {
            return;
        }
        let wanted = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let advice = if subnets.iter().any(of_family) {
            "swap the two"
        } else {
            "give one of that family first"
        };
        let message = format!(
            "the first service subnet must be {wanted}, as the advertise address `{address}` is; {advice}"
        );
        self.problem(
            origin.unwrap_or(&Origin::Detected("default service subnet")),
            message,
        );
    }

    fn algorithm(
        &mut self,
        declared: Option<&Declared<String>>,
        gate: Option<&Declared<String>>,
    ) -> Option<Algorithm> {
        let algorithm = self.value(declared, algorithm);
        let Some(gate) = gate else {
            return algorithm;
        };
        let by_gate = match self.value(Some(gate), boolean)? {
            true => Algorithm::EcdsaP256,
            false => Algorithm::Rsa2048,
        };
        let instead = match algorithm {
            Some(named) if named != by_gate => format!(" instead of {named}"),
            _ => String::new(),
        };
        self.warning(
            &gate.origin,
            format!("this deprecated gate sets the algorithm to {by_gate}{instead}; use `encryptionAlgorithm`"),
        );
        Some(by_gate)
    }

    fn validity(&mut self, declared: Option<&Declared<String>>, default: Duration) -> Duration {
        let Some(declared) = declared else {
            return default;
        };
        let Some(validity) = self.value(Some(declared), validity) else {
            return default;
        };
        if validity > default {
            let message = format!(
                "{} is longer than kubeadm's default of {}",
                quote(&declared.value),
                duration::format(default)
            );
            self.warning(&declared.origin, message);
        }
        validity
    }

    fn sans(&mut self, declared: Option<Vec<Declared<String>>>) -> Vec<San> {
        let mut sans = Vec::new();
        for Declared { value, origin } in declared.unwrap_or_default() {
            match parse_san(&value) {
                Ok(san) => sans.push(san),
                Err(message) => self.problem(&origin, message),
            }
        }
        sans
    }

    fn etcd(
        &mut self,
        local: Option<&Declared<()>>,
        external: Option<&Declared<ExternalEtcdSettings>>,
    ) -> Etcd {
        let Some(Declared { value, origin }) = external else {
            return Etcd::Local;
        };
        if local.is_some() {
            self.problem(
                origin,
                "etcd is declared both `local` and `external`; choose one",
            );
        }
        let mut path = |file: &Option<Declared<String>>| self.value(file.as_ref(), absolute_path);
        let (ca_file, cert_file, key_file) = (
            path(&value.ca_file),
            path(&value.cert_file),
            path(&value.key_file),
        );
        let pair = (value.cert_file.is_some(), value.key_file.is_some());
        if pair.0 != pair.1 {
            self.problem(origin, "`certFile` and `keyFile` must be given together");
        } else if pair.0 && value.ca_file.is_none() {
            self.problem(origin, "`certFile` and `keyFile` need a `caFile`");
        }
        let tls = value.ca_file.is_some() || pair.0 || pair.1;
        let endpoints = self.urls(value.endpoints.as_deref(), |text| etcd_url(text, tls));
        // No certificate tells which URLs an etcd that was found to be elsewhere has, and none depends on them.
        let is_inferred = matches!(origin, Origin::Detected(_));
        if !is_inferred && value.endpoints.as_ref().is_none_or(Vec::is_empty) {
            self.problem(origin, "an external etcd needs at least one of `endpoints`");
        }
        let http_endpoints = self.urls(value.http_endpoints.as_deref(), |text| {
            etcd_url(text, false)
        });
        Etcd::External(ExternalEtcd {
            endpoints,
            http_endpoints,
            ca_file,
            cert_file,
            key_file,
        })
    }

    fn urls(
        &mut self,
        declared: Option<&[Declared<String>]>,
        parse: impl Fn(&str) -> Result<String, String>,
    ) -> Vec<String> {
        declared
            .unwrap_or_default()
            .iter()
            .filter_map(|url| self.value(Some(url), &parse))
            .collect()
    }
}

const UNSPECIFIED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests;
