//! Compares a certificate with its desired contents, for findings and for the report of a renewal.

use std::fmt;

use time::Duration;

use super::validity;
use crate::util::duration;
use crate::util::escape::escape;
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field.
    pub field: ChangedField,
    /// The old value.
    pub from: String,
    /// The new value.
    pub to: String,
    /// Whether the old certificate differed from the declared configuration; false without a configuration.
    pub drift: bool,
}

/// A field of a certificate or kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedField {
    /// The certificate itself, if the old one cannot be read.
    Certificate,
    /// The serial number.
    Serial,
    /// The first valid second.
    NotBefore,
    /// The last valid second.
    NotAfter,
    /// The key.
    Key,
    /// The subject's common names.
    CommonName,
    /// The subject's organizations: Kubernetes groups.
    Organization,
    /// The rest of the subject.
    Subject,
    /// The extended key usages.
    Usages,
    /// Names that are removed.
    SansRemoved,
    /// Names that are added.
    SansAdded,
    /// The algorithm of its key.
    Algorithm,
    /// The validity period.
    Validity,
    /// The CA certificates in a kubeconfig.
    CaData,
    /// The server of a kubeconfig.
    Server,
}

impl ChangedField {
    /// Returns the name of the field in reports.
    pub fn name(self) -> &'static str {
        match self {
            ChangedField::Certificate => "certificate",
            ChangedField::Serial => "serial",
            ChangedField::NotBefore => "not before",
            ChangedField::NotAfter => "not after",
            ChangedField::Key => "key",
            ChangedField::CommonName => "CN",
            ChangedField::Organization => "O",
            ChangedField::Subject => "subject",
            ChangedField::Usages => "usages",
            ChangedField::SansRemoved => "SANs removed",
            ChangedField::SansAdded => "SANs added",
            ChangedField::Algorithm => "algorithm",
            ChangedField::Validity => "validity",
            ChangedField::CaData => "CA data",
            ChangedField::Server => "server",
        }
    }
}

impl fmt::Display for ChangedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a certificate should contain.
#[derive(Clone, Copy, Debug)]
pub struct Desired<'a> {
    /// Its subject, usages and names.
    pub contents: &'a LeafTemplate,
    /// Algorithm of its key, if specified.
    pub algorithm: Option<Algorithm>,
    /// Its validity period, if specified.
    pub validity: Option<std::time::Duration>,
}

/// Returns all fields in which a certificate differs from the desired contents; `issuer` is the CA of its row.
pub fn between(
    certificate: &Certificate,
    issuer: Option<&Certificate>,
    desired: Desired<'_>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut note = |field, from: String, to: String| {
        if from != to {
            changes.push(Change {
                field,
                from,
                to,
                drift: true,
            });
        }
    };
    let (found, contents) = (LeafTemplate::of(certificate), desired.contents);
    note(
        ChangedField::CommonName,
        found.common_names().join(", "),
        contents.common_names().join(", "),
    );
    note(
        ChangedField::Organization,
        found.organizations().join(", "),
        contents.organizations().join(", "),
    );
    if !found.differs_only_in_names(contents) {
        note(
            ChangedField::Subject,
            found.subject_text(),
            contents.subject_text(),
        );
    }
    note(
        ChangedField::Usages,
        sorted(found.usage_names()).join(", "),
        sorted(contents.usage_names()).join(", "),
    );
    let (old, new) = (found.san_texts(), contents.san_texts());
    note(
        ChangedField::SansRemoved,
        without(&old, &new),
        String::new(),
    );
    note(ChangedField::SansAdded, String::new(), without(&new, &old));
    if let Some(algorithm) = desired.algorithm {
        let found = certificate.public_key().algorithm();
        let found = found.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
        note(ChangedField::Algorithm, found, algorithm.to_string());
    }
    let period = validity::period(certificate.validity(), issuer.map(Certificate::validity));
    if let (Some(period), Some(validity)) = (period, desired.validity)
        && is_other_period(period, validity)
    {
        let period = std::time::Duration::try_from(period).unwrap_or_default();
        note(
            ChangedField::Validity,
            duration::format(period),
            duration::format(validity),
        );
    }
    changes
}

fn is_other_period(period: Duration, wanted: std::time::Duration) -> bool {
    Duration::try_from(wanted)
        .ok()
        .and_then(|wanted| period.checked_sub(wanted))
        .is_none_or(validity::is_noticeable)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

fn without(names: &[String], others: &[String]) -> String {
    let left: Vec<_> = names
        .iter()
        .filter(|name| !others.contains(name))
        .map(String::as_str)
        .collect();
    left.join(", ")
}

/// Describes a difference in a certificate that is kept.
pub(super) fn describe(change: &Change) -> String {
    let Change {
        field, from, to, ..
    } = change;
    let (from, to) = (escape(from), escape(to));
    match field {
        ChangedField::SansRemoved => {
            format!("it has names that are not in the configuration: `{from}`")
        }
        ChangedField::Usages if from.is_empty() => {
            format!("it has no extended key usage, kubeadm 1.36 makes it `{to}`")
        }
        ChangedField::Usages => format!("its usages are `{from}`, kubeadm 1.36 makes them `{to}`"),
        field if from.is_empty() => format!("it has no {field}, kubeadm 1.36 makes it `{to}`"),
        ChangedField::CommonName | ChangedField::Organization | ChangedField::Subject
            if to.is_empty() =>
        {
            format!("its {field} is `{from}`, kubeadm 1.36 gives it none")
        }
        ChangedField::CommonName | ChangedField::Organization | ChangedField::Subject => {
            format!("its {field} is `{from}`, kubeadm 1.36 makes it `{to}`")
        }
        field => format!("its {field} is `{from}`, the configuration says `{to}`"),
    }
}
