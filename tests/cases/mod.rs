//! kubeadm's own test cases, each with a test of ours that is as strict or stricter.
//!
//! A line `/// kubeadm: TestX / case -> result there; same, or in what ours is stricter` on a test says which case it stands for.
//! `README.md` in this folder lists all of them; `cargo xtask gen` writes it.

mod certlist;
mod certs;
mod commands;
mod kubeconfig;
pub(crate) mod pkiutil;
mod renewal;

use pki::config::{self, Cluster, Host};

/// The configuration of a cluster whose etcd runs elsewhere.
const EXTERNAL_ETCD_CONFIG: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
etcd:
  external: {endpoints: [https://192.0.2.31:2379], caFile: /e/ca.crt, certFile: /e/c.crt, keyFile: /e/c.key}
";

/// Returns the cluster that a configuration describes, on a node called cp1.
fn cluster(yaml: &str) -> Cluster {
    let host = Host {
        node_name: Some("cp1".to_owned()),
        addresses: vec![[192, 0, 2, 11].into()],
    };
    let settings = config::read("test", yaml.as_bytes()).unwrap().settings;
    Cluster::resolve(settings, &host).unwrap().cluster
}
