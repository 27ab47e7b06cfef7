//! `pki help`, `pki completions` and `pki version`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::Args;
use clap_complete::Shell;

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki help renew
  pki help files";

pub(super) const COMPLETIONS_AFTER_HELP: &str = "\
Examples:
  pki completions bash > /etc/bash_completion.d/pki
  pki completions zsh > /usr/share/zsh/site-functions/_pki";

pub(super) const VERSION_AFTER_HELP: &str = "\
Examples:
  pki version
  pki version --verbose";

#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command such as `renew`, or a topic such as `files` [default: all commands]
    #[arg(value_name = "COMMAND|TOPIC")]
    pub words: Vec<String>,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Also print the commit, the cryptography library and the target
    #[arg(short, long)]
    pub verbose: bool,
}
