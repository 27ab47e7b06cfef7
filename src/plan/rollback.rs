//! Plans `rollback`: the files of a kept generation come back, if the tree that this gives is sound.

use time::OffsetDateTime;

use super::{Action, Make, Plan, Refusal, Step};
use crate::catalog::{CATALOG, Row};
use crate::check::leaf::judge;
use crate::check::{Change, time_text, title};
use crate::tree::inventory::{FileState, Inventory, RowFiles};
use crate::tree::layout::{self, TreePath};
use crate::x509::certificate::Certificate;

/// What a rollback starts from.
pub struct Request<'a> {
    /// The files that differ from what is there now, with their old bytes.
    pub files: &'a [(TreePath, &'a [u8])],
    /// The tree as it would be with them.
    pub restored: &'a Inventory,
    /// Put them back even if the result is expired or does not verify.
    pub allow_invalid: bool,
}

/// Plans to put the files back.
///
/// # Errors
/// Every row that would not be sound afterwards, unless that is allowed.
pub fn plan(
    request: &Request<'_>,
    present: &Inventory,
    now: OffsetDateTime,
) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let mut refusal = Refusal::default();
    for row in CATALOG.iter().copied() {
        let own = layout::files(row);
        let files: Vec<_> = request
            .files
            .iter()
            .filter(|(file, _)| own.iter().any(|(path, _)| path == file))
            .collect();
        if files.is_empty() {
            continue;
        }
        if let Some(problem) = problem(row, request.restored, now) {
            let message = format!("{}: it would not be usable: {problem}", title(row));
            if request.allow_invalid {
                plan.warnings.push(message);
            } else {
                refusal.add(
                    message,
                    "renew it instead, or put it back all the same with `--allow-invalid`"
                        .to_owned(),
                );
            }
        }
        let make = Make::Restore {
            files: files
                .iter()
                .map(|(file, bytes)| (file.clone(), bytes.to_vec().into()))
                .collect(),
        };
        let changes = changes(present.row(row), request.restored.row(row));
        plan.steps.push(Step {
            row,
            action: Action::Make {
                make: Box::new(make),
                changes,
            },
        });
    }
    if refusal.problems.is_empty() {
        Ok(plan)
    } else {
        Err(refusal)
    }
}

/// Returns what would be wrong with a row.
fn problem(row: &Row, restored: &Inventory, now: OffsetDateTime) -> Option<String> {
    let files = restored.row(row);
    match files {
        RowFiles::Ca {
            bundle: FileState::Invalid(message),
            ..
        }
        | RowFiles::Leaf {
            chain: FileState::Invalid(message),
            ..
        }
        | RowFiles::Ca {
            key: FileState::Invalid(message),
            ..
        }
        | RowFiles::Leaf {
            key: FileState::Invalid(message),
            ..
        }
        | RowFiles::ServiceAccount {
            public: FileState::Invalid(message),
            ..
        }
        | RowFiles::ServiceAccount {
            key: FileState::Invalid(message),
            ..
        }
        | RowFiles::Kubeconfig(FileState::Invalid(message)) => return Some(message.to_string()),
        _ => {}
    }
    let (chain, signer) = (files.chain()?, row.signer()?);
    let Some(anchors) = restored.ca_bundle(signer) else {
        return Some(format!("its CA `{}` cannot be read", signer.name));
    };
    judge(row, chain, files.key(), anchors, now)
        .err()
        .map(|unsound| unsound.to_string())
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
    vec![
        change("serial", &Certificate::serial),
        change("not after", &|certificate| {
            time_text(certificate.not_after())
        }),
    ]
}
