//! Subject alternative names: those that a configuration can declare, and those that a request can ask for.

use std::fmt;
use std::net::IpAddr;

use super::go;

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
