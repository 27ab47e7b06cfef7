//! Compares the names in serving certificates with the configuration, and the servers in kubeconfigs with the names
//! in the API server's certificate.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::expected;
use super::finding::{Finding, FindingId};
use crate::catalog::{Row, SanRule};
use crate::config::cluster::Cluster;
use crate::kubeconfig::Kubeconfig;
use crate::x509::certificate::Certificate;
use crate::x509::san::San;

/// Returns a finding if a serving certificate lacks names that the configuration asks for.
pub(super) fn missing_from(
    row: &'static Row,
    cluster: &Cluster,
    leaf: &Certificate,
) -> Option<Finding> {
    let missing = missing(row, cluster, &leaf.sans());
    if missing.is_empty() {
        return None;
    }
    let names: Vec<_> = missing.iter().map(San::to_string).collect();
    let text = format!(
        "it lacks names from the configuration: {}",
        names.join(", ")
    );
    Some(Finding::new(FindingId::CertificateNamesMissing, text).about(row))
}

/// Returns the names that a row's certificate should have and that `present` does not cover.
pub fn missing(row: &Row, cluster: &Cluster, present: &[San]) -> Vec<San> {
    let mut missing = expected::sans(row, cluster);
    missing.retain(|wanted| !present.iter().any(|san| covers(san, wanted)));
    missing
}

/// Returns the names of the API server's certificate in a cluster.
pub(super) fn of_apiserver(cluster: &Cluster) -> Vec<San> {
    cluster.sans(SanRule::ApiServer)
}

/// Returns whether a client that connects to `url` accepts a server with these names. A URL with a path leads to a proxy, which
/// has a certificate of its own.
pub fn reaches(url: &str, names: &[San]) -> bool {
    parse(url).is_none_or(|(host, _)| names.iter().any(|name| covers(name, &host)))
}

/// Returns whether the client of a kubeconfig accepts a server with these names.
pub fn accepts(kubeconfig: &Kubeconfig, names: &[San]) -> bool {
    match kubeconfig.tls_server_name() {
        _ if kubeconfig.skips_tls_verification() => true,
        Some(name) => {
            let wanted = match name.parse::<IpAddr>() {
                Ok(address) => San::Ip(address.to_canonical()),
                Err(_) => San::Dns(name.to_ascii_lowercase()),
            };
            names.iter().any(|name| covers(name, &wanted))
        }
        None => reaches(kubeconfig.server().unwrap_or_default(), names),
    }
}

/// Returns whether client-go connects to a server with TLS. It does so for an `https` URL, and for a host with or without a
/// port (client-go `rest/url_utils.go`, `DefaultServerURL`).
pub(super) fn is_https(url: &str) -> bool {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let address = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            scheme.eq_ignore_ascii_case("https") && is_address(address)
        }
        None => is_address(url.strip_suffix('/').unwrap_or(url)),
    }
}

/// Returns whether Go's `net/url` reads a text as a host with or without a port.
fn is_address(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_plain = |host: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c) || !c.is_ascii();
        !host.is_empty() && host.chars().all(is_allowed)
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = bracketed.map_or_else(|| is_plain(host), |host| host.parse::<Ipv6Addr>().is_ok());
    is_host && (port.is_empty() || port.parse::<u16>().is_ok())
}

/// Returns whether two URLs lead to the same server.
pub fn is_same(url: &str, other: &str) -> bool {
    match (parse(url), parse(other)) {
        (Some(url), Some(other)) => url == other,
        _ => url == other,
    }
}

/// Returns whether a certificate's name matches a wanted one: it is the same, or a wildcard for it (RFC 6125 section
/// 6.4.3).
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

/// Returns host and port of an `https` URL without path, or of a host with or without a port, which client-go connects to
/// with `https`.
fn parse(url: &str) -> Option<(San, u16)> {
    let (scheme, authority) = url.split_once("://").unwrap_or(("https", url));
    if !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, address)| address);
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

/// The default port of an `https` URL.
const HTTPS: u16 = 443;

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<San> {
        let dns = |name: &str| San::Dns(name.to_owned());
        vec![
            dns("kubernetes.default.svc"),
            dns("api.example"),
            dns("*.lb.example"),
            San::Ip([192, 0, 2, 11].into()),
        ]
    }

    #[test]
    fn a_server_needs_https() {
        for url in [
            "https://api.example",
            "HTTPS://api.example",
            "https://api.example:6443/k8s/clusters/c-1",
            "https://user@api.example:8443",
            "https://[2001:db8::1]:6443",
            "https://[2001:db8::1]",
            "api.example:6443",
            "192.0.2.11",
        ] {
            assert!(is_https(url), "{url}");
        }
        for url in [
            "http://api.example",
            "ftp://api.example",
            "://",
            "https://",
            "https;//10.0.0.1:6443",
            "https:/.10.0.0.1:6443",
            "https://10.0.0.1:&443",
            "https://10.0.0.1:66443",
            "https://api example",
            "https://[::1",
            "https//10.0.0.1",
        ] {
            assert!(!is_https(url), "{url}");
        }
    }

    #[test]
    fn one_server_may_be_written_in_several_ways() {
        for url in [
            "https://api.example:8443",
            "https://API.example:8443/",
            "HTTPS://api.example:8443",
        ] {
            assert!(is_same(url, "https://api.example:8443"), "{url}");
        }
        assert!(is_same("https://api.example", "https://api.example:443"));
        assert!(!is_same("https://api.example", "https://api.example:6443"));
    }

    #[test]
    fn a_server_is_reached_by_the_names_in_its_certificate() {
        for url in [
            "https://192.0.2.11:6443",
            "https://api.example:6443",
            "https://api.example",
            "https://one.lb.example:8443",
            "https://kubernetes.default.svc:6443",
            "https://user@api.example:8443",
            "api.example:6443",
        ] {
            assert!(reaches(url, &names()), "{url}");
        }
        for url in [
            "https://192.0.2.12:6443",
            "https://two.one.lb.example:8443",
            "https://[2001:db8::1]:6443",
            "https://other.example",
            "other.example:6443",
            "https://api.example@other.example",
            "https://127.0.0.1:6443",
            "https://localhost:6443",
            "https://[::1]:6443",
        ] {
            assert!(!reaches(url, &names()), "{url}");
        }
    }

    #[test]
    fn a_path_leads_to_a_proxy() {
        assert!(reaches("https://proxy.example:8443/k8s/clusters/c-1", &[]));
    }
}
