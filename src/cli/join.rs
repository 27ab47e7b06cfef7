//! The commands for nodes that join: `certificate-key`, `upload-certs`, `download-certs`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::Args;

use super::secret_text::SecretText;
use super::shared::{
    ConfigArgs, KeepArgs, ManifestFormat, OutputFormat, TreeArgs, WriteArgs, path,
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
  kubectl -n kube-system get secret kubeadm-certs -o yaml | pki download-certs --certificate-key-file certificate.key
  pki download-certs certs.yaml --certificate-key-file certificate.key --dry-run";

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

#[derive(Debug, Args)]
pub struct UploadCertsArgs {
    #[command(flatten)]
    pub key: GivenKeyArgs,

    /// How long the upload is meant to be used
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = Period::parse)]
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
