//! Subject alternative names: those that a configuration can declare, and those that a request can ask for.

use std::fmt;
use std::net::IpAddr;

use x509_cert::ext::pkix::name::GeneralName;

use super::go;
use crate::util::escape::escape_line;

/// A subject alternative name that a configuration can declare (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum San {
    /// dNSName, lower case.
    Dns(String),
    /// iPAddress.
    Ip(IpAddr),
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            San::Dns(name) => write!(f, "DNS:{name}"),
            San::Ip(address) => write!(f, "IP:{address}"),
        }
    }
}

/// A subject alternative name that a request can ask for (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// A name that a configuration can declare, too.
    San(San),
    /// rfc822Name: an e-mail address.
    Email(String),
    /// uniformResourceIdentifier.
    Uri(String),
}

impl From<San> for AlternativeName {
    fn from(san: San) -> AlternativeName {
        AlternativeName::San(san)
    }
}

/// Returns whether Go reads a certificate with this URI: it has a host, and that is a domain or an address.
pub fn is_uri(text: &str) -> bool {
    text.is_ascii() && go::has_host(text.as_bytes())
}

/// Returns whether an alternative name is one that Go reads.
pub(super) fn is_well_formed(name: &GeneralName) -> bool {
    match name {
        GeneralName::IpAddress(octets) => ip_address(octets.as_bytes()).is_some(),
        _ => true,
    }
}

/// Converts a name; `None` if a configuration cannot declare it.
pub(super) fn to_san(name: &GeneralName) -> Option<San> {
    match name {
        GeneralName::DnsName(name) => Some(San::Dns(name.as_str().to_owned())),
        GeneralName::IpAddress(octets) => ip_address(octets.as_bytes()).map(San::Ip),
        _ => None,
    }
}

/// Returns a name as text. An IA5String may contain control characters.
pub(super) fn general_name_text(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => format!("DNS:{}", escape_line(name.as_str())),
        GeneralName::Rfc822Name(address) => format!("email:{}", escape_line(address.as_str())),
        GeneralName::UniformResourceIdentifier(uri) => format!("URI:{}", escape_line(uri.as_str())),
        GeneralName::DirectoryName(name) => format!("dirName:{name}"),
        GeneralName::RegisteredId(oid) => format!("RID:{oid}"),
        GeneralName::IpAddress(octets) => match ip_address(octets.as_bytes()) {
            Some(address) => format!("IP:{address}"),
            None => format!("IP:malformed, {} octets", octets.as_bytes().len()),
        },
        _ => "otherName".to_owned(),
    }
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}
