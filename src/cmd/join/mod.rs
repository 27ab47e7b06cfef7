//! The commands for nodes that join a cluster: the files that control-plane nodes share, tokens, and `kubeadm join`.

pub(super) mod bootstrap_token;
pub(super) mod certificate_key;
pub(super) mod discovery_hash;
pub(super) mod download_certs;
mod given_key;
pub(super) mod given_secret;
pub(super) mod given_token;
pub(super) mod join_command;
pub(super) mod upload_certs;

use clap::error::ErrorKind;
use time::OffsetDateTime;

use super::Console;
use super::failure::Invalid;
use crate::cli::wrong_usage;
use crate::config::Settings;
use crate::tree::shared::SharedEtcd;
use crate::util::duration::Period;

/// Returns whose certificates for etcd the nodes of a cluster share.
fn shared_etcd(settings: &Settings) -> SharedEtcd {
    match settings.etcd_external {
        Some(_) => SharedEtcd::External,
        None => SharedEtcd::Local,
    }
}

/// Returns when what is made now expires.
fn expires(ttl: &Period, console: &Console) -> Result<OffsetDateTime, Invalid> {
    let expires = console.now.checked_add(ttl.span());
    expires.ok_or_else(|| Invalid::new("`--ttl` ends after the year 9999"))
}

/// Ends the run with wrong usage if more than one of the readers reads standard input; `names` says which they are.
pub(super) fn refuse_two_readers(names: &str, readers: impl IntoIterator<Item = bool>) {
    if readers.into_iter().filter(|reads| *reads).count() > 1 {
        let message = format!("only one of {names} can be read from standard input");
        wrong_usage(ErrorKind::ArgumentConflict, message).exit();
    }
}
