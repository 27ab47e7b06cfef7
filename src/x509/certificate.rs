//! Certificates as they are found: PEM files in, facts out. Nothing here signs or judges; see `issue` and `verify`.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use memchr::memmem;
use time::OffsetDateTime;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::key::{PublicKey, sha256, unix_lines};
use super::pem::{blocks, label};
use super::san::San;
use super::validity::Validity;
use crate::util::escape::tame;
use crate::x509::usage::Usage;

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
pub(super) const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// An X.509 version 3 certificate (RFC 5280).
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
}

/// Why a certificate file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// The file has no bytes.
    Empty,
    /// The file is DER, not PEM.
    Der,
    /// The PEM text is malformed; the reason.
    Pem(String),
    /// There is no `CERTIFICATE` block; the labels that were found.
    NoCertificate(Vec<String>),
    /// There is a private key in the file.
    PrivateKey,
    /// A certificate is malformed: its position in the file, from 1, and the library's reason.
    Malformed(usize, String),
}

impl Certificate {
    /// Takes one DER certificate.
    pub fn from_der(der: Vec<u8>) -> Result<Certificate, CertificateError> {
        let parsed = x509_cert::Certificate::from_der(&der)
            .map_err(|error| CertificateError::Malformed(1, error.to_string()))?;
        let certificate = Certificate { der, parsed };
        check_extensions(certificate.extensions())
            .map_err(|error| CertificateError::Malformed(1, error.to_string()))?;
        // RFC 5280 section 4.1.1.2; Go refuses it as well.
        if certificate.parsed.signature_algorithm()
            != certificate.parsed.tbs_certificate().signature()
        {
            let reason =
                "its signature algorithm is one inside of what is signed and another outside";
            return Err(CertificateError::Malformed(1, reason.to_owned()));
        }
        let mut seen = HashSet::new();
        // RFC 5280 section 4.2: none of them twice; Go refuses it.
        if let Some(twice) = certificate
            .extensions()
            .iter()
            .find(|extension| !seen.insert(extension.extn_id))
        {
            let reason = format!("it has the extension {} twice", twice.extn_id);
            return Err(CertificateError::Malformed(1, reason));
        }
        Ok(certificate)
    }

    /// Reads the certificates of a PEM file that everybody may read, in their order; at least one.
    ///
    /// Text around the blocks is passed over, as Go's `encoding/pem` does.
    pub fn list_from_pem(text: &[u8]) -> Result<Vec<Certificate>, CertificateError> {
        let chain = Certificate::list_from_pem_with_key(text)?;
        // The key of a `.crt`, which is 0644, is everybody's.
        if memmem::find(text, PRIVATE_KEY).is_some() {
            return Err(CertificateError::PrivateKey);
        }
        Ok(chain)
    }

    /// Reads the certificates of a private PEM file, in their order; at least one. It may hold a key too.
    pub fn list_from_pem_with_key(text: &[u8]) -> Result<Vec<Certificate>, CertificateError> {
        if text.is_empty() {
            return Err(CertificateError::Empty);
        }
        if text.first() == Some(&0x30) {
            return Err(CertificateError::Der);
        }
        let blocks = blocks(text).map_err(CertificateError::Pem)?;
        let labels = blocks.iter().map(|block| label(block.tag())).collect();
        let mut chain = Vec::new();
        for block in blocks
            .into_iter()
            .filter(|block| block.tag() == "CERTIFICATE")
        {
            let position = chain.len() + 1;
            // Go's certificate pools pass over such a block.
            if block.headers().iter().next().is_some() {
                let reason =
                    format!("certificate {position} has headers, so Kubernetes passes over it");
                return Err(CertificateError::Pem(reason));
            }
            chain.push(Certificate::from_der(block.into_contents()).map_err(
                |error| match error {
                    CertificateError::Malformed(_, reason) => {
                        CertificateError::Malformed(position, reason)
                    }
                    other => other,
                },
            )?);
        }
        if chain.is_empty() {
            Err(CertificateError::NoCertificate(labels))
        } else {
            Ok(chain)
        }
    }

