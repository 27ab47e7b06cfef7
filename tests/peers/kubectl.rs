//! kubectl: reads every kubeconfig, and connects with it to a server that requires a client certificate.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use super::ALGORITHMS;
use crate::support::{Server, TestTree, free_port, peer, peers, rows::KUBECONFIGS, run};

#[test]
fn kubectl_reads_every_kubeconfig() {
    let Some(kubectl) = peer("kubectl") else {
        return;
    };
    let home = TempDir::new().unwrap();
    for algorithm in ALGORITHMS {
        let port = free_port();
        let tree = fresh_tree(algorithm, port);
        let [endpoint, local] =
            ["localhost", "127.0.0.1"].map(|host| format!("https://{host}:{port}"));
        for (kubeconfig, user, server) in [
            ("admin.conf", "kubernetes-admin", &endpoint),
            ("super-admin.conf", "kubernetes-super-admin", &endpoint),
            ("kubelet.conf", "system:node:cp-1", &local),
            (
                "controller-manager.conf",
                "system:kube-controller-manager",
                &local,
            ),
            ("scheduler.conf", "system:kube-scheduler", &local),
        ] {
            let fields = "jsonpath={.current-context} {.users[*].name} {.contexts[*].context.user} {.clusters[*].cluster.server}";
            let mut command = kubectl_command(&kubectl, &home, &tree.path(kubeconfig));
            let view = run(command.args(["config", "view", "--minify", "--output", fields])).ok();
            assert_eq!(
                view.stdout,
                format!("{user}@kubernetes {user} {user} {server}"),
                "{kubeconfig}"
            );
        }
    }
}

#[test]
fn kubectl_connects_with_every_kubeconfig_but_not_without_a_client_certificate() {
    let Some([kubectl, openssl]) = peers(["kubectl", "openssl"]) else {
        return;
    };
    let home = TempDir::new().unwrap();
    for algorithm in ALGORITHMS {
        let port = free_port();
        let tree = fresh_tree(algorithm, port);
        for (kubeconfig, subject) in KUBECONFIGS.iter().zip([
            "O = kubeadm:cluster-admins, CN = kubernetes-admin",
            "O = system:masters, CN = kubernetes-super-admin",
            "O = system:nodes, CN = system:node:cp-1",
            "CN = system:kube-controller-manager",
            "CN = system:kube-scheduler",
        ]) {
            let server = apiserver_stand_in(&openssl, &tree, port);
            let mut command = kubectl_command(&kubectl, &home, &tree.path(kubeconfig));
            run(command.args(["get", "--raw", "/"])).ok();
            let log = server.log();
            assert!(
                log.contains(&format!("depth=0 {subject}\nverify return:1")),
                "{kubeconfig} is not {subject}:\n{log}"
            );
        }

        let server = apiserver_stand_in(&openssl, &tree, port);
        let mut command = kubectl_command(&kubectl, &home, Path::new("/dev/null"));
        // With a token, since kubectl would ask for a user name otherwise.
        command
            .args([
                "--token",
                "none",
                "--server",
                &format!("https://127.0.0.1:{port}"),
                "--certificate-authority",
            ])
            .arg(tree.pki_file("ca.crt"));
        run(command.args(["get", "--raw", "/"])).refused("certificate required");
        assert!(
            server.log().contains("peer did not return a certificate"),
            "{}",
            server.log()
        );
    }
}

/// Makes a tree whose kubeconfigs all point at this machine: even `config view` of some distributions' wrapper asks the server.
fn fresh_tree(algorithm: &str, port: u16) -> TestTree {
    let (port, endpoint) = (port.to_string(), format!("localhost:{port}"));
    let address = [
        "--apiserver-advertise-address",
        "127.0.0.1",
        "--apiserver-bind-port",
        &port,
        "--control-plane-endpoint",
        &endpoint,
    ];
    TestTree::made_now(
        &[
            &address[..],
            &["--node-name", "cp-1", "--encryption-algorithm", algorithm],
        ]
        .concat(),
    )
}

pub(super) fn kubectl_command(kubectl: &Path, home: &TempDir, kubeconfig: &Path) -> Command {
    let mut command = Command::new(kubectl);
    // PATH: some distributions install a wrapper that looks for the real one.
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path());
    command
        .args(["--request-timeout", "20s", "--kubeconfig"])
        .arg(kubeconfig);
    command
}

/// Starts a TLS server with the API server's pair that demands a client certificate of the cluster CA.
pub(super) fn apiserver_stand_in(openssl: &Path, tree: &TestTree, port: u16) -> Server {
    let mut command = Command::new(openssl);
    command.args([
        "s_server",
        "-accept",
        &format!("127.0.0.1:{port}"),
        "-www",
        "-Verify",
        "1",
        "-verify_return_error",
        "-x509_strict",
    ]);
    command
        .arg("-cert")
        .arg(tree.pki_file("apiserver.crt"))
        .arg("-key")
        .arg(tree.pki_file("apiserver.key"));
    command
        .args(["-no-CApath", "-no-CAstore", "-CAfile"])
        .arg(tree.pki_file("ca.crt"));
    let server = Server::start(&mut command);
    server.wait_for("ACCEPT");
    server
}
