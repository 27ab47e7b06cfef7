//! The contents of a certificate, except its key, validity, serial number and issuer.

use std::fmt;
use std::net::IpAddr;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{
    Any, Ia5String, ObjectIdentifier, OctetString, PrintableString, Utf8StringRef,
};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::algorithm::Algorithm;
use super::attribute::{Attribute, are_equal};
use super::certificate::Certificate;
use super::go;
use super::key::KeyError;
use super::request::CertificateRequest;
use super::san::{AlternativeName, San, general_name_text, is_well_formed, to_san};
use super::usage::{ANY_USAGE, Purpose, PurposeField, Usage, usage_oid, usage_text};

const COMMON_NAME: ObjectIdentifier = Attribute::CommonName.oid();
const ORGANIZATION: ObjectIdentifier = Attribute::Organization.oid();

/// Why a certificate could not be made.
#[derive(Clone, Debug)]
pub enum IssueError {
    /// The cryptography library failed.
    Key(KeyError),
    /// The certificate could not be encoded; the library's reason.
    Encoding(String),
}

/// The contents of a CA certificate, except its key, validity, serial number and issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaTemplate {
    pub(super) subject: Name,
    /// How many CAs may be between this one and a leaf; `None` for any number.
    pub(super) path_length: Option<u8>,
    /// Key usages beyond those of every CA.
    pub(super) further_key_usages: FlagSet<KeyUsages>,
    pub(super) names: Vec<GeneralName>,
}

impl CaTemplate {
    /// Makes the template of a CA with these attributes of its subject, each in an RDN of its own.
    pub fn new(
        subject: &[(Attribute, String)],
        path_length: Option<u8>,
    ) -> Result<CaTemplate, IssueError> {
        Ok(CaTemplate {
            subject: subject_of(subject)?,
            path_length,
            further_key_usages: FlagSet::default(),
            names: Vec::new(),
        })
    }

    /// Makes the template of a catalog row's CA. Its only SAN is its common name, as in kubeadm's CAs.
    pub fn of_row(common_name: &str, algorithm: Algorithm) -> Result<CaTemplate, IssueError> {
        Ok(CaTemplate {
            subject: name(common_name, None)?,
            path_length: None,
            further_key_usages: leaf_key_usages(algorithm),
            names: vec![general_name(&San::Dns(common_name.to_owned()))?],
        })
    }

    /// Returns the subject as text, most specific attribute first.
    pub fn subject_text(&self) -> String {
        self.subject.to_string()
    }

    /// Returns whether a certificate has this subject, in the same encoding.
    pub fn is_subject_of(&self, certificate: &Certificate) -> bool {
        self.subject == *certificate.subject()
    }

    /// Returns whether verifiers take the subject for that of a certificate.
    pub fn has_name_of(&self, certificate: &Certificate) -> bool {
        are_equal(&self.subject, certificate.subject())
    }

    /// Returns the path length.
    pub fn path_length(&self) -> Option<u8> {
        self.path_length
    }
}

/// The contents of a leaf certificate, except its key, validity, serial number and issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafTemplate {
    pub(super) subject: Name,
    pub(super) usages: Vec<ObjectIdentifier>,
    pub(super) names: Vec<GeneralName>,
    /// The key usages; `None` for those that follow from the key's algorithm.
    pub(super) key_usages: Option<FlagSet<KeyUsages>>,
    /// Key usages beyond these.
    pub(super) further_key_usages: FlagSet<KeyUsages>,
    /// Extensions that `sign` does not set itself, copied unchanged.
    pub(super) further_extensions: Vec<Extension>,
}

impl LeafTemplate {
    /// Makes the template of a catalog row's certificate: `O` before `CN`, as kubeadm orders them.
    pub fn new(
        common_name: &str,
        organization: Option<&str>,
        usages: &[Usage],
        sans: &[San],
    ) -> Result<LeafTemplate, IssueError> {
        Ok(LeafTemplate {
            subject: name(common_name, organization)?,
            usages: usages.iter().copied().map(usage_oid).collect(),
            names: sans.iter().map(general_name).collect::<Result<_, _>>()?,
            key_usages: None,
            further_key_usages: FlagSet::default(),
            further_extensions: Vec::new(),
        })
    }

