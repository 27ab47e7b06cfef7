//! The commands for nodes that join: `certificate-key`, `upload-certs`, `download-certs`, `bootstrap-token`, `discovery-hash`
//! and `join-command`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::secret_text::SecretText;
use super::shared::{
    ClusterArgs, ConfigArgs, KeepArgs, ManifestFormat, OutputFormat, TreeArgs, WriteArgs, is_stdin,
    lifetime, path,
};
use crate::util::duration::Period;

pub(super) const CERTIFICATE_KEY_AFTER_HELP: &str = "\
Examples:
  pki certificate-key > certificate.key";

pub(super) const UPLOAD_CERTS_AFTER_HELP: &str = "\
Examples:
  pki upload-certs --certificate-key-file certificate.key | kubectl apply -f -
  ssh cp1 cat certificate.key | pki upload-certs --certificate-key-file - > certs.yaml";

pub(super) const DOWNLOAD_CERTS_AFTER_HELP: &str = "\
Examples:
  pki download-certs certs.yaml --certificate-key-file certificate.key --dry-run
  ssh cp1 cat certs.yaml | pki download-certs --certificate-key-file certificate.key";

pub(super) const BOOTSTRAP_TOKEN_AFTER_HELP: &str = "\
Examples:
  pki bootstrap-token new > token.yaml";

const NEW_TOKEN_AFTER_HELP: &str = "\
Examples:
  pki bootstrap-token new > token.yaml
  pki bootstrap-token new --ttl 1h --description workers | kubectl apply -f -
  pki bootstrap-token new --bootstrap-kubeconfig bootstrap-kubelet.conf > token.yaml";

pub(super) const DISCOVERY_HASH_AFTER_HELP: &str = "\
Examples:
  pki discovery-hash";

pub(super) const JOIN_COMMAND_AFTER_HELP: &str = "\
Examples:
  pki join-command --token-file token.yaml
  pki join-command --token-file token.yaml --certificate-key-file certificate.key";

#[derive(Debug, Args)]
pub struct CertificateKeyArgs {
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// How a certificate key is given.
#[derive(Clone, Debug, Default, Args)]
pub struct GivenKeyArgs {
    /// Read the certificate key from this file; `-` reads standard input
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub certificate_key_file: Option<PathBuf>,

    /// The certificate key, as in kubeadm; a process list shows it, so prefer --certificate-key-file
    #[arg(long, value_name = "KEY", value_parser = SecretText::parse, conflicts_with = "certificate_key_file")]
    pub certificate_key: Option<SecretText>,
}

impl GivenKeyArgs {
    /// Returns whether the key is read from standard input.
    pub fn reads_stdin(&self) -> bool {
        is_stdin(self.certificate_key_file.as_deref())
    }
}

#[derive(Debug, Args)]
pub struct UploadCertsArgs {
    #[command(flatten)]
    pub key: GivenKeyArgs,

    /// How long until the token of the upload expires
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = lifetime)]
    pub ttl: Period,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = ManifestFormat::Yaml)]
    pub output: ManifestFormat,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
pub struct DownloadCertsArgs {
    /// The Secret `kubeadm-certs`, as kubectl prints it, in YAML or JSON [default: standard input]
    #[arg(value_name = "FILE", value_parser = path())]
    pub secret: Option<PathBuf>,

    #[command(flatten)]
    pub key: GivenKeyArgs,

    /// Replace the CAs and service-account keys of this host, even if it has certificates of another cluster
    #[arg(long)]
    pub allow_replace: bool,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
pub struct BootstrapTokenArgs {
    #[command(subcommand)]
    pub command: BootstrapTokenCommand,
}

/// What `pki bootstrap-token` can do.
#[derive(Debug, Subcommand)]
pub enum BootstrapTokenCommand {
    /// Print the Secret of a token with which nodes join, for kubectl to apply
    ///
    /// The token works once its Secret is applied, until it expires. Nodes authenticate with it and ask for their certificates.
    #[command(after_help = NEW_TOKEN_AFTER_HELP)]
    New(NewTokenArgs),
}

/// How a bootstrap token is given.
#[derive(Clone, Debug, Default, Args)]
pub struct GivenTokenArgs {
    /// Read the bootstrap token, or its Secret, from this file; `-` reads standard input
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub token_file: Option<PathBuf>,

    /// The bootstrap token, as in kubeadm; a process list shows it, so prefer --token-file
    #[arg(long, value_name = "TOKEN", value_parser = SecretText::parse, conflicts_with = "token_file")]
    pub token: Option<SecretText>,
}

impl GivenTokenArgs {
    /// Returns whether the token is read from standard input.
    pub fn reads_stdin(&self) -> bool {
        is_stdin(self.token_file.as_deref())
    }
}

#[derive(Debug, Args)]
pub struct NewTokenArgs {
    #[command(flatten)]
    pub given: GivenTokenArgs,

    /// How long the token is valid
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = lifetime)]
    pub ttl: Period,

    /// What the token is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub description: String,

    /// Also write a kubeconfig with the token to this file, for the kubelet option of this name
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub bootstrap_kubeconfig: Option<PathBuf>,

    /// Check everything, but print no Secret and write no file
    #[arg(long)]
    pub dry_run: bool,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = ManifestFormat::Yaml)]
    pub output: ManifestFormat,

    /// Address of the API server: host or host:port [default: the configuration's]
    #[arg(
        long,
        help_heading = "Cluster",
        value_name = "ENDPOINT",
        requires = "bootstrap_kubeconfig"
    )]
    pub control_plane_endpoint: Option<String>,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

impl NewTokenArgs {
    /// Returns the flags that change the configuration.
    pub fn cluster(&self) -> ClusterArgs {
        ClusterArgs {
            control_plane_endpoint: self.control_plane_endpoint.clone(),
            ..ClusterArgs::default()
        }
    }
}

#[derive(Debug, Args)]
pub struct DiscoveryHashArgs {
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("joining").required(true).args(["token_file", "token"]))]
pub struct JoinCommandArgs {
    #[command(flatten)]
    pub token: GivenTokenArgs,
    #[command(flatten)]
    pub key: GivenKeyArgs,

    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    /// Address of the API server: host or host:port [default: the configuration's]
    #[arg(long, help_heading = "Cluster", value_name = "ENDPOINT")]
    pub control_plane_endpoint: Option<String>,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}
