//! Parses single values. The error is a message that quotes the text.
//!
//! Rules about more than one value are in `resolve`, names and addresses in `names`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::names::{MAX_NAME, is_hidden, parse_san, subdomain, subdomain_within};
use crate::util::duration::Period;
use crate::util::secret::{is_key, quote};
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate_key::CertificateKey;
use crate::x509::san::San;

/// The longest common name and organization (RFC 5280 appendix A.1, ub-common-name and ub-organization-name).
pub(crate) const MAX_COMMON_NAME: usize = 64;
/// The prefix of the DNS domain in the longest service name of the API server's certificate.
pub(super) const SERVICE_PREFIX: &str = "kubernetes.default.svc.";

/// The error for a text: the text in backticks and a reason.
macro_rules! refused {
    ($text:expr, $($reason:tt)*) => {
        Err(format!("{} {}", quote($text), format_args!($($reason)*)))
    };
}

/// Refuses a key that was pasted into another field, where reports would show it.
pub(super) fn not_a_key(text: &str) -> Result<(), String> {
    match is_key(text) {
        true => Err("looks like a key, so it is refused and not shown".to_owned()),
        false => Ok(()),
    }
}

pub(crate) fn node_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    // Kubernetes accepts an address as a name.
    match (name.parse::<Ipv4Addr>(), subdomain(name)) {
        (Ok(_), _) => Ok(name.to_owned()),
        (Err(_), Ok(name)) => Ok(name),
        (Err(_), Err(reason)) => refused!(text, "is not a node name: {reason}"),
    }
}

pub(super) fn cluster_name(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return refused!(text, "has control characters");
    }
    match text.chars().any(is_hidden) {
        true => refused!(text, "has invisible characters"),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn dns_domain(text: &str) -> Result<String, String> {
    // The service names are names below it.
    match subdomain_within(text, MAX_NAME - SERVICE_PREFIX.len()) {
        Ok(domain) => Ok(domain),
        Err(reason) => refused!(text, "is not a DNS domain: {reason}"),
    }
}

pub(super) fn ip_address(text: &str) -> Result<IpAddr, String> {
    match text.parse() {
        Ok(address) => Ok(address),
        Err(_) => refused!(text, "is not an IP address"),
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if port > 0 && digits => Ok(port),
        _ => refused!(text, "is not a port; want 1 to 65535"),
    }
}

/// Parses `host`, `host:port` or `[address]:port`; returns the host, the host as typed, and the port.
pub(super) fn endpoint(text: &str) -> Result<(San, String, Option<u16>), String> {
    if text.contains("://") {
        return refused!(text, "is a URL; give `host` or `host:port`");
    }
    let (host, port_text) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once("]:") {
            Some((host, port)) if host.contains(':') => (host, Some(port)),
            _ => {
                return refused!(
                    text,
                    "is not an address in brackets with a port; write an IPv6 address as `address` or `[address]:port`"
                );
            }
        },
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    if host.is_empty() && port_text.is_some() {
        return refused!(text, "has no host before its colon");
    }
    let port = match port_text {
        Some("") => return refused!(text, "has no port after its colon"),
        Some(text) => Some(port(text)?),
        None => None,
    };
    match parse_san(host)? {
        San::Dns(name) if name.starts_with('*') => {
            refused!(text, "is a wildcard; an endpoint is one host")
        }
        San::Dns(name) => Ok((San::Dns(name.clone()), name, port)),
        address => Ok((address, host.to_owned(), port)),
    }
}

pub(super) fn service_subnets(text: &str) -> Result<Vec<IpNet>, String> {
    if text.split(',').any(str::is_empty) {
        return refused!(text, "has nothing before or after a comma");
    }
    let subnets = text
        .split(',')
        .map(service_subnet)
        .collect::<Result<Vec<IpNet>, String>>()?;
    match &subnets[..] {
        [_] => Ok(subnets),
        [first, second] if first.network().is_ipv4() != second.network().is_ipv4() => Ok(subnets),
        [_, _] => refused!(
            text,
            "has two networks of one family; want one IPv4 and one IPv6"
        ),
        more => refused!(
            text,
            "has {} networks; want one, or two of different families",
            more.len()
        ),
    }
}

/// The API server can hand out no more than 2^20 service addresses, and kubeadm wants at least 10.
const SERVICE_HOST_BITS: std::ops::RangeInclusive<u8> = 4..=20;

fn service_subnet(text: &str) -> Result<IpNet, String> {
    let Some(subnet) = network(text) else {
        return refused!(
            text,
            "is not a network; want address and prefix length, such as `10.96.0.0/12`"
        );
    };
    let host_bits = subnet.max_prefix_len() - subnet.prefix_len();
    let (longest, shortest) = (
        subnet.max_prefix_len() - SERVICE_HOST_BITS.start(),
        subnet.max_prefix_len() - SERVICE_HOST_BITS.end(),
    );
    match host_bits {
        bits if bits < *SERVICE_HOST_BITS.start() => refused!(
            text,
            "has too few addresses for services; want at least a `/{longest}`"
        ),
        bits if bits > *SERVICE_HOST_BITS.end() => refused!(
            text,
            "has more addresses than the API server can manage; want at most a `/{shortest}`"
        ),
        _ => match unusable_kind(&subnet) {
            Some(kind) => refused!(text, "is {kind}"),
            None => Ok(subnet),
        },
    }
}

/// Parses a network. Like [`IpAddr`], it does not accept leading zeros.
fn network(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    address.parse::<IpAddr>().ok()?;
    text.parse()
        .ok()
        .filter(|_| !prefix.starts_with('0') || prefix == "0")
}

/// Returns the kind of a network that cannot be a service subnet because of its first address.
fn unusable_kind(subnet: &IpNet) -> Option<&'static str> {
    match subnet.network() {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("an IPv4 network written as IPv6"),
        // `::/108` begins with `::1`.
        IpAddr::V6(v6) if v6.is_unspecified() => Some("a loopback network, which every host has"),
        first if first.is_loopback() => Some("a loopback network, which every host has"),
        first if first.is_unspecified() => Some("a network of addresses that no host has"),
        first if first.is_multicast() => Some("a multicast network"),
        _ => None,
    }
}

