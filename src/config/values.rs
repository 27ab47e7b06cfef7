//! Single values: from declared text to a type, or to a message that quotes the text.
//!
//! Rules about more than one value are in `resolve`, names and addresses in `names`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::names::{MAX_NAME, is_hidden, parse_san, subdomain, subdomain_within};
use super::secret::quote;
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;
use crate::x509::san::San;

/// The longest common name (RFC 5280 appendix A.1, ub-common-name).
pub(super) const MAX_COMMON_NAME: usize = 64;
/// What stands before the node name in the kubelet's common name.
pub(super) const NODE_USER_PREFIX: &str = "system:node:";
/// What stands before the DNS domain in the longest service name of the API server's certificate.
pub(super) const SERVICE_PREFIX: &str = "kubernetes.default.svc.";

pub(super) fn node_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    // Kubernetes accepts an address as a name.
    match name.parse::<Ipv4Addr>() {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => subdomain(name)
            .map_err(|reason| format!("{} is not a node name: {reason}", quote(text))),
    }
}

pub(super) fn cluster_name(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{} has control characters", quote(text)));
    }
    match text.chars().any(is_hidden) {
        true => Err(format!("{} has invisible characters", quote(text))),
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
    if host.is_empty() && port_text.is_some() {
        return Err(format!("{} has no host before its colon", quote(text)));
    }
    let port = match port_text {
        Some("") => return Err(format!("{} has no port after its colon", quote(text))),
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
    if text.split(',').any(str::is_empty) {
        return Err(format!(
            "{} has nothing before or after a comma",
            quote(text)
        ));
    }
    let subnets = text
        .split(',')
        .map(service_subnet)
        .collect::<Result<Vec<IpNet>, String>>()?;
    match &subnets[..] {
        [_] => Ok(subnets),
        [first, second] if first.network().is_ipv4() != second.network().is_ipv4() => Ok(subnets),
        [_, _] => Err(format!(
            "{} has two networks of one family; want one IPv4 and one IPv6",
            quote(text)
        )),
        _ => Err(format!(
            "{} has {} networks; want one, or two of different families",
            quote(text),
            subnets.len()
        )),
    }
}

/// The API server can hand out no more than 2^20 service addresses, and kubeadm wants at least 10.
const SERVICE_HOST_BITS: std::ops::RangeInclusive<u8> = 4..=20;

fn service_subnet(text: &str) -> Result<IpNet, String> {
    let subnet = network(text).ok_or_else(|| {
        format!(
            "{} is not a network; want address and prefix length, such as `10.96.0.0/12`",
            quote(text)
        )
    })?;
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
        _ => match unusable_kind(&subnet) {
            Some(kind) => Err(format!("{} is {kind}", quote(text))),
            None => Ok(subnet),
        },
    }
}

/// Returns a network; as [`IpAddr`] does, it takes no leading zeros.
fn network(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    address.parse::<IpAddr>().ok()?;
    text.parse()
        .ok()
        .filter(|_| !prefix.starts_with('0') || prefix == "0")
}

/// Returns the kind of a network whose first address no service can have.
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
    // The spellings of YAML 1.2 (section 10.3.2); `yes` and `on` are booleans only to YAML 1.1.
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(format!("{} is neither `true` nor `false`", quote(text))),
    }
}

/// Checks a certificate key; it is a secret, so the message does not quote it.
pub(super) fn certificate_key(text: &str) -> Result<(), String> {
    const DIGITS: usize = 64;
    if !text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(format!(
            "has a character that is not a hexadecimal digit; want {DIGITS} of them, for 32 bytes"
        ));
    }
    match text.len() {
        DIGITS => Ok(()),
        length => Err(format!(
            "has {length} hexadecimal digits, want {DIGITS}, for 32 bytes"
        )),
    }
}

pub(super) fn validity(text: &str) -> Result<Period, String> {
    let period = Period::parse(text)?;
    if period.length() < Duration::from_secs(1) {
        return Err(format!("{} is too short; want at least `1s`", quote(text)));
    }
    if period.length().subsec_nanos() > 0 {
        return Err(format!(
            "{} has a fraction of a second; certificates count whole seconds",
            quote(text)
        ));
    }
    Ok(period)
}

/// Directories of the system; a directory below one of them may hold certificates.
const SYSTEM_DIRECTORIES: [&str; 16] = [
    "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/opt", "/proc", "/root", "/run", "/srv",
    "/sys", "/tmp", "/usr", "/var", "/var/lib",
];

pub(super) fn certificates_dir(text: &str) -> Result<PathBuf, String> {
    let path = absolute_path(text)?;
    let names = |path: &Path| -> Vec<_> {
        let components = path.components().filter(|part| *part != Component::CurDir);
        components.map(|part| part.as_os_str().to_owned()).collect()
    };
    let is_same = |directory: &&&str| names(Path::new(directory)) == names(&path);
    match SYSTEM_DIRECTORIES.iter().find(is_same) {
        Some(directory) => Err(format!(
            "`{directory}` is a directory of the system; want one below it"
        )),
        None => Ok(path),
    }
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
    if text.split('/').all(|part| matches!(part, "" | ".")) {
        return Err(format!(
            "{} is the root directory; want one below it",
            quote(text)
        ));
    }
    if let Some(part) = text.split('/').find(|part| part.len() > MAX_PART) {
        return Err(format!(
            "{} has a part of {} bytes, at most {MAX_PART} are allowed",
            quote(text),
            part.len()
        ));
    }
    match text.len() {
        ..=MAX_PATH => Ok(PathBuf::from(text)),
        length => Err(format!(
            "{} has {length} bytes, at most {MAX_PATH} are allowed",
            quote(text)
        )),
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
        // The user name may be followed by a password, so nothing is quoted.
        _ if text.contains('@') => Err("has a user name in it, which etcd ignores".to_owned()),
        None => Err(format!(
            "{} is not a URL, such as `https://192.0.2.1:2379`",
            quote(text)
        )),
        Some((scheme, _)) if https && scheme != "https" => Err(format!(
            "{} must use `https`, because TLS files are given",
            quote(text)
        )),
        Some(_) => Ok(text.to_owned()),
    }
}
