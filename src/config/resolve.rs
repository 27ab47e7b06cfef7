//! Turns settings into a [`Cluster`]: adds kubeadm's defaults and the host's facts, and checks everything.
//!
//! The rules are those of kubeadm 1.36 (`apis/kubeadm/validation/validation.go`). Some values that kubeadm accepts are
//! refused, because they would make a useless certificate: one that is never valid, or has a name that verifiers refuse.
//! Values that a cluster runs with, such as host bits in a service subnet or a long node name, only cause a warning.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::cluster::{Cluster, DeclaredCluster, Endpoint, Etcd, ExternalEtcd, Host, Resolved};
use super::fields;
use super::kubeadm::MAX_LISTED;
use super::names::{parse_san, unreachable_kind};
use super::problem::{Origin, Problem, Problems, Setting};
use super::settings::{ExternalEtcdSettings, Settings};
use super::values::{
    MAX_COMMON_NAME, absolute_path, algorithm, boolean, certificates_dir, cluster_name, dns_domain,
    endpoint, etcd_url, ip_address, node_name, not_a_key, port, service_subnets, validity,
};
use crate::catalog::NODE_USER_PREFIX;
use crate::util::duration::Period;
use crate::util::secret::quote;
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

impl Cluster {
    /// Adds kubeadm's defaults and the host's facts to `settings`, and checks the whole; all problems are returned
    /// together.
    pub fn resolve(settings: Settings, host: &Host) -> Result<Resolved, Problems> {
        let mut resolver = Resolver::default();
        let cluster = resolver.cluster(&settings, host);
        let Resolver {
            mut problems,
            warnings,
        } = resolver;
        if problems.is_empty() {
            return Ok(Resolved { cluster, warnings });
        }
        // The checks above do not run in the order of the file.
        problems.sort_by_key(Problem::line);
        if problems.len() > MAX_LISTED {
            problems.truncate(MAX_LISTED);
            problems.push(Problem {
                origin: Origin::Host("note"),
                message: format!(
                    "there are more than {MAX_LISTED} problems; the others are not listed"
                ),
            });
        }
        Err(Problems(problems))
    }

    /// As [`Cluster::resolve`], for settings that need not have the node's name and address. The machine is not asked for them.
    ///
    /// # Errors
    /// As [`Cluster::resolve`].
    pub fn resolve_declared(settings: Settings) -> Result<DeclaredCluster, Problems> {
        let placeholder = |what: &'static str, value: &str| {
            Some(Setting {
                value: value.to_owned(),
                origin: Origin::Host(what),
            })
        };
        let is_ipv6 = |subnets: &Setting<String>| {
            let first = subnets.value.split(',').next();
            first.is_some_and(|first| first.contains(':'))
        };
        let address = match settings.service_subnet.as_ref().is_some_and(is_ipv6) {
            true => "::1",
            false => "127.0.0.1",
        };
        let placeholders = Settings {
            node_name: placeholder("node name", "localhost"),
            advertise_address: placeholder("advertise address", address),
            ..Settings::default()
        };
        let (has_node_name, has_address) =
            (settings.node_name.is_some(), settings.declares_address());
        let resolved = Cluster::resolve(settings.or(placeholders), &Host::default())?;
        Ok(DeclaredCluster {
            cluster: resolved.cluster,
            has_node_name,
            has_address,
        })
    }
}

