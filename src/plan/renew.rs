//! Plans `renew`: the same CA signs each certificate again, with what the configuration declares or else with what the old
//! certificate contains.
//!
//! Skips a row with an error that its renewal would not remove, and a row whose CA has an error.

mod current;
mod effects;
mod kubeconfig;
mod leaf;

use time::{Duration, OffsetDateTime};

use self::current::Current;
use super::{Action, Make, Plan, PlanError, Reason, Step};
use crate::catalog::{CATALOG, Row};
use crate::check::finding::{Finding, FindingId, Findings, Remedy};
use crate::check::{Change, Context, Expected, expiry, file, host};
use crate::config::cluster::Cluster;
use crate::tree::inventory::{CaState, FileState, Inventory, KeyFile, RowFiles};
use crate::x509::chain::CaBundle;
use crate::x509::encrypted_key::{CONVERT, Encryption, UnlockError};

/// What to renew, and how.
#[derive(Clone, Debug)]
pub struct RenewRequest<'a> {
    /// Which rows.
    pub selection: Selection,
    /// The declared configuration, if one is known.
    pub declared: Option<&'a Cluster>,
    /// Keep each key instead of making a new one.
    pub reuse_key: bool,
}

/// Which rows are renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All that are there.
    All,
    /// These; each must be renewable.
    Rows(Vec<&'static Row>),
    /// Those that expire within this time.
    Due(Duration),
}

impl Selection {
    /// Returns whether a row may be renewed, or may sign a renewed row.
    pub fn concerns(&self, row: &Row) -> bool {
        match self {
            Selection::All | Selection::Due(_) => true,
            Selection::Rows(rows) => rows
                .iter()
                .any(|selected| *selected == row || selected.signer() == Some(row)),
        }
    }
}

/// Plans a renewal at `now` of a tree with these findings.
///
/// # Errors
/// If a row that is selected by name cannot be renewed. Other such rows are skipped.
pub fn plan(
    request: &RenewRequest<'_>,
    inventory: &Inventory,
    findings: &Findings,
    now: OffsetDateTime,
) -> Result<Plan, PlanError> {
    let mut planner = RenewPlanner {
        request,
        inventory,
        findings,
        now,
        plan: Plan::default(),
        error: PlanError::default(),
    };
    for row in planner.rows() {
        planner.add(row);
    }
    planner.leave_out_replaced_cas();
    planner.move_others();
    planner.plan.steps.sort_by_key(|step| {
        CATALOG
            .iter()
            .position(|row| *row == step.row)
            .unwrap_or(CATALOG.len())
    });
    planner.warn_of_effects();
    planner.error.into_result(planner.plan)
}

struct RenewPlanner<'a> {
    request: &'a RenewRequest<'a>,
    inventory: &'a Inventory,
    findings: &'a Findings,
    now: OffsetDateTime,
    plan: Plan,
    error: PlanError,
}

/// Why a row is not renewed.
struct Skip {
    reason: String,
    remedy: Remedy,
    /// Whether it should have been renewed.
    failed: bool,
    /// The findings that stop it, if findings do.
    findings: Vec<Finding>,
}

