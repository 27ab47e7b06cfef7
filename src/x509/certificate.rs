//! Reads certificates from PEM files. Nothing here signs or judges; see `sign` and `verify`.

use std::sync::{LazyLock, OnceLock};
use std::{fmt, mem};

use ::time::OffsetDateTime;
use memchr::memmem;
use num_bigint::BigInt;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::time;

use super::attribute::Attribute;
use super::digest::sha256;
use super::extension::{DecodableExtension, find_extension};
use super::go::{self, GoError};
use super::key::PublicKey;
use super::oid::oid_name;
use super::pem::{self, PemError};
use super::san::{San, general_name_text, to_san};
use super::signature::Signed;
use super::usage::{ANY_USAGE, Usage, key_usage_name, usage_oid, usage_text};
use super::validity::Validity;

/// An X.509 certificate (RFC 5280).
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    validity: Validity,
    facts: go::GoFields,
    /// The error if Go's `crypto/x509` does not read it.
    go_error: Option<GoError>,
    public_key: PublicKey,
    /// What the library reads; `None` if it does not, which can be true only after [`Reading::Dates`].
    parsed: OnceLock<Option<Box<CertificateInner<AnySerialNumber>>>>,
    /// The key that made the signature, once it was verified: verification is the slowest operation on a certificate.
    signer: OnceLock<PublicKey>,
}

/// How much of a certificate has to be readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Everything that is reported about it.
    Whole,
    /// What Go's `crypto/x509` reads, and the dates. What only the library reads is decoded when it is asked for, and empty if
    /// that fails.
    Dates,
}

/// Why a certificate file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// The file has no bytes.
    Empty,
    /// The file is DER, not PEM.
    Der,
    /// The PEM text is malformed.
    Pem(PemError),
    /// A certificate has PEM headers, so Kubernetes ignores it: its position in the file, from 1.
    Headers(usize),
    /// There is no `CERTIFICATE` block; the labels that were found.
    NoCertificate(Vec<String>),
    /// There is a private key in the file.
    PrivateKey,
    /// Neither Go's `crypto/x509` nor the library reads a certificate: its position in the file, from 1, and Go's reason.
    Go(usize, GoError),
    /// The library does not read a certificate that Go reads: its position in the file, from 1, and the library's reason.
    Malformed(usize, String),
}

/// Reads serial numbers of any length, as Go does; RFC 5280 section 4.1.2.2 allows 20 octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AnySerialNumber;

impl x509_cert::certificate::Profile for AnySerialNumber {
    fn check_serial_number(
        _serial: &x509_cert::serial_number::SerialNumber<Self>,
    ) -> x509_cert::der::Result<()> {
        Ok(())
    }
}

impl Certificate {
    /// Takes one DER certificate.
    pub fn from_der(der: Vec<u8>) -> Result<Certificate, CertificateError> {
        Certificate::at(1, der)
    }

    /// Takes one DER certificate, the one at this position of its file, for its dates.
    fn dated_at(position: usize, der: Vec<u8>) -> Result<Certificate, CertificateError> {
        let Ok((facts, fields)) = go::parse_fields(&der) else {
            // The library may read it.
            return Certificate::at(position, der);
        };
        let validity = time::Validity::<AnySerialNumber>::from_der(fields.validity)
            .map_err(|error| CertificateError::Malformed(position, error.to_string()))?;
        let public_key = PublicKey::from_spki(fields.public_key.to_vec());
        Ok(Certificate {
            validity: to_validity(&validity),
            public_key,
            der,
            facts,
            go_error: None,
            parsed: OnceLock::new(),
            signer: OnceLock::new(),
        })
    }