/// Collects problems and warnings while it builds a cluster.
#[derive(Default)]
struct Resolver {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Resolver {
    /// Returns the cluster. A wrong value is replaced by an arbitrary one, because `resolve` then returns the problems
    /// instead of the cluster.
    fn cluster(&mut self, settings: &Settings, host: &Host) -> Cluster {
        let node_name = self.node_name(settings, host).unwrap_or_default();
        let address = self.advertise_address(settings, host);
        let bind_port = self.bind_port(settings);
        let service_subnets = self.service_subnets(settings, address);
        let algorithm = self.algorithm(settings);
        let (certificate_validity, ca_certificate_validity) = self.validities(settings);
        self.value(&settings.etcd_data_dir, absolute_path);
        let etcd = self.etcd(settings);
        let name = &settings.cluster_name;
        let cluster_name = self.or_default(name, fields::DEFAULT_CLUSTER_NAME, cluster_name);
        let endpoint = self.value(&settings.control_plane_endpoint, endpoint);
        let domain = &settings.dns_domain;
        let dns_domain = self.or_default(domain, fields::DEFAULT_DNS_DOMAIN, dns_domain);
        let directory = &settings.certificates_dir;
        let default = fields::DEFAULT_CERTIFICATES_DIR;
        let certificates_dir = self.or_default(directory, default, certificates_dir);
        Cluster {
            cluster_name,
            node_name,
            advertise_address: address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            bind_port,
            control_plane_endpoint: endpoint.map(|(host, host_text, port)| Endpoint {
                host,
                host_text,
                port: port.unwrap_or(bind_port),
            }),
            service_subnets,
            dns_domain,
            kubelet_cert_dir: self.value(&settings.kubelet_cert_dir, absolute_path),
            apiserver_sans: self.sans(&settings.apiserver_cert_sans),
            etcd_server_sans: self.sans(&settings.etcd_server_cert_sans),
            etcd_peer_sans: self.sans(&settings.etcd_peer_cert_sans),
            etcd,
            algorithm,
            certificate_validity,
            ca_certificate_validity,
            certificates_dir,
        }
    }

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

    /// Parses a setting; returns nothing if it is absent or wrong.
    fn value<T>(
        &mut self,
        setting: &Option<Setting<String>>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Setting { value, origin } = setting.as_ref()?;
        let result = match value.is_empty() {
            true => Err("is empty".to_owned()),
            // A wrong value has a better message, which does not show a key either.
            false => parse(value).and_then(|parsed| not_a_key(value).map(|()| parsed)),
        };
        result.map_err(|message| self.problem(origin, message)).ok()
    }

    /// Parses a setting, or the default if the setting is absent.
    fn or_default<T: Default>(
        &mut self,
        setting: &Option<Setting<String>>,
        default: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let value = match setting {
            Some(_) => self.value(setting, parse),
            None => parse(default).ok(),
        };
        value.unwrap_or_default()
    }

    fn node_name(&mut self, settings: &Settings, host: &Host) -> Option<String> {
        let origin = Origin::Host("host name");
        let setting = match (&settings.node_name, &host.node_name) {
            (Some(setting), _) => setting.clone(),
            (None, Some(value)) => Setting {
                value: value.clone(),
                origin,
            },
            (None, None) => {
                let message = "not known; give `--node-name` or `nodeRegistration.name`";
                self.problem(&origin, message);
                return None;
            }
        };
        let origin = setting.origin.clone();
        let name = self.value(&Some(setting), node_name)?;
        let length = NODE_USER_PREFIX.len() + name.len();
        if length > MAX_COMMON_NAME {
            let message = format!(
                "{} makes the kubelet's common name `{NODE_USER_PREFIX}...` {length} characters long; Kubernetes accepts it, but RFC 5280 allows {MAX_COMMON_NAME}, and OpenSSL refuses longer ones",
                quote(&name)
            );
            self.warning(&origin, message);
        }
        Some(name)
    }

    fn advertise_address(&mut self, settings: &Settings, host: &Host) -> Option<IpAddr> {
        let declared = match &settings.advertise_address {
            Some(Setting { origin, .. }) => {
                let address = self.value(&settings.advertise_address, ip_address)?;
                Some((address, origin))
            }
            None => None,
        };
        let (address, origin) = match declared {
            Some((address, origin)) if !address.to_canonical().is_unspecified() => {
                (address, origin)
            }
            wildcard => {
                let wildcard = wildcard.map(|(address, _)| address);
                let Some(detected) = detected_address(wildcard, host) else {
                    let message = "no default route; give `--apiserver-advertise-address` or `localAPIEndpoint.advertiseAddress`";
                    self.problem(&Origin::Host("advertise address"), message);
                    return None;
                };
                (detected, &Origin::Host("detected advertise address"))
            }
        };
        let address = address.to_canonical();
        if let Some(reason) = unusable_address(address) {
            self.problem(origin, format!("`{address}` is {reason}"));
            return None;
        }
        if address.is_loopback() {
            let message =
                format!("`{address}` is a loopback address, which no other host can reach");
            self.warning(origin, message);
        }
        Some(address)
    }

