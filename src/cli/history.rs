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
    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The generation, by its name in `pki history` [default: the last one]
    #[arg(value_name = "GENERATION")]
    pub generation: Option<String>,

    /// Put it back even if it has expired or its CA is another one by now
    #[arg(long)]
    pub allow_invalid: bool,

    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki ledger`.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub tree: TreeArgs,
}
