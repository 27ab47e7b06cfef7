//! What `pki show` prints about the contents of files.

use std::path::Path;

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::time::Time;
use crate::catalog::{CATALOG, CommonName, ETCD_CA, Profile, Row};
use crate::contents::{Content, ContentObject};
use crate::kubeconfig::{Credentials, Kubeconfig};
use crate::tree::layout::certificate_file;
use crate::x509::attribute::Attribute;
use crate::x509::certificate::Certificate;
use crate::x509::crl::RevocationList;
use crate::x509::digest::hex;
use crate::x509::key::PublicKey;
use crate::x509::object::X509Object;
use crate::x509::request::CertificateRequest;
use crate::x509::usage::Usage;

/// The contents of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ShownContents {
    /// One entry for each thing in each file.
    pub entries: Vec<ContentEntry>,
    /// Whether the text has every field.
    #[serde(skip)]
    pub full: bool,
}

/// One thing in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContentEntry {
    /// The file, as it was named.
    pub file: String,
    /// Where in the file it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What it is.
    #[serde(flatten)]
    pub description: Description,
}

/// What a thing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Description {
    /// A certificate.
    Certificate(Box<CertificateDescription>),
    /// A certification request.
    Request(Box<RequestDescription>),
    /// A private key; nothing of its secret part.
    PrivateKey(KeyDescription),
    /// A private key that needs a passphrase.
    EncryptedPrivateKey(EncryptedKeyDescription),
    /// A public key.
    PublicKey(KeyDescription),
    /// A certificate revocation list.
    RevocationList(RevocationListDescription),
    /// What a CertificateSigningRequest asks of its signer.
    SigningRequest(SigningRequestDescription),
    /// A kubeconfig.
    Kubeconfig(KubeconfigDescription),
    /// Something else.
    Other(OtherDescription),
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateDescription {
    /// The rows of the catalog that have such a certificate.
    pub rows: Vec<&'static str>,
    /// Their descriptions.
    #[serde(skip)]
    pub components: Vec<&'static str>,
    /// The user as whom a client with it authenticates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The groups of that user.
    pub groups: Vec<String>,
    /// All RDNs.
    pub subject: String,
    /// All RDNs.
    pub issuer: String,
    /// Colon-separated hexadecimal.
    pub serial: String,
    /// First valid second.
    pub not_before: Time,
    /// Last valid second.
    pub not_after: Time,
    /// Seconds until then.
    #[serde(skip)]
    pub residual: Duration,
    /// Whether it is not valid yet.
    #[serde(skip)]
    pub is_early: bool,
    /// Algorithm of the key.
    pub key: String,
    /// SHA-256 of the public key, to find the key that belongs to it.
    pub key_sha256: String,
    /// Whether it is a CA.
    pub ca: bool,
    /// How many CAs may follow, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_length: Option<u64>,
    /// Names of RFC 5280.
    pub key_usages: Vec<&'static str>,
    /// Names of RFC 5280, or object identifiers.
    pub extended_key_usages: Vec<String>,
    /// Subject alternative names with their kind.
    pub sans: Vec<String>,
    /// SHA-256 of the certificate.
    pub sha256: String,
    /// Why Go's `crypto/x509`, and with it Kubernetes, does not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by_go: Option<String>,
    /// Version, signature and all extensions.
    pub details: CertificateDetails,
}

/// What only experts look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateDetails {
    /// 1, 2 or 3.
    pub version: u8,
    /// Name or object identifier.
    pub signature_algorithm: String,
    /// Hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_key_id: Option<String>,
    /// Hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_key_id: Option<String>,
    /// All of them, in their order.
    pub extensions: Vec<ExtensionDescription>,
    /// Hexadecimal.
    pub signature: String,
}

/// An extension as it is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtensionDescription {
    /// Name or object identifier.
    pub name: String,
    /// Whether a reader that does not know it must refuse the certificate.
    pub critical: bool,
    /// DER, hexadecimal.
    pub value: String,
}

