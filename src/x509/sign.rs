//! Signs certificates. Every field is set here; nothing is left to a library's default.
//!
//! x509-cert builds the structure and AWS-LC signs it. rcgen is not used for it: its `DistinguishedName` is a map with one
//! value per attribute type, so a subject or issuer with two organizations cannot be reissued without loss.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use signature::{Keypair, Signer};
use time::OffsetDateTime;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::asn1::{
    Any, BitString, Ia5String, Null, ObjectIdentifier, OctetString, PrintableString, Utf8StringRef,
};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Document, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::time::Time;
use x509_cert::{TbsCertificate, attr::AttributeTypeAndValue, builder};

use super::algorithm::Algorithm;
use super::ca::{IssuerError, check_ca, is_unknown_critical};
use super::certificate::{
    ANY_USAGE, Certificate, general_name_text, is_well_formed, to_san, usage_oid, usage_text,
};
use super::chain::CaBundle;
use super::key::{KeyError, PrivateKey, PublicKey, random};
use super::san::San;
use super::usage::Usage;
use super::validity::Validity;

pub(super) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
pub(super) const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

/// What a leaf certificate says, apart from its key, dates, serial number and issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafTemplate {
    subject: Name,
    usages: Vec<ObjectIdentifier>,
    names: Vec<GeneralName>,
    /// Key usages beyond those that follow from the key's algorithm.
    further_key_usages: FlagSet<KeyUsages>,
    /// Extensions that this module does not set itself, carried over as they are.
    further_extensions: Vec<Extension>,
}

/// A CA certificate with the key that signs for it.
pub struct Issuer<'a> {
    certificate: &'a Certificate,
    key: &'a PrivateKey,
}

/// Why a certificate could not be made.
#[derive(Clone, Debug)]
pub enum IssueError {
    /// The cryptography library failed.
    Key(KeyError),
    /// The certificate could not be encoded; the library's reason.
    Encoding(String),
}

impl LeafTemplate {
    /// Makes the contents of a catalog row's certificate: `O` before `CN`, as kubeadm orders them.
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
            further_key_usages: FlagSet::default(),
            further_extensions: Vec::new(),
        })
    }

    /// Takes the contents of an existing certificate without loss: all RDNs, all alternative names that Go can parse, all usages
    /// of a leaf, and every extension that does not depend on the key or the issuer.
    pub fn of(certificate: &Certificate) -> LeafTemplate {
        let set_here = [
            KeyUsage::OID,
            ExtendedKeyUsage::OID,
            BasicConstraints::OID,
            SubjectKeyIdentifier::OID,
            AuthorityKeyIdentifier::OID,
            SubjectAltName::OID,
        ];
        let key_usages = certificate
            .key_usage()
            .map(|usage| usage.0)
            .unwrap_or_default();
        LeafTemplate {
            subject: certificate.subject().clone(),
            usages: certificate.usage_oids(),
            names: certificate
                .general_names()
                .into_iter()
                .filter(is_well_formed)
                .collect(),
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

    /// Returns the subject as text, most specific attribute first.
    pub fn subject_text(&self) -> String {
        self.subject.to_string()
    }

    /// Returns the subject's common names, in their order.
    pub fn common_names(&self) -> Vec<String> {
        attribute_texts(&self.subject, COMMON_NAME)
    }

    /// Returns the subject's organizations, in their order.
    pub fn organizations(&self) -> Vec<String> {
        attribute_texts(&self.subject, ORGANIZATION)
    }

    /// Returns whether the subjects are the same but for common names and organizations.
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

    /// Returns an extension that is critical and that nothing here, nor in most verifiers, can judge.
    pub fn unknown_critical(&self) -> Option<String> {
        self.further_extensions
            .iter()
            .find(|extension| is_unknown_critical(extension))
            .map(|extension| extension.extn_id.to_string())
    }

    /// Returns these contents without critical extensions that Go does not know, and the identifiers of those.
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

    /// Returns these contents with the usages that they lack, and the names of those.
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

    /// Returns these contents with subject, usages and alternative names as `declared`; the rest stays.
    pub fn declared_as(self, declared: LeafTemplate) -> LeafTemplate {
        LeafTemplate {
            subject: declared.subject,
            usages: declared.usages,
            names: declared.names,
            ..self
        }
    }

    fn extensions(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
        issuer: &Issuer<'_>,
    ) -> Result<Vec<Extension>, IssueError> {
        let mut extensions = vec![extension(
            true,
            &KeyUsage(leaf_key_usages(algorithm) | self.further_key_usages),
        )?];
        if !self.usages.is_empty() {
            extensions.push(extension(false, &ExtendedKeyUsage(self.usages.clone()))?);
        }
        extensions.push(extension(
            true,
            &BasicConstraints {
                ca: false,
                path_len_constraint: None,
            },
        )?);
        extensions.push(extension(false, &subject_key_id(key)?)?);
        extensions.push(extension(false, &issuer.authority_key_id()?)?);
        if !self.names.is_empty() {
            extensions.push(extension(false, &SubjectAltName(self.names.clone()))?);
        }
        extensions.extend(self.further_extensions.iter().cloned());
        Ok(extensions)
    }
}

impl<'a> Issuer<'a> {
    /// Makes an issuer of a CA's signer and its key, if it may issue at `now`.
    pub fn new(
        bundle: &'a CaBundle,
        key: &'a PrivateKey,
        now: OffsetDateTime,
    ) -> Result<Issuer<'a>, IssuerError> {
        check_ca(bundle, now)?;
        let certificate = &bundle.signer;
        match key.public_key() {
            Ok(public) if public == certificate.public_key() => Ok(Issuer { certificate, key }),
            _ => Err(IssuerError::KeyMismatch),
        }
    }

    /// Signs a leaf certificate for `key`.
    pub fn issue(
        &self,
        contents: &LeafTemplate,
        key: &PublicKey,
        algorithm: Algorithm,
        validity: Validity,
    ) -> Result<Certificate, IssueError> {
        let profile = Exact {
            subject: contents.subject.clone(),
            issuer: self.certificate.subject().clone(),
            extensions: contents.extensions(key, algorithm, self)?,
        };
        sign(profile, key, validity, self.key)
    }

    /// Returns the CA's certificate.
    pub fn certificate(&self) -> &'a Certificate {
        self.certificate
    }

    fn authority_key_id(&self) -> Result<AuthorityKeyIdentifier, IssueError> {
        let id = match self.certificate.subject_key_id() {
            Some(id) => id,
            None => self.certificate.public_key().key_id()?,
        };
        Ok(AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(id)?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        })
    }
}