    /// Takes one DER certificate, the one at this position of its file.
    fn at(position: usize, der: Vec<u8>) -> Result<Certificate, CertificateError> {
        let (facts, go_error) = match go::parse(&der) {
            Ok(facts) => (Some(facts), None),
            Err(error) => (None, Some(error)),
        };
        let malformed = |error: x509_cert::der::Error| match &go_error {
            Some(error) => CertificateError::Go(position, error.clone()),
            None => CertificateError::Malformed(position, error.to_string()),
        };
        let parsed = CertificateInner::from_der(&der).map_err(malformed)?;
        let facts = match (facts, &go_error) {
            (Some(facts), _) => facts,
            // Readers disagree on which of the two counts.
            (
                None,
                Some(error @ (GoError::DuplicateExtension(_) | GoError::SignatureAlgorithms)),
            ) => return Err(CertificateError::Go(position, error.clone())),
            (None, _) => facts_of(&parsed).map_err(malformed)?,
        };
        let tbs: &TbsCertificateInner<_> = parsed.tbs_certificate();
        check_extensions(tbs.extensions().map_or(&[], Vec::as_slice)).map_err(malformed)?;
        let spki = tbs.subject_public_key_info().to_der().map_err(malformed)?;
        Ok(Certificate {
            validity: to_validity(tbs.validity()),
            public_key: PublicKey::from_spki(spki),
            der,
            facts,
            go_error,
            parsed: OnceLock::from(Some(Box::new(parsed))),
            signer: OnceLock::new(),
        })
    }

    fn parsed(&self) -> Option<&CertificateInner<AnySerialNumber>> {
        let parse = || CertificateInner::from_der(&self.der).ok().map(Box::new);
        self.parsed.get_or_init(parse).as_deref()
    }

    fn tbs(&self) -> Option<&TbsCertificateInner<AnySerialNumber>> {
        self.parsed().map(CertificateInner::tbs_certificate)
    }

    /// Returns why Go's `crypto/x509` does not read the certificate although the library does; no Kubernetes component
    /// accepts it.
    pub fn go_error(&self) -> Option<&GoError> {
        self.go_error.as_ref()
    }

    /// Reads the certificates of a world-readable PEM file, in their order; at least one.
    ///
    /// Text around the blocks is ignored, as in Go's `encoding/pem`.
    pub fn list_from_pem(text: &[u8]) -> Result<Vec<Certificate>, CertificateError> {
        Certificate::list_without_key(text, Reading::Whole)
    }

    /// Reads the certificates of a private PEM file, in their order; at least one. It may hold a key too.
    pub fn list_from_pem_with_key(text: &[u8]) -> Result<Vec<Certificate>, CertificateError> {
        Certificate::list(text, Reading::Whole)
    }

    /// As [`Certificate::list_from_pem`].
    pub(super) fn list_without_key(
        text: &[u8],
        reading: Reading,
    ) -> Result<Vec<Certificate>, CertificateError> {
        let chain = Certificate::list(text, reading)?;
        // A `.crt` has mode 0644, so everybody can read a key in it.
        if memmem::find(text, PRIVATE_KEY).is_some() {
            return Err(CertificateError::PrivateKey);
        }
        Ok(chain)
    }

    /// As [`Certificate::list_from_pem_with_key`].
    pub(super) fn list(
        text: &[u8],
        reading: Reading,
    ) -> Result<Vec<Certificate>, CertificateError> {
        if text.is_empty() {
            return Err(CertificateError::Empty);
        }
        if text.first() == Some(&0x30) {
            return Err(CertificateError::Der);
        }
        let mut blocks = pem::blocks(text).map_err(CertificateError::Pem)?;
        let mut certificates = Vec::new();
        let is_certificate = |block: &&mut pem::Block| block.label == "CERTIFICATE";
        for block in blocks.iter_mut().filter(is_certificate) {
            let position = certificates.len() + 1;
            // Go's certificate pools skip such a block.
            if block.has_headers {
                return Err(CertificateError::Headers(position));
            }
            let der = mem::take(&mut *block.contents);
            certificates.push(match reading {
                Reading::Whole => Certificate::at(position, der)?,
                Reading::Dates => Certificate::dated_at(position, der)?,
            });
        }
        match certificates.is_empty() {
            true => Err(CertificateError::NoCertificate(
                blocks.iter().map(pem::Block::display_label).collect(),
            )),
            false => Ok(certificates),
        }
    }