/// A certification request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestDescription {
    /// All RDNs.
    pub subject: String,
    /// The user that is asked for, if it is one for a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The groups of that user.
    pub groups: Vec<String>,
    /// Algorithm of the key.
    pub key: String,
    /// SHA-256 of the public key.
    pub key_sha256: String,
    /// Whether it asks for a CA certificate.
    pub ca: bool,
    /// Names of RFC 5280.
    pub key_usages: Vec<&'static str>,
    /// Names of RFC 5280, or object identifiers.
    pub extended_key_usages: Vec<String>,
    /// Subject alternative names with their kind.
    pub sans: Vec<String>,
    /// Extensions that `pki` does not read.
    pub other_extensions: Vec<String>,
    /// Attributes other than the request for extensions.
    pub other_attributes: Vec<String>,
    /// Name or object identifier.
    pub signature_algorithm: String,
    /// Why it does not prove that its sender has the key; none if it does, or if that was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_error: Option<String>,
    /// Why it was not checked whether it proves that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_not_checked: Option<String>,
}

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDescription {
    /// Its algorithm.
    pub key: String,
    /// SHA-256 of the public key; none for a private key of an algorithm that `pki` cannot use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_sha256: Option<String>,
}

/// A private key that needs a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptedKeyDescription {
    /// How it is encrypted.
    pub encryption: String,
}

/// A certificate revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevocationListDescription {
    /// The CA, all RDNs.
    pub issuer: String,
    /// Hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// When it was made.
    pub this_update: Time,
    /// When the next one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Time>,
    /// Whether that is past.
    #[serde(skip)]
    pub is_stale: bool,
    /// Name or object identifier.
    pub signature_algorithm: String,
    /// The revoked certificates.
    pub revoked: Vec<RevokedDescription>,
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevokedDescription {
    /// Colon-separated hexadecimal.
    pub serial: String,
    /// When it was revoked.
    pub time: Time,
}

/// What a CertificateSigningRequest asks of its signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningRequestDescription {
    /// The signer, such as `kubernetes.io/kubelet-serving`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer_name: Option<String>,
    /// Kubernetes' words for key usages and extended key usages.
    pub usages: Vec<String>,
}

/// A kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubeconfigDescription {
    /// Name of the current context's cluster.
    pub cluster: String,
    /// URL of the API server.
    pub server: String,
    /// Name of the current context's user.
    pub user: String,
    /// How the user authenticates.
    pub credentials: String,
    /// Where the CAs are.
    pub ca: String,
    /// Whether client-go refuses its CAs or its credentials.
    #[serde(skip)]
    pub is_unusable: bool,
}

/// Something that `pki` does not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherDescription {
    /// What it is, as far as that is known.
    pub what: String,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ContentEntry {
    /// Describes a thing in a file at a time.
    pub fn new(file: &str, content: &Content, now: OffsetDateTime) -> ContentEntry {
        let mut description = describe(&content.object, now);
        if let Description::Certificate(certificate) = &mut description {
            certificate.narrow_to(file);
        }
        ContentEntry {
            file: file.to_owned(),
            place: content.place.clone(),
            description,
        }
    }

    /// Returns whether it could not be read, or only in part.
    pub fn is_error(&self) -> bool {
        match &self.description {
            Description::Other(other) => other.error.is_some(),
            Description::Kubeconfig(kubeconfig) => kubeconfig.is_unusable,
            _ => false,
        }
    }
}

fn describe(object: &ContentObject, now: OffsetDateTime) -> Description {
    match object {
        ContentObject::X509(X509Object::Certificate(certificate)) => {
            Description::Certificate(Box::new(CertificateDescription::new(certificate, now)))
        }
        ContentObject::X509(X509Object::Request(request)) => {
            Description::Request(Box::new(RequestDescription::new(request)))
        }
        ContentObject::X509(X509Object::PrivateKey(key)) => {
            Description::PrivateKey(KeyDescription::new(key.public_key()))
        }
        ContentObject::X509(X509Object::UnsupportedPrivateKey(algorithm)) => {
            Description::PrivateKey(KeyDescription {
                key: algorithm.clone(),
                key_sha256: None,
            })
        }
        ContentObject::X509(X509Object::EncryptedPrivateKey(key)) => {
            Description::EncryptedPrivateKey(EncryptedKeyDescription {
                encryption: key.encryption().to_string(),
            })
        }
        ContentObject::X509(X509Object::PublicKey(key)) => {
            Description::PublicKey(KeyDescription::new(key))
        }
        ContentObject::X509(X509Object::RevocationList(list)) => {
            Description::RevocationList(RevocationListDescription::new(list, now))
        }
        ContentObject::X509(X509Object::Other(label)) => Description::Other(OtherDescription {
            what: format!("PEM block `{label}`"),
            error: None,
        }),
        ContentObject::X509(X509Object::Malformed { what, reason }) => {
            Description::Other(OtherDescription {
                what: (*what).to_owned(),
                error: Some(reason.clone()),
            })
        }
        ContentObject::SigningRequest {
            signer_name,
            usages,
        } => Description::SigningRequest(SigningRequestDescription {
            signer_name: signer_name.clone(),
            usages: usages.clone(),
        }),
        ContentObject::Kubeconfig(kubeconfig) => {
            Description::Kubeconfig(KubeconfigDescription::new(kubeconfig))
        }
        ContentObject::Unknown(reason) => Description::Other(OtherDescription {
            what: "unknown".to_owned(),
            error: Some(reason.clone()),
        }),
    }
}

