//! kubeadm's `CertificateExpirationInfo` (`output.kubeadm.k8s.io/v1alpha3`, kubeadm `apis/output/v1alpha3/types.go`).
//!
//! Scripts that were written for kubeadm read these keys, so they cannot change. Only `error` is not kubeadm's; it is
//! present only if a file is broken.

use std::cmp::Reverse;

use serde::Serialize;
use time::Duration;

use super::time::Time;
use crate::check::expiry::{ExpiringRow, Expiry, ExpiryState};
use crate::check::finding::Outcome;

/// The expiration dates of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateExpirationInfo {
    kind: &'static str,
    api_version: &'static str,
    /// The leaves and kubeconfigs.
    pub certificates: Vec<CertificateExpiration>,
    /// The CAs.
    pub certificate_authorities: Vec<CertificateExpiration>,
    /// False if signatures were not verified (`--dates-only`); left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signatures_verified: Option<bool>,
    /// Whether only what needs attention is listed, as one table.
    #[serde(skip)]
    pub attention_only: bool,
}

/// The expiration dates of several trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpirationList {
    /// One entry for each tree, in the order of the command line.
    pub trees: Vec<TreeExpiration>,
}

/// The expiration dates of one of several trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TreeExpiration {
    /// The tree as it was named.
    pub tree: String,
    /// The reason why it could not be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// kubeadm's report.
    #[serde(flatten)]
    pub info: Option<CertificateExpirationInfo>,
}

/// The expiration date of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateExpiration {
    /// The row's name.
    pub name: &'static str,
    /// The date, or null if it is unknown.
    pub expiration_date: Option<Time>,
    /// The residual time in seconds, as in kubeadm.
    #[serde(serialize_with = "seconds")]
    pub residual_time: Duration,
    /// Whether others renew it: an external CA, or the component that made it.
    pub externally_managed: bool,
    /// The row of the CA that signs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_name: Option<&'static str>,
    /// Whether its file is missing.
    pub missing: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether this user may not read its file.
    #[serde(skip)]
    pub unreadable: bool,
    /// Its effect on the exit code.
    #[serde(skip)]
    pub outcome: Outcome,
}

impl CertificateExpirationInfo {
    /// Takes the result of a check; with `attention_only`, only what needs attention.
    pub fn new(expiry: &Expiry, attention_only: bool) -> Self {
        let select = |items: &[ExpiringRow]| {
            items
                .iter()
                .map(CertificateExpiration::new)
                .filter(|entry| !attention_only || entry.outcome > Outcome::Healthy)
                .collect()
        };
        CertificateExpirationInfo {
            kind: "CertificateExpirationInfo",
            api_version: "output.kubeadm.k8s.io/v1alpha3",
            certificates: select(&expiry.certificates),
            certificate_authorities: select(&expiry.authorities),
            signatures_verified: None,
            attention_only,
        }
    }
}

impl CertificateExpirationInfo {
    /// Keeps the entries for which `keep` returns true.
    pub fn retain(&mut self, keep: impl Fn(&CertificateExpiration) -> bool) {
        self.certificates.retain(&keep);
        self.certificate_authorities.retain(&keep);
    }

    /// Puts the most urgent entries first.
    pub fn sort_by_urgency(&mut self) {
        self.certificates
            .sort_by_key(CertificateExpiration::urgency);
        self.certificate_authorities
            .sort_by_key(CertificateExpiration::urgency);
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.certificate_authorities.is_empty()
    }
}

impl TreeExpiration {
    /// Returns what sorts the most urgent tree first.
    pub fn urgency(&self) -> impl Ord + use<> {
        let info = self.info.iter();
        let entries = info.flat_map(|info| {
            info.certificates
                .iter()
                .chain(&info.certificate_authorities)
        });
        // A tree that could not be checked comes before healthy ones.
        let unreadable = (Reverse(Outcome::Unreadable), Duration::MIN);
        match &self.error {
            Some(_) => unreadable,
            None => entries
                .map(CertificateExpiration::urgency)
                .min()
                .unwrap_or((Reverse(Outcome::Healthy), Duration::MAX)),
        }
    }
}

impl CertificateExpiration {
    /// Returns what sorts the most urgent entry first.
    pub fn urgency(&self) -> (Reverse<Outcome>, Duration) {
        let residual = match self.expiration_date {
            Some(_) => self.residual_time,
            None => Duration::MIN,
        };
        (Reverse(self.outcome), residual)
    }

    fn new(item: &ExpiringRow) -> CertificateExpiration {
        let (expiration_date, residual_time) = match &item.state {
            ExpiryState::Dated {
                not_after,
                residual,
            } => (Some(Time::from(*not_after)), *residual),
            ExpiryState::Missing | ExpiryState::Unreadable | ExpiryState::Unusable => {
                (None, Duration::ZERO)
            }
        };
        CertificateExpiration {
            name: item.name,
            expiration_date,
            residual_time,
            externally_managed: item.external,
            ca_name: item.ca,
            missing: item.state == ExpiryState::Missing,
            error: item.error.clone(),
            unreadable: item.state == ExpiryState::Unreadable,
            outcome: item.outcome,
        }
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.whole_seconds())
}