    /// Returns the certificate as a `CERTIFICATE` PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der).to_string()
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
        self.tbs().map_or(&EMPTY_NAME, TbsCertificateInner::subject)
    }

    /// Returns the encoded subject.
    pub fn raw_subject(&self) -> &[u8] {
        &self.facts.subject
    }

    /// Returns the issuer, all RDNs as they are encoded.
    pub fn issuer(&self) -> &Name {
        self.tbs().map_or(&EMPTY_NAME, TbsCertificateInner::issuer)
    }

    /// Returns whether issuer and subject are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.facts.subject == self.facts.issuer
    }

    /// Returns the common name of the subject, the last one if there are several, as in Go.
    pub fn common_name(&self) -> Option<String> {
        Attribute::CommonName.last_of(self.subject())
    }

    /// Returns the serial number in colon-separated hexadecimal.
    pub fn serial(&self) -> String {
        colon_separated(self.serial_octets())
    }

    /// Returns the serial number in colon-separated hexadecimal, for text: at most its first 40 octets.
    pub fn short_serial(&self) -> String {
        short_serial(&self.serial())
    }

    /// Returns the serial number as a decimal number; only its first 40 octets, in hexadecimal, if it has more.
    pub fn short_decimal_serial(&self) -> String {
        match self.serial_octets().len() > MAX_SERIAL_OCTETS {
            true => self.short_serial(),
            false => self.decimal_serial(),
        }
    }

    /// Returns the serial number as a decimal number.
    pub fn decimal_serial(&self) -> String {
        BigInt::from_signed_bytes_be(self.serial_octets()).to_string()
    }

    /// Returns whether the serial number has more than the 20 octets that RFC 5280 section 4.1.2.2 allows. Go reads those.
    pub fn has_long_serial(&self) -> bool {
        self.serial_octets().len() > 20
    }

    /// Returns whether the serial number is zero, which RFC 5280 forbids and Go reads. kubeadm gave it to its CAs for years.
    pub fn has_zero_serial(&self) -> bool {
        self.serial_octets().iter().all(|octet| *octet == 0)
    }

    /// Returns whether both have the same issuer and serial number. RFC 5280 section 4.1.2.2 forbids this for two certificates.
    pub fn has_issuer_and_serial_of(&self, other: &Certificate) -> bool {
        self.facts.issuer == other.facts.issuer && self.serial_octets() == other.serial_octets()
    }

    fn serial_octets(&self) -> &[u8] {
        let tbs = self.tbs();
        tbs.map_or(&[], |tbs| tbs.serial_number().as_bytes())
    }

    /// Returns the first second at which the certificate is valid.
    pub fn not_before(&self) -> OffsetDateTime {
        self.validity.not_before
    }

    /// Returns the last second at which the certificate is valid.
    pub fn not_after(&self) -> OffsetDateTime {
        self.validity.not_after
    }

    /// Returns whether this key made the signature.
    pub(super) fn is_signed_with(&self, key: &PublicKey) -> bool {
        // Another key may fit, too: for an ECDSA signature, such a key can be computed.
        if self.signer.get() == Some(key) {
            return true;
        }
        let signed = Signed::split(&self.der);
        let is_signed = signed.is_some_and(|signed| key.has_signed(&signed));
        if is_signed {
            self.signer.get_or_init(|| key.clone());
        }
        is_signed
    }

    /// Returns the time during which the certificate is valid.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Returns the subject's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Returns whether this is a CA certificate that may sign others: basicConstraints has the CA flag, and keyUsage,
    /// if present, has keyCertSign. As in Go, basicConstraints need not be critical.
    pub fn is_ca(&self) -> bool {
        self.has_ca_flag() && self.facts().may_sign()
    }

    /// Returns whether basicConstraints, critical or not, has the CA flag.
    pub fn has_ca_flag(&self) -> bool {
        let constraints = self.facts.extensions.basic_constraints;
        constraints.is_some_and(|constraints| constraints.is_ca)
    }

    /// Returns whether basicConstraints is present and critical, as RFC 5280 section 4.2.1.9 requires for a CA.
    pub fn has_critical_basic_constraints(&self) -> bool {
        let is_basic_constraints =
            |extension: &&Extension| extension.extn_id == BasicConstraints::OID;
        let found = self.extensions().iter().find(is_basic_constraints);
        found.is_some_and(|extension| extension.critical)
    }

    /// Returns the first critical extension that Go does not handle; Go refuses to use such a certificate.
    pub fn unknown_critical(&self) -> Option<ObjectIdentifier> {
        self.facts.extensions.unhandled_critical
    }

    /// Returns the key usage bits, digitalSignature the lowest; none without the extension.
    pub(super) fn key_usage(&self) -> u16 {
        self.facts.extensions.key_usage
    }

    /// Returns the names of the key usages, in the order of their bits.
    pub fn key_usage_names(&self) -> Vec<&'static str> {
        let usages = self.extension::<KeyUsage>().map(|(_, usage)| usage.0);
        usages.into_iter().flatten().map(key_usage_name).collect()
    }

    /// Returns the version: 1, 2 or 3.
    pub fn version(&self) -> u8 {
        self.facts.version
    }

    /// Returns the name of the signature algorithm.
    pub fn signature_algorithm(&self) -> String {
        let parsed = self.parsed();
        parsed.map_or_else(String::new, |parsed| {
            oid_name(parsed.signature_algorithm().oid)
        })
    }

    /// Returns all extensions as they are encoded: name, whether it is critical, and value.
    pub fn raw_extensions(&self) -> Vec<(String, bool, &[u8])> {
        let extensions = self.extensions().iter();
        extensions
            .map(|extension| {
                let value = extension.extn_value.as_bytes();
                (oid_name(extension.extn_id), extension.critical, value)
            })
            .collect()
    }

    /// Returns the signature.
    pub fn signature(&self) -> &[u8] {
        let parsed = self.parsed();
        parsed.map_or(&[], |parsed| parsed.signature().raw_bytes())
    }

    /// Returns whether there is a keyUsage extension.
    pub fn has_key_usage(&self) -> bool {
        self.extensions()
            .iter()
            .any(|extension| extension.extn_id == KeyUsage::OID)
    }

    /// Returns whether this is an X.509 version 1 certificate, which has no extensions.
    pub fn is_version_1(&self) -> bool {
        self.facts.version == 1
    }

    /// Returns the fields that Go reads, or would read if it accepted the certificate.
    pub(super) fn facts(&self) -> &go::GoFields {
        &self.facts
    }

    /// Returns whether it restricts the names of the certificates below it.
    pub fn has_name_constraints(&self) -> bool {
        self.extensions()
            .iter()
            .any(|extension| extension.extn_id == NameConstraints::OID)
    }

    /// Returns the extended key usages in their order, by object identifier.
    pub fn usage_oids(&self) -> &[ObjectIdentifier] {
        &self.facts.extensions.extended_key_usage
    }

    /// Returns whether the extended key usage, if present, allows this usage.
    pub fn allows(&self, usage: Usage) -> bool {
        let usages = self.usage_oids();
        usages.is_empty() || usages.contains(&ANY_USAGE) || usages.contains(&usage_oid(usage))
    }

    /// Returns the names of the extended key usages in their order; an unknown usage is returned as its object
    /// identifier.
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

    /// Returns how many intermediates may be between this CA and a leaf, if this is limited.
    pub fn path_length(&self) -> Option<u64> {
        let constraints = self.facts.extensions.basic_constraints?;
        constraints.path_length
    }

    /// Returns the subject key identifier.
    pub fn subject_key_id(&self) -> Option<Vec<u8>> {
        self.facts.extensions.subject_key_id.clone()
    }

    /// Returns the key identifier of the issuer.
    pub fn authority_key_id(&self) -> Option<Vec<u8>> {
        self.facts.extensions.authority_key_id.clone()
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
        let extensions = self.tbs().and_then(TbsCertificateInner::extensions);
        extensions.map_or(&[], |extensions| extensions.as_slice())
    }

    fn extension<T: DecodableExtension>(&self) -> Option<(bool, T)> {
        find_extension(self.extensions())
    }
}

