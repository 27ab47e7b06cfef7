//! What `check-expiration -o prometheus` exports.

use super::time::Time;
use crate::catalog::{KUBECONFIG, Row};
use crate::check::expiry::{ExpiringRow, Expiry, ExpiryState};
use crate::check::finding::TABLE;
use crate::tree::inventory::{FileState, Inventory, KubeconfigCa, RowFiles};
use crate::tree::layout::{self, Layout, TreePath};
use crate::x509::attribute::Attribute;
use crate::x509::certificate::Certificate;

/// The metrics of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeMetrics {
    /// The tree as it was named; the directory of its kubeconfigs if it was not.
    pub tree: String,
    /// Whether it could not be checked.
    pub is_error: bool,
    /// The certificates of its files.
    pub certificates: Vec<CertificateMetric>,
    /// Files without a usable certificate.
    pub errors: Vec<MetricSource>,
    /// Its rows.
    pub rows: Vec<RowMetric>,
    /// The ids of its findings with their severity, and how many there are.
    pub findings: Vec<(&'static str, &'static str, usize)>,
    /// When a certificate was last issued for it, as far as its ledger says.
    pub last_issued: Option<Time>,
}

/// A certificate in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateMetric {
    /// The file.
    pub source: MetricSource,
    /// Serial number, decimal.
    pub serial: String,
    /// The subject: a value for each of [`Attribute::ALL`].
    pub subject: Vec<String>,
    /// The issuer, in the same way.
    pub issuer: Vec<String>,
    /// First valid second.
    pub not_before: Time,
    /// Last valid second.
    pub not_after: Time,
    /// Whether that is past.
    pub is_expired: bool,
}

/// Where a certificate was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricSource {
    /// The file's path.
    pub path: String,
    /// In a kubeconfig, `cluster` or `user` and its name.
    pub embedded: Option<(&'static str, String)>,
}

/// What a row of the catalog is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMetric {
    /// Its name.
    pub name: &'static str,
    /// The name of the CA that signs it; empty for a CA.
    pub ca: &'static str,
    /// Last valid second, if there is a certificate.
    pub not_after: Option<Time>,
    /// Whether there is nothing.
    pub is_missing: bool,
    /// Whether others renew it: an external CA, or the component that made it.
    pub is_external: bool,
}

impl TreeMetrics {
    /// Takes what was read from a tree, and what a check found in it.
    pub fn new(
        tree: String,
        layout: &Layout,
        inventory: &Inventory,
        expiry: &Expiry,
        now: Time,
    ) -> TreeMetrics {
        let mut metrics = TreeMetrics::failed(tree);
        metrics.is_error = false;
        // The CA of a kubeconfig that belongs to no tree is exported with the kubeconfig.
        let is_tree = inventory.rows().all(|(row, _)| *row != KUBECONFIG);
        for (row, files) in inventory.rows().filter(|(row, _)| is_tree || !row.is_ca()) {
            metrics.add_files(row, files, layout, now);
        }
        metrics.rows = expiry
            .certificates
            .iter()
            .chain(&expiry.authorities)
            .map(RowMetric::new)
            .collect();
        metrics.findings = TABLE
            .iter()
            .flat_map(|kind| {
                let of_kind = expiry.findings.iter().filter(|found| found.id == kind.id);
                let mut severities: Vec<_> = of_kind.map(|found| found.severity).collect();
                severities.sort();
                let chunks = severities.chunk_by(PartialEq::eq);
                let counts: Vec<_> = chunks
                    .filter_map(|chunk| Some((kind.name, chunk.first()?.name(), chunk.len())))
                    .collect();
                counts
            })
            .collect();
        metrics
    }

    /// Returns the metrics of a tree that could not be checked.
    pub fn failed(tree: String) -> TreeMetrics {
        TreeMetrics {
            tree,
            is_error: true,
            certificates: Vec::new(),
            errors: Vec::new(),
            rows: Vec::new(),
            findings: Vec::new(),
            last_issued: None,
        }
    }

    fn add_files(&mut self, row: &Row, files: &RowFiles, layout: &Layout, now: Time) {
        match files {
            RowFiles::Ca { bundle, .. } => {
                let source = source(layout, layout::certificate_file(row));
                self.add(bundle, |bundle| bundle.certificates(), &source, now);
            }
            RowFiles::Leaf { chain, .. } => {
                let source = source(layout, layout::certificate_file(row));
                self.add(chain, |chain| chain.certificates(), &source, now);
            }
            RowFiles::Kubeconfig(file) => {
                let file_source = source(layout, layout::kubeconfig_file(row));
                let kubeconfig = match file {
                    FileState::Missing => return,
                    FileState::Invalid(_) => return self.errors.push(file_source),
                    FileState::Valid(kubeconfig) => kubeconfig,
                };
                let embedded = |kind, name: Option<&str>| MetricSource {
                    embedded: Some((kind, name.unwrap_or_default().to_owned())),
                    ..file_source.clone()
                };
                if let KubeconfigCa::Embedded(certificates) = &kubeconfig.ca {
                    let source = embedded("cluster", kubeconfig.kubeconfig.cluster_name());
                    for certificate in certificates {
                        self.push(certificate, &source, now);
                    }
                }
                let source = embedded("user", kubeconfig.kubeconfig.user_name());
                let chain = files.chain().into_iter();
                for certificate in chain.flat_map(|chain| chain.certificates()) {
                    self.push(certificate, &source, now);
                }
            }
            RowFiles::Observed(file) => {
                let source = source(layout, Some(file.file.clone()));
                self.add(&file.chain, |chain| chain.certificates(), &source, now);
            }
            RowFiles::ServiceAccount { .. } => {}
        }
    }

    fn add<T>(
        &mut self,
        state: &FileState<T>,
        certificates: impl Fn(&T) -> Vec<&Certificate>,
        source: &MetricSource,
        now: Time,
    ) {
        match state {
            FileState::Missing => {}
            FileState::Invalid(_) => self.errors.push(source.clone()),
            FileState::Valid(value) => {
                for certificate in certificates(value) {
                    self.push(certificate, source, now);
                }
            }
        }
    }

    fn push(&mut self, certificate: &Certificate, source: &MetricSource, now: Time) {
        let values = |name| {
            let attributes = Attribute::ALL.into_iter();
            attributes
                .map(|attribute| attribute.of(name).join(","))
                .collect()
        };
        let not_after = Time::from(certificate.not_after());
        self.certificates.push(CertificateMetric {
            source: source.clone(),
            serial: certificate.short_decimal_serial(),
            subject: values(certificate.subject()),
            issuer: values(certificate.issuer()),
            not_before: certificate.not_before().into(),
            not_after,
            is_expired: not_after < now,
        });
    }
}

impl RowMetric {
    fn new(item: &ExpiringRow) -> RowMetric {
        RowMetric {
            name: item.name,
            ca: item.ca.unwrap_or_default(),
            not_after: match item.state {
                ExpiryState::Dated { not_after, .. } => Some(not_after.into()),
                ExpiryState::Missing | ExpiryState::Unreadable | ExpiryState::Unusable => None,
            },
            is_missing: item.state == ExpiryState::Missing,
            is_external: item.external,
        }
    }
}

fn source(layout: &Layout, file: Option<TreePath>) -> MetricSource {
    let path = file.map(|file| layout.path(&file).display().to_string());
    MetricSource {
        path: path.unwrap_or_default(),
        embedded: None,
    }
}
