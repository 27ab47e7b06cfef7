//! `pki init`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{ClusterArgs, ConfigArgs, TreeArgs, WriteArgs};

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  5  a CA without its key has to sign what is missing

Examples:
  pki init --config cluster.yaml --dry-run
  pki init --config cluster.yaml
  pki init --node-name cp1 --apiserver-advertise-address 192.168.10.11";

#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    pub write: WriteArgs,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}
