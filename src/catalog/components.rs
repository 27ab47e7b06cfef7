//! Which component reads which file of a tree, by which option, and when it reloads the file.
//!
//! Source: Kubernetes 1.36 and etcd 3.6, for components that run as kubeadm's static pods.

use super::{
    ADMIN_CONF, APISERVER, APISERVER_ETCD_CLIENT, APISERVER_KUBELET_CLIENT, CA,
    CONTROLLER_MANAGER_CONF, ETCD_CA, ETCD_HEALTHCHECK_CLIENT, ETCD_PEER, ETCD_SERVER,
    FRONT_PROXY_CA, FRONT_PROXY_CLIENT, KUBELET_CONF, Row, SA, SCHEDULER_CONF, SUPER_ADMIN_CONF,
};

use Component::{Apiserver, ControllerManager, Etcd, Etcdctl, Kubectl, Kubelet, Scheduler};
use Reload::{Automatic, Restart};

/// A program that reads files of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// etcd, as a static pod.
    Etcd,
    /// The API server, as a static pod.
    Apiserver,
    /// The controller manager, as a static pod.
    ControllerManager,
    /// The scheduler, as a static pod.
    Scheduler,
    /// The kubelet, as a service of the host.
    Kubelet,
    /// etcdctl, which reads its files in every run.
    Etcdctl,
    /// kubectl, which reads its kubeconfig, often a copy elsewhere, in every run.
    Kubectl,
}

/// When a component reloads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Automatically: it watches the file, or reads it for every connection or run.
    Automatic,
    /// Only when it starts.
    Restart,
}

/// The files of a row that a component reads.
#[derive(Clone, Copy, Debug)]
pub struct FileReader {
    /// The row.
    pub row: &'static Row,
    /// The component.
    pub component: Component,
    /// Its options, as in kubeadm's manifests.
    pub options: &'static [&'static str],
    /// The files that these options name, in the same order or one for all.
    pub files: &'static [&'static str],
    /// When it reloads them.
    pub reload: Reload,
}

/// The options of the controller manager that name a signing CA, each with the option of its key: of all signers, and of one each.
pub const SIGNING_OPTIONS: [[&str; 2]; 5] = [
    ["--cluster-signing-cert-file", "--cluster-signing-key-file"],
    [
        "--cluster-signing-kubelet-serving-cert-file",
        "--cluster-signing-kubelet-serving-key-file",
    ],
    [
        "--cluster-signing-kubelet-client-cert-file",
        "--cluster-signing-kubelet-client-key-file",
    ],
    [
        "--cluster-signing-kube-apiserver-client-cert-file",
        "--cluster-signing-kube-apiserver-client-key-file",
    ],
    [
        "--cluster-signing-legacy-unknown-cert-file",
        "--cluster-signing-legacy-unknown-key-file",
    ],
];

impl Component {
    /// Returns the component's name.
    pub fn name(self) -> &'static str {
        match self {
            Component::Etcd => "etcd",
            Component::Apiserver => "kube-apiserver",
            Component::ControllerManager => "kube-controller-manager",
            Component::Scheduler => "kube-scheduler",
            Component::Kubelet => "kubelet",
            Component::Etcdctl => "etcdctl",
            Component::Kubectl => "kubectl",
        }
    }

    /// Returns the command that restarts it; `None` for a component that is not a service.
    ///
    /// The command stops the whole static pod, not only its container: kubeadm mounts kubeconfigs as single files,
    /// and a restarted container would still see the old file (kubeadm `phases/controlplane/volumes.go`).
    pub fn restart(self) -> Option<String> {
        match self {
            Component::Etcd
            | Component::Apiserver
            | Component::ControllerManager
            | Component::Scheduler => Some(format!(
                "crictl stopp $(crictl pods -q --namespace kube-system --name {})",
                self.name()
            )),
            Component::Kubelet => Some("systemctl restart kubelet".to_owned()),
            Component::Etcdctl | Component::Kubectl => None,
        }
    }
}

/// Returns the components that reload these rows only when they restart, in the order in which to restart them.
pub fn to_restart<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<Component> {
    let mut components: Vec<_> = rows
        .into_iter()
        .flat_map(readers)
        .filter(|reader| reader.reload == Reload::Restart)
        .map(|reader| reader.component)
        .collect();
    components.sort_unstable();
    components.dedup();
    components
}

/// Returns whether users usually copy a row's file; `pki` cannot replace the copies.
pub fn has_copies(row: &Row) -> bool {
    readers(row).any(|reader| reader.component == Component::Kubectl)
}

fn readers(row: &Row) -> impl Iterator<Item = &'static FileReader> {
    READERS.iter().filter(move |reader| reader.row == row)
}

const fn reader(
    component: Component,
    row: &'static Row,
    options: &'static [&'static str],
    files: &'static [&'static str],
    reload: Reload,
) -> FileReader {
    FileReader {
        row,
        component,
        options,
        files,
        reload,
    }
}

