//! Plans `rollback`: restores the files of a kept generation, if they have no errors in the restored tree.

use super::{Action, Make, Plan, PlanError, Reason, Step};
use crate::catalog::CATALOG;
use crate::check::drift::{self, Desired};
use crate::check::finding::{Findings, Remedy};
use crate::check::{Change, ChangedField, time_text};
use crate::tree::inventory::{FileState, Inventory, RowFiles};
use crate::tree::layout::{self, TreePath};
use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;

/// The input of `rollback`.
pub struct RollbackRequest<'a> {
    /// The files that differ from the current ones, with their old bytes.
    pub files: &'a [(TreePath, &'a [u8])],
    /// The tree as it would be with them.
    pub restored: &'a Inventory,
    /// The findings in that tree.
    pub findings: &'a Findings,
    /// Restore them even if they have errors.
    pub allow_invalid: bool,
}

/// Plans to put the files back.
///
/// # Errors
/// Every error about a restored row and its CA, unless invalid files are allowed.
pub fn plan(request: &RollbackRequest<'_>, present: &Inventory) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let mut error = PlanError::default();
    for row in CATALOG.iter().copied() {
        let own = layout::all_files(row);
        let files: Vec<_> = request
            .files
            .iter()
            .filter(|(file, _)| own.iter().any(|(path, _)| path == file))
            .collect();
        if files.is_empty() {
            continue;
        }
        let about = row.signer().into_iter().chain([row]);
        for finding in about.flat_map(|about| request.findings.errors_of(about)) {
            let message = format!("{}; it would be unusable", super::message(finding));
            if request.allow_invalid {
                plan.warnings.push(message);
            } else {
                let words = "renew it instead, or force the rollback with `--allow-invalid`";
                error.add(Reason {
                    message,
                    remedy: Remedy::words(words),
                    ..Reason::from(finding)
                });
            }
        }
        let make = Make::Restore {
            files: files
                .iter()
                .map(|(file, bytes)| (file.clone(), bytes.to_vec().into()))
                .collect(),
        };
        plan.steps.push(Step {
            row,
            action: Action::Make {
                make: Box::new(make),
                changes: changes(present.row(row), request.restored.row(row)),
            },
        });
    }
    error.into_result(plan)
}

fn changes(present: &RowFiles, restored: &RowFiles) -> Vec<Change> {
    let text = |files: &RowFiles, of: &dyn Fn(&Certificate) -> String| {
        files.certificate().map_or_else(|| "none".to_owned(), of)
    };
    let change = |field, of: &dyn Fn(&Certificate) -> String| Change {
        field,
        from: text(present, of),
        to: text(restored, of),
        drift: false,
    };
    let mut changes = vec![
        change(ChangedField::Serial, &Certificate::serial),
        change(ChangedField::NotAfter, &|certificate| {
            time_text(certificate.not_after())
        }),
    ];
    if let (Some(present), Some(restored)) = (present.certificate(), restored.certificate()) {
        let contents = LeafTemplate::of(restored);
        let desired = Desired {
            contents: &contents,
            algorithm: restored.public_key().algorithm(),
            validity: None,
        };
        let differences = drift::between(present, None, desired).into_iter();
        changes.extend(differences.map(|change| Change {
            drift: false,
            ..change
        }));
    }
    let [from, to] = [present, restored].map(|files| server(files).unwrap_or_default());
    if from != to {
        changes.push(Change {
            field: ChangedField::Server,
            from: from.to_owned(),
            to: to.to_owned(),
            drift: false,
        });
    }
    changes
}

/// Returns the server of a kubeconfig.
fn server(files: &RowFiles) -> Option<&str> {
    match files {
        RowFiles::Kubeconfig(FileState::Valid(file)) => file.kubeconfig.server(),
        _ => None,
    }
}