/// Decodes the extensions that the library reads, so that a malformed extension is an error instead of a missing one.
fn check_extensions(extensions: &[Extension]) -> x509_cert::der::Result<()> {
    for extension in extensions {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            SubjectAltName::OID => SubjectAltName::from_der(value).map(drop)?,
            AuthorityKeyIdentifier::OID => AuthorityKeyIdentifier::from_der(value).map(drop)?,
            _ => {}
        }
    }
    Ok(())
}

/// Returns the fields of a certificate that Go does not accept.
fn facts_of(
    certificate: &CertificateInner<AnySerialNumber>,
) -> x509_cert::der::Result<go::GoFields> {
    let tbs = certificate.tbs_certificate();
    let list = tbs.extensions().map_or(&[][..], Vec::as_slice);
    let mut extensions = go::Extensions::default();
    for extension in list {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BasicConstraints::OID => {
                let constraints = BasicConstraints::from_der(value)?;
                extensions.basic_constraints = Some(go::BasicConstraints {
                    is_ca: constraints.ca,
                    path_length: constraints.path_len_constraint.map(u64::from),
                });
            }
            KeyUsage::OID => extensions.key_usage = KeyUsage::from_der(value)?.0.bits(),
            ExtendedKeyUsage::OID => {
                extensions.extended_key_usage = ExtendedKeyUsage::from_der(value)?.0;
            }
            SubjectKeyIdentifier::OID => {
                let id = SubjectKeyIdentifier::from_der(value)?.0;
                extensions.subject_key_id = Some(id.as_bytes().to_vec());
            }
            AuthorityKeyIdentifier::OID => {
                let id = AuthorityKeyIdentifier::from_der(value)?.key_identifier;
                extensions.authority_key_id = id.map(|id| id.as_bytes().to_vec());
            }
            _ => {}
        }
    }
    Ok(go::GoFields {
        version: tbs.version() as u8 + 1,
        issuer: tbs.issuer().to_der()?,
        subject: tbs.subject().to_der()?,
        signature_algorithm: go::signature_algorithm(&certificate.signature_algorithm().to_der()?),
        extensions,
    })
}

