//! Reads certification requests (PKCS#10, RFC 2986).
//!
//! `sign_request` makes requests. A request only proves that its sender has the private key; everything else is unverified.

use std::fmt;

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq};

use super::der::bit_length;
use super::der::is_signed;
use super::extension::DecodableExtension;
use super::go::{PublicKeyError, check_public_key};
use super::oid::{self, oid_name};
use super::pem::{self, PemError};
use super::public_key::PublicKey;
use super::san::general_name_text;
use super::signature::Signed;
use super::usage::{key_usage_name, usage_text};
use crate::util::escape::quote;

/// The largest request. A thousand names of usual length take a tenth of this.
const MAX_SIZE: usize = 256 * 1024;

/// A certification request (RFC 2986).
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    der: Vec<u8>,
    info: CertReqInfo,
    signature_algorithm: ObjectIdentifier,
    /// The requested extensions.
    extensions: Vec<Extension>,
}

/// Why a request could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The file has no bytes.
    Empty,
    /// The file is larger than any request; its size.
    TooLarge(usize),
    /// The PEM text is malformed.
    Pem(PemError),
    /// There is no request in the file; the PEM labels that were found.
    NoRequest(Vec<String>),
    /// The file contains more than the request; the PEM labels that were found.
    SeveralBlocks(Vec<String>),
    /// There is a private key in the file.
    PrivateKey,
    /// The request is malformed; the reason.
    Malformed(String),
}

/// Why a request does not prove that its sender has a usable key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The key is too weak.
    WeakKey(String),
    /// Go cannot use the key.
    InvalidKey(PublicKeyError),
    /// The key is of a kind that Kubernetes components do not use.
    UnsupportedKey(String),
    /// The signature uses a broken hash.
    WeakSignature(&'static str),
    /// The signature is of an unknown or unusual kind; its identifier.
    UnsupportedSignature(String),
    /// The key did not make the signature.
    BadSignature,
}

impl CertificateRequest {
    /// Reads the one request of a file: PEM with text around it, or DER.
    pub fn parse(bytes: &[u8]) -> Result<CertificateRequest, RequestError> {
        if bytes.is_empty() {
            return Err(RequestError::Empty);
        }
        if bytes.len() > MAX_SIZE {
            return Err(RequestError::TooLarge(bytes.len()));
        }
        if bytes.first() == Some(&0x30) {
            if !is_signed(bytes) {
                return Err(RequestError::Malformed(
                    "want contents, an algorithm and a signature".to_owned(),
                ));
            }
            return CertificateRequest::from_der(bytes.to_vec());
        }
        let blocks = pem::blocks(bytes).map_err(RequestError::Pem)?;
        let labels = || blocks.iter().map(pem::Block::display_label).collect();
        let is_request = |block: &pem::Block| {
            matches!(
                block.label.as_str(),
                "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST"
            )
        };
        if blocks
            .iter()
            .any(|block| block.label.ends_with("PRIVATE KEY"))
        {
            return Err(RequestError::PrivateKey);
        }
        match blocks.as_slice() {
            [block] if is_request(block) => CertificateRequest::from_der(block.contents.to_vec()),
            found if found.iter().any(is_request) => Err(RequestError::SeveralBlocks(labels())),
            _ => Err(RequestError::NoRequest(labels())),
        }
    }

    /// Takes one DER request.
    pub fn from_der(der: Vec<u8>) -> Result<CertificateRequest, RequestError> {
        let malformed = |error: x509_cert::der::Error| RequestError::Malformed(error.to_string());
        let CertReq {
            info, algorithm, ..
        } = CertReq::from_der(&der).map_err(malformed)?;
        let extensions = requested_extensions(&info)?;
        check_extensions(&extensions).map_err(malformed)?;
        Ok(CertificateRequest {
            der,
            info,
            signature_algorithm: algorithm.oid,
            extensions,
        })
    }

