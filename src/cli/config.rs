//! `pki config`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::{Args, Subcommand, ValueEnum};

use super::EXIT_CODES;
use super::shared::{ClusterArgs, ConfigArgs, TreeArgs};

/// `pki config`.
#[derive(Debug, Args)]
pub struct ConfigCommandArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `pki config` can do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub enum ConfigCommand {
    /// Print the resolved configuration, and where each value comes from
    ///
    /// Flags go over the file of --config, which goes over what `init` recorded. Where there is neither, what the tree's
    /// certificates and kubeconfigs tell is taken, then the machine's own name and address, then kubeadm's defaults.
    #[command(after_help = EXIT_CODES)]
    Show(ConfigShowArgs),
    /// Print a commented configuration to start from
    #[command(after_help = EXIT_CODES)]
    Example,
}

/// `pki config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = ConfigFormat::Text)]
    pub output: ConfigFormat,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// Formats of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// A table for people
    Text,
    /// JSON for programs
    Json,
    /// The same in YAML
    Yaml,
    /// kubeadm's own documents, for --config
    Kubeadm,
}
