//! `pki check-expiration`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{ConfigArgs, OutputFormat, TreeArgs};
use crate::util::duration::Period;

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  something expires within --warn, or a commit is pending
  5  something is expired, missing or broken, or expires within --critical

Examples:
  pki check-expiration
  pki check-expiration --quiet --warn 30d      # for cron
  pki check-expiration -o json --rootfs /mnt/node1";

#[derive(Debug, Args)]
pub struct CheckExpirationArgs {
    /// Format; json and yaml are kubeadm's CertificateExpirationInfo
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    /// Exit with 4 if something expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = Period::parse)]
    pub warn: Period,

    /// Exit with 5 if something expires within this time; 0s means once it has expired
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = Period::parse)]
    pub critical: Period,

    /// Print only what needs attention, the most urgent last; print nothing if all is well
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}
