//! `pki certs`, for commands that were written for kubeadm.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::{Args, Subcommand};

use super::{CertificateKeyArgs, CheckExpirationArgs, GenerateArgs, RenewArgs};

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki certs check-expiration
  pki certs renew all
  pki certs generate-csr";

#[derive(Debug, Args)]
pub struct CertsArgs {
    #[command(subcommand)]
    pub command: CertsCommand,
}

/// The commands of `kubeadm certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Show when certificates and kubeconfigs expire
    #[command(after_help = super::check_expiration::AFTER_HELP)]
    CheckExpiration(CheckExpirationArgs),
    /// Renew certificates and kubeconfigs in one transaction
    #[command(after_help = super::renew::AFTER_HELP)]
    Renew(RenewArgs),
    /// Make requests for certificates that an external CA signs
    #[command(after_help = super::csr::GENERATE_AFTER_HELP)]
    GenerateCsr(GenerateArgs),
    /// Make a certificate key, which encrypts the files that control-plane nodes share
    #[command(after_help = super::join::CERTIFICATE_KEY_AFTER_HELP)]
    CertificateKey(CertificateKeyArgs),
}
