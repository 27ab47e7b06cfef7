//! `pki history`, `pki rollback` and `pki ledger`: what was there before.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{KeepArgs, OutputFormat, TreeArgs, WriteArgs};

pub(super) const HISTORY_AFTER_HELP: &str = "\
Examples:
  pki history
  pki history 20261122T014500Z-renew
  pki history --purge --dry-run
  pki history --purge";

pub(super) const ROLLBACK_AFTER_HELP: &str = "\
Examples:
  pki rollback --dry-run
  pki rollback
  pki rollback --redo
  pki rollback 20261122T014500Z-renew";

pub(super) const RECOVER_AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  5  a file of the commit is expired, missing or broken, such as a certificate that does not fit its key

Examples:
  pki recover --discard --dry-run
  pki recover --discard
  pki recover --finish";

pub(super) const LEDGER_AFTER_HELP: &str = "\
Examples:
  pki ledger
  pki ledger -o json";

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// List the files of this generation [default: all generations, one line each]
    #[arg(value_name = "GENERATION")]
    pub name: Option<String>,

    /// Remove all kept generations, including the old keys in them
    #[arg(long, conflicts_with = "name")]
    pub purge: bool,

    /// Print whole serial numbers
    #[arg(long)]
    pub wide: bool,

    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The generation, by its name in `pki history` [default: that of the last run]
    #[arg(value_name = "GENERATION")]
    pub generation: Option<String>,

    /// Undo the last rollback
    #[arg(long, conflicts_with = "generation")]
    pub redo: bool,

    /// Put files back even if they have expired or another CA has signed them
    #[arg(long)]
    pub allow_invalid: bool,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("how").required(true).args(["finish", "discard"]))]
pub struct RecoverArgs {
    /// Put all new files in place; the files that they replace are kept as a generation
    #[arg(long)]
    pub finish: bool,

    /// Put the old files back where new ones are in place; leave other files alone
    #[arg(long)]
    pub discard: bool,

    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Print whole serial numbers and every column
    #[arg(long)]
    pub wide: bool,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    #[command(flatten)]
    pub tree: TreeArgs,
}
