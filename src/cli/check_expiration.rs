//! `pki check-expiration`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{ConfigArgs, OutputFormat, TreeArgs, parse_duration};

/// `pki check-expiration`.
#[derive(Debug, Args)]
pub struct CheckExpirationArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,

    /// Format of the output; json and yaml are kubeadm's CertificateExpirationInfo
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    /// Exit with 4 if something expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_duration)]
    pub warn: time::Duration,

    /// Exit with 5 if something expires within this time, and not only when it has
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub critical: time::Duration,

    /// Print only what needs attention, the most urgent last; nothing if nothing does
    #[arg(short, long)]
    pub quiet: bool,
}
