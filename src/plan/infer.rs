//! Infers the configuration of a cluster from a tree, for commands without a configuration.
//!
//! A value from a file is used only if a configuration could declare it. The host or kubeadm's defaults supply the
//! other values.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use time::Duration;

use crate::catalog::{
    ADMIN_CONF, APISERVER, CA, CONTROLLER_MANAGER_CONF, ETCD_PEER, ETCD_SERVER, KUBELET_CONF,
    NODE_USER_PREFIX, Row, SCHEDULER_CONF, SUPER_ADMIN_CONF, Storage,
};
use crate::check::names::covers;
use crate::check::{host, identity, validity};
use crate::config::cluster::first_address;
use crate::config::fields::{
    DEFAULT_CA_CERTIFICATE_VALIDITY, DEFAULT_CERTIFICATE_VALIDITY, DEFAULT_SERVICE_SUBNET,
};
use crate::config::settings::ExternalEtcdSettings;
use crate::config::{Origin, Setting, Settings, parse_san};
use crate::kubeconfig::Kubeconfig;
use crate::tree::inventory::{FileState, Inventory, RowFiles};
use crate::util::duration;
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::san::San;
use crate::x509::verify;

/// The inferred configuration, and which parts are guesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inferred {
    /// What is known.
    pub settings: Settings,
    /// Messages about values that are only likely. They must not be recorded.
    pub guesses: Vec<String>,
    /// Messages about files that disagree with the majority.
    pub contradictions: Vec<String>,
}

/// Infers the node that a tree belongs to: a renewal must not use the name of the machine on which it runs.
///
/// The address is the one in etcd's certificates, if the local kubeconfigs have the same one or there is only one. A
/// kubeconfig alone may have the address of a load balancer, so it is ignored if it is `endpoint`, the declared
/// control-plane endpoint.
pub fn node(inventory: &Inventory, endpoint: Option<&str>) -> Settings {
    let leaf = |row| leaf(inventory, row);
    let server = local_server(inventory);
    let etcd: Vec<IpAddr> = leaf(&ETCD_SERVER)
        .into_iter()
        .flat_map(Certificate::sans)
        .filter_map(|san| match san {
            San::Ip(address) if !address.is_loopback() => Some(address),
            San::Ip(_) | San::Dns(_) => None,
        })
        .collect();
    let of_server = |(file, server): (&'static str, SocketAddr)| detected(file, server.ip());
    let address = match (server, etcd.as_slice()) {
        (Some(found), []) => {
            let is_endpoint = endpoint.and_then(endpoint_address) == Some(found.1.ip());
            Some(of_server(found)).filter(|_| !is_endpoint)
        }
        (Some(found), candidates) if candidates.contains(&found.1.ip()) => Some(of_server(found)),
        (_, [only]) => Some(detected("etcd/server.crt", *only)),
        _ => None,
    };
    let port = match (&address, server) {
        (Some(address), Some((file, server))) if server.ip() == address.value => {
            Some(detected(file, server.port().to_string()))
        }
        _ => None,
    };
    Settings {
        node_name: node_name(inventory).name,
        advertise_address: address.map(|address| address.map(|address| address.to_string())),
        bind_port: port,
        ..Settings::default()
    }
}

/// The name of a node, by majority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeName {
    /// The name that most files agree on.
    pub name: Option<Setting<String>>,
    /// Messages about files with another name.
    pub contradictions: Vec<String>,
}