    fn bind_port(&mut self, settings: &Settings) -> u16 {
        match &settings.bind_port {
            // Cluster API writes 0 for the default.
            Some(setting) if setting.value == "0" => {
                let message = format!("0 means the default, {}", fields::DEFAULT_BIND_PORT);
                self.warning(&setting.origin, message);
                self.or_default(&None, fields::DEFAULT_BIND_PORT, port)
            }
            setting => self.or_default(setting, fields::DEFAULT_BIND_PORT, port),
        }
    }

    fn service_subnets(&mut self, settings: &Settings, address: Option<IpAddr>) -> Vec<IpNet> {
        let setting = &settings.service_subnet;
        let typed = self.or_default(setting, fields::DEFAULT_SERVICE_SUBNET, service_subnets);
        let default = Origin::Default("default service subnet");
        let origin = setting.as_ref().map_or(&default, |setting| &setting.origin);
        let subnets: Vec<_> = typed.iter().map(IpNet::trunc).collect();
        for (typed, subnet) in typed.iter().zip(&subnets) {
            if typed != subnet {
                let message = format!("`{typed}` has host bits set; the network is `{subnet}`");
                self.warning(origin, message);
            }
        }
        if let Some(address) = address {
            self.family(address, &subnets, origin);
        }
        subnets
    }

    /// Refuses a first service subnet of the other address family: kube-apiserver does not start with it
    /// (`pkg/controlplane/apiserver/options/validation.go`).
    fn family(&mut self, address: IpAddr, subnets: &[IpNet], origin: &Origin) {
        let of_family = |subnet: &IpNet| subnet.network().is_ipv4() == address.is_ipv4();
        if subnets.first().is_none_or(of_family) {
            return;
        }
        let wanted = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let advice = match subnets.iter().any(of_family) {
            true => "swap the two subnets",
            false => "put a subnet of that family first",
        };
        let message = format!(
            "the first service subnet must be {wanted}, like the advertise address `{address}`; {advice}"
        );
        self.problem(origin, message);
    }

    fn algorithm(&mut self, settings: &Settings) -> Option<Algorithm> {
        let algorithm = self.value(&settings.encryption_algorithm, algorithm);
        let Some(gate) = &settings.public_keys_ecdsa else {
            return algorithm;
        };
        let of_gate = match self.value(&settings.public_keys_ecdsa, boolean)? {
            true => Algorithm::EcdsaP256,
            false => Algorithm::Rsa2048,
        };
        let instead = match algorithm {
            Some(named) if named != of_gate => format!(" instead of {named}"),
            _ => String::new(),
        };
        let message = format!(
            "this deprecated gate sets the algorithm to {of_gate}{instead}; use `encryptionAlgorithm`"
        );
        self.warning(&gate.origin, message);
        Some(of_gate)
    }

    /// Returns how long leaves and CAs are valid.
    fn validities(&mut self, settings: &Settings) -> (Period, Period) {
        let declared = [
            &settings.certificate_validity,
            &settings.ca_certificate_validity,
        ];
        let leaf = self.validity(declared[0], fields::DEFAULT_VALIDITY);
        let ca = self.validity(declared[1], fields::DEFAULT_CA_VALIDITY);
        if leaf.length() > ca.length()
            && let Some(setting) = declared.into_iter().flatten().next()
        {
            let message = format!(
                "leaf certificates would be valid for {leaf}, longer than their CA ({ca}); they will end with the CA"
            );
            self.warning(&setting.origin, message);
        }
        (leaf, ca)
    }

    fn validity(&mut self, setting: &Option<Setting<String>>, default: &str) -> Period {
        let period = self.or_default(setting, default, validity);
        if let Some(setting) = setting
            && validity(default).is_ok_and(|default| period.length() > default.length())
        {
            let message = format!("`{period}` is longer than kubeadm's default of {default}");
            self.warning(&setting.origin, message);
        }
        period
    }

    fn sans(&mut self, declared: &Option<Vec<Setting<String>>>) -> Vec<San> {
        let declared = declared.as_deref().unwrap_or_default();
        let mut sans = Vec::new();
        for Setting { value, origin } in declared {
            match parse_san(value).and_then(|san| not_a_key(value).map(|()| san)) {
                Ok(san) => sans.push(san),
                Err(message) => self.problem(origin, message),
            }
        }
        let distinct: HashSet<_> = sans.iter().collect();
        let bytes: usize = distinct.iter().map(|san| encoded_length(san)).sum();
        if bytes > MAX_SAN_BYTES
            && let Some(first) = declared.first()
        {
            let message = format!(
                "has {} names and addresses, which take {bytes} bytes in a certificate; at most {MAX_SAN_BYTES} fit",
                distinct.len()
            );
            self.problem(&list_origin(&first.origin), message);
        }
        sans
    }