const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

static EMPTY_NAME: LazyLock<Name> = LazyLock::new(Name::default);

impl PartialEq for Certificate {
    /// Certificates are equal when their encodings are.
    fn eq(&self, other: &Certificate) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

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
            CertificateError::Pem(error) => write!(f, "malformed PEM: {error}"),
            CertificateError::Headers(position) => write!(
                f,
                "certificate {position} has PEM headers, so Kubernetes ignores it"
            ),
            CertificateError::NoCertificate(labels) if labels.is_empty() => {
                f.write_str("it contains no PEM block")
            }
            CertificateError::NoCertificate(labels) => {
                write!(
                    f,
                    "it contains no `CERTIFICATE` block, only `{}`",
                    labels.join("`, `")
                )
            }
            CertificateError::PrivateKey => {
                f.write_str("this world-readable file contains a private key")
            }
            CertificateError::Go(position, error) => {
                write!(f, "certificate {position} is malformed: {error}")
            }
            CertificateError::Malformed(position, reason) => {
                write!(f, "certificate {position} is malformed: {reason}")
            }
        }
    }
}

impl std::error::Error for CertificateError {}

/// How many octets of a serial number text shows: twice as many as RFC 5280 allows.
const MAX_SERIAL_OCTETS: usize = 40;

/// Returns a serial number in colon-separated hexadecimal, cut after 40 octets.
pub(crate) fn short_serial(serial: &str) -> String {
    match serial.split_at_checked(MAX_SERIAL_OCTETS * 3 - 1) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{first}… ({} octets)", serial.len() / 3 + 1)
        }
        _ => serial.to_owned(),
    }
}

/// Returns octets in colon-separated hexadecimal.
pub(super) fn colon_separated(octets: &[u8]) -> String {
    let octets: Vec<_> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

fn to_validity(validity: &time::Validity<AnySerialNumber>) -> Validity {
    Validity {
        not_before: to_offset(validity.not_before),
        not_after: to_offset(validity.not_after),
    }
}

pub(super) fn to_offset(time: x509_cert::time::Time) -> OffsetDateTime {
    // X.509 times are between 1950 and 9999, which `time` can represent. The library returns 1970 for earlier times.
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
