//! The extensions of a certificate (`processExtensions` in `parser.go`).

use std::collections::BTreeSet;

use x509_cert::der::asn1::ObjectIdentifier;

use super::GoError;
use super::constraints::NameConstraints;
use super::names::is_valid_domain;
use super::uri;
use crate::x509::der::{Der, tag};

/// The extensions of a certificate, as Go reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::x509) struct Extensions {
    /// `None` without the extension; it need not be critical.
    pub(in crate::x509) basic_constraints: Option<BasicConstraints>,
    /// Bit 0 is digitalSignature; zero means the same as no extension.
    pub(in crate::x509) key_usage: u16,
    pub(in crate::x509) extended_key_usage: Vec<ObjectIdentifier>,
    pub(in crate::x509) subject_key_id: Option<Vec<u8>>,
    pub(in crate::x509) authority_key_id: Option<Vec<u8>>,
    pub(in crate::x509) name_constraints: Option<NameConstraints>,
    /// The first critical extension that Go does not handle; Go reads such a certificate but refuses to use it.
    pub(in crate::x509) unhandled_critical: Option<ObjectIdentifier>,
}

/// BasicConstraints (RFC 5280 section 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::x509) struct BasicConstraints {
    pub(in crate::x509) is_ca: bool,
    pub(in crate::x509) path_length: Option<u64>,
}

/// The encoding of id-ce, 2.5.29.
const ID_CE: &[u8] = b"\x55\x1d";
const AUTHORITY_INFO_ACCESS: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x01";

impl Extensions {
    /// Reads the extensions: refuses duplicates (`parseCertificate`) and malformed extensions that Go knows.
    pub(super) fn parse(mut list: Der<'_>) -> Result<Extensions, GoError> {
        let malformed = GoError::Malformed("extension");
        let mut parsed = Vec::new();
        let mut seen = BTreeSet::new();
        while !list.is_empty() {
            let mut extension = list.read(tag::SEQUENCE).ok_or(malformed.clone())?;
            let oid = extension.object_identifier().ok_or(malformed.clone())?;
            let is_critical = match extension.starts_with(tag::BOOLEAN) {
                true => extension.boolean().ok_or(malformed.clone())?,
                false => false,
            };
            let value = extension.read(tag::OCTET_STRING).ok_or(malformed.clone())?;
            if !seen.insert(oid) {
                return Err(GoError::DuplicateExtension(identifier(oid)?));
            }
            parsed.push((oid, is_critical, value));
        }
        let mut extensions = Extensions::default();
        for (oid, is_critical, value) in parsed {
            let is_handled = extensions.process(oid, is_critical, value)?;
            if is_critical && !is_handled && extensions.unhandled_critical.is_none() {
                extensions.unhandled_critical = Some(identifier(oid)?);
            }
        }
        Ok(extensions)
    }

