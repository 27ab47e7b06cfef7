//! `pki history`, `pki rollback` and `pki ledger`: what was there before.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{OutputFormat, TreeArgs, WriteArgs};

/// `pki history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Show this generation only
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Remove all kept generations, and with them the old keys
    #[arg(long, conflicts_with = "name")]
    pub purge: bool,

    /// Print whole serial numbers
    #[arg(long)]
    pub wide: bool,

    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The generation, by its name in `pki history` [default: one step further back]
    #[arg(value_name = "GENERATION")]
    pub generation: Option<String>,

    /// Undo the last rollback: one step forward again
    #[arg(long, conflicts_with = "generation")]
    pub redo: bool,

    /// Put it back even if it has expired or its CA is another one by now
    #[arg(long)]
    pub allow_invalid: bool,

    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki recover`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("how").required(true).args(["finish", "discard"]))]
pub struct RecoverArgs {
    /// Put all new files in place; what they replace is kept as a generation
    #[arg(long)]
    pub finish: bool,

    /// Bring the old files back where the new ones are in place; leave other files alone
    #[arg(long)]
    pub discard: bool,

    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki ledger`.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Print whole serial numbers
    #[arg(long)]
    pub wide: bool,

    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub tree: TreeArgs,
}