/// Returns the node name that most certificates agree on: those of the kubelet and of etcd, and the names of the API server's.
pub fn node_name(inventory: &Inventory) -> NodeName {
    // The names in a damaged certificate are not used.
    let is_intact = |row: &Row, certificate: &Certificate| {
        let bundle = row.signer().and_then(|ca| inventory.ca_bundle(ca));
        !bundle.is_some_and(|bundle| verify::is_damaged(certificate, &bundle.certificates()))
    };
    let common_name = |row: &'static Row| {
        let certificate = leaf(inventory, row).filter(|leaf| is_intact(row, leaf))?;
        if identity::owner(inventory, row, certificate).is_some() {
            return None;
        }
        certificate.common_name()
    };
    let without_prefix = |name: String| name.strip_prefix(NODE_USER_PREFIX).map(str::to_owned);
    let kubelets_user = || {
        let user = kubeconfig(inventory, &KUBELET_CONF)?.user_name()?;
        without_prefix(user.to_owned())
    };
    let votes: Vec<(&'static str, String)> = [
        (
            "kubelet.conf",
            common_name(&KUBELET_CONF)
                .and_then(without_prefix)
                .or_else(kubelets_user),
        ),
        ("etcd/server.crt", common_name(&ETCD_SERVER)),
        ("etcd/peer.crt", common_name(&ETCD_PEER)),
    ]
    .into_iter()
    .filter_map(|(file, name)| Some((file, name?)))
    .filter(|(_, name)| parse_san(name).is_ok())
    .collect();
    let apiserver = leaf(inventory, &APISERVER).map(Certificate::sans);
    let is_in_apiserver = |name: &str| {
        let is_name = |san: &San| matches!(san, San::Dns(dns) if dns == name);
        apiserver
            .as_ref()
            .is_some_and(|sans| sans.iter().any(is_name))
    };
    let count = |name: &str| {
        let files = votes.iter().filter(|(_, vote)| vote == name).count();
        files + usize::from(is_in_apiserver(name))
    };
    // The first one of those with most votes.
    let Some((file, name)) = votes
        .iter()
        .rev()
        .max_by_key(|(_, name)| count(name))
        .cloned()
    else {
        return NodeName::default();
    };
    let contradictions = votes
        .iter()
        .filter(|(_, vote)| *vote != name)
        .map(|(file, vote)| {
            format!("`pki` assumes the node name `{name}`, but `{file}` has `{vote}`")
        })
        .collect();
    NodeName {
        name: Some(detected(file, name)),
        contradictions,
    }
}

/// Infers the configuration of the cluster.
pub fn cluster(inventory: &Inventory) -> Inferred {
    let node = node(inventory, None);
    let mut guesses = Vec::new();
    let endpoint = control_plane_endpoint(inventory, &node);
    let dns_domain = leaf(inventory, &APISERVER)
        .into_iter()
        .flat_map(Certificate::sans)
        .find_map(|san| match san {
            San::Dns(name) => name.strip_prefix(SERVICE).map(str::to_owned),
            San::Ip(_) => None,
        })
        .map(|domain| detected("apiserver.crt", domain));
    let mut settings = Settings {
        cluster_name: cluster_name(inventory),
        control_plane_endpoint: endpoint,
        dns_domain,
        etcd_external: external_etcd(inventory),
        encryption_algorithm: algorithm(inventory),
        certificate_validity: validity(inventory, &APISERVER, DEFAULT_CERTIFICATE_VALIDITY),
        ca_certificate_validity: validity(inventory, &CA, DEFAULT_CA_CERTIFICATE_VALIDITY),
        ..node
    };
    settings.service_subnet = service_subnet(inventory, &settings, &mut guesses);
    settings.apiserver_cert_sans = extra_sans(inventory, &APISERVER, "apiserver.crt", &settings);
    if settings.etcd_external.is_none() {
        let extra = |row, file| extra_sans(inventory, row, file, &settings);
        let server = extra(&ETCD_SERVER, "etcd/server.crt");
        let peer = extra(&ETCD_PEER, "etcd/peer.crt");
        settings.etcd_server_cert_sans = server;
        settings.etcd_peer_cert_sans = peer;
    }
    if leaf(inventory, &APISERVER).is_none() && host::belongs_to_cluster(inventory) {
        guesses.push(
            "there is no usable `apiserver.crt`: the service subnet, the DNS domain and the names of the API server are kubeadm's defaults, and may be wrong"
                .to_owned(),
        );
    }
    Inferred {
        settings,
        guesses,
        contradictions: node_name(inventory).contradictions,
    }
}

/// The prefix of the DNS domain in the longest service name of the API server's certificate.
const SERVICE: &str = "kubernetes.default.svc.";

fn detected<T>(file: &'static str, value: T) -> Setting<T> {
    Setting {
        value,
        origin: Origin::Tree(file),
    }
}

fn leaf<'a>(inventory: &'a Inventory, row: &Row) -> Option<&'a Certificate> {
    inventory.row(row).certificate()
}

fn kubeconfig<'a>(inventory: &'a Inventory, row: &Row) -> Option<&'a Kubeconfig> {
    match inventory.row(row) {
        RowFiles::Kubeconfig(FileState::Valid(file)) => Some(&file.kubeconfig),
        _ => None,
    }
}

