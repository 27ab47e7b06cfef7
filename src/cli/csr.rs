//! `pki csr`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::renew::RowName;
use super::shared::{ClusterArgs, ConfigArgs, KeepArgs, TreeArgs, WriteArgs, path};

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki csr generate
  pki csr import apiserver.crt admin.crt";

pub(super) const GENERATE_AFTER_HELP: &str = "\
`pki help csr` has the way of a request through openssl, cfssl, certtool and easy-rsa.

Examples:
  pki csr generate --dry-run
  pki csr generate apiserver admin.conf
  pki csr generate --csr-dir /tmp/requests
  pki csr generate apiserver --new-key     # the new key waits beside the request";

const IMPORT_AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  installed, but one of these certificates expires soon
  5  installed, but one of these rows has another problem

Examples:
  pki csr import apiserver.crt --dry-run
  pki csr import signed/*.crt
  pki csr import -  < admin.crt";

#[derive(Debug, Args)]
pub struct CsrArgs {
    #[command(subcommand)]
    pub command: CsrCommand,
}

/// The commands about certification requests.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "a run has one command")]
pub enum CsrCommand {
    /// Make requests for certificates that an external CA signs
    ///
    /// Without a name, makes one for every certificate and kubeconfig of the tree. Each asks for the subject, the names and the usages of
    /// its row. The key that is there is used; where there is none, a new one is made, and kubeconfigs are made without their
    /// certificate. Requests are kept beside the certificates, as FILE.csr, until `pki csr import`.
    #[command(after_help = GENERATE_AFTER_HELP)]
    Generate(GenerateArgs),
    /// Install certificates that an external CA has signed
    ///
    /// Finds the key that each certificate belongs to, and checks that its CA is the one of the tree and that it has what its request asks
    /// for. Installs all certificates in one transaction, or none. The old files are kept: `pki rollback` puts them back.
    #[command(after_help = IMPORT_AFTER_HELP)]
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Certificates and kubeconfigs by kubeadm's names [default: all]
    #[arg(value_name = "NAME", value_parser = RowName::One)]
    pub names: Vec<String>,

    /// Make new keys; a key in use stays until its new certificate is imported
    #[arg(long)]
    pub new_key: bool,

    /// Also write each request into this directory, as NAME.csr
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub csr_dir: Option<PathBuf>,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Certificates in PEM, each with its intermediates, if any; `-` reads standard input
    #[arg(value_name = "FILE", required = true, value_parser = path())]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}
