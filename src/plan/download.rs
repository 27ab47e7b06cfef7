//! Plans `download-certs`: puts the files that another control-plane node uploaded in place.
//!
//! kubeadm overwrites whatever is there (`phases/copycerts/copycerts.go`). Here, a CA or a service-account key is replaced
//! only where nothing of another cluster would lose it.

use super::{Action, Make, Plan, PlanError, Reason, Step};
use crate::catalog::{CATALOG, Row};
use crate::check::finding::{FindingId, Findings, Remedy};
use crate::check::{Change, ChangedField, host, time_text, title};
use crate::tree::inventory::{Inventory, RowFiles};
use crate::tree::layout::{self, TreePath};
use crate::x509::certificate::Certificate;
use crate::x509::key::PublicKey;

/// The input of `download-certs`.
pub struct DownloadRequest<'a> {
    /// The files of the Secret that the tree has not, or with other contents.
    pub files: &'a [(TreePath, &'a [u8])],
    /// The rows of all files of the Secret.
    pub rows: &'a [&'static Row],
    /// The tree as it would be with the files.
    pub after: &'a Inventory,
    /// The findings in that tree.
    pub findings_after: &'a Findings,
    /// The findings in the tree as it is.
    pub findings: &'a Findings,
    /// Replace what another cluster needs.
    pub allow_replace: bool,
}

/// Plans to write the files.
///
/// # Errors
/// Every row that would be unusable, and every row of another cluster that would be replaced.
pub fn plan(request: &DownloadRequest<'_>, present: &Inventory) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let mut error = PlanError::default();
    let rows = CATALOG.iter().copied();
    for row in rows.filter(|row| request.rows.contains(row)) {
        let own = layout::files(row);
        let files: Vec<_> = request
            .files
            .iter()
            .filter(|(file, _)| own.iter().any(|(path, _)| path == file))
            .map(|(file, bytes)| (file.clone(), bytes.to_vec().into()))
            .collect();
        if request.after.row(row).is_missing() {
            let what = format!("{OF_SECRET}: {}: it has no files", title(row));
            error.add(Reason::new(what, VERIFY_SOURCE).about(row));
        }
        let action = match files.is_empty() {
            true => Action::Keep,
            false => {
                request.judge(row, present, &mut plan, &mut error);
                Action::Make {
                    make: Box::new(Make::Install { files }),
                    changes: changes(present.row(row), request.after.row(row)),
                }
            }
        };
        plan.steps.push(Step { row, action });
    }
    error.into_result(plan)
}

const OF_SECRET: &str = "the Secret `kubeadm-certs`";
const VERIFY_SOURCE: &str = "run `pki verify` on the node that uploaded it";
const ALLOW: &str = "if this host is to join the other cluster, remove its certificates and kubeconfigs first; `--allow-replace` replaces the files anyway and keeps the old ones, see `pki history`";

impl DownloadRequest<'_> {
    /// Judges a row that would be written.
    fn judge(
        &self,
        row: &'static Row,
        present: &Inventory,
        plan: &mut Plan,
        error: &mut PlanError,
    ) {
        let errors = self.findings_after.errors_of(row);
        // What this host would lose is said below.
        for finding in errors.filter(|error| error.id != FindingId::CaReplaced) {
            error.add(match &finding.file {
                // A file of this host that cannot be replaced.
                Some(_) => Reason::from(finding),
                None => Reason {
                    message: format!("{OF_SECRET}: {}", super::message(finding)),
                    remedy: Remedy::words(VERIFY_SOURCE),
                    ..Reason::from(finding)
                },
            });
        }
        let Some(what) = self.loss(row, present) else {
            return;
        };
        match self.allow_replace {
            true => plan.warnings.push(what),
            false => error.add(Reason {
                row: Some(row),
                id: Some(FindingId::CaReplaced),
                message: what,
                remedy: Remedy::words(ALLOW),
            }),
        }
    }

    /// Returns what this host would lose with the files of a row.
    fn loss(&self, row: &'static Row, present: &Inventory) -> Option<String> {
        if present.row(row).is_missing() {
            return None;
        }
        let is_other = is_other(present.row(row), self.after.row(row));
        let leaves = CATALOG.iter().copied();
        let needing: Vec<_> = leaves
            .filter(|leaf| leaf.signer() == Some(row))
            .filter(|leaf| (is_other && !present.row(leaf).is_missing()) || self.breaks(leaf))
            .map(|leaf| leaf.name)
            .collect();
        let what = format!("{}: this host has another one", title(row));
        match needing.is_empty() {
            false => Some(format!("{what}, which these need: {}", needing.join(", "))),
            true if is_other && host::belongs_to_cluster(present) => {
                Some(format!("{what}, and belongs to a cluster"))
            }
            true => None,
        }
    }

    /// Returns whether a row has an error only with the files.
    fn breaks(&self, row: &'static Row) -> bool {
        let is_known = |id| self.findings.errors_of(row).any(|known| known.id == id);
        let mut errors = self.findings_after.errors_of(row);
        errors.any(|error| !is_known(error.id))
    }
}

/// Returns whether a public key that others depend on is no longer there afterwards. A file that is missing or damaged has none.
fn is_other(present: &RowFiles, after: &RowFiles) -> bool {
    let after = public_keys(after);
    public_keys(present).iter().any(|key| !after.contains(key))
}

/// Returns the public keys that are trusted by a row's files: those of `sa.pub`, or that of the CA's signer.
fn public_keys(files: &RowFiles) -> Vec<&[u8]> {
    match files {
        RowFiles::ServiceAccount { public, .. } => {
            let keys = public.valid().into_iter().flatten();
            keys.map(PublicKey::spki).collect()
        }
        files => {
            let certificate = files.certificate().into_iter();
            certificate.map(|ca| ca.public_key().spki()).collect()
        }
    }
}

fn changes(present: &RowFiles, after: &RowFiles) -> Vec<Change> {
    if present.is_missing() {
        return Vec::new();
    }
    let text = |files: &RowFiles, of: &dyn Fn(&Certificate) -> String| {
        files.certificate().map_or_else(String::new, of)
    };
    let change = |field, of: &dyn Fn(&Certificate) -> String| Change {
        field,
        from: text(present, of),
        to: text(after, of),
        drift: false,
    };
    vec![
        change(ChangedField::Serial, &Certificate::serial),
        change(ChangedField::NotAfter, &|certificate| {
            time_text(certificate.not_after())
        }),
    ]
}
