//! Why a plan cannot be made.

use std::fmt;

use super::Plan;
use crate::catalog::Row;
use crate::check::finding::{Finding, FindingId, Remedy};
use crate::check::title;
use crate::util::escape::quote;

/// The reasons that prevent a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanError {
    /// In catalog order.
    pub reasons: Vec<Reason>,
}

/// Something that prevents a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The row, if it is about one.
    pub row: Option<&'static Row>,
    /// What kind of finding it is, if it is one.
    pub id: Option<FindingId>,
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub remedy: Remedy,
}

impl PlanError {
    pub(super) fn add(&mut self, reason: Reason) {
        // Each leaf of a bad CA would repeat it.
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Returns the plan, if nothing prevents it.
    pub(super) fn into_result(self, plan: Plan) -> Result<Plan, PlanError> {
        match self.reasons.is_empty() {
            true => Ok(plan),
            false => Err(self),
        }
    }

    /// Returns whether only missing permissions prevent the plan.
    pub fn is_permission_denied(&self) -> bool {
        self.reasons
            .iter()
            .all(|reason| reason.id == Some(FindingId::FilePermissionDenied))
    }
}

impl Reason {
    /// Returns a reason that is no finding; `words` say what to do about it, and may be empty.
    pub fn new(message: impl Into<String>, words: &str) -> Reason {
        Reason {
            row: None,
            id: None,
            message: message.into(),
            remedy: match words {
                "" => Remedy::default(),
                words => Remedy::words(words),
            },
        }
    }

    /// Returns a reason against something that a file, or one of its objects, contains.
    pub(super) fn in_file(name: &str, what: &str, words: &str) -> Reason {
        Reason::new(format!("{}: {what}", quote(name)), words)
    }

    /// Sets the row.
    #[must_use]
    pub fn about(self, row: &'static Row) -> Reason {
        Reason {
            row: Some(row),
            ..self
        }
    }

    /// Replaces the remedy.
    #[must_use]
    pub fn with_remedy(self, remedy: Remedy) -> Reason {
        Reason { remedy, ..self }
    }
}

impl From<&Finding> for Reason {
    fn from(finding: &Finding) -> Reason {
        Reason {
            row: finding.row,
            id: Some(finding.id),
            message: message(finding),
            remedy: finding.remedy.clone(),
        }
    }
}

/// Returns a finding as a message that names the row, unless it names its file already.
pub fn message(finding: &Finding) -> String {
    match finding.row {
        Some(row) if finding.file.is_none() => format!("{}: {}", title(row), finding.found),
        _ => finding.found.clone(),
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self
            .reasons
            .iter()
            .map(|reason| reason.message.as_str())
            .collect();
        f.write_str(&messages.join("\n"))
    }
}

impl std::error::Error for PlanError {}