    /// Makes the template of a user's client certificate: each group is an `O`, before the `CN`.
    pub fn client(user: &str, groups: &[String]) -> Result<LeafTemplate, IssueError> {
        Ok(LeafTemplate {
            subject: name(user, groups.iter().map(String::as_str))?,
            ..LeafTemplate::new(user, None, &[Usage::ClientAuth], &[])?
        })
    }

    /// Makes the template of a request with these attributes of its subject, each in an RDN of its own, these alternative names and
    /// exactly these usages.
    pub fn requested(
        subject: &[(Attribute, String)],
        names: &[AlternativeName],
        purposes: &[Purpose],
    ) -> Result<LeafTemplate, IssueError> {
        let template = LeafTemplate {
            subject: subject_of(subject)?,
            usages: Vec::new(),
            names: names
                .iter()
                .map(alternative_name)
                .collect::<Result<_, _>>()?,
            key_usages: None,
            further_key_usages: FlagSet::default(),
            further_extensions: Vec::new(),
        };
        Ok(template.with_purposes(purposes))
    }

    /// Copies the contents of an existing certificate: all RDNs, all alternative names that Go reads, all usages of a
    /// leaf, and every extension that does not depend on the key or the issuer.
    pub fn of(certificate: &Certificate) -> LeafTemplate {
        let set_here = [
            KeyUsage::OID,
            ExtendedKeyUsage::OID,
            BasicConstraints::OID,
            SubjectKeyIdentifier::OID,
            AuthorityKeyIdentifier::OID,
            SubjectAltName::OID,
        ];
        let key_usages = FlagSet::new_truncated(certificate.key_usage());
        LeafTemplate {
            subject: certificate.subject().clone(),
            usages: certificate.usage_oids().to_vec(),
            names: certificate
                .general_names()
                .into_iter()
                .filter(is_well_formed)
                .collect(),
            key_usages: None,
            // A leaf signs no certificates.
            further_key_usages: key_usages
                - (KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment)
                - (KeyUsages::KeyCertSign | KeyUsages::CRLSign),
            further_extensions: certificate
                .extensions()
                .iter()
                .filter(|extension| !set_here.contains(&extension.extn_id))
                .cloned()
                .collect(),
        }
    }

    /// Copies what a request asks for: all RDNs, alternative names and extended key usages. Key usages and other extensions are
    /// the signer's decision.
    pub fn of_request(request: &CertificateRequest) -> LeafTemplate {
        LeafTemplate {
            subject: request.subject().clone(),
            usages: request.usage_oids(),
            names: request.general_names(),
            key_usages: None,
            further_key_usages: FlagSet::default(),
            further_extensions: Vec::new(),
        }
    }

    /// Returns whether a request asks for this subject, these usages and these alternative names.
    pub fn is_requested_by(&self, request: &CertificateRequest) -> bool {
        let requested = LeafTemplate::of_request(request);
        (&self.subject, &self.usages, &self.names)
            == (&requested.subject, &requested.usages, &requested.names)
    }

    /// Returns the subject as text, most specific attribute first.
    pub fn subject_text(&self) -> String {
        self.subject.to_string()
    }

    /// Returns the subject's common names, in their order.
    pub fn common_names(&self) -> Vec<String> {
        Attribute::CommonName.of(&self.subject)
    }

    /// Returns the subject's organizations, in their order.
    pub fn organizations(&self) -> Vec<String> {
        Attribute::Organization.of(&self.subject)
    }