    /// Returns the certificate as a `CERTIFICATE` PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode_config(
            &pem::Pem::new("CERTIFICATE", self.der.clone()),
            unix_lines(),
        )
    }

    /// Returns the DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the SHA-256 of the DER encoding.
    pub fn fingerprint(&self) -> Vec<u8> {
        sha256(&self.der)
    }

    /// Returns the subject, all RDNs as they are encoded.
    pub fn subject(&self) -> &Name {
        self.parsed.tbs_certificate().subject()
    }

    /// Returns the issuer, all RDNs as they are encoded.
    pub fn issuer(&self) -> &Name {
        self.parsed.tbs_certificate().issuer()
    }

    /// Returns whether issuer and subject are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// Returns the first common name of the subject, if it has one that is text.
    pub fn common_name(&self) -> Option<String> {
        self.subject()
            .common_name()
            .ok()
            .flatten()
            .map(|name| name.value().into_owned())
    }

    /// Returns the serial number in colon-separated hexadecimal.
    pub fn serial(&self) -> String {
        self.parsed.tbs_certificate().serial_number().to_string()
    }

    /// Returns whether the serial number is positive and has at most 20 octets (RFC 5280 section 4.1.2.2).
    pub fn has_valid_serial(&self) -> bool {
        let octets = self.parsed.tbs_certificate().serial_number().as_bytes();
        let is_negative = octets.first().is_some_and(|first| first & 0x80 != 0);
        let is_zero = octets.iter().all(|octet| *octet == 0);
        octets.len() <= 20 && !is_negative && !is_zero
    }

    /// Returns whether the serial number is negative; Go refuses to parse it.
    pub fn has_negative_serial(&self) -> bool {
        let octets = self.parsed.tbs_certificate().serial_number().as_bytes();
        octets.first().is_some_and(|first| first & 0x80 != 0)
    }

    /// Returns whether it is an X.509 version 1 certificate, which has no extensions.
    pub fn is_version_1(&self) -> bool {
        self.parsed.tbs_certificate().version() == x509_cert::Version::V1
    }

    /// Returns the first second at which the certificate is valid.
    pub fn not_before(&self) -> OffsetDateTime {
        to_offset(self.parsed.tbs_certificate().validity().not_before)
    }

    /// Returns the last second at which the certificate is valid.
    pub fn not_after(&self) -> OffsetDateTime {
        to_offset(self.parsed.tbs_certificate().validity().not_after)
    }

    /// Returns the time during which the certificate is valid.
    pub fn validity(&self) -> Validity {
        Validity {
            not_before: self.not_before(),
            not_after: self.not_after(),
        }
    }

    /// Returns the subject's public key.
    pub fn public_key(&self) -> PublicKey {
        // The structure was decoded from DER a moment ago, so it encodes again; an empty key matches nothing.
        PublicKey::from_spki(
            self.parsed
                .tbs_certificate()
                .subject_public_key_info()
                .to_der()
                .unwrap_or_default(),
        )
    }

    /// Returns whether basicConstraints, critical or not, say that this is a CA, and keyUsage, if there is one, lets it sign
    /// certificates. CAs that were made by hand often have no keyUsage, and every component takes them.
    pub fn is_ca(&self) -> bool {
        let may_sign = self
            .extension::<KeyUsage>()
            .is_none_or(|(_, usage)| usage.key_cert_sign());
        self.has_ca_flag() && may_sign
    }

    /// Returns whether basicConstraints are marked critical.
    pub fn has_critical_basic_constraints(&self) -> bool {
        self.extension::<BasicConstraints>()
            .is_some_and(|(critical, _)| critical)
    }

    /// Returns whether there is a keyUsage extension.
    pub fn has_key_usage(&self) -> bool {
        self.key_usage().is_some()
    }

    /// Returns whether basicConstraints say that this is a CA, critical or not.
    pub fn has_ca_flag(&self) -> bool {
        self.extension::<BasicConstraints>()
            .is_some_and(|(_, basic)| basic.ca)
    }

    /// Returns the key usage bits, if the extension is there.
    pub(super) fn key_usage(&self) -> Option<KeyUsage> {
        self.extension().map(|(_, usage)| usage)
    }

    /// Returns the extended key usages in their order, by object identifier.
    pub fn usage_oids(&self) -> Vec<ObjectIdentifier> {
        self.extension::<ExtendedKeyUsage>()
            .map(|(_, usages)| usages.0)
            .unwrap_or_default()
    }

    /// Returns whether the extended key usage, if there is one, lets the certificate be used for this.
    pub fn allows(&self, usage: Usage) -> bool {
        let usages = self.usage_oids();
        usages.is_empty() || usages.contains(&ANY_USAGE) || usages.contains(&usage_oid(usage))
    }

    /// Returns the names of the extended key usages in their order; an unknown one is given as its object identifier.
    pub fn usage_names(&self) -> Vec<String> {
        self.usage_oids().iter().map(usage_text).collect()
    }

    /// Returns the subject alternative names in their order.
    pub fn general_names(&self) -> GeneralNames {
        self.extension::<SubjectAltName>()
            .map(|(_, names)| names.0)
            .unwrap_or_default()
    }

    /// Returns the subject alternative names as text, such as `DNS:localhost` or `URI:spiffe://a/b`, in their order.
    pub fn san_texts(&self) -> Vec<String> {
        self.general_names().iter().map(general_name_text).collect()
    }

    /// Returns the DNS names and IP addresses among the subject alternative names.
    pub fn sans(&self) -> Vec<San> {
        self.general_names().iter().filter_map(to_san).collect()
    }

    /// Returns whether every IP address among the subject alternative names has four or sixteen octets; Go refuses others.
    pub fn has_valid_names(&self) -> bool {
        self.general_names().iter().all(is_well_formed)
    }

    /// Returns how many intermediates may stand between this CA and a leaf, if that is limited.
    pub fn path_length(&self) -> Option<u8> {
        let (_, basic) = self.extension::<BasicConstraints>()?;
        basic.path_len_constraint
    }

    /// Returns the subject key identifier.
    pub fn subject_key_id(&self) -> Option<Vec<u8>> {
        self.extension::<SubjectKeyIdentifier>()
            .map(|(_, id)| id.0.as_bytes().to_vec())
    }

    /// Returns the key identifier of the issuer.
    pub fn authority_key_id(&self) -> Option<Vec<u8>> {
        let (_, id) = self.extension::<AuthorityKeyIdentifier>()?;
        id.key_identifier.map(|id| id.as_bytes().to_vec())
    }

    /// Returns whether the authority key identifier names the issuer, by key or by name and serial number.
    pub fn names_its_issuer(&self) -> bool {
        self.extension::<AuthorityKeyIdentifier>()
            .is_some_and(|(_, id)| {
                id.key_identifier.is_some() || id.authority_cert_serial_number.is_some()
            })
    }

    /// Returns the extensions as they are encoded.
    pub(super) fn extensions(&self) -> &[Extension] {
        self.parsed
            .tbs_certificate()
            .extensions()
            .map_or(&[], |extensions| extensions.as_slice())
    }

    fn extension<T: Known>(&self) -> Option<(bool, T)> {
        find_extension(self.extensions())
    }
}

