//! `pki served`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{OutputFormat, TreeArgs};
use crate::net::handshake::HostPort;
use crate::util::duration::Period;

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  a served certificate expires within --warn
  5  a component does not use its current files, serves an expired certificate, or does not answer

Examples:
  pki served
  pki served --endpoint cp-2.example:6443 --endpoint 192.0.2.12:2379
  pki served -o json";

#[derive(Debug, Args)]
pub struct ServedArgs {
    /// Ask this endpoint instead of the components of this host: HOST:PORT; can be repeated
    #[arg(long, value_name = "HOST:PORT")]
    pub endpoint: Vec<HostPort>,

    /// Report what expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = Period::parse)]
    pub warn: Period,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    #[command(flatten)]
    pub tree: TreeArgs,
}
