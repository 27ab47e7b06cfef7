//! kubeadm's `CertificateExpirationInfo` (`output.kubeadm.k8s.io/v1alpha3`, kubeadm `apis/output/v1alpha3/types.go`).
//!
//! The keys are an interface: scripts written for kubeadm read them. `error` is ours, and only there when a file is broken.

use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use crate::check::expiry::{Expiry, Item, State, Thresholds, Urgency};
use crate::check::time_text;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateExpirationInfo<'a> {
    kind: &'static str,
    api_version: &'static str,
    certificates: Vec<Entry<'a>>,
    certificate_authorities: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    name: &'a str,
    /// RFC 3339, UTC; null when there is none.
    expiration_date: Option<String>,
    /// Seconds, although kubeadm's key does not say so.
    residual_time: i64,
    externally_managed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_name: Option<&'a str>,
    missing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Returns the report as JSON, indented as kubeadm's; with thresholds, only of what needs attention.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn expiration(expiry: &Expiry, attention: Option<Thresholds>) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    info(expiry, attention).serialize(&mut serializer)?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Returns the report as YAML, keys in byte order as kubeadm's; with thresholds, only of what needs attention.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn expiration_yaml(expiry: &Expiry, attention: Option<Thresholds>) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(info(expiry, attention))?;
    value.sort_all_objects();
    Ok(serde_saphyr::to_string(&value)?)
}

fn info(expiry: &Expiry, attention: Option<Thresholds>) -> CertificateExpirationInfo<'_> {
    CertificateExpirationInfo {
        kind: "CertificateExpirationInfo",
        api_version: "output.kubeadm.k8s.io/v1alpha3",
        certificates: select(&expiry.certificates, attention),
        certificate_authorities: select(&expiry.authorities, attention),
    }
}

fn select(items: &[Item], attention: Option<Thresholds>) -> Vec<Entry<'_>> {
    items
        .iter()
        .filter(|item| {
            attention.is_none_or(|thresholds| item.urgency(thresholds) > Urgency::Healthy)
        })
        .map(entry)
        .collect()
}

fn entry(item: &Item) -> Entry<'_> {
    let (expiration_date, residual_time) = match &item.state {
        State::Dated {
            not_after,
            residual,
            ..
        } => (Some(time_text(*not_after)), residual.whole_seconds()),
        State::Missing | State::Broken(_) => (None, 0),
    };
    Entry {
        name: item.name,
        expiration_date,
        residual_time,
        externally_managed: item.external,
        ca_name: item.ca,
        missing: item.state == State::Missing,
        error: match &item.state {
            State::Broken(message) => Some(message),
            State::Dated { .. } => item.problem.as_deref(),
            State::Missing => None,
        },
    }
}
