//! The text exposition format of Prometheus, version 0.0.4, for the textfile collector of node_exporter
//! (prometheus.io/docs/instrumenting/exposition_formats).
//!
//! Names and labels of `x509_cert_*` are those of enix/x509-certificate-exporter (`docs/metrics.md`), so that its alert rules and
//! dashboards work; `pki_*` are ours.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

use crate::fs::spool::Spool;
use crate::report::metrics::{CertificateMetric, MetricSource, RowMetric, TreeMetrics};
use crate::report::time::Time;
use crate::util::escape::escape_line;
use crate::x509::attribute::Attribute;

/// A metric: its name and its help text.
type Family = (&'static str, &'static str);

const CERTIFICATE_FAMILIES: [Family; 3] = [
    (
        "x509_cert_not_before",
        "First second at which the certificate is valid, Unix time.",
    ),
    (
        "x509_cert_not_after",
        "Last second at which the certificate is valid, Unix time.",
    ),
    ("x509_cert_expired", "Whether the certificate has expired."),
];

const ERROR_FAMILY: [Family; 1] = [(
    "x509_cert_error",
    "Whether the file holds no usable certificate.",
)];

const ROW_FAMILIES: [Family; 3] = [
    (
        "pki_certificate_not_after_timestamp_seconds",
        "Last second at which the certificate, and each intermediate that it needs, is valid, Unix time.",
    ),
    (
        "pki_certificate_missing",
        "Whether the certificate is missing.",
    ),
    (
        "pki_certificate_externally_managed",
        "Whether others renew the certificate: an external CA, or the component that made it.",
    ),
];

const FINDING_FAMILY: [Family; 1] =
    [("pki_findings", "Findings of the check, by id and severity.")];

const TREE_FAMILIES: [Family; 2] = [
    ("pki_tree_error", "Whether the tree could not be checked."),
    (
        "pki_last_issue_timestamp_seconds",
        "When a certificate was last issued for the tree, Unix time.",
    ),
];

const RUN_FAMILY: [Family; 1] = [(
    "pki_last_run_timestamp_seconds",
    "When this check ran, Unix time.",
)];

/// Collects the metrics of trees, each family in a text of its own, because the format wants its samples together.
pub struct Exposition {
    certificates: FamilyGroup<3>,
    errors: FamilyGroup<1>,
    rows: FamilyGroup<3>,
    findings: FamilyGroup<1>,
    trees: FamilyGroup<2>,
    run: FamilyGroup<1>,
}

impl Exposition {
    /// Returns the metrics of a run at this time, without trees.
    ///
    /// # Errors
    /// As [`Exposition::add`].
    pub fn new(time: Time) -> io::Result<Exposition> {
        let mut run = FamilyGroup::new(RUN_FAMILY);
        run.sample::<&str>(&[], [Some(time.unix())])?;
        Ok(Exposition {
            certificates: FamilyGroup::new(CERTIFICATE_FAMILIES),
            errors: FamilyGroup::new(ERROR_FAMILY),
            rows: FamilyGroup::new(ROW_FAMILIES),
            findings: FamilyGroup::new(FINDING_FAMILY),
            trees: FamilyGroup::new(TREE_FAMILIES),
            run,
        })
    }

    /// Adds the metrics of a tree.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn add(&mut self, tree: &TreeMetrics) -> io::Result<()> {
        let mut certificates: Vec<_> = tree.certificates.iter().collect();
        // Of two certificates with the same labels, the one that expires first counts.
        certificates.sort_by_key(|certificate| certificate.not_after);
        for certificate in certificates {
            let dates = [certificate.not_before, certificate.not_after].map(Time::unix);
            let values = [dates[0], dates[1], certificate.is_expired.into()];
            self.certificates
                .sample(&labels_of(certificate), values.map(Some))?;
        }
        for source in &tree.errors {
            self.errors.sample(&labels_of_source(source), [Some(1)])?;
        }
        let name = ("tree", tree.tree.as_str());
        for row in &tree.rows {
            let labels = [name, ("name", row.name), ("ca", row.ca)];
            self.rows.sample(&labels, values_of(row))?;
        }
        for (id, severity, count) in &tree.findings {
            let labels = [name, ("id", id), ("severity", severity)];
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.findings.sample(&labels, [Some(count)])?;
        }
        let last_issued = tree.last_issued.map(Time::unix);
        self.trees
            .sample(&[name], [Some(tree.is_error.into()), last_issued])
    }

    /// Writes the metrics, each family once.
    ///
    /// # Errors
    /// If a temporary file cannot be read, or `output` cannot be written.
    pub fn write(self, output: &mut dyn Write) -> io::Result<()> {
        self.certificates.write(output)?;
        self.errors.write(output)?;
        self.rows.write(output)?;
        self.findings.write(output)?;
        self.trees.write(output)?;
        self.run.write(output)
    }
}

fn values_of(row: &RowMetric) -> [Option<i64>; 3] {
    [
        row.not_after.map(Time::unix),
        Some(row.is_missing.into()),
        Some(row.is_external.into()),
    ]
}

/// Families whose samples have the same labels.
struct FamilyGroup<const N: usize> {
    families: [Family; N],
    samples: [Spool; N],
    /// The hashes of the labels. A scraper refuses a file with two samples of one series.
    seen: HashSet<u64>,
    /// Its key is random, so names with the same hash cannot be chosen.
    hasher: RandomState,
}

impl<const N: usize> FamilyGroup<N> {
    fn new(families: [Family; N]) -> FamilyGroup<N> {
        FamilyGroup {
            families,
            samples: families.map(|_| Spool::new()),
            seen: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Adds a sample to each family that has a value.
    fn sample<L: AsRef<str>>(
        &mut self,
        labels: &[(L, &str)],
        values: [Option<i64>; N],
    ) -> io::Result<()> {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{}=\"{}\"", label.as_ref(), escape(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        if !self.seen.insert(self.hasher.hash_one(&labels)) {
            return Ok(());
        }
        let families = self.families.iter().zip(&mut self.samples);
        for (((name, _), samples), value) in families.zip(values) {
            if let Some(value) = value {
                writeln!(samples, "{name}{labels} {value}")?;
            }
        }
        Ok(())
    }

    /// Writes the families that have samples.
    fn write(self, output: &mut dyn Write) -> io::Result<()> {
        for ((name, help), samples) in self.families.into_iter().zip(self.samples) {
            if samples.is_empty() {
                continue;
            }
            writeln!(output, "# HELP {name} {help}\n# TYPE {name} gauge")?;
            io::copy(&mut samples.into_reader()?, output)?;
        }
        Ok(())
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
