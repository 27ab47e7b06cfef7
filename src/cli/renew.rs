//! `pki renew`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::shared::{ConfigArgs, TreeArgs, WriteArgs, parse_duration};
use crate::catalog;

/// `pki renew`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).args(["names", "due"]))]
pub struct RenewArgs {
    /// Certificates and kubeconfigs to renew, by kubeadm's names, or all
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(renewable_names()))]
    pub names: Vec<String>,

    /// Renew what expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub due: Option<time::Duration>,

    #[command(flatten)]
    pub write: WriteArgs,

    /// Keep each key instead of making a new one
    #[arg(long)]
    pub reuse_key: bool,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// The word that selects every row.
pub const ALL: &str = "all";

fn renewable_names() -> Vec<&'static str> {
    std::iter::once(ALL)
        .chain(catalog::renewable().map(|row| row.name))
        .collect()
}
