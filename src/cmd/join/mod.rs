//! The commands for nodes that join a cluster: `certificate-key`, `upload-certs` and `download-certs`.

pub(super) mod certificate_key;
pub(super) mod download_certs;
mod given_key;
pub(super) mod upload_certs;

use crate::config::Settings;
use crate::tree::shared::SharedEtcd;

/// Returns whose certificates for etcd the nodes of a cluster share.
fn shared_etcd(settings: &Settings) -> SharedEtcd {
    match settings.etcd_external {
        Some(_) => SharedEtcd::External,
        None => SharedEtcd::Local,
    }
}
