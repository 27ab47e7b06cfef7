//! Whether the server that a kubeconfig points at is this cluster's API server.

use std::net::{IpAddr, SocketAddr};

use crate::catalog::SanRule;
use crate::config::cluster::Cluster;
use crate::x509::san::San;

/// Which API server a kubeconfig points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that the configuration says.
    Wanted,
    /// Another way to the same cluster: its other URL, this machine itself, or a name that its certificate is for.
    SameCluster,
    /// Another cluster, as far as anybody can tell.
    Foreign,
}

/// Tells where `url` leads, in a cluster where the kubeconfig should say `wanted`.
pub fn judge(url: &str, wanted: &str, cluster: &Cluster) -> Target {
    if is_same(url, wanted) {
        return Target::Wanted;
    }
    let Some((host, port)) = parse(url) else {
        return Target::Foreign;
    };
    // A proxy on the node itself, in front of all API servers, listens where it likes.
    let endpoint = cluster.control_plane_endpoint.as_ref();
    let is_known_port =
        port == cluster.bind_port || endpoint.is_some_and(|endpoint| endpoint.port == port);
    let is_ours = cluster
        .sans(SanRule::ApiServer)
        .iter()
        .any(|san| covers(san, &host));
    if is_loopback(&host) || (is_known_port && is_ours) {
        Target::SameCluster
    } else {
        Target::Foreign
    }
}

/// Returns whether a server with these names in its certificate is found at a URL, as far as that can be told: what is no plain
/// `https` URL, and what stands for this machine itself, may lead anywhere.
pub fn reaches(url: &str, names: &[San]) -> bool {
    parse(url)
        .is_none_or(|(host, _)| is_loopback(&host) || names.iter().any(|name| covers(name, &host)))
}

fn is_loopback(host: &San) -> bool {
    match host {
        San::Ip(address) => address.is_loopback(),
        San::Dns(name) => name == "localhost",
    }
}

/// Returns whether two URLs are one server's.
pub fn is_same(url: &str, other: &str) -> bool {
    match (parse(url), parse(other)) {
        (Some(url), Some(other)) => url == other,
        _ => url == other,
    }
}

/// Returns whether a certificate's name serves for a wanted one: the same, or its wildcard (RFC 6125 section 6.4.3).
pub fn covers(present: &San, wanted: &San) -> bool {
    match (present, wanted) {
        (San::Dns(present), San::Dns(wanted)) => {
            present.eq_ignore_ascii_case(wanted)
                || present.strip_prefix("*.").is_some_and(|parent| {
                    wanted.split_once('.').is_some_and(|(label, rest)| {
                        label != "*" && rest.eq_ignore_ascii_case(parent)
                    })
                })
        }
        (present, wanted) => present == wanted,
    }
}

/// Returns host and port of an `https` URL that has nothing behind them.
fn parse(url: &str) -> Option<(San, u16)> {
    let authority = url.strip_prefix("https://")?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if let Ok(address) = authority.parse::<SocketAddr>() {
        return Some((San::Ip(address.ip().to_canonical()), address.port()));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !authority.ends_with(']') => {
            (host, port.parse().ok()?)
        }
        _ => (authority, HTTPS),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let is_host = !host.is_empty() && !host.contains(['/', '@', '?', '#', ':']);
    match host.parse::<IpAddr>() {
        Ok(address) => Some((San::Ip(address.to_canonical()), port)),
        Err(_) => is_host.then(|| (San::Dns(host.to_ascii_lowercase()), port)),
    }
}

/// The port of an `https` URL that names none.
const HTTPS: u16 = 443;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Host, Setting, Settings};

    fn cluster() -> Cluster {
        let flag = |value: &str| Some(Setting::by_flag("--flag", value.to_owned()));
        let settings = Settings {
            node_name: flag("cp1"),
            advertise_address: flag("192.0.2.11"),
            control_plane_endpoint: flag("api.example:8443"),
            apiserver_cert_sans: Some(flag("*.lb.example").into_iter().collect()),
            ..Settings::default()
        };
        Cluster::resolve(settings, &Host::default())
            .unwrap()
            .cluster
    }

    fn check(url: &str, expected: Target) {
        let found = judge(url, "https://api.example:8443", &cluster());
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn the_same_server_may_be_written_in_several_ways() {
        check("https://api.example:8443", Target::Wanted);
        check("https://API.example:8443/", Target::Wanted);
    }

    #[test]
    fn another_way_to_the_same_cluster_is_known_as_such() {
        for url in [
            "https://192.0.2.11:6443",
            "https://api.example:6443",
            "https://one.lb.example:8443",
            "https://kubernetes.default.svc:6443",
            "https://10.96.0.1:6443",
            "https://127.0.0.1:7443",
            "https://localhost:6443",
            "https://[::1]:6443",
        ] {
            check(url, Target::SameCluster);
        }
    }

    #[test]
    fn another_server_is_foreign() {
        for url in [
            "",
            "api.example:8443",
            "http://api.example:8443",
            "https://",
            "https://api.example",
            "https://api.example:8444",
            "https://api.example:8443/k8s/clusters/c-1",
            "https://user@api.example:8443",
            "https://192.0.2.12:6443",
            "https://two.one.lb.example:8443",
            "https://[2001:db8::1]:6443",
            "https://api.example:port",
            "https://api.example:84430",
        ] {
            check(url, Target::Foreign);
        }
    }
}
