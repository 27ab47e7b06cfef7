//! `pki verify`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::{Args, ValueEnum};

use super::shared::{ConfigArgs, ListFormat, NamedTreeArgs, TreeArgs};
use crate::check::finding::{FindingId, Severity, TABLE};
use crate::util::duration::Period;

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  something expires within --warn, or a commit is pending
  5  there is an error

Examples:
  pki verify
  pki verify --severity warning --ignore certificate.odd-serial
  pki verify -o json /backup/*/kubernetes
  pki verify --list";

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Report findings of this severity and above; those below count for the exit code
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = SeverityName::Info)]
    pub severity: SeverityName,

    /// Leave findings with this id out; they do not count for the exit code
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = finding_id)]
    pub ignore: Vec<FindingId>,

    /// Report what expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = Period::parse)]
    pub warn: Period,

    /// List the ids of all findings and what they mean
    #[arg(long, conflicts_with_all = ["trees", "recursive", "trees_from", "severity", "ignore", "config"])]
    pub list: bool,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = ListFormat::Text)]
    pub output: ListFormat,

    #[command(flatten)]
    pub named: NamedTreeArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// The severities, as the command line spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityName {
    /// Everything worth knowing
    Info,
    /// What is bad practice or will become a problem
    Warning,
    /// What is refused, expired, missing or will fail
    Error,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Severity {
        match name {
            SeverityName::Info => Severity::Info,
            SeverityName::Warning => Severity::Warning,
            SeverityName::Error => Severity::Error,
        }
    }
}

fn finding_id(name: &str) -> Result<FindingId, String> {
    let kind = TABLE.iter().find(|kind| kind.name == name);
    kind.map(|kind| kind.id)
        .ok_or_else(|| "there is no finding with this id; see `pki verify --list`".to_owned())
}
