//! `pki init`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{CaPassphraseArgs, ClusterArgs, ConfigArgs, KeepArgs, TreeArgs, WriteArgs};

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  5  an external CA must sign missing certificates

Examples:
  pki init --config cluster.yaml --dry-run
  pki init --config cluster.yaml
  pki init --config cluster.yaml --external-ca    # then have the requests signed: `pki help csr`
  pki init --node-name cp1 --apiserver-advertise-address 192.168.10.11";

#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,

    /// Create missing CAs and service-account keys even if this host belongs to a cluster; replaces what a lost CA signed
    #[arg(long)]
    pub new_ca: bool,

    /// Prepare a control plane node that joins a cluster: requires all CAs and service-account keys
    #[arg(long, conflicts_with = "new_ca")]
    pub join: bool,

    /// Create no CA and sign nothing that a missing CA or CA key would sign: make certification requests instead
    #[arg(long, conflicts_with = "new_ca")]
    pub external_ca: bool,

    /// Encrypt the keys of new CAs with a passphrase; see `pki help csr` for what cannot read them then
    #[arg(long, help_heading = "CA", conflicts_with_all = ["join", "external_ca"])]
    pub encrypt_ca_keys: bool,

    #[command(flatten)]
    pub passphrase: CaPassphraseArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}
