//! `pki check-expiration`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::shared::{ConfigArgs, NamedTreeArgs, TreeArgs, path};
use crate::util::duration::Period;

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  something expires within --warn, or a commit is pending
  5  something is expired, missing or broken, or expires within --critical

Examples:
  pki check-expiration
  pki check-expiration --quiet --warn 30d      # for cron
  pki check-expiration -o json --rootfs /mnt/node1
  pki check-expiration -o prometheus --output-file /var/lib/prometheus/node-exporter/pki.prom
  pki check-expiration --quiet /backup/*/kubernetes
  pki check-expiration -o html --output-file report.html /backup/*/kubernetes";

#[derive(Debug, Args)]
pub struct CheckExpirationArgs {
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = ExpirationFormat::Text)]
    pub output: ExpirationFormat,

    /// Write to this file instead of standard output; readers see the old contents or the new ones
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub output_file: Option<PathBuf>,

    /// Repeat the check after this pause until a signal ends the process, as in a container
    #[arg(long, value_name = "DURATION", value_parser = parse_pause, requires = "output_file")]
    pub every: Option<Period>,

    /// Exit with 4 if something expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = Period::parse)]
    pub warn: Period,

    /// Exit with 5 if something expires within this time; 0s means only after it has expired
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = Period::parse)]
    pub critical: Period,

    /// Print only what needs attention, the most urgent last; print nothing if all is well
    #[arg(short, long)]
    pub quiet: bool,

    /// List only what is in this state
    #[arg(long, value_enum, value_name = "STATE")]
    pub only: Option<OnlyState>,

    /// Check dates and missing files only, which is faster with many trees: advises no command, and verifies no signature except those of intermediates
    #[arg(long)]
    pub dates_only: bool,

    /// Sort the trees, and the certificates of each; `urgency` reads all trees before it prints the first
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = SortOrder::Name)]
    pub sort: SortOrder,

    #[command(flatten)]
    pub named: NamedTreeArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// Formats of `check-expiration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExpirationFormat {
    /// Tables for people
    Text,
    /// kubeadm's CertificateExpirationInfo
    Json,
    /// JSON, one line for each tree
    Jsonl,
    /// The same as json, in YAML
    Yaml,
    /// Metrics for the textfile collector of node_exporter
    Prometheus,
    /// One page with a timeline, for a browser
    Html,
}

/// States to select by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnlyState {
    /// Expires within --warn or --critical, and has not expired
    Due,
    /// Has expired
    Expired,
    /// Does not exist, and should
    Missing,
}

/// Orders of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortOrder {
    /// As on the command line, and by name
    Name,
    /// The most urgent first
    Urgency,
}

/// Reads the time between two checks.
fn parse_pause(text: &str) -> Result<Period, String> {
    let period = Period::parse(text)?;
    match period.length() < Duration::from_secs(1) {
        true => Err("is shorter than a second".to_owned()),
        false => Ok(period),
    }
}
