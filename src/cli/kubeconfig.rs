//! `pki kubeconfig`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::join::GivenTokenArgs;
use super::shared::{
    CaPassphraseArgs, ClusterArgs, ConfigArgs, OutputFormat, TreeArgs, is_stdin, lifetime, path,
};
use crate::util::duration::Period;

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki kubeconfig user --client-name alice --org developers --output-file alice.conf
  pki kubeconfig bootstrap --node-name worker1 > discovery.conf";

const USER_AFTER_HELP: &str = "\
Examples:
  pki kubeconfig user --client-name alice --org developers --validity-period 30d > alice.conf
  pki kubeconfig user --client-name alice --org developers --output-file alice.conf
  pki kubeconfig user --client-name root --org system:masters --validity-period 8h > root.conf
  pki kubeconfig user --client-name ci --token-file ci.token > ci.conf";

const KUBE_PROXY_AFTER_HELP: &str = "\
Examples:
  pki kubeconfig kube-proxy --output-file kube-proxy.conf";

const BOOTSTRAP_AFTER_HELP: &str = "\
Examples:
  pki kubeconfig bootstrap --node-name worker1 --output-file discovery.conf
  pki kubeconfig bootstrap --token-file token.yaml > bootstrap-kubelet.conf";

#[derive(Debug, Args)]
pub struct KubeconfigArgs {
    #[command(subcommand)]
    pub command: KubeconfigCommand,
}

/// The kubeconfigs that do not belong to a tree.
#[derive(Debug, Subcommand)]
pub enum KubeconfigCommand {
    /// Make a kubeconfig for a user, with a client certificate or a token
    ///
    /// The cluster CA signs a certificate with the name of the user and the groups. RBAC decides what they may do. A client
    /// certificate cannot be revoked, so keep its validity period short. It is in the ledger before it is printed.
    #[command(after_help = USER_AFTER_HELP)]
    User(UserArgs),
    /// Make a kubeconfig for kube-proxy outside of a pod
    ///
    /// Kubernetes binds the user `system:kube-proxy` to what kube-proxy needs.
    #[command(after_help = KUBE_PROXY_AFTER_HELP)]
    KubeProxy(KubeProxyArgs),
    /// Make a kubeconfig with which one node joins
    ///
    /// With a token, this is a `bootstrap-kubelet.conf`. Without one, it has a client certificate for the bootstrap of one node, and
    /// `kubeadm join --discovery-file` takes it. Anyone who has it can become any node until it expires.
    #[command(after_help = BOOTSTRAP_AFTER_HELP)]
    Bootstrap(BootstrapArgs),
}

/// Where a kubeconfig goes, and the cluster that it is for.
#[derive(Clone, Debug, Args)]
pub struct NewKubeconfigArgs {
    /// Write the kubeconfig to this file, with mode 0600, instead of standard output
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub output_file: Option<PathBuf>,

    /// Show what would be made, and make nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Format of the report of --output-file or --dry-run
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    /// Address of the API server: host or host:port [default: the configuration's]
    #[arg(long, help_heading = "Cluster", value_name = "ENDPOINT")]
    pub control_plane_endpoint: Option<String>,

    /// Name of the cluster in the kubeconfig [default: the configuration's]
    #[arg(long, help_heading = "Cluster", value_name = "NAME")]
    pub cluster_name: Option<String>,

    #[command(flatten)]
    pub passphrase: CaPassphraseArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

impl NewKubeconfigArgs {
    /// Returns the flags that change the configuration.
    pub fn cluster(&self) -> ClusterArgs {
        ClusterArgs {
            control_plane_endpoint: self.control_plane_endpoint.clone(),
            cluster_name: self.cluster_name.clone(),
            ..ClusterArgs::default()
        }
    }
}

#[derive(Debug, Args)]
pub struct UserArgs {
    /// Name of the user: the common name of the certificate
    #[arg(long, value_name = "NAME")]
    pub client_name: String,

    /// Groups of the user: the organizations of the certificate; may be repeated
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    pub org: Vec<String>,

    /// How long the certificate is valid [default: the configuration's period, else 8760h]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub validity_period: Option<Period>,

    #[command(flatten)]
    pub token: UserTokenArgs,
    #[command(flatten)]
    pub new: NewKubeconfigArgs,
}

/// A token of any kind for a user.
#[derive(Clone, Debug, Args)]
pub struct UserTokenArgs {
    /// Use the token in this file instead of a certificate; `-` reads standard input
    #[arg(long, value_name = "FILE", value_parser = path(), conflicts_with_all = ["org", "validity_period"])]
    pub token_file: Option<PathBuf>,

    /// The token, as in kubeadm; a process list shows it, so prefer --token-file
    #[arg(long, value_name = "TOKEN", value_parser = super::SecretText::parse, conflicts_with_all = ["token_file", "org", "validity_period"])]
    pub token: Option<super::SecretText>,
}

impl UserTokenArgs {
    /// Returns whether the token is read from standard input.
    pub fn reads_stdin(&self) -> bool {
        is_stdin(self.token_file.as_deref())
    }
}

#[derive(Debug, Args)]
pub struct KubeProxyArgs {
    /// How long the certificate is valid [default: the configuration's period, else 8760h]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub validity_period: Option<Period>,

    #[command(flatten)]
    pub new: NewKubeconfigArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("credential").required(true).args(["node_name", "token_file", "token"]))]
pub struct BootstrapArgs {
    /// Make a client certificate for this node to join with
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,

    /// How long the certificate is valid
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = lifetime, conflicts_with_all = ["token_file", "token"])]
    pub validity_period: Period,

    #[command(flatten)]
    pub token: GivenTokenArgs,
    #[command(flatten)]
    pub new: NewKubeconfigArgs,
}
