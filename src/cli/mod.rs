//! The command line as it is typed: clap types only, nothing looked up.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

mod check_expiration;
mod config;
mod history;
mod init;
mod renew;
mod shared;
mod template;

use clap::{Parser, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use check_expiration::CheckExpirationArgs;
pub use config::{ConfigCommand, ConfigCommandArgs, ConfigFormat, ConfigShowArgs};
pub use history::{HistoryArgs, LedgerArgs, RecoverArgs, RollbackArgs};
pub use init::InitArgs;
pub use renew::{ALL, RenewArgs};
pub use shared::{ClusterArgs, ConfigArgs, OutputFormat, TreeArgs, WriteArgs};
pub use template::{Template, TemplateArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0  done; or checked, and nothing needs attention
  1  failed; the message says in what state the tree is
  2  wrong usage
  3  invalid configuration or input; nothing was touched
  4  something expires within --warn, or a cut-off transaction waits to be finished
  5  something is expired, missing or broken
  6  another `pki` run holds the lock";

/// Bootstrap, check and renew the PKI of a Kubernetes cluster
#[derive(Debug, Parser)]
#[command(name = "pki", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Take this for the current time (RFC 3339); for tests
    #[arg(long, global = true, hide = true, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<OffsetDateTime>,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub enum Command {
    /// Make whatever is missing: CAs, certificates, keys and kubeconfigs
    ///
    /// Keeps what is there and usable; refuses, and writes nothing, if something there is not.
    #[command(after_help = EXIT_CODES)]
    Init(InitArgs),
    /// Show when everything expires; the exit code is for cron
    #[command(after_help = EXIT_CODES)]
    CheckExpiration(CheckExpirationArgs),
    /// Reissue certificates in place, all or nothing
    ///
    /// Renews whatever it is asked to, however long it is still valid; `--due` leaves out what is not due.
    #[command(after_help = EXIT_CODES)]
    Renew(RenewArgs),
    /// List the kept generations: what each transaction replaced
    #[command(after_help = EXIT_CODES)]
    History(HistoryArgs),
    /// Put the files of a kept generation back, all or nothing
    ///
    /// Without a name, undoes the last transaction that replaced files; repeated, the one before it, and so on. Files that a later
    /// transaction replaced come back as well, so that the tree is as it was before. `--redo` steps forward again.
    #[command(after_help = EXIT_CODES)]
    Rollback(RollbackArgs),
    /// Settle a pending commit that does not fit the tree any more
    ///
    /// A run that was killed after its commit is finished by the next command that writes. Where a file was changed meanwhile,
    /// that is refused, and this decides what becomes of it.
    #[command(after_help = EXIT_CODES)]
    Recover(RecoverArgs),
    /// List every certificate ever issued for this tree
    #[command(after_help = EXIT_CODES)]
    Ledger(LedgerArgs),
    /// Show the configuration that commands go by, or print an example of one
    #[command(after_help = EXIT_CODES)]
    Config(ConfigCommandArgs),
    /// Print a manifest or another text that goes with the tree
    #[command(after_help = EXIT_CODES)]
    Template(TemplateArgs),
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())
}
