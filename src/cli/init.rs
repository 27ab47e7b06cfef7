//! `pki init`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;

use super::shared::{ClusterArgs, ConfigArgs, TreeArgs, WriteArgs};

/// `pki init`.
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
