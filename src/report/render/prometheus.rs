//! The text exposition format of Prometheus, version 0.0.4, for the textfile collector of node_exporter
//! (prometheus.io/docs/instrumenting/exposition_formats).
//!
//! Names and labels of `x509_cert_*` are those of enix/x509-certificate-exporter (`docs/metrics.md`), so that its alert rules and
//! dashboards work; `pki_*` are ours.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::report::metrics::{CertificateMetric, MetricSource, Metrics, RowMetric, TreeMetrics};
use crate::report::time::Time;
use crate::util::escape::escape_line;
use crate::x509::attribute::Attribute;

/// Returns the metrics, each family once.
pub fn prometheus(metrics: &Metrics) -> String {
    let mut text = Exposition::default();
    let trees = &metrics.trees;
    let mut certificates: Vec<_> = trees.iter().flat_map(|tree| &tree.certificates).collect();
    // Of two certificates with the same labels, the one that expires first counts.
    certificates.sort_by_key(|certificate| certificate.not_after);
    text.family(
        "x509_cert_not_before",
        "First second at which the certificate is valid, Unix time.",
    );
    for certificate in &certificates {
        text.sample(&labels_of(certificate), certificate.not_before.unix());
    }
    text.family(
        "x509_cert_not_after",
        "Last second at which the certificate is valid, Unix time.",
    );
    for certificate in &certificates {
        text.sample(&labels_of(certificate), certificate.not_after.unix());
    }
    text.family("x509_cert_expired", "Whether the certificate has expired.");
    for certificate in &certificates {
        text.sample(&labels_of(certificate), certificate.is_expired.into());
    }
    text.family(
        "x509_cert_error",
        "Whether the file holds no usable certificate.",
    );
    for source in trees.iter().flat_map(|tree| &tree.errors) {
        text.sample(&labels_of_source(source), 1);
    }
    rows(&mut text, trees);
    text.family("pki_findings", "Findings of the check, by id and severity.");
    for tree in trees {
        for (id, severity, count) in &tree.findings {
            let labels = [
                ("tree", tree.tree.as_str()),
                ("id", id),
                ("severity", severity),
            ];
            text.sample(&labels, i64::try_from(*count).unwrap_or(i64::MAX));
        }
    }
    text.family("pki_tree_error", "Whether the tree could not be checked.");
    for tree in trees {
        text.sample(&[("tree", &tree.tree)], tree.is_error.into());
    }
    text.family(
        "pki_last_issue_timestamp_seconds",
        "When a certificate was last issued for the tree, Unix time.",
    );
    for tree in trees {
        if let Some(time) = tree.last_issued {
            text.sample(&[("tree", &tree.tree)], time.unix());
        }
    }
    text.family(
        "pki_last_run_timestamp_seconds",
        "When this check ran, Unix time.",
    );
    text.sample::<&str>(&[], metrics.time.unix());
    text.text
}

fn rows(text: &mut Exposition, trees: &[TreeMetrics]) {
    let mut family = |name, help, value: fn(&RowMetric) -> Option<i64>| {
        text.family(name, help);
        for tree in trees {
            for row in &tree.rows {
                if let Some(value) = value(row) {
                    let labels = [
                        ("tree", tree.tree.as_str()),
                        ("name", row.name),
                        ("ca", row.ca),
                    ];
                    text.sample(&labels, value);
                }
            }
        }
    };
    family(
        "pki_certificate_not_after_timestamp_seconds",
        "Last second at which the certificate, and each intermediate that it needs, is valid, Unix time.",
        |row| row.not_after.map(Time::unix),
    );
    family(
        "pki_certificate_missing",
        "Whether the certificate is missing.",
        |row| Some(row.is_missing.into()),
    );
    family(
        "pki_certificate_externally_managed",
        "Whether only an external CA can renew the certificate.",
        |row| Some(row.is_external.into()),
    );
}

/// The text so far; a family's HELP and TYPE lines come with its first sample.
#[derive(Default)]
struct Exposition {
    text: String,
    name: &'static str,
    help: Option<&'static str>,
    /// The labels of the family's samples. A scraper refuses a file with two samples of one series.
    labels: HashSet<String>,
}

impl Exposition {
    fn family(&mut self, name: &'static str, help: &'static str) {
        self.name = name;
        self.help = Some(help);
        self.labels.clear();
    }

    fn sample<L: AsRef<str>>(&mut self, labels: &[(L, &str)], value: i64) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{}=\"{}\"", label.as_ref(), escape(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        if self.labels.contains(&labels) {
            return;
        }
        let name = self.name;
        if let Some(help) = self.help.take() {
            _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
        }
        _ = writeln!(self.text, "{name}{labels} {value}");
        self.labels.insert(labels);
    }
}

/// Escapes a label value: backslash, double quote and line feed. Other control characters, which could steer a terminal, are
/// written as messages show them.
fn escape(value: &str) -> String {
    let lines: Vec<_> = value.split('\n').map(escape_line).collect();
    lines
        .join("\n")
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

fn labels_of(certificate: &CertificateMetric) -> Vec<(String, &str)> {
    let mut labels = labels_of_source(&certificate.source);
    labels.push(("serial_number".to_owned(), &certificate.serial));
    for (whose, values) in [
        ("subject", &certificate.subject),
        ("issuer", &certificate.issuer),
    ] {
        for (attribute, value) in Attribute::ALL.into_iter().zip(values) {
            labels.push((format!("{whose}_{}", attribute.name()), value));
        }
    }
    labels
}

fn labels_of_source(source: &MetricSource) -> Vec<(String, &str)> {
    let filename = source.path.rsplit('/').next().unwrap_or_default();
    let (kind, key) = match &source.embedded {
        Some((kind, key)) => (*kind, key.as_str()),
        None => ("", ""),
    };
    [
        ("filename", filename),
        ("filepath", &source.path),
        ("embedded_kind", kind),
        ("embedded_key", key),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escape("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
        assert_eq!(escape("\u{1b}[31m"), "\\\\u{1b}[31m");
    }
}
