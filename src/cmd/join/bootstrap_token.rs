//! `pki bootstrap-token new`.

use anyhow::{Context, Result};

use super::given_token::given_token;
use super::refuse_two_readers;
use crate::check::time_text;
use crate::cli::{BootstrapTokenArgs, BootstrapTokenCommand, NewTokenArgs};
use crate::cmd::cluster_access::ClusterAccess;
use crate::cmd::output_file::KubeconfigOutput;
use crate::cmd::{Console, Exit};
use crate::execute::check_random;
use crate::objects::bootstrap_token::{BootstrapToken, TokenUse};

/// kubeadm's name for the user of a token (`constants.go`, `TokenUser`).
pub(in crate::cmd) const TOKEN_USER: &str = "tls-bootstrap-token-user";

pub(in crate::cmd) fn run(args: &BootstrapTokenArgs, console: &Console) -> Result<Exit> {
    match &args.command {
        BootstrapTokenCommand::New(args) => new(args, console),
    }
}

fn new(args: &NewTokenArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--token-file` and `--config`",
        [args.given.reads_stdin(), args.config.reads_stdin()],
    );
    let token = match given_token(&args.given)? {
        Some(token) => token,
        None => {
            check_random()?;
            BootstrapToken::generate().context("making a token")?
        }
    };
    let expires = super::expires(&args.ttl, console)?;
    if let Some(file) = &args.bootstrap_kubeconfig {
        let access = ClusterAccess::read(&args.tree, &args.config, &args.cluster(), console)?;
        let output = KubeconfigOutput::find(file, &access.layout)?;
        let kubeconfig = access.token_kubeconfig(TOKEN_USER, &token.to_text())?;
        match args.dry_run {
            true => console.note(&format!(
                "dry run: `{}` would be written",
                output.path().display()
            )),
            false => output.write(&kubeconfig)?,
        }
    }
    if args.dry_run {
        // A Secret on standard output would be applied.
        console.note(&format!(
            "dry run: the Secret of a token that expires at {} would be printed",
            time_text(expires)
        ));
        return Ok(Exit::Done);
    }
    let secret = token.to_secret(&TokenUse::Join, &args.description, &time_text(expires));
    console.show_manifests(&[secret], args.output)?;
    Ok(Exit::Done)
}
