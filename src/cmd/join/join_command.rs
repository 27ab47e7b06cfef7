//! `pki join-command`.

use anyhow::{Context, Result};

use super::discovery_hash::pins;
use super::given_key::given_key;
use super::given_token::given_valid_token;
use super::refuse_two_readers;
use crate::cli::{ClusterArgs, JoinCommandArgs};
use crate::cmd::cluster_access::ClusterAccess;
use crate::cmd::{Console, Exit};
use crate::report::join::JoinCommands;

pub(in crate::cmd) fn run(args: &JoinCommandArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--token-file`, `--certificate-key-file` and `--config`",
        [
            args.token.reads_stdin(),
            args.key.reads_stdin(),
            args.config.reads_stdin(),
        ],
    );
    let token = given_valid_token(&args.token, console.now)?;
    let token = token.context("the token is missing")?;
    let key = given_key(&args.key)?;
    let flags = ClusterArgs {
        control_plane_endpoint: args.control_plane_endpoint.clone(),
        ..ClusterArgs::default()
    };
    let access = ClusterAccess::read(&args.tree, &args.config, &flags, console)?;
    let server = access.server();
    let hashes: String = pins(&access.ca)
        .iter()
        .map(|pin| format!(" --discovery-token-ca-cert-hash {pin}"))
        .collect();
    let worker = format!(
        "kubeadm join {} --token {}{hashes}",
        server.trim_start_matches("https://"),
        *token.to_text()
    );
    let has_endpoint = access.cluster.control_plane_endpoint.is_some();
    if !has_endpoint {
        console.warn(
            "kubeadm lets no other control-plane node join, because the configuration has no `controlPlaneEndpoint`",
        );
    }
    let key = key.map_or_else(String::new, |key| {
        format!(" --certificate-key {}", *key.to_hex())
    });
    let report = JoinCommands {
        control_plane: has_endpoint.then(|| format!("{worker} --control-plane{key}").into()),
        worker: worker.into(),
    };
    console.show(&report, args.output)?;
    Ok(Exit::Done)
}