/// An extension that is read here.
pub(super) trait Known:
    for<'a> Decode<'a, Error = x509_cert::der::Error> + AssociatedOid
{
}

impl<T: for<'a> Decode<'a, Error = x509_cert::der::Error> + AssociatedOid> Known for T {}

/// Returns an extension with its criticality.
pub(super) fn find_extension<T: Known>(extensions: &[Extension]) -> Option<(bool, T)> {
    let extension = extensions
        .iter()
        .find(|extension| extension.extn_id == T::OID)?;
    Some((
        extension.critical,
        T::from_der(extension.extn_value.as_bytes()).ok()?,
    ))
}

/// Decodes every extension that is read here, so that a malformed one is an error and not an absent one.
pub(super) fn check_extensions(extensions: &[Extension]) -> x509_cert::der::Result<()> {
    for extension in extensions {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BasicConstraints::OID => BasicConstraints::from_der(value).map(drop)?,
            KeyUsage::OID => KeyUsage::from_der(value).map(drop)?,
            ExtendedKeyUsage::OID => ExtendedKeyUsage::from_der(value).map(drop)?,
            SubjectAltName::OID => SubjectAltName::from_der(value).map(drop)?,
            SubjectKeyIdentifier::OID => SubjectKeyIdentifier::from_der(value).map(drop)?,
            AuthorityKeyIdentifier::OID => AuthorityKeyIdentifier::from_der(value).map(drop)?,
            _ => {}
        }
    }
    Ok(())
}