    /// Reads one extension and returns whether Go handles it.
    fn process(&mut self, oid: &[u8], is_critical: bool, value: Der<'_>) -> Result<bool, GoError> {
        let malformed = GoError::Malformed;
        match oid.strip_prefix(ID_CE) {
            Some([14]) => {
                if is_critical {
                    return Err(GoError::Critical("subject key identifier"));
                }
                let id = { value }.read(tag::OCTET_STRING);
                self.subject_key_id =
                    Some(id.ok_or(malformed("subject key identifier"))?.0.to_vec());
            }
            Some([15]) => {
                let bits = { value }.bit_string();
                self.key_usage = key_usage(bits.ok_or(malformed("key usage"))?.1);
            }
            Some([17]) => return check_alternative_names(value),
            Some([19]) => {
                let constraints = basic_constraints(value);
                self.basic_constraints = Some(constraints.ok_or(malformed("basic constraints"))?);
            }
            Some([30]) => {
                let (constraints, is_handled) = NameConstraints::parse(value)?;
                self.name_constraints = Some(constraints);
                return Ok(is_handled);
            }
            Some([31]) => {
                check_distribution_points(value).ok_or(malformed("CRL distribution points"))?;
            }
            Some([32]) => check_policies(value)?,
            Some([33]) => check_policy_mappings(value).ok_or(malformed("policy mappings"))?,
            Some([35]) => {
                if is_critical {
                    return Err(GoError::Critical("authority key identifier"));
                }
                self.authority_key_id =
                    authority_key_id(value).ok_or(malformed("authority key identifier"))?;
            }
            Some([36]) => {
                check_policy_constraints(value).ok_or(malformed("policy constraints"))?;
            }
            Some([37]) => self.extended_key_usage = extended_key_usage(value)?,
            Some([54]) => {
                let number = { value }.integer(tag::INTEGER);
                number
                    .filter(|octets| octets.len() <= 8)
                    .ok_or(malformed("inhibitAnyPolicy"))?;
            }
            _ if oid == AUTHORITY_INFO_ACCESS => {
                if is_critical {
                    return Err(GoError::Critical("authority information access"));
                }
                check_info_access(value).ok_or(malformed("authority information access"))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Returns whether Go handles an extension, so that the extension may be critical.
pub(in crate::x509) fn is_handled(oid: &ObjectIdentifier) -> bool {
    const HANDLED: [u8; 11] = [14, 15, 17, 19, 30, 31, 32, 33, 36, 37, 54];
    match oid.as_bytes().strip_prefix(ID_CE) {
        Some([last]) => HANDLED.contains(last),
        _ => false,
    }
}

fn identifier(oid: &[u8]) -> Result<ObjectIdentifier, GoError> {
    ObjectIdentifier::from_bytes(oid).map_err(|_| GoError::Malformed("object identifier"))
}

/// `parseKeyUsageExtension`: nine bits count.
fn key_usage(octets: &[u8]) -> u16 {
    let first = octets.first().map_or(0, |octet| octet.reverse_bits());
    let ninth = octets.get(1).is_some_and(|octet| octet & 0x80 != 0);
    u16::from(first) | u16::from(ninth) << 8
}

/// `parseBasicConstraintsExtension`.
fn basic_constraints(mut value: Der<'_>) -> Option<BasicConstraints> {
    let mut constraints = value.read(tag::SEQUENCE)?;
    Some(BasicConstraints {
        is_ca: match constraints.starts_with(tag::BOOLEAN) {
            true => constraints.boolean()?,
            false => false,
        },
        path_length: match constraints.starts_with(tag::INTEGER) {
            true => Some(constraints.unsigned(tag::INTEGER)?),
            false => None,
        },
    })
}

/// `parseSANExtension`; returns whether there is a name that Go knows.
fn check_alternative_names(mut value: Der<'_>) -> Result<bool, GoError> {
    let malformed = GoError::Malformed("alternative names");
    let mut names = value.read(tag::SEQUENCE).ok_or(malformed.clone())?;
    let mut is_handled = false;
    while !names.is_empty() {
        let name = names.any().ok_or(malformed.clone())?;
        // `forEachSAN` compares the tag's number without its class.
        match name.tag ^ 0x80 {
            1 | 2 if !name.contents.is_ascii() => return Err(GoError::String("IA5String")),
            6 => check_uri(name.contents)?,
            7 if ![4, 16].contains(&name.contents.len()) => {
                return Err(GoError::IpLength(name.contents.len()));
            }
            1 | 2 | 7 => {}
            _ => continue,
        }
        is_handled = true;
    }
    Ok(is_handled)
}

/// Returns whether a URI has a host, and Go reads a certificate with it.
pub(in crate::x509) fn has_host(uri: &[u8]) -> bool {
    uri::host(uri).is_some_and(|host| !host.is_empty()) && check_uri(uri).is_ok()
}

fn check_uri(uri: &[u8]) -> Result<(), GoError> {
    if !uri.is_ascii() {
        return Err(GoError::String("IA5String"));
    }
    let host = uri::host(uri).ok_or(GoError::Uri)?;
    match is_valid_domain(&host, false) {
        true => Ok(()),
        false => Err(GoError::Uri),
    }
}

/// `parseAuthorityKeyIdentifier`: only the key identifier is read, and only if it comes first.
fn authority_key_id(mut value: Der<'_>) -> Option<Option<Vec<u8>>> {
    let mut identifier = value.read(tag::SEQUENCE)?;
    let id = identifier.read_optional(tag::context(0))?;
    Some(id.map(|id| id.0.to_vec()))
}

/// `parseExtKeyUsageExtension`.
fn extended_key_usage(mut value: Der<'_>) -> Result<Vec<ObjectIdentifier>, GoError> {
    let malformed = GoError::Malformed("extended key usage");
    let mut list = value.read(tag::SEQUENCE).ok_or(malformed.clone())?;
    let mut usages = Vec::new();
    while !list.is_empty() {
        usages.push(identifier(
            list.object_identifier().ok_or(malformed.clone())?,
        )?);
    }
    Ok(usages)
}

fn check_distribution_points(mut value: Der<'_>) -> Option<()> {
    let mut points = value.read(tag::SEQUENCE)?;
    while !points.is_empty() {
        let mut point = points.read(tag::SEQUENCE)?;
        if let Some(mut name) = point.read_optional(tag::constructed(0))? {
            let mut full_name = name.read(tag::constructed(0))?;
            while full_name.starts_with(tag::context(6)) {
                full_name.any()?;
            }
        }
    }
    Some(())
}

/// `parseCertificatePoliciesExtension`.
fn check_policies(mut value: Der<'_>) -> Result<(), GoError> {
    let malformed = GoError::Malformed("certificate policies");
    let mut policies = value.read(tag::SEQUENCE).ok_or(malformed.clone())?;
    let mut seen = BTreeSet::new();
    while !policies.is_empty() {
        let mut policy = policies.read(tag::SEQUENCE).ok_or(malformed.clone())?;
        let oid = policy.object_identifier().ok_or(malformed.clone())?;
        if !seen.insert(oid) {
            return Err(GoError::DuplicatePolicy);
        }
    }
    Ok(())
}

fn check_policy_mappings(mut value: Der<'_>) -> Option<()> {
    let mut mappings = value.read(tag::SEQUENCE)?;
    while !mappings.is_empty() {
        let mut mapping = mappings.read(tag::SEQUENCE)?;
        mapping.read(tag::OBJECT_IDENTIFIER)?;
        mapping.read(tag::OBJECT_IDENTIFIER)?;
    }
    Some(())
}

fn check_policy_constraints(mut value: Der<'_>) -> Option<()> {
    let mut constraints = value.read(tag::SEQUENCE)?;
    for number in [0, 1] {
        if constraints.starts_with(tag::context(number)) {
            let octets = constraints.integer(tag::context(number))?;
            (octets.len() <= 8).then_some(())?;
        }
    }
    Some(())
}

fn check_info_access(mut value: Der<'_>) -> Option<()> {
    let mut list = value.read(tag::SEQUENCE)?;
    while !list.is_empty() {
        let mut description = list.read(tag::SEQUENCE)?;
        description.object_identifier()?;
        description.read_optional(tag::context(6))?;
    }
    Some(())
}
