//! The findings of `pki verify`.

use serde::Serialize;

use super::findings::{TreeArguments, groups, remedy};
use crate::check::finding::{Finding, Findings, Outcome, Severity, TABLE};
use crate::tree::layout::Layout;

/// The findings of several trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// One entry for each tree, in the order of the command line.
    pub trees: Vec<TreeVerification>,
}

/// The findings of one tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeVerification {
    /// The tree as it was named; the directory of its kubeconfigs if it was not.
    pub tree: String,
    /// The directory of its certificates, if it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates_dir: Option<String>,
    /// Why the tree could not be verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many findings of each severity are reported.
    pub counts: Counts,
    /// What was found, of the reported severities.
    pub findings: Vec<ReportedFinding>,
    /// The findings as text: those that differ only in their rows share a line.
    #[serde(skip)]
    pub lines: Vec<VerificationLine>,
    /// How many findings are not reported, and the lowest severity that is.
    #[serde(skip)]
    pub below: (usize, Severity),
    /// What the findings mean for the exit code, including those that are not reported.
    #[serde(skip)]
    pub outcome: Outcome,
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Errors.
    pub error: usize,
    /// Warnings.
    pub warning: usize,
    /// Remarks.
    pub info: usize,
}

/// A finding as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportedFinding {
    /// Its stable id.
    pub id: &'static str,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// The row it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    /// The file it is about, below the directory that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What was found.
    pub found: String,
    /// What was wanted, if that is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// Commands that remove the finding, in order; none for an archive.
    pub commands: Vec<String>,
    /// Advice that no command covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// A line of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationLine {
    /// How serious it is.
    pub severity: Severity,
    /// The id of the finding.
    pub id: &'static str,
    /// What was found.
    pub text: String,
    /// What to do; empty if nothing is.
    pub remedy: String,
}

impl TreeVerification {
    /// Takes the findings about a tree, which commands name by `arguments`, and reports those of at least this severity.
    pub fn new(
        tree: String,
        layout: &Layout,
        findings: Findings,
        severity: Severity,
        arguments: &TreeArguments,
    ) -> TreeVerification {
        let outcome = findings.outcome();
        let count = findings.iter().count();
        let findings = findings.filter(|finding| finding.severity >= severity);
        let mut lines: Vec<_> = groups(findings.iter())
            .iter()
            .map(|group| VerificationLine {
                severity: group.finding.severity,
                id: group.finding.id.name(),
                text: group.text(),
                remedy: remedy(&group.finding.remedy, arguments),
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.severity));
        TreeVerification {
            tree,
            certificates_dir: Some(layout.certificates.display().to_string()),
            error: None,
            counts: Counts::of(&findings),
            findings: findings
                .iter()
                .map(|finding| ReportedFinding::new(finding, arguments))
                .collect(),
            lines,
            below: (count - findings.iter().count(), severity),
            outcome,
        }
    }

    /// Returns the entry of a tree that could not be verified.
    pub fn failed(tree: String, error: String) -> TreeVerification {
        TreeVerification {
            tree,
            certificates_dir: None,
            error: Some(error),
            counts: Counts::default(),
            findings: Vec::new(),
            lines: Vec::new(),
            below: (0, Severity::Info),
            outcome: Outcome::Unreadable,
        }
    }
}

impl Counts {
    fn of(findings: &Findings) -> Counts {
        let count = |severity| findings.of_severity(severity).count();
        Counts {
            error: count(Severity::Error),
            warning: count(Severity::Warning),
            info: count(Severity::Info),
        }
    }
}

impl ReportedFinding {
    pub(super) fn new(finding: &Finding, arguments: &TreeArguments) -> ReportedFinding {
        let (commands, advice) = match arguments.is_here() {
            true => {
                let words = finding.remedy.words.as_ref();
                let commands = finding.remedy.commands.iter();
                (
                    commands.map(|command| arguments.command(command)).collect(),
                    words.map(|words| arguments.advice(words)),
                )
            }
            // A program must not run them here.
            false => {
                let advice = remedy(&finding.remedy, arguments);
                (Vec::new(), Some(advice).filter(|advice| !advice.is_empty()))
            }
        };
        ReportedFinding {
            id: finding.id.name(),
            severity: finding.severity.name(),
            name: finding.row.map(|row| row.name),
            file: finding.file.as_ref().map(ToString::to_string),
            found: finding.found.clone(),
            wanted: finding.wanted.clone(),
            commands,
            advice,
        }
    }
}

/// The kinds of findings, for `pki verify --list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FindingList {
    /// One entry for each kind.
    pub kinds: Vec<ListedKind>,
}

/// A kind of finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedKind {
    /// Its stable id.
    pub id: &'static str,
    /// The usual severity.
    pub severity: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do if no command helps.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub advice: &'static str,
}

impl FindingList {
    /// Lists all kinds.
    pub fn all() -> FindingList {
        let listed = |kind: &&'static crate::check::finding::FindingKind| ListedKind {
            id: kind.name,
            severity: kind.severity.name(),
            meaning: kind.meaning,
            advice: kind.advice,
        };
        FindingList {
            kinds: TABLE.iter().map(listed).collect(),
        }
    }
}
