//! `pki config`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::{Args, Subcommand, ValueEnum};

use super::shared::{ClusterArgs, ConfigArgs, TreeArgs};

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki config show
  pki config example > cluster.yaml";

const SHOW_AFTER_HELP: &str = "\
Examples:
  pki config show --config cluster.yaml
  pki config show -o kubeadm > cluster.yaml
  kubectl -n kube-system get cm kubeadm-config -o yaml | pki config show --config -";

const EXAMPLE_AFTER_HELP: &str = "\
Examples:
  pki config example > cluster.yaml";

#[derive(Debug, Args)]
pub struct ConfigCommandArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `pki config` can do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "a run has one command")]
pub enum ConfigCommand {
    /// Show each value of the configuration and where it comes from
    ///
    /// A flag overrides the file of `--config`, which overrides what `init` recorded. Without file and record, values are read from the
    /// certificates and kubeconfigs of the tree, then from this machine's name and address; the rest are kubeadm's defaults.
    #[command(after_help = SHOW_AFTER_HELP)]
    Show(ConfigShowArgs),
    /// Print a commented configuration to start from
    #[command(after_help = EXAMPLE_AFTER_HELP)]
    Example,
}

#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = ConfigFormat::Text)]
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