/// Makes a self-signed CA certificate: its one SAN is its common name, as kubeadm's have it.
pub fn self_signed_ca(
    common_name: &str,
    key: &PrivateKey,
    validity: Validity,
) -> Result<Certificate, IssueError> {
    let public = key.public_key()?;
    let usages = leaf_key_usages(key.algorithm()) | KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    let subject = name(common_name, None)?;
    let profile = Exact {
        issuer: subject.clone(),
        subject,
        extensions: vec![
            extension(true, &KeyUsage(usages))?,
            extension(
                true,
                &BasicConstraints {
                    ca: true,
                    path_len_constraint: None,
                },
            )?,
            extension(false, &subject_key_id(&public)?)?,
            extension(
                false,
                &SubjectAltName(vec![general_name(&San::Dns(common_name.to_owned()))?]),
            )?,
        ],
    };
    sign(profile, &public, validity, key)
}

fn sign(
    profile: Exact,
    key: &PublicKey,
    validity: Validity,
    signer: &PrivateKey,
) -> Result<Certificate, IssueError> {
    let validity = x509_cert::time::Validity::new(
        x509_time(validity.not_before)?,
        x509_time(validity.not_after)?,
    );
    let spki = SubjectPublicKeyInfoOwned::from_der(key.spki())?;
    let certificate = CertificateBuilder::new(profile, serial_number()?, validity, spki)
        .and_then(|builder| builder.build::<_, Signature>(&CertificateSigner(signer)))
        .map_err(|error| IssueError::Encoding(error.to_string()))?;
    Certificate::from_der(certificate.to_der()?)
        .map_err(|error| IssueError::Encoding(error.to_string()))
}

/// RFC 8813 section 3: an ECDSA key cannot encipher keys, so only RSA leaves carry keyEncipherment.
fn leaf_key_usages(algorithm: Algorithm) -> FlagSet<KeyUsages> {
    if algorithm.is_rsa() {
        KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment
    } else {
        KeyUsages::DigitalSignature.into()
    }
}