/// Returns the address that this node's components connect to, and the file that contains it.
fn local_server(inventory: &Inventory) -> Option<(&'static str, SocketAddr)> {
    [&CONTROLLER_MANAGER_CONF, &SCHEDULER_CONF]
        .into_iter()
        .find_map(|row| {
            let url = kubeconfig(inventory, row)?.server()?;
            let address: SocketAddr = host_and_port(url)?.parse().ok()?;
            Some((row.name, address)).filter(|(_, address)| !address.ip().is_loopback())
        })
}

fn host_and_port(url: &str) -> Option<&str> {
    Some(url.strip_prefix("https://")?.trim_end_matches('/'))
}

fn endpoint_address(endpoint: &str) -> Option<IpAddr> {
    endpoint
        .parse()
        .ok()
        .or_else(|| Some(endpoint.parse::<SocketAddr>().ok()?.ip()))
}

/// Returns the server of the administrator's kubeconfig, if it is not this node.
fn control_plane_endpoint(inventory: &Inventory, node: &Settings) -> Option<Setting<String>> {
    let (row, endpoint) = [&ADMIN_CONF, &SUPER_ADMIN_CONF]
        .into_iter()
        .find_map(|row| {
            let url = kubeconfig(inventory, row)?.server()?;
            Some((row, host_and_port(url)?))
        })?;
    let address: Option<SocketAddr> = endpoint.parse().ok();
    let is_local = address.is_some_and(|address| {
        let own = node.advertise_address.as_ref();
        address.ip().is_loopback() || own.is_some_and(|own| own.value == address.ip().to_string())
    });
    let host = match endpoint.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host.trim_matches(['[', ']']),
        _ => endpoint,
    };
    let host = parse_san(host)
        .ok()
        .filter(|_| !host.starts_with('*') && host != "localhost")?;
    // Ignore the kubeconfig of another cluster.
    let is_ours = leaf(inventory, &APISERVER)
        .is_none_or(|leaf| leaf.sans().iter().any(|san| covers(san, &host)));
    // A URL without a port means that of `https`.
    let has_port = address.is_some()
        || endpoint
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let endpoint = match has_port {
        true => endpoint.to_owned(),
        false => format!("{endpoint}:443"),
    };
    (is_ours && !is_local).then(|| detected(row.name, endpoint))
}

fn cluster_name(inventory: &Inventory) -> Option<Setting<String>> {
    [&ADMIN_CONF, &CONTROLLER_MANAGER_CONF, &SCHEDULER_CONF]
        .into_iter()
        .find_map(|row| {
            let name = kubeconfig(inventory, row)?.cluster_name()?;
            Some(detected(row.name, name.to_owned()))
        })
}

fn external_etcd(inventory: &Inventory) -> Option<Setting<ExternalEtcdSettings>> {
    // Without the API server's certificate, the etcd of a tree is unknown.
    let is_external = leaf(inventory, &APISERVER).is_some() && !host::has_local_etcd(inventory);
    is_external.then(|| detected("no etcd certificates", ExternalEtcdSettings::default()))
}

