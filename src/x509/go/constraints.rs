//! Name constraints (`parseNameConstraintsExtension` in `parser.go`, `constraints.go`).

use std::net::IpAddr;

use x509_cert::ext::pkix::name::GeneralName;

use super::GoError;
use super::names::is_valid_domain;
use super::uri;
use crate::x509::der::{Der, tag};

/// The name constraints of a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::x509) struct NameConstraints {
    permitted: Subtrees,
    excluded: Subtrees,
}

/// Constraints by the kind of name that they apply to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Subtrees {
    dns: Vec<Vec<u8>>,
    ip: Vec<Vec<u8>>,
    email: Vec<Vec<u8>>,
    uri: Vec<Vec<u8>>,
}

/// A name that constraints can apply to.
#[derive(Clone, Debug)]
enum Name {
    Dns(Vec<u8>),
    Ip(Vec<u8>),
    Email {
        local: Vec<u8>,
        domain: Vec<u8>,
    },
    /// The host of a URI.
    Uri(Vec<u8>),
}

impl NameConstraints {
    /// Reads the extension; also returns whether every constraint is of a kind that Go handles.
    pub(super) fn parse(mut value: Der<'_>) -> Result<(NameConstraints, bool), GoError> {
        let malformed = GoError::Malformed("name constraints");
        let mut lists = value.read(tag::SEQUENCE).ok_or(malformed.clone())?;
        let mut list = |number| lists.read_optional(tag::constructed(number));
        let permitted = list(0).ok_or(malformed.clone())?;
        let excluded = list(1).ok_or(malformed.clone())?;
        if !value.is_empty() || !lists.is_empty() {
            return Err(malformed);
        }
        let (permitted, excluded) = (permitted.unwrap_or(Der(&[])), excluded.unwrap_or(Der(&[])));
        if permitted.is_empty() && excluded.is_empty() {
            return Err(GoError::EmptyNameConstraints);
        }
        let mut is_handled = true;
        let constraints = NameConstraints {
            permitted: Subtrees::parse(permitted, &mut is_handled)?,
            excluded: Subtrees::parse(excluded, &mut is_handled)?,
        };
        Ok((constraints, is_handled))
    }

    /// Returns the number of constraints.
    pub(in crate::x509) fn len(&self) -> usize {
        self.permitted.len() + self.excluded.len()
    }

    fn allows(&self, name: &Name) -> bool {
        let permitted = self.permitted.of(name);
        let excluded = self.excluded.of(name);
        (permitted.is_empty()
            || permitted
                .iter()
                .any(|tree| name.is_below(tree, SubtreeKind::Permitted)))
            && !excluded
                .iter()
                .any(|tree| name.is_below(tree, SubtreeKind::Excluded))
    }
}

impl Subtrees {
    fn parse(mut list: Der<'_>, is_handled: &mut bool) -> Result<Subtrees, GoError> {
        let malformed = GoError::Malformed("name constraints");
        let mut subtrees = Subtrees::default();
        while !list.is_empty() {
            let mut subtree = list.read(tag::SEQUENCE).ok_or(malformed.clone())?;
            let base = subtree.any().ok_or(malformed.clone())?;
            let value = base.contents;
            let domain = |kind| match value.is_ascii() && is_valid_domain(value, true) {
                true => Ok(value.to_vec()),
                false => Err(GoError::NameConstraint(kind)),
            };
            match base.tag {
                0x81 if value.contains(&b'@') => match mailbox(value) {
                    Some(_) if value.is_ascii() => subtrees.email.push(value.to_vec()),
                    _ => return Err(GoError::NameConstraint("email")),
                },
                0x81 => subtrees.email.push(domain("email")?),
                0x82 => subtrees.dns.push(domain("DNS")?),
                0x86 if is_ip_address(value) => return Err(GoError::NameConstraint("URI")),
                0x86 => subtrees.uri.push(domain("URI")?),
                0x87 if is_network(value) => subtrees.ip.push(value.to_vec()),
                0x87 => return Err(GoError::NameConstraint("IP")),
                _ => *is_handled = false,
            }
        }
        Ok(subtrees)
    }

    fn of(&self, name: &Name) -> &[Vec<u8>] {
        match name {
            Name::Dns(_) => &self.dns,
            Name::Ip(_) => &self.ip,
            Name::Email { .. } => &self.email,
            Name::Uri(_) => &self.uri,
        }
    }

