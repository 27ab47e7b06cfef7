//! The reports of `csr new` and `ca new`.

use serde::Serialize;

use super::signatures::IssuedCertificate;
use super::time::Time;

/// A new request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCsr {
    /// Whether nothing was made.
    pub dry_run: bool,
    /// All RDNs.
    pub subject: String,
    /// Subject alternative names.
    pub sans: Vec<String>,
    /// Kubernetes' words.
    pub usages: Vec<&'static str>,
    /// The name of the Kubernetes object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_name: Option<String>,
    /// The signer that the request is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer_name: Option<String>,
    /// How long the certificate should be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_seconds: Option<u32>,
    /// The algorithm of the key.
    pub key_algorithm: String,
    /// The file that the new key was written to, or that holds the given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The file that the request was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_file: Option<String>,
    /// PEM; none in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// A CA that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedCa {
    /// Whether nothing was made.
    pub dry_run: bool,
    /// All RDNs.
    pub subject: String,
    /// The subject of the CA that signed it; its own if it signed itself.
    pub issuer: String,
    /// Whether it signed itself.
    #[serde(skip)]
    pub is_root: bool,
    /// How many CAs may be between it and a leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_length: Option<u8>,
    /// Last valid second.
    pub expiration_date: Time,
    /// The algorithm of its key.
    pub key_algorithm: String,
    /// The file of its key.
    pub key_file: String,
    /// The file of its certificate.
    pub certificate_file: String,
    /// Serial number, SHA-256 and PEM; none in a dry run.
    #[serde(flatten)]
    pub issued: Option<IssuedCertificate>,
}
