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

use clap::CommandFactory;
use pki::{
    cli::Cli,
    config::{self, Cluster, Host},
};

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

/// kubeadm: TestBuildKubeConfigFromSpecWithClientAuth / two O values -> both arrive; later, with `pki kubeconfig user`
/// kubeadm: TestBuildKubeConfigFromSpecWithTokenAuth -> token arrives; later, with `pki kubeconfig user`
/// kubeadm: TestWriteKubeConfigFailsIfCADoesntExists / both -> error; later, with `pki kubeconfig user`
/// kubeadm: TestWriteKubeConfig / both -> certificate, token right; later, with `pki kubeconfig user`
/// kubeadm: TestKubeConfigSubCommandsThatWritesToOut (`cmd`) / certificate, token, cluster name, 12h -> as asked for; later, with `pki kubeconfig user`
/// kubeadm: TestGetDataFromInitConfig, TestCertsToTransfer, TestCertOrKeyNameToSecretName, TestUploadCerts -> secret made; later, with `pki upload-certs`
/// kubeadm: TestDownloadCerts -> files, modes 0600 and 0644; later, with `pki download-certs`
/// kubeadm: TestEncryptAndDecryptData -> right key ok, others error; later, with `pki certificate-key`, `pki upload-certs`
#[test]
fn cases_of_commands_that_are_still_to_be_written() {
    let cli = Cli::command();
    for command in [
        &["kubeconfig", "user"][..],
        &["upload-certs"],
        &["download-certs"],
        &["certificate-key"],
    ] {
        let found = command
            .iter()
            .try_fold(&cli, |command, word| command.find_subcommand(word));
        assert!(
            found.is_none(),
            "`pki {}` is there now: write the tests of the cases that wait for it",
            command.join(" ")
        );
    }
}
