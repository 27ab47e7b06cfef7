//! Random valid settings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use pki::config::{Cluster, Host, Setting, Settings, settings::ExternalEtcdSettings};
use proptest::{collection::vec, option, prelude::*, sample::select};

const FLAG: &str = "an example";

/// Returns the cluster of these settings, on a host whose name does not occur in them.
pub(super) fn resolve(settings: Settings) -> Cluster {
    let host = Host {
        node_name: Some("host-1".to_owned()),
        addresses: vec![[198, 51, 100, 1].into()],
    };
    Cluster::resolve(settings, &host).unwrap().cluster
}

/// Any configuration, with keys of these algorithms.
pub(super) fn settings(
    algorithms: &'static [&'static str],
) -> impl Strategy<Value = Settings> + Clone {
    let list = || option::of(vec(san(), 0..5));
    let network = (
        address().prop_flat_map(|address| (Just(address), subnets(address))),
        option::of(1u16..),
        option::of(name(40)),
        option::of(endpoint()),
    );
    let etcd = prop_oneof![
        3 => (list(), list()).prop_map(|(server, peer)| (server, peer, None)),
        1 => external().prop_map(|external| (None, None, Some(external))),
    ];
    let validity = (
        option::of(validity(1, 2000)),
        option::of(validity(1, 30000)),
    );
    (
        option::of(cluster_name()),
        name(30),
        network,
        list(),
        etcd,
        option::of(select(algorithms)),
        validity,
        option::of(directory()),
    )
        .prop_map(
            |(
                cluster_name,
                node_name,
                ((advertise_address, service_subnet), bind_port, dns_domain, endpoint),
                apiserver,
                (server, peer, external),
                algorithm,
                (validity, ca_validity),
                directory,
            )| Settings {
                cluster_name: cluster_name.map(declared),
                node_name: Some(declared(node_name)),
                advertise_address: Some(declared(advertise_address)),
                bind_port: bind_port.map(declared),
                control_plane_endpoint: endpoint.map(declared),
                certificates_dir: directory.map(declared),
                service_subnet: Some(declared(service_subnet)),
                dns_domain: dns_domain.map(declared),
                apiserver_cert_sans: apiserver.map(all_declared),
                etcd_server_cert_sans: server.map(all_declared),
                etcd_peer_cert_sans: peer.map(all_declared),
                etcd_external: external.map(|value| Setting::by_flag(FLAG, value)),
                encryption_algorithm: algorithm.map(declared),
                certificate_validity: validity.map(declared),
                ca_certificate_validity: ca_validity.map(declared),
                ..Settings::default()
            },
        )
}

fn declared(value: impl ToString) -> Setting<String> {
    Setting::by_flag(FLAG, value.to_string())
}

fn all_declared(values: Vec<String>) -> Vec<Setting<String>> {
    values.into_iter().map(declared).collect()
}

/// DNS names in any case, of about `length` characters at most.
fn name(length: usize) -> impl Strategy<Value = String> + Clone {
    let label = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,9}[a-zA-Z0-9])?";
    let last = "[a-zA-Z]([a-zA-Z0-9-]{0,9}[a-zA-Z0-9])?";
    (vec(label, 0..=length / 11 - 1), last).prop_map(|(mut labels, last)| {
        labels.push(last);
        labels.join(".")
    })
}

/// An address that a host may have.
fn address() -> impl Strategy<Value = IpAddr> + Clone {
    prop_oneof![
        (1..=9u32 << 24).prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits((10 << 24) + bits))),
        any::<u64>().prop_map(|low| {
            let high = 0x2001_0db8_u128 << 96;
            IpAddr::V6(Ipv6Addr::from_bits(high | u128::from(low)))
        }),
    ]
}

