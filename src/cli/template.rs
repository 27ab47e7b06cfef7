//! `pki template`.

use clap::{Args, ValueEnum};

/// `pki template`.
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// Which one
    #[arg(value_enum)]
    pub template: Template,
}

/// The texts that `pki template` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// The RBAC that the tree's identities need, for `kubectl --kubeconfig super-admin.conf apply -f -`
    Rbac,
}
