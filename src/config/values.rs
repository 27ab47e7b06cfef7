//! What single values mean: from declared text to a type, or a message that quotes the text.
//!
//! Rules that need more than one value are in `cluster`, names and addresses in `san`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::duration;
use super::problem::quote;
use super::san::{MAX_NAME, parse_san, subdomain, subdomain_within};
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

/// The longest common name (RFC 5280 appendix A.1, ub-common-name).
const MAX_COMMON_NAME: usize = 64;
/// What the kubelet's common name puts before the node name.
const NODE_USER_PREFIX: &str = "system:node:";
/// What the longest service name in the API server's certificate puts before the DNS domain.
pub(super) const SERVICE_PREFIX: &str = "kubernetes.default.svc.";

pub(super) fn node_name(text: &str) -> Result<String, String> {
    let name = subdomain(text.trim())
        .map_err(|reason| format!("{} is not a node name: {reason}", quote(text)))?;
    let length = NODE_USER_PREFIX.len() + name.len();
    if length > MAX_COMMON_NAME {
        return Err(format!(
            "{} makes the common name `{NODE_USER_PREFIX}...` {length} characters long; at most {MAX_COMMON_NAME} are allowed (RFC 5280), so a node name has at most {}",
            quote(text),
            MAX_COMMON_NAME - NODE_USER_PREFIX.len()
        ));
    }
    Ok(name)
}

pub(super) fn cluster_name(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err(format!("{} has control characters", quote(text))),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn dns_domain(text: &str) -> Result<String, String> {
    // The service names are names below it.
    subdomain_within(text, MAX_NAME - SERVICE_PREFIX.len())
        .map_err(|reason| format!("{} is not a DNS domain: {reason}", quote(text)))
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if port > 0 && digits => Ok(port),
        _ => Err(format!("{} is not a port; want 1 to 65535", quote(text))),
    }
}

/// Returns host, host as typed and port of `host`, `host:port` or `[address]:port`.
pub(super) fn endpoint(text: &str) -> Result<(San, String, Option<u16>), String> {
    if text.contains("://") {
        return Err(format!(
            "{} is a URL; give `host` or `host:port`",
            quote(text)
        ));
    }
    let (host, port_text) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once("]:") {
            Some((host, port)) if host.contains(':') => (host, Some(port)),
            _ => {
                return Err(format!(
                    "{} is not an address in brackets with a port; give an IPv6 address bare or as `[address]:port`",
                    quote(text)
                ));
            }
        },
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = match port_text {
        Some(text) => Some(port(text)?),
        None => None,
    };
    match parse_san(host)? {
        San::Dns(name) if name.starts_with('*') => Err(format!(
            "{} is a wildcard; an endpoint is one host",
            quote(text)
        )),
        San::Dns(name) => Ok((San::Dns(name.clone()), name, port)),
        address => Ok((address, host.to_owned(), port)),
    }
}

pub(super) fn service_subnets(text: &str) -> Result<Vec<IpNet>, String> {
    let subnets = text
        .split(',')
        .map(service_subnet)
        .collect::<Result<Vec<IpNet>, String>>()?;
    match &subnets[..] {
        [_] => Ok(subnets),
        [first, second] if first.network().is_ipv4() != second.network().is_ipv4() => Ok(subnets),
        [_, _] => Err(format!(
            "{} are two networks of one family; want one IPv4 and one IPv6",
            quote(text)
        )),
        _ => Err(format!(
            "{} are {} networks; want one, or two of different families",
            quote(text),
            subnets.len()
        )),
    }
}

/// The API server can hand out no more than 2^20 service addresses, and kubeadm wants at least 10.
const SERVICE_HOST_BITS: std::ops::RangeInclusive<u8> = 4..=20;

fn service_subnet(text: &str) -> Result<IpNet, String> {
    let subnet = text.parse::<IpNet>().map_err(|_| {
        format!(
            "{} is not a network; want address and prefix length, such as `10.96.0.0/12`",
            quote(text)
        )
    })?;
    if subnet.addr() != subnet.network() {
        return Err(format!(
            "{} has host bits set; the network is `{}`",
            quote(text),
            subnet.trunc()
        ));
    }
    let host_bits = subnet.max_prefix_len() - subnet.prefix_len();
    let (longest, shortest) = (
        subnet.max_prefix_len() - SERVICE_HOST_BITS.start(),
        subnet.max_prefix_len() - SERVICE_HOST_BITS.end(),
    );
    match host_bits {
        bits if bits < *SERVICE_HOST_BITS.start() => Err(format!(
            "{} has too few addresses for services; want at least a `/{longest}`",
            quote(text)
        )),
        bits if bits > *SERVICE_HOST_BITS.end() => Err(format!(
            "{} has more addresses than the API server can manage; want at most a `/{shortest}`",
            quote(text)
        )),
        _ => Ok(subnet),
    }
}

pub(super) fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_config(text).ok_or_else(|| {
        let names = Algorithm::CONFIGURABLE.map(|algorithm| format!("`{algorithm}`"));
        format!(
            "{} is not an algorithm; want one of {}",
            quote(text),
            names.join(", ")
        )
    })
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{} is neither `true` nor `false`", quote(text))),
    }
}

pub(super) fn validity(text: &str) -> Result<Duration, String> {
    let validity = duration::parse(text)?;
    if validity < Duration::from_secs(1) {
        // Certificates count whole seconds.
        return Err(format!(
            "{} is no time at all; want at least `1s`",
            quote(text)
        ));
    }
    Ok(validity)
}

pub(super) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{} has control characters", quote(text)));
    }
    if !text.starts_with('/') {
        return Err(format!("{} is not an absolute path", quote(text)));
    }
    if text.split('/').any(|part| part == "..") {
        return Err(format!(
            "{} has `..` in it; write the path out",
            quote(text)
        ));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn etcd_url(text: &str, https: bool) -> Result<String, String> {
    let well_formed = |(scheme, rest): &(&str, &str)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !rest.is_empty()
            && !rest.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    match text.split_once("://").filter(well_formed) {
        None => Err(format!(
            "{} is not a URL, such as `https://192.0.2.1:2379`",
            quote(text)
        )),
        Some((scheme, _)) if https && scheme != "https" => Err(format!(
            "{} must use `https`, for TLS files are given",
            quote(text)
        )),
        Some(_) => Ok(text.to_owned()),
    }
}
