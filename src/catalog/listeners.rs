//! The ports on which the components show a certificate, as kubeadm sets them up.
//!
//! Source: kubeadm 1.36 `phases/controlplane/manifests.go`, `phases/etcd/local.go`; etcd 3.6 `client/pkg/transport/listener.go`.

use super::components::{
    Component::{self, Apiserver, ControllerManager, Etcd, Kubelet, Scheduler},
    FileReader, READERS, Reload,
};
use super::{CA, CONTROLLER_MANAGER_CONF, FRONT_PROXY_CA, KUBELET_CONF, Row, SCHEDULER_CONF};

/// A port on which a component serves TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The component.
    pub component: Component,
    /// What it is called in reports.
    pub name: &'static str,
    /// The usual port.
    pub port: u16,
    /// The options of the manifest that set address and port.
    pub address: AddressOptions,
    /// The option that names the certificate; without it, the component makes one in memory when it starts.
    pub certificate: &'static str,
    /// The options that name the CAs whose clients are accepted.
    pub client_cas: &'static [&'static str],
    /// When it loads these CAs again.
    pub reload_cas: Reload,
    /// Whether it logs a handshake that is finished without a client certificate.
    pub demands_certificate: bool,
}

/// The options that set the address and port of a [`Listener`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOptions {
    /// One option for the address and one for the port.
    Separate {
        /// The address; `0.0.0.0` and `::` mean all addresses.
        address: &'static str,
        /// The port.
        port: &'static str,
    },
    /// URLs, separated by commas.
    Urls(&'static str),
    /// The component has no manifest.
    Unknown,
}

/// The name by which the API server shows the certificate of its connections to itself. Its common name ends with the time
/// at which the API server started (Kubernetes `apiserver/pkg/server/options/serving_with_loopback.go`).
pub const LOOPBACK_NAME: &str = "apiserver-loopback-client";

const SERVING: AddressOptions = AddressOptions::Separate {
    address: "--bind-address",
    port: "--secure-port",
};

const CLIENT_CAS: &[&str] = &["--client-ca-file", "--requestheader-client-ca-file"];

/// Every listener, in the order in which components are restarted.
pub static LISTENERS: [Listener; 6] = [
    Listener {
        component: Etcd,
        name: "etcd",
        port: 2379,
        address: AddressOptions::Urls("--listen-client-urls"),
        certificate: "--cert-file",
        client_cas: &["--trusted-ca-file"],
        reload_cas: Reload::Restart,
        demands_certificate: true,
    },
    Listener {
        component: Etcd,
        name: "etcd (peers)",
        port: 2380,
        address: AddressOptions::Urls("--listen-peer-urls"),
        certificate: "--peer-cert-file",
        client_cas: &["--peer-trusted-ca-file"],
        reload_cas: Reload::Restart,
        demands_certificate: true,
    },
    Listener {
        component: Apiserver,
        name: "kube-apiserver",
        port: 6443,
        address: SERVING,
        certificate: "--tls-cert-file",
        client_cas: CLIENT_CAS,
        reload_cas: Reload::Automatic,
        demands_certificate: false,
    },
    Listener {
        component: ControllerManager,
        name: "kube-controller-manager",
        port: 10257,
        address: SERVING,
        certificate: "--tls-cert-file",
        client_cas: CLIENT_CAS,
        reload_cas: Reload::Automatic,
        demands_certificate: false,
    },
    Listener {
        component: Scheduler,
        name: "kube-scheduler",
        port: 10259,
        address: SERVING,
        certificate: "--tls-cert-file",
        client_cas: CLIENT_CAS,
        reload_cas: Reload::Automatic,
        demands_certificate: false,
    },
    Listener {
        component: Kubelet,
        name: "kubelet",
        port: 10250,
        address: AddressOptions::Unknown,
        certificate: "tlsCertFile",
        client_cas: &["authentication.x509.clientCAFile"],
        reload_cas: Reload::Automatic,
        demands_certificate: false,
    },
];

impl Listener {
    /// Returns the row of the certificate that it serves, as kubeadm sets it up; `None` if that is no file of a tree.
    pub fn row(&self) -> Option<&'static Row> {
        self.reader(self.certificate).map(|reader| reader.row)
    }

    /// Returns the row whose files only this component has: what it serves, or the kubeconfig that it is a client with.
    pub fn own_row(&self) -> &'static Row {
        match self.component {
            ControllerManager => &CONTROLLER_MANAGER_CONF,
            Scheduler => &SCHEDULER_CONF,
            Kubelet => &KUBELET_CONF,
            _ => self.row().unwrap_or(&CA),
        }
    }

    /// Returns the CAs whose clients it accepts, as kubeadm sets it up.
    pub fn client_ca_rows(&self) -> Vec<&'static Row> {
        if self.component == Scheduler {
            // kubeadm names none: the scheduler reads the API server's from a ConfigMap.
            return vec![&CA, &FRONT_PROXY_CA];
        }
        let options = self.client_cas.iter();
        options
            .filter_map(|option| self.client_ca_row(option))
            .collect()
    }

    /// Returns the CA that kubeadm names with an option.
    pub fn client_ca_row(&self, option: &str) -> Option<&'static Row> {
        self.reader(option).map(|reader| reader.row)
    }

    fn reader(&self, option: &str) -> Option<&'static FileReader> {
        READERS
            .iter()
            .find(|reader| reader.component == self.component && reader.options.contains(&option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{APISERVER, ETCD_CA, ETCD_PEER, ETCD_SERVER};

    #[test]
    fn a_listener_serves_what_its_component_reads() {
        let rows: Vec<_> = LISTENERS.iter().map(Listener::row).collect();
        assert_eq!(
            rows,
            [
                Some(&ETCD_SERVER),
                Some(&ETCD_PEER),
                Some(&APISERVER),
                None,
                None,
                None
            ]
        );
    }

    #[test]
    fn a_listener_accepts_the_clients_of_the_cas_that_its_component_reads() {
        let cas: Vec<_> = LISTENERS.iter().map(Listener::client_ca_rows).collect();
        let cluster = vec![&CA, &FRONT_PROXY_CA];
        assert_eq!(
            cas,
            [
                vec![&ETCD_CA],
                vec![&ETCD_CA],
                cluster.clone(),
                cluster.clone(),
                cluster,
                vec![&CA]
            ]
        );
    }
}
