//! The files that all control-plane nodes share, and their names in the Secret `kubeadm-certs`.
//!
//! Source: kubeadm 1.36 `phases/copycerts/copycerts.go` (`getDataToUpload`).

use crate::catalog::{APISERVER_ETCD_CLIENT, CATALOG, ETCD_CA, Row, Sharing};
use crate::tree::layout::{self, TreePath};

/// Whose certificates for etcd are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedEtcd {
    /// etcd runs on the control-plane nodes: its CA.
    Local,
    /// etcd is external: its CA certificate and the API server's client certificate, where kubeadm's guide puts them.
    External,
}

/// A shared file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// The row that it belongs to.
    pub row: &'static Row,
    /// Where it is in a tree.
    pub file: TreePath,
    /// The name of its entry in the Secret.
    pub entry: String,
}

/// The first words of the entries of an external etcd.
const EXTERNAL_PREFIX: &str = "external-etcd";

/// Returns the shared files in catalog order.
pub fn shared_files(etcd: SharedEtcd) -> Vec<SharedFile> {
    let is_shared = |row: &Row| match etcd {
        _ if row.sharing != Sharing::Cluster => false,
        SharedEtcd::Local => true,
        SharedEtcd::External => !row.needs_local_etcd(),
    };
    let rows = CATALOG.iter().copied().filter(|row| is_shared(row));
    let mut shared: Vec<_> = rows.flat_map(files).collect();
    if etcd == SharedEtcd::External {
        let named = [
            (&ETCD_CA, layout::certificate_file(&ETCD_CA), "-ca.crt"),
            (
                &APISERVER_ETCD_CLIENT,
                layout::certificate_file(&APISERVER_ETCD_CLIENT),
                ".crt",
            ),
            (
                &APISERVER_ETCD_CLIENT,
                layout::key_file(&APISERVER_ETCD_CLIENT),
                ".key",
            ),
        ];
        shared.extend(named.into_iter().filter_map(|(row, file, ending)| {
            Some(SharedFile {
                row,
                file: file?,
                entry: format!("{EXTERNAL_PREFIX}{ending}"),
            })
        }));
    }
    shared
}

fn files(row: &'static Row) -> impl Iterator<Item = SharedFile> {
    layout::files(row)
        .into_iter()
        .map(move |(file, _)| SharedFile {
            row,
            entry: layout::stored_name(&file),
            file,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_are_kubeadms() {
        let entries = |etcd| -> Vec<String> {
            let files = shared_files(etcd).into_iter();
            files.map(|shared| shared.entry).collect()
        };
        let common = [
            "ca.crt",
            "ca.key",
            "front-proxy-ca.crt",
            "front-proxy-ca.key",
        ];
        assert_eq!(
            entries(SharedEtcd::Local),
            [
                &common[..],
                &["etcd-ca.crt", "etcd-ca.key", "sa.pub", "sa.key"]
            ]
            .concat()
        );
        let external = [
            "external-etcd-ca.crt",
            "external-etcd.crt",
            "external-etcd.key",
        ];
        assert_eq!(
            entries(SharedEtcd::External),
            [&common[..], &["sa.pub", "sa.key"], &external].concat()
        );
    }
}