/// Returns the algorithm of all leaves, if it is the same.
///
/// Old releases of kubeadm always used RSA for kubeconfigs, so certificates in their own files count first.
fn algorithm(inventory: &Inventory) -> Option<Setting<String>> {
    type Kind = fn(&Row) -> bool;
    let kinds: [(Kind, &'static str); 2] = [
        (
            |row| row.signer().is_some() && matches!(row.storage, Storage::Pair { .. }),
            "all keys",
        ),
        (
            |row| row.signer().is_some() && *row != KUBELET_CONF,
            "all kubeconfigs",
        ),
    ];
    kinds.into_iter().find_map(|(is_kind, origin)| {
        let mut algorithms = inventory
            .rows()
            .filter(|(row, _)| is_kind(row))
            .filter_map(|(_, files)| files.certificate())
            .map(|leaf| leaf.public_key().algorithm())
            .peekable();
        let first = *algorithms.peek()?;
        let same = first.filter(|first| algorithms.all(|algorithm| algorithm == Some(*first)));
        // If they differ, the algorithm is unknown.
        Some(
            same.filter(|same| Algorithm::CONFIGURABLE.contains(same))
                .map(|same| detected(origin, same.name().to_owned())),
        )
    })?
}

/// Returns the validity period of a certificate, if it is not kubeadm's default.
fn validity(
    inventory: &Inventory,
    row: &Row,
    default: std::time::Duration,
) -> Option<Setting<String>> {
    let certificate = leaf(inventory, row)?;
    let issuer = row.signer().and_then(|signer| leaf(inventory, signer));
    let span = validity::usual_period(certificate.validity(), issuer.map(Certificate::validity))?;
    let difference = Duration::try_from(span.abs_diff(default)).ok()?;
    if !validity::is_noticeable(difference) {
        return None;
    }
    let file = if row.is_ca() {
        "ca.crt"
    } else {
        "apiserver.crt"
    };
    Some(detected(file, duration::format(span)))
}

/// Returns a network whose first address is that of the `kubernetes` service; certificates do not contain its prefix
/// length.
fn service_subnet(
    inventory: &Inventory,
    settings: &Settings,
    guesses: &mut Vec<String>,
) -> Option<Setting<String>> {
    let default: IpNet = DEFAULT_SERVICE_SUBNET.parse().ok()?;
    let known = [
        settings.advertise_address.as_ref(),
        settings.control_plane_endpoint.as_ref(),
    ];
    let is_known = |address: &IpAddr| {
        known
            .iter()
            .flatten()
            .any(|known| endpoint_address(&known.value) == Some(*address))
    };
    let addresses: Vec<IpAddr> = leaf(inventory, &APISERVER)?
        .sans()
        .into_iter()
        .filter_map(|san| match san {
            San::Ip(address) => Some(address),
            San::Dns(_) => None,
        })
        .collect();
    if addresses
        .iter()
        .any(|address| first_address(&default) == *address)
    {
        return None;
    }
    // kubeadm puts it before every other address.
    let service = addresses.into_iter().find(|address| !is_known(address))?;
    let network = network_before(service)?;
    guesses.push(format!(
        "`pki` assumes the service network `{network}`: `apiserver.crt` has only its first address, {service}"
    ));
    Some(detected("apiserver.crt", network.to_string()))
}

/// Returns the largest network that the API server could manage and that has this first address.
fn network_before(first: IpAddr) -> Option<IpNet> {
    let (base, zeros) = match first {
        IpAddr::V4(address) => {
            let base = address.to_bits().checked_sub(1)?;
            (IpAddr::V4(base.into()), base.trailing_zeros())
        }
        IpAddr::V6(address) => {
            let base = address.to_bits().checked_sub(1)?;
            (IpAddr::V6(base.into()), base.trailing_zeros())
        }
    };
    let host_bits = u8::try_from(zeros).ok()?.min(20);
    let longest = if base.is_ipv4() { 32 } else { 128 };
    // A service network has at least 16 addresses.
    (host_bits >= 4)
        .then(|| IpNet::new(base, longest - host_bits).ok())
        .flatten()
}

/// Returns the names of a certificate that do not follow from anything else.
fn extra_sans(
    inventory: &Inventory,
    row: &Row,
    file: &'static str,
    settings: &Settings,
) -> Option<Vec<Setting<String>>> {
    let found = leaf(inventory, row)?.sans();
    let own = |declared: &Option<Setting<String>>| declared.as_ref().map(|own| own.value.clone());
    let mut implied: Vec<String> = [
        own(&settings.node_name),
        own(&settings.advertise_address),
        own(&settings.control_plane_endpoint).map(|endpoint| host_of(&endpoint)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if *row == APISERVER {
        let domain = own(&settings.dns_domain).unwrap_or_default();
        implied.extend(
            ["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned),
        );
        implied.push(format!("{SERVICE}{domain}"));
        let subnet =
            own(&settings.service_subnet).unwrap_or_else(|| DEFAULT_SERVICE_SUBNET.to_owned());
        let first = subnet.parse::<IpNet>().ok();
        implied.extend(first.map(|first| first_address(&first).to_string()));
    } else {
        // The endpoint is not implied for etcd: if it is there, it was declared.
        implied.pop_if(|_| settings.control_plane_endpoint.is_some());
        implied.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    }
    let texts = found.into_iter().map(|san| match san {
        San::Dns(name) => name,
        San::Ip(address) => address.to_string(),
    });
    let extra: Vec<_> = texts
        .filter(|text| !implied.contains(text) && parse_san(text).is_ok())
        .map(|text| detected(file, text))
        .collect();
    Some(extra).filter(|extra| !extra.is_empty())
}

fn host_of(endpoint: &str) -> String {
    match endpoint.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => endpoint
            .split_once(':')
            .map_or(endpoint, |(host, _)| host)
            .to_owned(),
    }
}