    /// Returns whether the subjects are the same except for common names and organizations.
    pub fn differs_only_in_names(&self, other: &LeafTemplate) -> bool {
        let is_other = |attribute: &&AttributeTypeAndValue| {
            ![COMMON_NAME, ORGANIZATION].contains(&attribute.oid)
        };
        self.subject
            .iter()
            .filter(is_other)
            .eq(other.subject.iter().filter(is_other))
    }

    /// Returns the names of the extended key usages, in their order.
    pub fn usage_names(&self) -> Vec<String> {
        self.usages.iter().map(usage_text).collect()
    }

    /// Returns the subject alternative names as text, in their order.
    pub fn san_texts(&self) -> Vec<String> {
        self.names.iter().map(general_name_text).collect()
    }

    /// Returns the DNS names and IP addresses among the subject alternative names.
    pub fn sans(&self) -> Vec<San> {
        self.names.iter().filter_map(to_san).collect()
    }

    /// Returns a critical extension that Go does not handle; Go refuses a certificate with it.
    pub fn unknown_critical(&self) -> Option<String> {
        self.further_extensions
            .iter()
            .find(|extension| is_unknown_critical(extension))
            .map(|extension| extension.extn_id.to_string())
    }

    /// Returns this template with the subject, usages and alternative names of `declared`.
    pub fn declared_as(self, declared: LeafTemplate) -> LeafTemplate {
        LeafTemplate {
            subject: declared.subject,
            usages: declared.usages,
            names: declared.names,
            ..self
        }
    }

    /// Returns whether Go reads the subject.
    pub fn has_valid_subject(&self) -> bool {
        self.subject
            .to_der()
            .is_ok_and(|der| go::is_valid_name(&der))
    }

    /// Returns this template with the subject of another one.
    pub fn with_subject_of(self, other: LeafTemplate) -> LeafTemplate {
        LeafTemplate {
            subject: other.subject,
            ..self
        }
    }

    /// Returns this template without the extensions that `sign` does not set itself.
    pub fn without_further_extensions(self) -> LeafTemplate {
        LeafTemplate {
            further_extensions: Vec::new(),
            ..self
        }
    }

    /// Returns this template without critical extensions that Go does not handle, and the identifiers of the removed
    /// ones.
    pub fn without_unknown_critical(mut self) -> (LeafTemplate, Vec<String>) {
        let (dropped, kept) = self
            .further_extensions
            .into_iter()
            .partition::<Vec<_>, _>(is_unknown_critical);
        self.further_extensions = kept;
        let dropped = dropped
            .iter()
            .map(|extension| extension.extn_id.to_string())
            .collect();
        (self, dropped)
    }

    /// Returns this template with exactly these usages.
    pub fn with_usages_of_row(self, usages: &[Usage]) -> LeafTemplate {
        LeafTemplate {
            usages: usages.iter().copied().map(usage_oid).collect(),
            ..self
        }
    }

    /// Returns this template with exactly these usages, key usages among them.
    pub fn with_purposes(self, purposes: &[Purpose]) -> LeafTemplate {
        let mut key_usages = FlagSet::default();
        let mut usages = Vec::new();
        for purpose in purposes {
            match purpose.field() {
                PurposeField::Key(bit) => key_usages |= bit,
                PurposeField::Extended(oid) if usages.contains(&oid) => {}
                PurposeField::Extended(oid) => usages.push(oid),
            }
        }
        LeafTemplate {
            usages,
            key_usages: Some(key_usages),
            ..self
        }
    }

    /// Returns the key usages of a certificate for a key of this algorithm.
    pub(super) fn key_usages_for(&self, algorithm: Algorithm) -> FlagSet<KeyUsages> {
        let of_key = leaf_key_usages(algorithm);
        match self.key_usages {
            // What a key cannot do is left out, as kubelets leave it out of their requests.
            Some(exact) if !algorithm.is_rsa() => exact - KeyUsages::KeyEncipherment,
            Some(exact) => exact,
            None => of_key | self.further_key_usages,
        }
    }

