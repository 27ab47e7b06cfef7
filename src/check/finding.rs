//! The result of a judgement: a [`Finding`] is data, and [`TABLE`] describes each kind of finding.
//!
//! `pki help findings` and the tests are generated from the table. `report` turns a finding into text; `plan::remedy`
//! adds the commands to its remedy.

mod table;

use crate::catalog::Row;
use crate::tree::layout::TreePath;
use crate::util::duration::Period;

pub use table::{FindingId, FindingKind, TABLE};

/// A result of a judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of the finding.
    pub id: FindingId,
    /// The severity.
    pub severity: Severity,
    /// The row it is about, if it is about one.
    pub row: Option<&'static Row>,
    /// The file it is about, if it is about one.
    pub file: Option<TreePath>,
    /// The text of the finding; "it" is the row.
    pub found: String,
    /// The desired value, if there is one.
    pub wanted: Option<String>,
    /// The remedy.
    pub remedy: Remedy,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information. Only `verify` prints it.
    Info,
    /// It works, but is bad practice or will become a problem. It does not change the exit code.
    Warning,
    /// Something is refused, expired or missing, or will fail.
    Error,
}

/// The effect of findings on the exit code; a greater value is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing needs attention.
    Healthy,
    /// Something could not be read because permission is missing.
    Unreadable,
    /// Something expires soon, or a commit is pending.
    Due,
    /// There is an error.
    Failing,
}

/// The remedy for a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// The commands that remove it, in order.
    pub commands: Vec<PkiCommand>,
    /// Advice that no command covers.
    pub words: Option<String>,
}

/// A `pki` command in a remedy. `report` adds the paths of the tree and of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PkiCommand {
    /// `pki init`.
    Init,
    /// `pki renew NAME...`.
    Renew(Vec<&'static Row>),
    /// `pki renew all`.
    RenewAll,
    /// `pki renew --due`.
    RenewDue(Period),
    /// `pki csr generate NAME...`.
    RequestCertificates {
        /// The rows.
        rows: Vec<&'static Row>,
        /// Whether each gets a new key.
        new_key: bool,
    },
}

impl Remedy {
    /// Returns a remedy without commands.
    pub fn words(words: impl Into<String>) -> Remedy {
        Remedy {
            commands: Vec::new(),
            words: Some(words.into()),
        }
    }

    /// Returns a remedy that is one command.
    pub fn command(command: PkiCommand) -> Remedy {
        Remedy {
            commands: vec![command],
            words: None,
        }
    }

    /// Returns whether there is neither a command nor advice.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.words.is_none()
    }
}

impl Severity {
    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl Finding {
    /// Returns a finding with the usual severity and advice of its kind, without row and file.
    pub fn new(id: FindingId, found: impl Into<String>) -> Finding {
        let kind = id.kind();
        Finding {
            id,
            severity: kind.severity,
            row: None,
            file: None,
            found: found.into(),
            wanted: None,
            remedy: Remedy {
                commands: Vec::new(),
                words: Some(kind.advice)
                    .filter(|advice| !advice.is_empty())
                    .map(str::to_owned),
            },
        }
    }

    /// Sets the row.
    #[must_use]
    pub fn about(self, row: &'static Row) -> Finding {
        Finding {
            row: Some(row),
            ..self
        }
    }

    /// Sets the file.
    #[must_use]
    pub fn in_file(self, file: impl Into<Option<TreePath>>) -> Finding {
        Finding {
            file: file.into(),
            ..self
        }
    }

    /// Sets the wanted value.
    #[must_use]
    pub fn wanted(self, wanted: impl Into<String>) -> Finding {
        Finding {
            wanted: Some(wanted.into()),
            ..self
        }
    }

    /// Replaces the usual advice.
    #[must_use]
    pub fn advice(self, words: impl Into<String>) -> Finding {
        Finding {
            remedy: Remedy::words(words),
            ..self
        }
    }

    /// Returns its effect on the exit code.
    pub fn outcome(&self) -> Outcome {
        match (self.id, self.severity) {
            (FindingId::FilePermissionDenied, _) => Outcome::Unreadable,
            (_, Severity::Error) => Outcome::Failing,
            (
                FindingId::CertificateExpiresSoon
                | FindingId::ServedExpiresSoon
                | FindingId::CaAwaited
                | FindingId::CommitPending
                | FindingId::CommitUnreadable,
                _,
            )
            | (FindingId::RequestPending, Severity::Warning) => Outcome::Due,
            _ => Outcome::Healthy,
        }
    }

    /// Returns whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The findings of a judgement, in catalog order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Returns all findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.list.iter()
    }

    /// Returns all findings for changing their remedies.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Finding> {
        self.list.iter_mut()
    }

    /// Returns the findings of one severity.
    pub fn of_severity(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.iter()
            .filter(move |finding| finding.severity == severity)
    }

    /// Returns the errors.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.of_severity(Severity::Error)
    }

    /// Returns the errors about a row.
    pub fn errors_of(&self, row: &Row) -> impl Iterator<Item = &Finding> {
        self.errors()
            .filter(move |finding| finding.row.is_some_and(|about| about == row))
    }

    /// Returns whether there is a finding of this kind about a row.
    pub fn has(&self, row: &Row, id: FindingId) -> bool {
        self.iter()
            .any(|finding| finding.id == id && finding.row.is_some_and(|about| about == row))
    }

    /// Returns the effect of the findings on the exit code.
    pub fn outcome(&self) -> Outcome {
        worst(self.iter())
    }

    /// Returns the effect of the findings about a row on the exit code.
    pub fn outcome_of(&self, row: &Row) -> Outcome {
        worst(self.iter().filter(|finding| finding.row == Some(row)))
    }

    /// Keeps the findings for which `keep` returns true.
    #[must_use]
    pub fn filter(mut self, keep: impl Fn(&Finding) -> bool) -> Findings {
        self.list.retain(keep);
        self
    }
}

fn worst<'a>(findings: impl Iterator<Item = &'a Finding>) -> Outcome {
    let outcomes = findings.map(Finding::outcome);
    outcomes.max().unwrap_or(Outcome::Healthy)
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        self.list.extend(findings);
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Findings {
        Findings {
            list: findings.into_iter().collect(),
        }
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
