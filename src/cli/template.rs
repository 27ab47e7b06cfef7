//! `pki template`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::{Args, ValueEnum};

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki template rbac | kubectl --kubeconfig /etc/kubernetes/super-admin.conf apply -f -";

#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The manifest
    #[arg(value_enum)]
    pub template: Template,
}

/// The texts that `pki template` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// The RBAC objects that kubeadm's init creates through the API server
    Rbac,
}
