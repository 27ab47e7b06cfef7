//! What endpoints serve, for `pki served`.

use serde::Serialize;

use super::findings::{TreeArguments, remedy};
use super::time::Time;
use super::verification::{ReportedFinding, VerificationLine};
use crate::check::finding::{Finding, FindingId, Severity};
use crate::x509::certificate::Certificate;
use crate::x509::digest::hex;

/// What the endpoints of a host serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServedReport {
    /// One entry for each endpoint.
    pub endpoints: Vec<ServedEntry>,
    /// The commands that restart what does not use its files as they are, in the order in which to run them.
    pub restart: Vec<String>,
}

/// What one endpoint serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedEntry {
    /// The component; `-` if it is unknown.
    pub component: &'static str,
    /// Host and port.
    pub endpoint: String,
    /// The certificate that it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ServedCertificate>,
    /// When the component started, if it shows that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    /// The findings.
    pub findings: Vec<ReportedFinding>,
    /// The state of the certificate in a few words.
    #[serde(skip)]
    pub state: &'static str,
    /// The findings above `info` as text.
    #[serde(skip)]
    pub lines: Vec<VerificationLine>,
}

/// A served certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedCertificate {
    /// The subject.
    pub subject: String,
    /// The serial number, colon-separated hexadecimal.
    pub serial: String,
    /// The last valid second.
    pub not_after: Time,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
}

impl ServedEntry {
    /// Makes the entry of an endpoint; it has at least one finding.
    pub fn new(
        component: &'static str,
        endpoint: String,
        certificate: Option<&Certificate>,
        started: Option<Time>,
        findings: &[Finding],
        arguments: &TreeArguments,
    ) -> ServedEntry {
        let relevant = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info);
        let lines = relevant.map(|finding| VerificationLine {
            severity: finding.severity,
            id: finding.id.name(),
            text: finding.found.clone(),
            remedy: remedy(&finding.remedy, arguments),
        });
        ServedEntry {
            component,
            endpoint,
            certificate: certificate.map(ServedCertificate::of),
            started,
            state: findings.first().map_or("-", |first| state(first.id)),
            lines: lines.collect(),
            findings: findings
                .iter()
                .map(|finding| ReportedFinding::new(finding, arguments))
                .collect(),
        }
    }
}

impl ServedCertificate {
    fn of(certificate: &Certificate) -> ServedCertificate {
        ServedCertificate {
            subject: certificate.subject().to_string(),
            serial: certificate.serial(),
            not_after: Time::from(certificate.not_after()),
            fingerprint: hex(&certificate.fingerprint()),
        }
    }
}

/// Returns the state of a certificate, from the finding that compares it with its file.
fn state(id: FindingId) -> &'static str {
    match id {
        FindingId::ServedMatch => "as in its file",
        FindingId::ServedChainIncomplete => "without intermediates",
        FindingId::ServedInMemory => "made in memory",
        FindingId::ServedPending => "old, reloads soon",
        FindingId::ServedStale => "not its file's",
        FindingId::ServedUnknown => "unknown CA",
        FindingId::ServedNotCompared => "not compared",
        _ => "no answer",
    }
}
