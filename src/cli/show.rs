//! `pki show`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::Args;

use super::shared::{OutputFormat, path};

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki show /etc/kubernetes/pki/apiserver.crt
  pki show /etc/kubernetes/*.conf
  kubectl get secret tls -o yaml | pki show -";

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Files to show; `-` reads standard input
    #[arg(value_name = "FILE", required = true, value_parser = path())]
    pub files: Vec<PathBuf>,

    /// Show every field, with all extensions and the signature
    #[arg(long)]
    pub text: bool,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}