    /// Returns the alternative names that Go does not read.
    pub fn malformed_names(&self) -> impl Iterator<Item = String> {
        let names = self.names.iter().filter(|name| !is_well_formed(name));
        names.map(general_name_text)
    }

    /// Returns this template with missing usages added, and the names of the added ones.
    pub fn with_usages(mut self, usages: &[Usage]) -> (LeafTemplate, Vec<String>) {
        let mut added = Vec::new();
        for usage in usages {
            let oid = usage_oid(*usage);
            if !self.usages.contains(&oid) && !self.usages.contains(&ANY_USAGE) {
                self.usages.push(oid);
                added.push(usage.name().to_owned());
            }
        }
        (self, added)
    }
}

fn is_unknown_critical(extension: &Extension) -> bool {
    extension.critical && !go::is_handled(&extension.extn_id)
}

/// Returns a subject with organizations, in their order, and one common name.
pub(super) fn name<'a>(
    common_name: &'a str,
    organizations: impl IntoIterator<Item = &'a str>,
) -> Result<Name, IssueError> {
    let attributes = organizations
        .into_iter()
        .map(|value| (ORGANIZATION, value))
        .chain([(COMMON_NAME, common_name)]);
    rdns(attributes)
}

/// Returns a subject with these attributes, each in an RDN of its own.
fn subject_of(attributes: &[(Attribute, String)]) -> Result<Name, IssueError> {
    let attributes = attributes.iter();
    rdns(attributes.map(|(attribute, value)| (attribute.oid(), value.as_str())))
}

fn rdns<'a>(
    attributes: impl IntoIterator<Item = (ObjectIdentifier, &'a str)>,
) -> Result<Name, IssueError> {
    let mut rdns = RdnSequence::default();
    for (oid, value) in attributes {
        let mut rdn = RelativeDistinguishedName::default();
        rdn.insert(AttributeTypeAndValue {
            oid,
            value: directory_string(value)?,
        })?;
        rdns.push(rdn);
    }
    Ok(Name::from_der(&rdns.to_der()?)?)
}

/// Encodes text as PrintableString if its characters allow it, else as UTF8String, as Go's `encoding/asn1` does.
fn directory_string(value: &str) -> Result<Any, IssueError> {
    match PrintableString::new(value) {
        Ok(printable) => Ok(Any::encode_from(&printable)?),
        Err(_) => Ok(Any::encode_from(&Utf8StringRef::new(value)?)?),
    }
}

pub(super) fn general_name(san: &San) -> Result<GeneralName, IssueError> {
    Ok(match san {
        San::Dns(name) => GeneralName::DnsName(Ia5String::new(name)?),
        San::Ip(IpAddr::V4(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
        San::Ip(IpAddr::V6(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
    })
}

fn alternative_name(name: &AlternativeName) -> Result<GeneralName, IssueError> {
    Ok(match name {
        AlternativeName::San(san) => general_name(san)?,
        AlternativeName::Email(address) => GeneralName::Rfc822Name(Ia5String::new(address)?),
        AlternativeName::Uri(uri) => GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?),
    })
}

/// An ECDSA key cannot encipher keys (RFC 8813 section 3), so only RSA leaves have keyEncipherment.
fn leaf_key_usages(algorithm: Algorithm) -> FlagSet<KeyUsages> {
    if algorithm.is_rsa() {
        KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment
    } else {
        KeyUsages::DigitalSignature.into()
    }
}

impl From<KeyError> for IssueError {
    fn from(error: KeyError) -> Self {
        IssueError::Key(error)
    }
}

impl From<x509_cert::der::Error> for IssueError {
    fn from(error: x509_cert::der::Error) -> Self {
        IssueError::Encoding(error.to_string())
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IssueError::Key(error) => error.fmt(f),
            IssueError::Encoding(reason) => {
                write!(f, "the certificate cannot be encoded: {reason}")
            }
        }
    }
}

impl std::error::Error for IssueError {}
