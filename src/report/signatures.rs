//! The report of `csr sign`.

use serde::Serialize;

use super::time::Time;
use crate::x509::certificate::Certificate;
use crate::x509::digest::hex;

/// What was signed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signatures {
    /// Whether nothing was signed.
    pub dry_run: bool,
    /// One entry for each request.
    pub certificates: Vec<SignedCertificate>,
}

/// A certificate that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedCertificate {
    /// The request.
    pub request: String,
    /// The profile that it was judged by.
    pub profile: String,
    /// The CA that signed it: its row, or the file of its certificate.
    pub ca: String,
    /// All RDNs.
    pub subject: String,
    /// Subject alternative names.
    pub sans: Vec<String>,
    /// Last valid second.
    pub expiration_date: Time,
    /// The file that it was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Serial number, SHA-256 and PEM; none in a dry run.
    #[serde(flatten)]
    pub issued: Option<IssuedCertificate>,
}

/// The parts of a certificate that a dry run does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCertificate {
    /// Colon-separated hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate.
    pub sha256: String,
    /// PEM.
    pub certificate: String,
}

impl From<&Certificate> for IssuedCertificate {
    fn from(certificate: &Certificate) -> IssuedCertificate {
        IssuedCertificate {
            serial: certificate.serial(),
            sha256: hex(&certificate.fingerprint()),
            certificate: certificate.to_pem(),
        }
    }
}