fn extension<T: Encode + AssociatedOid>(
    critical: bool,
    value: &T,
) -> Result<Extension, IssueError> {
    Ok(Extension {
        extn_id: T::OID,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

fn subject_key_id(key: &PublicKey) -> Result<SubjectKeyIdentifier, IssueError> {
    Ok(SubjectKeyIdentifier(OctetString::new(key.key_id()?)?))
}

fn name(common_name: &str, organization: Option<&str>) -> Result<Name, IssueError> {
    let attributes = organization
        .map(|value| (ORGANIZATION, value))
        .into_iter()
        .chain([(COMMON_NAME, common_name)]);
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

/// Returns the values of one kind of attribute, as text; one that is no text is shown as it is encoded.
fn attribute_texts(name: &Name, oid: ObjectIdentifier) -> Vec<String> {
    let text = |attribute: &AttributeTypeAndValue| {
        let decoded = attribute.value.to_der().ok();
        let decoded = decoded.and_then(|der| DirectoryString::from_der(&der).ok());
        decoded.map_or_else(|| attribute.to_string(), |text| text.value().into_owned())
    };
    name.iter()
        .filter(|attribute| attribute.oid == oid)
        .map(text)
        .collect()
}

/// PrintableString where the characters allow it, else UTF8String, as Go's `encoding/asn1` chooses.
fn directory_string(value: &str) -> Result<Any, IssueError> {
    match PrintableString::new(value) {
        Ok(printable) => Ok(Any::encode_from(&printable)?),
        Err(_) => Ok(Any::encode_from(&Utf8StringRef::new(value)?)?),
    }
}

fn general_name(san: &San) -> Result<GeneralName, IssueError> {
    Ok(match san {
        San::Dns(name) => GeneralName::DnsName(Ia5String::new(name)?),
        San::Ip(IpAddr::V4(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
        San::Ip(IpAddr::V6(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
    })
}

/// 20 octets, the most that RFC 5280 section 4.1.2.2 allows: positive, never short, 158 random bits.
fn serial_number() -> Result<SerialNumber, IssueError> {
    let mut octets: [u8; 20] = random()?;
    if let Some(first) = octets.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(SerialNumber::new(&octets)?)
}

/// The builder makes it UTCTime through 2049 (RFC 5280 section 4.1.2.5).
fn x509_time(time: OffsetDateTime) -> Result<Time, IssueError> {
    let seconds = u64::try_from(time.unix_timestamp())
        .map_err(|_| IssueError::Encoding(format!("{time} is before 1970")))?;
    let time =
        x509_cert::der::asn1::GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))?;
    Ok(Time::GeneralTime(time))
}

/// A builder profile that adds nothing of its own.
struct Exact {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Exact {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// [`PrivateKey`] behind the traits that the builder asks for.
struct CertificateSigner<'a>(&'a PrivateKey);

#[derive(Clone)]
struct VerifyingKey(Option<PublicKey>);

struct Signature(Vec<u8>);

impl Keypair for CertificateSigner<'_> {
    type VerifyingKey = VerifyingKey;

    fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().ok())
    }
}

impl EncodePublicKey for VerifyingKey {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        let key = self.0.as_ref().ok_or(spki::Error::KeyMalformed)?;
        Ok(Document::try_from(key.spki())?)
    }
}

impl DynSignatureAlgorithmIdentifier for CertificateSigner<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        let ecdsa = |oid| AlgorithmIdentifierOwned {
            oid,
            parameters: None,
        };
        Ok(match self.0.algorithm() {
            Algorithm::EcdsaP256 => ecdsa(ECDSA_WITH_SHA256),
            Algorithm::EcdsaP384 => ecdsa(ECDSA_WITH_SHA384),
            Algorithm::EcdsaP521 => ecdsa(ECDSA_WITH_SHA512),
            // RFC 4055 section 5: the parameters are NULL, not absent.
            Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 | Algorithm::Rsa8192 => {
                AlgorithmIdentifierOwned {
                    oid: SHA256_WITH_RSA,
                    parameters: Some(Any::encode_from(&Null)?),
                }
            }
        })
    }
}

impl Signer<Signature> for CertificateSigner<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
        self.0
            .sign(message)
            .map(Signature)
            .map_err(|_| signature::Error::new())
    }
}

impl SignatureBitStringEncoding for Signature {
    fn to_bitstring(&self) -> x509_cert::der::Result<BitString> {
        BitString::from_bytes(&self.0)
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

#[cfg(test)]
mod tests;