    fn len(&self) -> usize {
        self.dns.len() + self.ip.len() + self.email.len() + self.uri.len()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum SubtreeKind {
    Permitted,
    Excluded,
}

impl Name {
    /// Returns a certificate's name if constraints apply to its kind; `Err` if Go cannot compare it with constraints.
    fn of(name: &GeneralName) -> Result<Option<Name>, ()> {
        Ok(Some(match name {
            GeneralName::DnsName(name) => {
                let name = name.as_bytes();
                is_valid_domain(name, false).then_some(()).ok_or(())?;
                Name::Dns(name.to_vec())
            }
            GeneralName::IpAddress(octets) => Name::Ip(octets.as_bytes().to_vec()),
            GeneralName::Rfc822Name(address) => {
                let (local, domain) = mailbox(address.as_bytes()).ok_or(())?;
                is_valid_domain(&domain, false).then_some(()).ok_or(())?;
                Name::Email { local, domain }
            }
            GeneralName::UniformResourceIdentifier(uri) => {
                let host = uri::host(uri.as_bytes()).ok_or(())?;
                let host = host.split(|c| *c == b':').next().unwrap_or_default();
                let is_name = !host.is_empty() && !host.starts_with(b"[") && !is_ip_address(host);
                is_name.then_some(()).ok_or(())?;
                Name::Uri(host.to_vec())
            }
            _ => return Ok(None),
        }))
    }

    fn is_below(&self, subtree: &[u8], role: SubtreeKind) -> bool {
        match self {
            Name::Ip(address) => is_in_network(address, subtree),
            Name::Dns(name) | Name::Uri(name) => is_in_domain(name, subtree, role),
            Name::Email { local, domain } => match mailbox(subtree) {
                Some((other, at)) => *local == other && domain.eq_ignore_ascii_case(&at),
                None => is_in_domain(domain, subtree, role),
            },
        }
    }
}

/// Returns whether all these constraints allow a name. A name that Go cannot compare with constraints is not allowed.
pub(in crate::x509) fn allow(constraints: &[&NameConstraints], name: &GeneralName) -> bool {
    match Name::of(name) {
        Ok(Some(name)) => constraints.iter().all(|ca| ca.allows(&name)),
        Ok(None) => true,
        Err(()) => false,
    }
}

/// `dnsHasSuffix` and, for excluded names, the wildcards of `newDNSConstraints`: a leading dot requires at least one
/// more label, and an empty constraint matches every name.
fn is_in_domain(name: &[u8], subtree: &[u8], role: SubtreeKind) -> bool {
    if subtree.is_empty() {
        return true;
    }
    if role == SubtreeKind::Excluded
        && let Some(parent) = name.strip_prefix(b"*")
        && subtree
            .iter()
            .position(|c| *c == b'.')
            .and_then(|dot| subtree.get(dot..))
            .is_some_and(|trimmed| trimmed.eq_ignore_ascii_case(parent))
    {
        return true;
    }
    let Some(start) = name.len().checked_sub(subtree.len()) else {
        return false;
    };
    let (before, suffix) = name.split_at(start);
    suffix.eq_ignore_ascii_case(subtree)
        && (before.is_empty() || subtree.starts_with(b".") || before.ends_with(b"."))
}

fn is_in_network(address: &[u8], network: &[u8]) -> bool {
    let (first, mask) = network.split_at(network.len() / 2);
    address.len() == first.len()
        && address
            .iter()
            .zip(first)
            .zip(mask)
            .all(|((address, first), mask)| address & mask == first & mask)
}

/// Returns whether a constraint is an address and a mask of ones followed by zeros (`isValidIPMask`).
fn is_network(value: &[u8]) -> bool {
    let mask = match value.len() {
        8 | 32 => value.split_at(value.len() / 2).1,
        _ => return false,
    };
    let ones: u32 = mask.iter().map(|octet| octet.leading_ones()).sum();
    let set: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
    let leading = mask.iter().take_while(|octet| **octet == 0xff).count() * 8;
    let next = mask
        .get(leading / 8)
        .map_or(0, |octet| octet.leading_ones());
    ones == set && leading as u32 + next == set
}

fn is_ip_address(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// Splits an address into its local part and its domain (`parseRFC2821Mailbox`); quoted local parts are not read.
fn mailbox(address: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = address.iter().position(|c| *c == b'@')?;
    let (local, domain) = (address.get(..at)?, address.get(at + 1..)?);
    let is_atom = |c: &u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_local = local
        .split(|c| *c == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(is_atom));
    let is_domain = domain.is_empty()
        || domain
            .split(|c| *c == b'.')
            .all(|label| !label.is_empty() && label.iter().all(u8::is_ascii_graphic));
    (is_local && is_domain).then(|| (local.to_vec(), domain.to_vec()))
}