    /// Returns the request as a `CERTIFICATE REQUEST` PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.der).to_string()
    }

    /// Returns the DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the subject, all RDNs as they are encoded.
    pub fn subject(&self) -> &Name {
        &self.info.subject
    }

    /// Returns the public key.
    pub fn public_key(&self) -> PublicKey {
        // The structure was decoded from DER, so it can be encoded again; an empty key matches nothing.
        PublicKey::from_spki(self.info.public_key.to_der().unwrap_or_default())
    }

    /// Returns the requested subject alternative names, in their order.
    pub fn general_names(&self) -> GeneralNames {
        self.extension::<SubjectAltName>()
            .map(|names| names.0)
            .unwrap_or_default()
    }

    /// Returns the subject alternative names as text, in their order.
    pub fn san_texts(&self) -> Vec<String> {
        self.general_names().iter().map(general_name_text).collect()
    }

    /// Returns the requested extended key usages, in their order, by object identifier.
    pub fn usage_oids(&self) -> Vec<ObjectIdentifier> {
        self.extension::<ExtendedKeyUsage>()
            .map(|usages| usages.0)
            .unwrap_or_default()
    }

    /// Returns the names of the extended key usages; an unknown usage is returned as its object identifier.
    pub fn usage_names(&self) -> Vec<String> {
        self.usage_oids().iter().map(usage_text).collect()
    }

    /// Returns the names of the requested key usages.
    pub fn key_usage_names(&self) -> Vec<&'static str> {
        let usages = self.extension::<KeyUsage>().map(|usage| usage.0);
        usages.into_iter().flatten().map(key_usage_name).collect()
    }

    /// Returns whether the request asks for a CA certificate.
    pub fn has_ca_flag(&self) -> bool {
        self.extension::<BasicConstraints>()
            .is_some_and(|basic| basic.ca)
    }

    /// Returns the names of requested extensions that this module does not read.
    pub fn other_extensions(&self) -> Vec<String> {
        let known = [
            SubjectAltName::OID,
            ExtendedKeyUsage::OID,
            KeyUsage::OID,
            BasicConstraints::OID,
        ];
        self.extensions
            .iter()
            .map(|extension| extension.extn_id)
            .filter(|oid| !known.contains(oid))
            .map(oid_name)
            .collect()
    }

    /// Returns the name of the signature algorithm.
    pub fn signature_algorithm(&self) -> String {
        oid_name(self.signature_algorithm)
    }

    /// Returns the names of the attributes other than the request for extensions, such as `challengePassword`.
    pub fn other_attributes(&self) -> Vec<String> {
        self.info
            .attributes
            .iter()
            .map(|attribute| attribute.oid)
            .filter(|oid| *oid != ExtensionReq::OID)
            .map(oid_name)
            .collect()
    }

    /// Checks that Kubernetes components accept the key, and that the key signed the request.
    pub fn check_proof(&self) -> Result<(), ProofError> {
        let key = self.public_key();
        check_key(&key)?;
        if let Some((_, name)) = WEAK_SIGNATURES
            .iter()
            .find(|(oid, _)| *oid == self.signature_algorithm)
        {
            return Err(ProofError::WeakSignature(name));
        }
        let signed = Signed::split(&self.der).ok_or(ProofError::BadSignature)?;
        if signed.algorithm().is_none() {
            let name = oid_name(self.signature_algorithm);
            return Err(ProofError::UnsupportedSignature(name));
        }
        match key.has_signed(&signed) {
            true => Ok(()),
            false => Err(ProofError::BadSignature),
        }
    }

    fn extension<T: DecodableExtension>(&self) -> Option<T> {
        let is_wanted = |extension: &&Extension| extension.extn_id == T::OID;
        let extension = self.extensions.iter().find(is_wanted)?;
        T::from_der(extension.extn_value.as_bytes()).ok()
    }
}

/// Decodes every extension that this module reads, so that a malformed extension is an error instead of a missing
/// one.
fn check_extensions(extensions: &[Extension]) -> x509_cert::der::Result<()> {
    for extension in extensions {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BasicConstraints::OID => BasicConstraints::from_der(value).map(drop)?,
            KeyUsage::OID => KeyUsage::from_der(value).map(drop)?,
            ExtendedKeyUsage::OID => ExtendedKeyUsage::from_der(value).map(drop)?,
            SubjectAltName::OID => SubjectAltName::from_der(value).map(drop)?,
            _ => {}
        }
    }
    Ok(())
}

/// Returns the requested extensions. Libraries disagree on which of two duplicates counts, so a duplicate is an
/// error.
fn requested_extensions(info: &CertReqInfo) -> Result<Vec<Extension>, RequestError> {
    let malformed = |reason: String| RequestError::Malformed(reason);
    let mut attributes = info
        .attributes
        .iter()
        .filter(|attribute| attribute.oid == ExtensionReq::OID);
    let Some(attribute) = attributes.next() else {
        return Ok(Vec::new());
    };
    let mut values = attribute.values.iter();
    let (Some(value), None, None) = (values.next(), values.next(), attributes.next()) else {
        return Err(malformed(
            "want one list of requested extensions".to_owned(),
        ));
    };
    let extensions: Vec<Extension> = value
        .decode_as()
        .map_err(|error: x509_cert::der::Error| malformed(error.to_string()))?;
    for (index, extension) in extensions.iter().enumerate() {
        let oid = extension.extn_id;
        if extensions
            .iter()
            .take(index)
            .any(|other| other.extn_id == oid)
        {
            return Err(malformed(format!("it asks for {} twice", oid_name(oid))));
        }
    }
    Ok(extensions)
}

