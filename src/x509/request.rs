//! Certification requests (PKCS#10, RFC 2986): what somebody asks for, and whether a row of the catalog grants it.
//!
//! Nothing is signed here. A request proves one thing, that whoever made it holds the key; everything else in it is a wish.
//! What a wish may be is a row's profile, see [`judge`]; the certificate itself is made from the row, see `issue`.

use std::fmt;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::oid::db::DB;
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::certificate::{
    Known, check_extensions, find_extension, general_name_text, to_san, usage_oid, usage_text,
};
use super::key::{EC_PUBLIC_KEY, PublicKey, RSA_ENCRYPTION, unix_lines};
use super::pem::{blocks, label};
use super::san::San;
use super::sign::{COMMON_NAME, ORGANIZATION};
use super::verify::Signed;
use crate::catalog::{Profile, Row};
use crate::util::escape::quote;

/// A thousand names of the usual length take a tenth of this.
const LARGEST: usize = 256 * 1024;

/// The group that no RBAC rule can restrict.
const MASTERS: &str = "system:masters";

/// A certification request (RFC 2986).
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    der: Vec<u8>,
    info: CertReqInfo,
    signature_algorithm: ObjectIdentifier,
    /// The extensions that are asked for.
    extensions: Vec<Extension>,
}

/// Why a request could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The file has no bytes.
    Empty,
    /// The file is larger than any request; its size.
    TooLarge(usize),
    /// The PEM text is malformed; the reason.
    Pem(String),
    /// There is no request in the file; the PEM labels that were found.
    NoRequest(Vec<String>),
    /// There is more than the request in the file; the PEM labels that were found.
    SeveralBlocks(Vec<String>),
    /// There is a private key in the file.
    PrivateKey,
    /// The request is malformed; the reason.
    Malformed(String),
}

/// Why a request does not prove that whoever made it holds a key of any use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The key is too weak.
    WeakKey(String),
    /// The key is of a kind that Kubernetes components do not use.
    UnsupportedKey(String),
    /// The signature is made with a hash that is broken.
    WeakSignature(&'static str),
    /// The signature is of an unknown or unusual kind; its identifier.
    UnsupportedSignature(String),
    /// The key did not make the signature.
    BadSignature,
}

/// What a request is held against.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The row whose certificate is asked for.
    pub row: &'static Row,
    /// The common name of the row in this cluster.
    pub common_name: &'a str,
    /// The names of the row in this cluster.
    pub sans: &'a [San],
    /// Which groups may be asked for.
    pub groups: Groups,
}

/// Which groups, as Kubernetes calls an organization, a request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// The row's, unless that is `system:masters`.
    OfRow,
    /// The row's, and `system:masters`, which no RBAC rule can restrict.
    DangerMasters,
    /// Any.
    DangerAny,
}

