//! `pki renew`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::row_name::RowName;
use super::shared::{CaPassphraseArgs, ClusterArgs, ConfigArgs, KeepArgs, TreeArgs, WriteArgs};
use crate::util::duration::Period;

pub(super) const AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  done, but something else is due, or needs an external CA
  5  something could not be renewed, or the tree has another problem

Examples:
  pki renew all --dry-run
  pki renew --due 30d --quiet      # for cron
  pki renew apiserver admin.conf
  pki renew apiserver --apiserver-cert-extra-sans api.example.com,192.0.2.10
  pki renew all --reuse-key        # under load: each key matches its certificate at all times";

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).args(["names", "due"]))]
pub struct RenewArgs {
    /// Certificates and kubeconfigs by kubeadm's names, or `all`
    #[arg(value_name = "NAME", value_parser = RowName::OneOrAll)]
    pub names: Vec<String>,

    /// Renew what expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
    pub due: Option<Period>,

    /// Keep each key instead of making a new one
    #[arg(long)]
    pub reuse_key: bool,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub passphrase: CaPassphraseArgs,
    #[command(flatten)]
    pub config: ConfigArgs,

    /// More names and addresses for the API server's certificate, separated by commas; replaces the recorded ones
    #[arg(
        long,
        help_heading = "Cluster",
        value_name = "SANS",
        value_delimiter = ','
    )]
    pub apiserver_cert_extra_sans: Option<Vec<String>>,

    /// How long certificates are valid; replaces the recorded period
    #[arg(long, help_heading = "Cluster", value_name = "DURATION")]
    pub certificate_validity_period: Option<String>,

    #[command(flatten)]
    pub tree: TreeArgs,
}

impl RenewArgs {
    /// Returns the flags that change the configuration.
    pub fn cluster(&self) -> ClusterArgs {
        ClusterArgs {
            apiserver_cert_extra_sans: self.apiserver_cert_extra_sans.clone(),
            certificate_validity_period: self.certificate_validity_period.clone(),
            ..ClusterArgs::default()
        }
    }
}