/// Signature algorithms that are broken; such signatures are not verified.
const WEAK_SIGNATURES: [(ObjectIdentifier, &str); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"), "MD2"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), "MD5"),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
        "SHA-1",
    ),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.29"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"), "SHA-1"),
];

/// Checks that Go reads the key, that `pki` knows its algorithm, and that it is strong.
fn check_key(key: &PublicKey) -> Result<(), ProofError> {
    check_public_key(key.spki()).map_err(ProofError::InvalidKey)?;
    let info = key
        .info()
        .ok_or(ProofError::InvalidKey(PublicKeyError::Malformed))?;
    match (info.algorithm, key.algorithm(), info.rsa_numbers()) {
        (oid::RSA_ENCRYPTION, Some(algorithm), Some(numbers)) => {
            let bits = bit_length(numbers.modulus);
            if bits < 2048 {
                let what = format!("{algorithm}, want 2048 bits or more");
                return Err(ProofError::WeakKey(what));
            }
            // FIPS 186-5 section 5.1 wants an exponent above 2^16.
            match bit_length(numbers.exponent) < 17 {
                true => Err(ProofError::WeakKey(
                    "RSA with a public exponent below 65537".to_owned(),
                )),
                false => Ok(()),
            }
        }
        (_, Some(_), _) => Ok(()),
        (algorithm, None, _) => Err(ProofError::UnsupportedKey(
            ObjectIdentifier::from_bytes(algorithm).map_or_else(|_| "unknown".to_owned(), oid_name),
        )),
    }
}

/// How many items of a list a message shows.
const MAX_LISTED_ITEMS: usize = 5;

/// Formats a list from a file, which may be long.
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<_> = items
        .iter()
        .take(MAX_LISTED_ITEMS)
        .map(|item| quote(item.as_ref()))
        .collect();
    match items.len().checked_sub(MAX_LISTED_ITEMS) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateRequest({})", self.subject())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Empty => f.write_str("the file is empty"),
            RequestError::TooLarge(size) => {
                write!(f, "it has {size} bytes, the limit is {MAX_SIZE}")
            }
            RequestError::Pem(error) => write!(f, "malformed PEM: {error}"),
            RequestError::NoRequest(labels) if labels.is_empty() => {
                f.write_str("it contains no PEM block")
            }
            RequestError::NoRequest(labels) => {
                write!(f, "it contains no `CERTIFICATE REQUEST` block, only {}", list(labels))
            }
            RequestError::SeveralBlocks(labels) => {
                write!(f, "it contains {} blocks, want one request: {}", labels.len(), list(labels))
            }
            RequestError::PrivateKey => f.write_str(
                "it contains a private key; a private key must stay with its owner: send only the request",
            ),
            RequestError::Malformed(reason) => write!(f, "the request is malformed: {reason}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl ProofError {
    /// Returns whether the signature may be right: `pki` cannot verify such a signature.
    pub fn is_unchecked(&self) -> bool {
        match self {
            ProofError::UnsupportedKey(_)
            | ProofError::UnsupportedSignature(_)
            | ProofError::InvalidKey(PublicKeyError::Curve) => true,
            ProofError::WeakKey(_)
            | ProofError::InvalidKey(_)
            | ProofError::WeakSignature(_)
            | ProofError::BadSignature => false,
        }
    }
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::WeakKey(what) => write!(f, "its key is weak: {what}"),
            ProofError::InvalidKey(error) => error.fmt(f),
            ProofError::UnsupportedKey(what) => {
                write!(f, "its key is not supported: {what}, want RSA, or ECDSA on P-256, P-384 or P-521")
            }
            ProofError::WeakSignature(hash) => {
                write!(f, "it is signed with {hash}, which is broken")
            }
            ProofError::UnsupportedSignature(name) => {
                write!(f, "its signature algorithm is not supported: {name}")
            }
            ProofError::BadSignature => f.write_str(
                "its signature does not verify with its own key: the request is damaged, or its sender does not have the private key",
            ),
        }
    }
}

impl std::error::Error for ProofError {}

#[cfg(test)]
mod tests;