/// Something in a request that its row does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The row is a CA or has no certificate.
    NoLeaf(&'static str),
    /// The key is of no use, or whoever made the request need not hold it.
    Proof(ProofError),
    /// The common names that were found, and the one that is wanted.
    CommonName(Vec<String>, String),
    /// A group that the row does not have.
    Group(String),
    /// The row's group is not asked for.
    NoGroup(&'static str),
    /// An attribute of the subject that the row does not have, as text.
    Subject(String),
    /// Names that the row does not have, as text.
    Names(Vec<String>),
    /// Extended key usages that the row does not have, by name.
    Usages(Vec<String>),
    /// It asks to be a CA.
    Ca,
    /// Key usages of a CA, by name.
    CaUsages(Vec<&'static str>),
    /// Key usages that no row has, by name.
    KeyUsages(Vec<&'static str>),
    /// An extension that is not known here, by name.
    Extension(String),
    /// An attribute that is not known here, by name.
    Attribute(String),
}

/// What a finding means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It must not be signed.
    Refused,
    /// The certificate will not have it.
    Ignored,
}

impl CertificateRequest {
    /// Reads the one request of a file: PEM with text around it, or DER.
    pub fn parse(bytes: &[u8]) -> Result<CertificateRequest, RequestError> {
        if bytes.is_empty() {
            return Err(RequestError::Empty);
        }
        if bytes.len() > LARGEST {
            return Err(RequestError::TooLarge(bytes.len()));
        }
        if bytes.first() == Some(&0x30) {
            return CertificateRequest::from_der(bytes.to_vec());
        }
        let blocks = blocks(bytes).map_err(RequestError::Pem)?;
        let labels = || blocks.iter().map(|block| label(block.tag())).collect();
        let is_request =
            |tag: &str| matches!(tag, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST");
        if blocks
            .iter()
            .any(|block| block.tag().ends_with("PRIVATE KEY"))
        {
            return Err(RequestError::PrivateKey);
        }
        match blocks.as_slice() {
            [block] if is_request(block.tag()) => {
                CertificateRequest::from_der(block.contents().to_vec())
            }
            found if found.iter().any(|block| is_request(block.tag())) => {
                Err(RequestError::SeveralBlocks(labels()))
            }
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
        let block = pem::Pem::new("CERTIFICATE REQUEST", self.der.clone());
        pem::encode_config(&block, unix_lines())
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
        // The structure was decoded from DER a moment ago, so it encodes again; an empty key matches nothing.
        PublicKey::from_spki(self.info.public_key.to_der().unwrap_or_default())
    }

    /// Returns the subject alternative names that are asked for, in their order.
    pub fn general_names(&self) -> GeneralNames {
        self.extension::<SubjectAltName>()
            .map(|names| names.0)
            .unwrap_or_default()
    }

    /// Returns the subject alternative names as text, in their order.
    pub fn san_texts(&self) -> Vec<String> {
        self.general_names().iter().map(general_name_text).collect()
    }

    /// Returns the extended key usages that are asked for, in their order, by object identifier.
    pub fn usage_oids(&self) -> Vec<ObjectIdentifier> {
        self.extension::<ExtendedKeyUsage>()
            .map(|usages| usages.0)
            .unwrap_or_default()
    }

    /// Returns the names of the extended key usages; an unknown one is given as its object identifier.
    pub fn usage_names(&self) -> Vec<String> {
        self.usage_oids().iter().map(usage_text).collect()
    }

    /// Returns the names of the key usages that are asked for.
    pub fn key_usage_names(&self) -> Vec<&'static str> {
        let usages = self.extension::<KeyUsage>().map(|usage| usage.0);
        usages.into_iter().flatten().map(key_usage_name).collect()
    }

    /// Returns whether the certificate is to be a CA's.
    pub fn has_ca_flag(&self) -> bool {
        self.extension::<BasicConstraints>()
            .is_some_and(|basic| basic.ca)
    }

    /// Returns the names of the extensions that are asked for and not known here.
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

    /// Returns the names of the attributes besides the request for extensions, such as `challengePassword`.
    pub fn other_attributes(&self) -> Vec<String> {
        self.info
            .attributes
            .iter()
            .map(|attribute| attribute.oid)
            .filter(|oid| *oid != ExtensionReq::OID)
            .map(oid_name)
            .collect()
    }

    /// Checks that the key is one that Kubernetes components accept, and that it signed the request.
    pub fn check_proof(&self) -> Result<(), ProofError> {
        let key = self.public_key();
        check_key(&key)?;
        if let Some((_, name)) = WEAK_SIGNATURES
            .iter()
            .find(|(oid, _)| *oid == self.signature_algorithm)
        {
            return Err(ProofError::WeakSignature(name));
        }
        let signed = Signed::split(&self.der).map_err(|_| ProofError::BadSignature)?;
        if !signed.is_accepted() {
            let name = oid_name(self.signature_algorithm);
            return Err(ProofError::UnsupportedSignature(name));
        }
        match signed.is_signed_with(key.spki()) {
            true => Ok(()),
            false => Err(ProofError::BadSignature),
        }
    }

    fn extension<T: Known>(&self) -> Option<T> {
        find_extension(&self.extensions).map(|(_, value)| value)
    }
}

/// Returns everything in a request that its row does not have; what is refused first.
///
/// What the row has and the request does not ask for is no finding, except for the subject: kubeadm's requests ask for no
/// usage at all.
pub fn judge(request: &CertificateRequest, policy: &Policy<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let row = policy.row;
    let organization = match row.profile {
        Profile::Client { organization, .. } => organization,
        Profile::Leaf { .. } => None,
        Profile::Ca { .. } | Profile::ServiceAccount => return vec![Finding::NoLeaf(row.name)],
    };
    findings.extend(request.check_proof().err().map(Finding::Proof));
    judge_subject(request.subject(), policy, organization, &mut findings);

    let is_beyond =
        |name: &&GeneralName| !to_san(name).is_some_and(|san| is_among(&san, policy.sans));
    let names = request.general_names();
    let beyond = names.iter().filter(is_beyond).map(general_name_text);
    findings.extend(some(beyond.collect()).map(Finding::Names));

    let granted: Vec<_> = row.usages().iter().copied().map(usage_oid).collect();
    let beyond = request.usage_oids().into_iter();
    let beyond = beyond.filter(|usage| !granted.contains(usage));
    findings.extend(some(beyond.map(|oid| usage_text(&oid)).collect()).map(Finding::Usages));

    if request.has_ca_flag() {
        findings.push(Finding::Ca);
    }
    let (of_ca, other): (Vec<_>, Vec<_>) = request
        .key_usage_names()
        .into_iter()
        .filter(|name| !LEAF_KEY_USAGES.contains(name))
        .partition(|name| CA_KEY_USAGES.contains(name));
    findings.extend(some(of_ca).map(Finding::CaUsages));

    findings.extend(some(other).map(Finding::KeyUsages));
    findings.extend(
        request
            .other_extensions()
            .into_iter()
            .map(Finding::Extension),
    );
    findings.extend(
        request
            .other_attributes()
            .into_iter()
            .map(Finding::Attribute),
    );
    findings
}

fn judge_subject(
    subject: &Name,
    policy: &Policy<'_>,
    organization: Option<&'static str>,
    findings: &mut Vec<Finding>,
) {
    let mut common_names = Vec::new();
    let mut groups = Vec::new();
    let mut others = Vec::new();
    for attribute in subject.iter() {
        match (attribute.oid, text(attribute)) {
            (COMMON_NAME, Some(text)) => common_names.push(text),
            (ORGANIZATION, Some(text)) => groups.push(text),
            _ => others.push(attribute.to_string()),
        }
    }
    // Of several common names, libraries read the first or the last.
    if common_names != [policy.common_name] {
        let wanted = policy.common_name.to_owned();
        findings.push(Finding::CommonName(common_names, wanted));
    }
    if let Some(wanted) = organization.filter(|wanted| !groups.iter().any(|group| group == wanted))
    {
        findings.push(Finding::NoGroup(wanted));
    }
    let is_granted = |group: &String| match policy.groups {
        Groups::DangerAny => true,
        Groups::DangerMasters if group == MASTERS => true,
        Groups::OfRow if group == MASTERS => false,
        Groups::DangerMasters | Groups::OfRow => organization == Some(group.as_str()),
    };
    groups.retain(|group| !is_granted(group));
    findings.extend(groups.into_iter().map(Finding::Group));
    findings.extend(others.into_iter().map(Finding::Subject));
}

/// Returns the value of a subject's attribute, if it is text.
fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let text = DirectoryString::try_from(&attribute.value).ok()?;
    Some(text.value().into_owned())
}

/// RFC 4343: the case of a DNS name does not matter.
fn is_among(san: &San, wanted: &[San]) -> bool {
    match san {
        San::Dns(name) => wanted.contains(&San::Dns(name.to_ascii_lowercase())),
        San::Ip(_) => wanted.contains(san),
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Returns the extensions that are asked for; libraries differ on which of two they read, so that none may be there twice.
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

/// Signatures that anybody may have forged; nothing of the kind is verified here.
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

/// What Go's `crypto/x509` refuses in a key is refused here, so that no certificate is made that no component can read.
fn check_key(key: &PublicKey) -> Result<(), ProofError> {
    let unsupported = |what: String| Err(ProofError::UnsupportedKey(what));
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(key.spki()) else {
        return unsupported("malformed".to_owned());
    };
    let bits = info.subject_public_key.raw_bytes();
    match info.algorithm.oid {
        RSA_ENCRYPTION if info.algorithm.parameters.is_none_or(|any| !any.is_null()) => {
            unsupported("RSA whose parameters are not NULL".to_owned())
        }
        RSA_ENCRYPTION => match check_rsa(bits)? {
            _ if key.algorithm().is_some() => Ok(()),
            bits => unsupported(format!("RSA with {bits} bits")),
        },
        EC_PUBLIC_KEY if key.algorithm().is_none() => {
            unsupported(match info.algorithm.parameters_oid() {
                Ok(curve) => format!("elliptic curve {}", oid_name(curve)),
                Err(_) => "elliptic curve without a name".to_owned(),
            })
        }
        EC_PUBLIC_KEY if bits.first() != Some(&0x04) => {
            unsupported("elliptic-curve point in compressed form".to_owned())
        }
        EC_PUBLIC_KEY => Ok(()),
        other => unsupported(oid_name(other)),
    }
}

/// Returns the length of an RSA key's modulus in bits.
fn check_rsa(key: &[u8]) -> Result<usize, ProofError> {
    let numbers = SliceReader::new(key).and_then(|mut reader| {
        reader.sequence(|reader| Ok((UintRef::decode(reader)?, UintRef::decode(reader)?)))
    });
    let Ok::<_, x509_cert::der::Error>((modulus, exponent)) = numbers else {
        return Err(ProofError::UnsupportedKey("malformed RSA".to_owned()));
    };
    let bits = bit_length(modulus.as_bytes());
    if bits < 2048 {
        let what = format!("RSA with {bits} bits, want 2048 or more");
        return Err(ProofError::WeakKey(what));
    }
    // FIPS 186-5 section 5.1 wants it above 2^16, as for the private keys that are read.
    if bit_length(exponent.as_bytes()) < 17 {
        let what = "RSA with a public exponent below 65537".to_owned();
        return Err(ProofError::WeakKey(what));
    }
    Ok(bits)
}

/// Returns the length of a number without leading zero octets.
fn bit_length(octets: &[u8]) -> usize {
    let unused = octets.first().map_or(0, |first| first.leading_zeros());
    (octets.len() * 8).saturating_sub(unused as usize)
}

/// Returns the name of an object identifier without the prefixes of the modules that define it, if it has a name.
fn oid_name(oid: ObjectIdentifier) -> String {
    let Some(name) = DB.by_oid(&oid) else {
        return oid.to_string();
    };
    let prefixes = ["pkcs-9-at-", "id-ce-", "id-"];
    let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    bare.unwrap_or(name).to_owned()
}

const LEAF_KEY_USAGES: [&str; 2] = ["digitalSignature", "keyEncipherment"];
const CA_KEY_USAGES: [&str; 2] = ["keyCertSign", "cRLSign"];

/// The names of RFC 5280 section 4.2.1.3.
fn key_usage_name(usage: KeyUsages) -> &'static str {
    match usage {
        KeyUsages::DigitalSignature => "digitalSignature",
        KeyUsages::NonRepudiation => "nonRepudiation",
        KeyUsages::KeyEncipherment => "keyEncipherment",
        KeyUsages::DataEncipherment => "dataEncipherment",
        KeyUsages::KeyAgreement => "keyAgreement",
        KeyUsages::KeyCertSign => "keyCertSign",
        KeyUsages::CRLSign => "cRLSign",
        KeyUsages::EncipherOnly => "encipherOnly",
        KeyUsages::DecipherOnly => "decipherOnly",
    }
}

impl Finding {
    /// Returns what the finding means for the request.
    pub fn verdict(&self) -> Verdict {
        match self {
            Finding::NoLeaf(_)
            | Finding::Proof(_)
            | Finding::CommonName(..)
            | Finding::Group(_)
            | Finding::NoGroup(_)
            | Finding::Subject(_)
            | Finding::Names(_)
            | Finding::Usages(_)
            | Finding::Ca
            | Finding::CaUsages(_) => Verdict::Refused,
            Finding::KeyUsages(_) | Finding::Extension(_) | Finding::Attribute(_) => {
                Verdict::Ignored
            }
        }
    }
}

/// How many items of a list a message shows.
const SHOWN: usize = 5;

/// Writes a list that somebody else made as long as they liked.
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<_> = items
        .iter()
        .take(SHOWN)
        .map(|item| quote(item.as_ref()))
        .collect();
    match items.len().checked_sub(SHOWN) {
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
                write!(f, "it has {size} bytes, more than the {LARGEST} that are accepted")
            }
            RequestError::Pem(reason) => write!(f, "malformed PEM: {reason}"),
            RequestError::NoRequest(labels) if labels.is_empty() => {
                f.write_str("there is no PEM block in it")
            }
            RequestError::NoRequest(labels) => {
                write!(f, "there is no `CERTIFICATE REQUEST` block in it, only {}", list(labels))
            }
            RequestError::SeveralBlocks(labels) => {
                write!(f, "there are {} blocks in it, want one request: {}", labels.len(), list(labels))
            }
            RequestError::PrivateKey => f.write_str(
                "there is a private key in it, which must not leave whom it belongs to; send the request alone",
            ),
            RequestError::Malformed(reason) => write!(f, "the request is malformed: {reason}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::WeakKey(what) => write!(f, "its key is weak: {what}"),
            ProofError::UnsupportedKey(what) => {
                write!(f, "its key is not supported: {what}, want RSA with 2048, 3072, 4096 or 8192 bits, or ECDSA on P-256, P-384 or P-521")
            }
            ProofError::WeakSignature(hash) => {
                write!(f, "it is signed with {hash}, which proves nothing any more")
            }
            ProofError::UnsupportedSignature(name) => {
                write!(f, "its signature algorithm is not supported: {name}")
            }
            ProofError::BadSignature => f.write_str(
                "its signature is not made with its own key: it is damaged, or whoever made it does not hold the key",
            ),
        }
    }
}

impl std::error::Error for ProofError {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::NoLeaf(row) => {
                write!(f, "`{row}` is no certificate that a request can be for")
            }
            Finding::Proof(error) => error.fmt(f),
            Finding::CommonName(found, wanted) if found.is_empty() => {
                write!(f, "it has no common name, want {}", quote(wanted))
            }
            Finding::CommonName(found, wanted) => {
                write!(
                    f,
                    "its common name is {}, want {}",
                    list(found),
                    quote(wanted)
                )
            }
            Finding::Group(group) if group == MASTERS => {
                write!(
                    f,
                    "it asks for the group `{MASTERS}`, which no RBAC rule can restrict"
                )
            }
            Finding::Group(group) => {
                write!(
                    f,
                    "it asks for the group {}, which the row does not have",
                    quote(group)
                )
            }
            Finding::NoGroup(group) => write!(f, "it does not ask for the group `{group}`"),
            Finding::Subject(attribute) => {
                write!(
                    f,
                    "its subject has {}, which the row does not have",
                    quote(attribute)
                )
            }
            Finding::Names(names) => {
                write!(
                    f,
                    "it asks for names that the row does not have: {}",
                    list(names)
                )
            }
            Finding::Usages(usages) => {
                write!(
                    f,
                    "it asks for usages that the row does not have: {}",
                    list(usages)
                )
            }
            Finding::Ca => f.write_str("it asks to be a CA"),
            Finding::CaUsages(usages) => {
                write!(f, "it asks for key usages of a CA: {}", list(usages))
            }
            Finding::KeyUsages(usages) => {
                write!(f, "the key usages {} are ignored", list(usages))
            }
            Finding::Extension(name) => write!(f, "the extension {} is ignored", quote(name)),
            Finding::Attribute(name) => write!(f, "the attribute {} is ignored", quote(name)),
        }
    }
}

#[cfg(test)]
mod tests;