impl<'a> RenewPlanner<'a> {
    fn rows(&self) -> Vec<&'static Row> {
        let context = Context {
            inventory: self.inventory,
            expected: self.request.declared.map(Expected::from),
            now: self.now,
        };
        let rows = match &self.request.selection {
            Selection::Rows(rows) => rows.clone(),
            Selection::All | Selection::Due(_) => host::rows(&context),
        };
        rows.into_iter()
            .filter(|row| row.signer().is_some() && self.is_selected(row))
            .collect()
    }

    fn is_selected(&self, row: &Row) -> bool {
        match &self.request.selection {
            Selection::All | Selection::Rows(_) => true,
            Selection::Due(within) => {
                let files = self.inventory.row(row);
                match expiry::ends(row, files, self.inventory) {
                    Some(end) => end - self.now <= *within,
                    None => !files.is_missing(),
                }
            }
        }
    }

    fn add(&mut self, row: &'static Row) {
        let Some(signer) = row.signer() else { return };
        let action = self
            .action(row, signer)
            .and_then(|action| self.check_names(row, action));
        let action = match action {
            Ok(action) => action,
            Err(skip) => match self.skip(row, skip) {
                Some(action) => action,
                None => return,
            },
        };
        self.plan.steps.push(Step { row, action });
        // Whether errors remain is known only after the step is added.
        let left: Vec<_> = self
            .findings
            .errors_of(row)
            .filter(|error| {
                self.plan.made_of(row).is_some() && !self.plan.removes(error, self.inventory)
            })
            .cloned()
            .collect();
        if !left.is_empty() {
            self.plan.steps.pop();
            let action = self.skip(row, Skip::found(left));
            self.plan
                .steps
                .extend(action.map(|action| Step { row, action }));
        }
    }

    fn action(&mut self, row: &'static Row, signer: &'static Row) -> Result<Action, Skip> {
        let unreadable: Vec<_> = self
            .findings
            .errors_of(row)
            .filter(|error| {
                matches!(
                    error.id,
                    FindingId::FilePermissionDenied
                        | FindingId::FileUnreadable
                        | FindingId::FileHardLinks
                )
            })
            .cloned()
            .collect();
        if !unreadable.is_empty() {
            return Err(Skip::found(unreadable));
        }
        match self.inventory.row(row) {
            files if files.is_missing() => {
                let found = self.findings.errors_of(row).next();
                let remedy = found.map(|finding| finding.remedy.clone());
                let what = "it is missing".to_owned();
                Err(Skip::not_managed(what, remedy.unwrap_or_default()))
            }
            RowFiles::Leaf { chain, key } => {
                let current = Current::of_pair(chain, key);
                let bundle = self.issuer(signer)?;
                let (leaf, changes) = self.leaf(row, signer, &bundle.signer, &current)?;
                Ok(make(Make::Leaf(leaf), changes))
            }
            RowFiles::Kubeconfig(FileState::Valid(file)) => self.kubeconfig(row, signer, file),
            RowFiles::Kubeconfig(_)
            | RowFiles::Ca { .. }
            | RowFiles::ServiceAccount { .. }
            | RowFiles::Observed(_) => {
                Err(Skip::found(self.findings.errors_of(row).cloned().collect()))
            }
        }
    }

    /// Refuses to replace a file that has other names (hard links), under which the old contents would stay.
    fn check_names(&self, row: &'static Row, action: Action) -> Result<Action, Skip> {
        let Action::Make { make, .. } = &action else {
            return Ok(action);
        };
        let linked: Vec<_> = make
            .files(row)
            .iter()
            .filter_map(|(file, _)| self.inventory.hard_linked(file))
            .map(|linked| file::check(row, linked))
            .collect();
        match linked.is_empty() {
            true => Ok(action),
            false => Err(Skip::found(linked)),
        }
    }

    /// Returns the certificates of a CA that can sign.
    fn issuer(&self, signer: &'static Row) -> Result<&'a CaBundle, Skip> {
        let errors: Vec<_> = self
            .findings
            .errors_of(signer)
            // Reissuing everything removes it, see `leave_out_replaced_cas`.
            .filter(|error| error.id != FindingId::CaReplaced)
            .cloned()
            .collect();
        let ca = self.inventory.ca(signer);
        if errors.is_empty()
            && let CaState::Local { key, .. } = ca
            && let KeyFile::Encrypted(key) = key
            && let Encryption::Unsupported(how) = key.encryption()
        {
            let error = UnlockError::Unsupported(how.clone());
            return Err(Skip::failed(
                format!("the key of its CA `{}`: {error}", signer.name),
                Remedy::words(format!("convert it: `{CONVERT}`")),
            ));
        }
        match ca {
            CaState::External(_) if errors.is_empty() => Err(Skip::not_managed(
                format!(
                    "its CA `{}` is external: its key is not on this host",
                    signer.name
                ),
                Remedy::words(format!(
                    "have the external CA `{}` sign it, see `pki help csr`",
                    signer.name
                )),
            )),
            CaState::Local { bundle, .. } if errors.is_empty() => Ok(bundle),
            _ if errors.is_empty() => Err(Skip::failed(
                format!("its CA `{}` is missing", signer.name),
                Remedy::words(FindingId::CaMissing.kind().advice),
            )),
            _ => Err(Skip::found(errors)),
        }
    }

    /// Skips the rows of a replaced CA unless all of them are renewed.
    fn leave_out_replaced_cas(&mut self) {
        let replaced: Vec<_> = self
            .findings
            .errors()
            .filter(|error| error.id == FindingId::CaReplaced)
            .filter(|error| !self.plan.removes(error, self.inventory))
            .cloned()
            .collect();
        for finding in replaced {
            let rows: Vec<_> = self
                .plan
                .made()
                .map(|(row, ..)| row)
                .filter(|row| row.signer() == finding.row)
                .collect();
            for row in rows {
                self.plan.steps.retain(|step| step.row != row);
                let action = self.skip(row, Skip::found(vec![finding.clone()]));
                self.plan
                    .steps
                    .extend(action.map(|action| Step { row, action }));
            }
        }
    }

    /// Records an error for a row that is selected by name, else skips the row.
    fn skip(&mut self, row: &'static Row, skip: Skip) -> Option<Action> {
        if !matches!(self.request.selection, Selection::Rows(_)) {
            return Some(Action::Skip {
                reason: skip.reason,
                remedy: skip.remedy,
                failed: skip.failed,
                findings: skip.findings,
            });
        }
        for finding in &skip.findings {
            let reason = Reason::from(finding);
            self.error.add(match finding.row == Some(row) {
                true => Reason {
                    message: format!("cannot renew `{}`: {}", row.name, finding.found),
                    ..reason
                },
                false => reason,
            });
        }
        if skip.findings.is_empty() {
            self.error.add(Reason {
                row: Some(row),
                id: None,
                message: format!("cannot renew `{}`: {}", row.name, skip.reason),
                remedy: skip.remedy,
            });
        }
        None
    }

    fn warn(&mut self, warning: String) {
        self.plan.warnings.push(warning);
    }
}

impl Skip {
    /// `pki` does not manage the row.
    fn not_managed(reason: String, remedy: Remedy) -> Skip {
        Skip {
            reason,
            remedy,
            failed: false,
            findings: Vec::new(),
        }
    }

    /// The row should have been renewed.
    fn failed(reason: String, remedy: Remedy) -> Skip {
        Skip {
            failed: true,
            ..Skip::not_managed(reason, remedy)
        }
    }

    /// Findings stop the renewal of the row.
    fn found(findings: Vec<Finding>) -> Skip {
        let mut messages: Vec<_> = findings.iter().map(super::message).collect();
        // Certificate and key of a row may have the same problem.
        messages.dedup();
        let remedy = findings
            .first()
            .map(|finding| finding.remedy.clone())
            .unwrap_or_default();
        Skip {
            findings,
            ..Skip::failed(messages.join("; "), remedy)
        }
    }
}

fn make(make: Make, changes: Vec<Change>) -> Action {
    Action::Make {
        make: Box::new(make),
        changes,
    }
}