fn san() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        4 => name(60),
        1 => name(60).prop_map(|name| format!("*.{name}")),
        2 => address().prop_map(|address| address.to_string()),
        // Addresses have several spellings.
        1 => any::<u64>().prop_map(|low| format!("2001:DB8:0:0:{:x}:0:0:{:X}", low >> 48, low & 0xffff)),
        1 => (1u8..200, any::<u8>()).prop_map(|(one, other)| format!("::ffff:{one}.0.{other}.7")),
        1 => select(&["127.0.0.1", "::1", "localhost", "kubernetes", "169.254.7.1"][..]).prop_map(str::to_owned),
    ]
}

pub(super) fn endpoint() -> impl Strategy<Value = String> + Clone {
    let host = prop_oneof![name(40), address().prop_map(|address| address.to_string())];
    (host, option::of(1u16..)).prop_map(|(host, port)| match port {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// One network of an address's family, perhaps followed by a second one of the other family.
fn subnets(address: IpAddr) -> impl Strategy<Value = String> {
    let v4 = (any::<u32>(), 12u8..=28).prop_map(|(bits, prefix)| {
        let base = Ipv4Addr::from_bits((10 << 24) | (bits >> 8));
        IpNet::new(base.into(), prefix).unwrap().trunc().to_string()
    });
    let v6 = (any::<u64>(), 108u8..=124).prop_map(|(bits, prefix)| {
        let base = Ipv6Addr::from_bits((0xfd00_u128 << 112) | u128::from(bits));
        IpNet::new(base.into(), prefix).unwrap().trunc().to_string()
    });
    let is_v4 = address.is_ipv4();
    (v4, v6, any::<bool>()).prop_map(move |(v4, v6, dual)| match (is_v4, dual) {
        (true, true) => format!("{v4},{v6}"),
        (true, false) => v4,
        (false, true) => format!("{v6},{v4}"),
        (false, false) => v6,
    })
}

fn external() -> impl Strategy<Value = ExternalEtcdSettings> + Clone {
    let urls = |scheme: &'static str| {
        vec(address(), 1..4).prop_map(move |addresses| -> Vec<_> {
            let url = |address: IpAddr| match address {
                IpAddr::V4(address) => format!("{scheme}://{address}:2379"),
                IpAddr::V6(address) => format!("{scheme}://[{address}]:2379"),
            };
            all_declared(addresses.into_iter().map(url).collect())
        })
    };
    let file = || directory().prop_map(declared);
    let files = option::of((file(), option::of((file(), file()))));
    (urls("https"), option::of(urls("http")), files).prop_map(
        |(endpoints, http_endpoints, files)| {
            let (ca_file, pair) = match files {
                Some((ca, pair)) => (Some(ca), pair),
                None => (None, None),
            };
            let (cert_file, key_file) = pair.unzip();
            ExternalEtcdSettings {
                endpoints: Some(endpoints),
                http_endpoints,
                ca_file,
                cert_file,
                key_file,
            }
        },
    )
}

/// A duration of at least an hour, in one of its spellings.
fn validity(least: u32, most: u32) -> impl Strategy<Value = String> + Clone {
    (least..most, 0u32..60, 0u32..60).prop_flat_map(|(hours, minutes, seconds)| {
        select(vec![
            format!("{hours}h"),
            format!("{hours}h{minutes}m{seconds}s"),
            format!("{}d", hours.div_ceil(24)),
            format!("{hours}.5h{seconds}s"),
            format!("{}m", u64::from(hours) * 60 + u64::from(minutes)),
            format!("{hours}h.25m{seconds}.0s"),
        ])
    })
}

/// Texts that YAML would not read as text, and other names.
fn cluster_name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        "[a-z][a-z0-9-]{0,20}",
        "\\PC{1,20}",
        "no|1\\.10|0x1F|~|null|'|\"|-|<<|a: b|#a| a |true|010|2026-01-01|1:20|0o17|\\.inf|=|!a|&a|\\*a|%a|@a|`a|\\?|\\[a|\\{a|a #b|1_000",
    ]
}

fn directory() -> impl Strategy<Value = String> + Clone {
    prop_oneof!["(/[a-z]{1,8}){1,4}", "/[a-z]\\PC{0,20}"].prop_map(|path| path.replace("..", "."))
}