pub(super) fn algorithm(text: &str) -> Result<Algorithm, String> {
    let names = Algorithm::CONFIGURABLE.map(|algorithm| format!("`{algorithm}`"));
    match Algorithm::from_config(text) {
        Some(algorithm) => Ok(algorithm),
        None => refused!(
            text,
            "is not an algorithm; want one of {}",
            names.join(", ")
        ),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    // The spellings of YAML 1.2 (section 10.3.2); `yes` and `on` are booleans only to YAML 1.1.
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => refused!(text, "is neither `true` nor `false`"),
    }
}

/// Checks a certificate key; it is a secret, so the message does not quote it.
pub(super) fn certificate_key(text: &str) -> Result<(), String> {
    match CertificateKey::from_hex(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn validity(text: &str) -> Result<Period, String> {
    let period = Period::parse(text)?;
    if period.length() < Duration::from_secs(1) {
        return refused!(text, "is too short; want at least `1s`");
    }
    if period.length().subsec_nanos() > 0 {
        return refused!(
            text,
            "has a fraction of a second; certificates count whole seconds"
        );
    }
    Ok(period)
}

/// System directories. They may not be the certificate directory themselves, but may contain it.
const SYSTEM_DIRECTORIES: [&str; 17] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/opt", "/proc", "/root", "/run",
    "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib",
];

/// Returns the system directory that a path names, if it names one.
pub(crate) fn system_directory(path: &Path) -> Option<&'static str> {
    SYSTEM_DIRECTORIES
        .into_iter()
        .find(|directory| Path::new(directory) == path)
}

pub(super) fn certificates_dir(text: &str) -> Result<PathBuf, String> {
    let path = absolute_path(text)?;
    match system_directory(&path) {
        Some(directory) => Err(format!(
            "`{directory}` is a system directory; want a directory below it"
        )),
        None => Ok(path),
    }
}

pub(super) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    let longest = text.split('/').map(str::len).max().unwrap_or(0);
    match text.len() {
        _ if text.chars().any(char::is_control) => refused!(text, "has control characters"),
        _ if !text.starts_with('/') => refused!(text, "is not an absolute path"),
        _ if text.split('/').any(|part| part == "..") => {
            refused!(text, "contains `..`; give the path without it")
        }
        _ if text.split('/').all(|part| matches!(part, "" | ".")) => {
            refused!(text, "is the root directory; want a directory below it")
        }
        _ if longest > MAX_PART => {
            refused!(
                text,
                "has a component of {longest} bytes, at most {MAX_PART} are allowed"
            )
        }
        length if length > MAX_PATH => {
            refused!(text, "has {length} bytes, at most {MAX_PATH} are allowed")
        }
        _ => Ok(PathBuf::from(text)),
    }
}

/// The longest name of a file or directory (Linux, `NAME_MAX`).
const MAX_PART: usize = 255;
/// The longest path; with a prefix and file names it stays below Linux's `PATH_MAX`, 4096.
const MAX_PATH: usize = 2048;

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
        // The message does not quote the URL, which may contain a password.
        _ if text.contains('@') => Err("contains a user name, which etcd ignores".to_owned()),
        None => refused!(text, "is not a URL, such as `https://192.0.2.1:2379`"),
        Some((scheme, _)) if https && scheme != "https" => {
            refused!(text, "must use `https`, because TLS files are given")
        }
        Some(_) => Ok(text.to_owned()),
    }
}