impl CertificateDescription {
    fn new(certificate: &Certificate, now: OffsetDateTime) -> CertificateDescription {
        let rows = rows_of(certificate);
        let issuer = Attribute::CommonName.last_of(certificate.issuer());
        // Only etcd accepts clients of its CA, and it looks at the user only with its own access control.
        let is_of_etcd = issuer.as_deref() == ca_name(&ETCD_CA);
        let is_client =
            !certificate.is_ca() && certificate.allows(Usage::ClientAuth) && !is_of_etcd;
        let subject = certificate.subject();
        let key_id = |id: Option<Vec<u8>>| id.map(|id| hex(&id));
        CertificateDescription {
            rows: rows.iter().map(|row| row.name).collect(),
            components: rows.iter().map(|row| row.description).collect(),
            user: certificate.common_name().filter(|_| is_client),
            groups: match is_client {
                true => Attribute::Organization.of(subject),
                false => Vec::new(),
            },
            subject: subject.to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial(),
            not_before: certificate.not_before().into(),
            not_after: certificate.not_after().into(),
            residual: certificate.not_after() - now,
            is_early: certificate.not_before() > now,
            key: certificate.public_key().description(),
            key_sha256: hex(&certificate.public_key().fingerprint()),
            ca: certificate.has_ca_flag(),
            path_length: certificate.path_length(),
            key_usages: certificate.key_usage_names(),
            extended_key_usages: certificate.usage_names(),
            sans: certificate.san_texts(),
            sha256: hex(&certificate.fingerprint()),
            refused_by_go: certificate.go_error().map(ToString::to_string),
            details: CertificateDetails {
                version: certificate.version(),
                signature_algorithm: certificate.signature_algorithm(),
                subject_key_id: key_id(certificate.subject_key_id()),
                authority_key_id: key_id(certificate.authority_key_id()),
                extensions: certificate
                    .raw_extensions()
                    .into_iter()
                    .map(|(name, critical, value)| ExtensionDescription {
                        name,
                        critical,
                        value: hex(value),
                    })
                    .collect(),
                signature: hex(certificate.signature()),
            },
        }
    }
}

impl CertificateDescription {
    /// Keeps only the row whose file this is, if one of several rows has such a path.
    fn narrow_to(&mut self, file: &str) {
        let has_path = |name: &&str| {
            let row = CATALOG.iter().find(|row| row.name == *name);
            let path = row.and_then(|row| certificate_file(row));
            path.is_some_and(|path| Path::new(file).ends_with(path.relative))
        };
        if let Some(index) = self.rows.iter().position(has_path) {
            self.rows = self.rows.get(index).copied().into_iter().collect();
            self.components = self.components.get(index).copied().into_iter().collect();
        }
    }
}

impl RequestDescription {
    fn new(request: &CertificateRequest) -> RequestDescription {
        let usages = request.usage_names();
        let is_client = usages.iter().any(|usage| usage == Usage::ClientAuth.name());
        let user = Attribute::CommonName.last_of(request.subject());
        let proof_error = request.check_proof().err();
        let reason = |is_unchecked: bool| {
            let error = proof_error.as_ref();
            let error = error.filter(|error| error.is_unchecked() == is_unchecked);
            error.map(ToString::to_string)
        };
        let key = request.public_key();
        RequestDescription {
            subject: request.subject().to_string(),
            user: user.filter(|_| is_client),
            groups: match is_client {
                true => Attribute::Organization.of(request.subject()),
                false => Vec::new(),
            },
            key: key.description(),
            key_sha256: hex(&key.fingerprint()),
            ca: request.has_ca_flag(),
            key_usages: request.key_usage_names(),
            extended_key_usages: usages,
            sans: request.san_texts(),
            other_extensions: request.other_extensions(),
            other_attributes: request.other_attributes(),
            signature_algorithm: request.signature_algorithm(),
            proof_error: reason(false),
            proof_not_checked: reason(true),
        }
    }
}

impl KeyDescription {
    fn new(key: &PublicKey) -> KeyDescription {
        KeyDescription {
            key: key.description(),
            key_sha256: Some(hex(&key.fingerprint())),
        }
    }
}