    fn etcd(&mut self, settings: &Settings) -> Etcd {
        let Some(Setting { value, origin }) = &settings.etcd_external else {
            return Etcd::Local;
        };
        if settings.etcd_local.is_some() {
            let message = "etcd is declared both `local` and `external`; choose one";
            self.problem(origin, message);
        }
        let (ca_file, cert_file, key_file) = self.etcd_files(value, origin);
        let has_files = [&value.ca_file, &value.cert_file, &value.key_file];
        let has_files = has_files.into_iter().any(Option::is_some);
        let endpoints = self.urls(&value.endpoints, has_files);
        // The URLs of an external etcd cannot be inferred from the tree. No certificate depends on them.
        let is_inferred = matches!(origin, Origin::Tree(_));
        if !is_inferred && value.endpoints.as_ref().is_none_or(Vec::is_empty) {
            self.problem(
                origin,
                "an external etcd needs at least one entry in `endpoints`",
            );
        }
        Etcd::External(ExternalEtcd {
            endpoints,
            http_endpoints: self.urls(&value.http_endpoints, false),
            ca_file,
            cert_file,
            key_file,
        })
    }

    /// Returns the CA, certificate and key file of an external etcd.
    fn etcd_files(
        &mut self,
        etcd: &ExternalEtcdSettings,
        origin: &Origin,
    ) -> (Option<PathBuf>, Option<PathBuf>, Option<PathBuf>) {
        let files = (
            self.value(&etcd.ca_file, absolute_path),
            self.value(&etcd.cert_file, absolute_path),
            self.value(&etcd.key_file, absolute_path),
        );
        if etcd.cert_file.is_some() != etcd.key_file.is_some() {
            self.problem(origin, "`certFile` and `keyFile` must be given together");
        } else if etcd.cert_file.is_some() && etcd.ca_file.is_none() {
            self.problem(origin, "`certFile` and `keyFile` need a `caFile`");
        }
        files
    }

    fn urls(&mut self, declared: &Option<Vec<Setting<String>>>, https: bool) -> Vec<String> {
        let mut urls = Vec::new();
        for url in declared.iter().flatten() {
            urls.extend(self.value(&Some(url.clone()), |text| etcd_url(text, https)));
        }
        urls
    }
}

/// Returns the host's address, preferably in the family of the wildcard address that asks for it.
fn detected_address(wildcard: Option<IpAddr>, host: &Host) -> Option<IpAddr> {
    let is_wanted =
        |address: &&IpAddr| wildcard.is_none_or(|wildcard| wildcard.is_ipv4() == address.is_ipv4());
    let wanted = host.addresses.iter().find(is_wanted);
    wanted.or(host.addresses.first()).copied()
}

/// Returns the reason why an address cannot be advertised. A loopback address only causes a warning.
fn unusable_address(address: IpAddr) -> Option<&'static str> {
    unreachable_kind(address).or(match address {
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local address, which is not routed"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("a link-local address, which needs a zone to be reached")
        }
        _ => None,
    })
}

/// The most bytes of SANs in a certificate. webpki, which verifies every issued certificate, reads at most 65,535 bytes;
/// the key, the signature and the other fields take a few thousand.
const MAX_SAN_BYTES: usize = 60_000;

/// Returns the length of a SAN in a certificate.
fn encoded_length(san: &San) -> usize {
    match san {
        San::Dns(name) if name.len() < 128 => 2 + name.len(),
        San::Dns(name) => 3 + name.len(),
        San::Ip(IpAddr::V4(_)) => 2 + 4,
        San::Ip(IpAddr::V6(_)) => 2 + 16,
    }
}

/// Returns the origin of a list from the origin of an item.
fn list_origin(item: &Origin) -> Origin {
    match item.clone() {
        Origin::File { file, line, path } => {
            let path = path
                .rsplit_once('[')
                .map_or(path.as_str(), |(list, _)| list);
            let path = path.to_owned();
            Origin::File { file, line, path }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