/// Every reader, by component.
pub static READERS: &[FileReader] = &[
    reader(
        Apiserver,
        &CA,
        &["--client-ca-file"],
        &["pki/ca.crt"],
        Automatic,
    ),
    reader(
        Apiserver,
        &APISERVER,
        &["--tls-cert-file", "--tls-private-key-file"],
        &["pki/apiserver.crt", "pki/apiserver.key"],
        Automatic,
    ),
    reader(
        Apiserver,
        &APISERVER_KUBELET_CLIENT,
        &["--kubelet-client-certificate", "--kubelet-client-key"],
        &[
            "pki/apiserver-kubelet-client.crt",
            "pki/apiserver-kubelet-client.key",
        ],
        Automatic,
    ),
    reader(
        Apiserver,
        &FRONT_PROXY_CA,
        &["--requestheader-client-ca-file"],
        &["pki/front-proxy-ca.crt"],
        Automatic,
    ),
    reader(
        Apiserver,
        &FRONT_PROXY_CLIENT,
        &["--proxy-client-cert-file", "--proxy-client-key-file"],
        &["pki/front-proxy-client.crt", "pki/front-proxy-client.key"],
        Automatic,
    ),
    reader(
        Apiserver,
        &ETCD_CA,
        &["--etcd-cafile"],
        &["pki/etcd/ca.crt"],
        Restart,
    ),
    reader(
        Apiserver,
        &APISERVER_ETCD_CLIENT,
        &["--etcd-certfile", "--etcd-keyfile"],
        &[
            "pki/apiserver-etcd-client.crt",
            "pki/apiserver-etcd-client.key",
        ],
        Automatic,
    ),
    reader(
        Apiserver,
        &SA,
        &[
            "--service-account-key-file",
            "--service-account-signing-key-file",
        ],
        &["pki/sa.pub", "pki/sa.key"],
        Restart,
    ),
    reader(
        ControllerManager,
        &CONTROLLER_MANAGER_CONF,
        &[
            "--kubeconfig",
            "--authentication-kubeconfig",
            "--authorization-kubeconfig",
        ],
        &["controller-manager.conf"],
        Restart,
    ),
    reader(
        ControllerManager,
        &CA,
        &["--cluster-signing-cert-file", "--cluster-signing-key-file"],
        &["pki/ca.crt", "pki/ca.key"],
        Automatic,
    ),
    reader(
        ControllerManager,
        &CA,
        &["--client-ca-file"],
        &["pki/ca.crt"],
        Automatic,
    ),
    reader(
        ControllerManager,
        &CA,
        &["--root-ca-file"],
        &["pki/ca.crt"],
        Restart,
    ),
    reader(
        ControllerManager,
        &FRONT_PROXY_CA,
        &["--requestheader-client-ca-file"],
        &["pki/front-proxy-ca.crt"],
        Automatic,
    ),
    reader(
        ControllerManager,
        &SA,
        &["--service-account-private-key-file"],
        &["pki/sa.key"],
        Restart,
    ),
    reader(
        Scheduler,
        &SCHEDULER_CONF,
        &[
            "--kubeconfig",
            "--authentication-kubeconfig",
            "--authorization-kubeconfig",
        ],
        &["scheduler.conf"],
        Restart,
    ),
    reader(
        Kubelet,
        &KUBELET_CONF,
        &["--kubeconfig"],
        &["kubelet.conf"],
        Restart,
    ),
    reader(
        Kubelet,
        &CA,
        &["authentication.x509.clientCAFile"],
        &["pki/ca.crt"],
        Automatic,
    ),
    reader(
        Etcd,
        &ETCD_CA,
        &["--trusted-ca-file", "--peer-trusted-ca-file"],
        &["pki/etcd/ca.crt"],
        Restart,
    ),
    reader(
        Etcd,
        &ETCD_SERVER,
        &["--cert-file", "--key-file"],
        &["pki/etcd/server.crt", "pki/etcd/server.key"],
        Automatic,
    ),
    reader(
        Etcd,
        &ETCD_PEER,
        &["--peer-cert-file", "--peer-key-file"],
        &["pki/etcd/peer.crt", "pki/etcd/peer.key"],
        Automatic,
    ),
    // etcdctl reads it in every run.
    reader(
        Etcdctl,
        &ETCD_HEALTHCHECK_CLIENT,
        &["--cert", "--key"],
        &[
            "pki/etcd/healthcheck-client.crt",
            "pki/etcd/healthcheck-client.key",
        ],
        Automatic,
    ),
    reader(Kubectl, &ADMIN_CONF, &[], &["admin.conf"], Automatic),
    reader(
        Kubectl,
        &SUPER_ADMIN_CONF,
        &[],
        &["super-admin.conf"],
        Automatic,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CATALOG;

    #[test]
    fn every_row_has_a_reader() {
        for row in CATALOG {
            assert!(readers(row).next().is_some(), "{}", row.name);
        }
    }

    #[test]
    fn the_files_of_a_reader_are_those_of_its_row() {
        for reader in READERS {
            let files: Vec<_> = crate::tree::layout::files(reader.row)
                .into_iter()
                .map(|(file, _)| file.relative)
                .collect();
            for file in reader.files {
                let relative = file.strip_prefix("pki/").unwrap_or(file);
                assert!(files.iter().any(|own| own == relative), "{file}");
            }
        }
    }

    #[test]
    fn only_what_does_not_reload_is_restarted() {
        let leaves = CATALOG.iter().copied().filter(|row| row.signer().is_some());
        assert_eq!(to_restart(leaves), [ControllerManager, Scheduler, Kubelet]);
        assert_eq!(to_restart([&APISERVER, &ETCD_SERVER]), []);
        assert_eq!(to_restart([&ETCD_CA]), [Etcd, Apiserver]);
        assert_eq!(to_restart([&SA]), [Apiserver, ControllerManager]);
    }
}