const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Certificate({}, serial {})",
            self.subject(),
            self.serial()
        )
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateError::Empty => f.write_str("the file is empty"),
            CertificateError::Der => {
                f.write_str("the file is DER, want PEM (`openssl x509 -inform der` converts it)")
            }
            CertificateError::Pem(reason) => write!(f, "malformed PEM: {reason}"),
            CertificateError::NoCertificate(labels) if labels.is_empty() => {
                f.write_str("there is no PEM block in it")
            }
            CertificateError::NoCertificate(labels) => {
                write!(
                    f,
                    "there is no `CERTIFICATE` block in it, only `{}`",
                    labels.join("`, `")
                )
            }
            CertificateError::PrivateKey => {
                f.write_str("there is a private key in this world-readable file")
            }
            CertificateError::Malformed(position, reason) => {
                write!(f, "certificate {position} is malformed: {reason}")
            }
        }
    }
}

impl std::error::Error for CertificateError {}

/// Returns the object identifier of a usage.
pub(super) fn usage_oid(usage: Usage) -> ObjectIdentifier {
    match usage {
        Usage::ServerAuth => SERVER_AUTH,
        Usage::ClientAuth => CLIENT_AUTH,
    }
}

pub(super) fn usage_text(oid: &ObjectIdentifier) -> String {
    match *oid {
        SERVER_AUTH => Usage::ServerAuth.name().to_owned(),
        CLIENT_AUTH => Usage::ClientAuth.name().to_owned(),
        other => other.to_string(),
    }
}

fn to_offset(time: x509_cert::time::Time) -> OffsetDateTime {
    // X.509 times lie between 1950 and 9999, all of which `time` represents; before 1970 the library itself gives 1970.
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Returns whether an alternative name is one that Go can parse.
pub(super) fn is_well_formed(name: &GeneralName) -> bool {
    match name {
        GeneralName::IpAddress(octets) => ip_address(octets.as_bytes()).is_some(),
        _ => true,
    }
}

pub(super) fn to_san(name: &GeneralName) -> Option<San> {
    match name {
        GeneralName::DnsName(name) => Some(San::Dns(name.as_str().to_owned())),
        GeneralName::IpAddress(octets) => ip_address(octets.as_bytes()).map(San::Ip),
        _ => None,
    }
}

/// Returns a name as text. An IA5String may hold what steers a terminal.
pub(super) fn general_name_text(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => format!("DNS:{}", tame(name.as_str())),
        GeneralName::Rfc822Name(address) => format!("email:{}", tame(address.as_str())),
        GeneralName::UniformResourceIdentifier(uri) => format!("URI:{}", tame(uri.as_str())),
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