impl RevocationListDescription {
    fn new(list: &RevocationList, now: OffsetDateTime) -> RevocationListDescription {
        let revoked = list.revoked().into_iter();
        RevocationListDescription {
            issuer: list.issuer().to_string(),
            number: list.number(),
            this_update: list.this_update().into(),
            next_update: list.next_update().map(Time::from),
            is_stale: list.next_update().is_some_and(|next| next < now),
            signature_algorithm: list.signature_algorithm(),
            revoked: revoked
                .map(|entry| RevokedDescription {
                    serial: entry.serial,
                    time: entry.time.into(),
                })
                .collect(),
        }
    }
}

impl KubeconfigDescription {
    fn new(kubeconfig: &Kubeconfig) -> KubeconfigDescription {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        KubeconfigDescription {
            cluster: text(kubeconfig.cluster_name()),
            server: without_password(kubeconfig.server().unwrap_or_default()),
            user: text(kubeconfig.user_name()),
            credentials: match kubeconfig.credentials() {
                Ok(Credentials::Embedded { .. }) => "client certificate in this file".to_owned(),
                Ok(Credentials::KeyOnly { .. }) => "key without its client certificate".to_owned(),
                Ok(Credentials::CertificateFiles { certificate }) => {
                    format!("client certificate in {certificate}")
                }
                Ok(Credentials::NoCertificate) => "token, password or plugin".to_owned(),
                Err(error) => format!("unusable: {error}"),
            },
            ca: match (kubeconfig.ca(), kubeconfig.ca_file()) {
                (Ok(Some(_)), _) => "in this file".to_owned(),
                (Ok(None), Some(file)) => file.to_owned(),
                (Ok(None), None) if kubeconfig.skips_tls_verification() => {
                    "none: the server is not verified".to_owned()
                }
                (Ok(None), None) => "the system's CAs".to_owned(),
                (Err(error), _) => format!("unusable: {error}"),
            },
            is_unusable: kubeconfig.credentials().is_err() || kubeconfig.ca().is_err(),
        }
    }
}

/// Returns a URL without the user and password in it. All before the last `@` may belong to a password.
fn without_password(url: &str) -> String {
    let Some((secret, rest)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    match secret.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://(not shown)@{rest}"),
        None => format!("(not shown)@{rest}"),
    }
}

/// Returns the rows of the catalog whose certificate has this subject and, for a leaf, a CA of this name.
fn rows_of(certificate: &Certificate) -> Vec<&'static Row> {
    let common_name = certificate.common_name().unwrap_or_default();
    let organizations = Attribute::Organization.of(certificate.subject());
    let issuer = Attribute::CommonName.last_of(certificate.issuer());
    let is_row = |row: &&&'static Row| {
        let signer_name = row.signer().and_then(ca_name);
        let is_signed = signer_name.is_none_or(|name| issuer.as_deref() == Some(name));
        let has_usages = row.usages().iter().all(|usage| certificate.allows(*usage));
        is_signed
            && has_usages
            && match row.profile {
                Profile::Ca { common_name: name } => {
                    certificate.has_ca_flag() && common_name == name
                }
                Profile::Leaf {
                    common_name: CommonName::Node,
                    ..
                } => {
                    !certificate.has_ca_flag()
                        && organizations.is_empty()
                        && is_named(certificate, &common_name)
                }
                Profile::Leaf {
                    common_name: CommonName::Fixed(name),
                    ..
                } => common_name == name,
                Profile::Leaf {
                    common_name: CommonName::NodeUser,
                    ..
                } => false,
                Profile::Client {
                    common_name: CommonName::Fixed(name),
                    ..
                } => common_name == name,
                Profile::Client {
                    common_name: CommonName::NodeUser,
                    ..
                } => {
                    common_name.starts_with("system:node:")
                        && organizations.iter().any(|group| group == "system:nodes")
                }
                Profile::Client {
                    common_name: CommonName::Node,
                    ..
                }
                | Profile::User
                | Profile::ServiceAccount
                | Profile::Observed => false,
            }
    };
    CATALOG.iter().filter(is_row).copied().collect()
}

/// Returns the common name of a CA of the catalog.
fn ca_name(row: &Row) -> Option<&'static str> {
    match row.profile {
        Profile::Ca { common_name } => Some(common_name),
        _ => None,
    }
}

/// Returns whether the common name is one of the DNS names too, as in etcd's certificates.
fn is_named(certificate: &Certificate, common_name: &str) -> bool {
    certificate
        .san_texts()
        .iter()
        .any(|san| san.strip_prefix("DNS:") == Some(common_name))
}
