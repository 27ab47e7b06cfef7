//! `pki bootstrap-token new`.

use anyhow::{Context, Result};

use super::given_token::given_token;
use crate::catalog::Server;
use crate::check::time_text;
use crate::cli::{BootstrapTokenArgs, BootstrapTokenCommand, NewTokenArgs};
use crate::cmd::cluster_access::ClusterAccess;
use crate::cmd::output_file::KubeconfigOutput;
use crate::cmd::{Console, Exit};
use crate::execute::check_random;
use crate::kubeconfig::{Kubeconfig, KubeconfigContents, NewCredentials};
use crate::objects::bootstrap_token::{BootstrapToken, TokenUse};

/// kubeadm's name for the user of a token (`constants.go`, `TokenUser`).
pub(in crate::cmd) const TOKEN_USER: &str = "tls-bootstrap-token-user";

pub(in crate::cmd) fn run(args: &BootstrapTokenArgs, console: &Console) -> Result<Exit> {
    match &args.command {
        BootstrapTokenCommand::New(args) => new(args, console),
    }
}

fn new(args: &NewTokenArgs, console: &Console) -> Result<Exit> {
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
        output.write(&kubeconfig(&access, &token)?)?;
    }
    let secret = token.to_secret(&TokenUse::Join, &args.description, &time_text(expires));
    console.show_manifests(&[secret], args.output)?;
    Ok(Exit::Done)
}

/// Returns a kubeconfig with which a node joins (kubeadm `kubeconfig.CreateWithToken`).
pub(in crate::cmd) fn kubeconfig(
    access: &ClusterAccess,
    token: &BootstrapToken,
) -> Result<zeroize::Zeroizing<String>> {
    let kubeconfig = Kubeconfig::new(&KubeconfigContents {
        cluster: &access.cluster.cluster_name,
        server: &access.cluster.server_url(Server::ControlPlane),
        ca: Some(&access.ca.to_pem()),
        user: TOKEN_USER,
        credentials: NewCredentials::Token(&token.to_text()),
    });
    Ok(kubeconfig.to_yaml()?)
}
