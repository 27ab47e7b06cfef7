//! Python: the strict verifier of the package `cryptography`, and strict TLS handshakes with the module `ssl`.

use std::process::Command;

use serde_json::{Value, json};

use super::{Credential, credentials, helper, trees};
use crate::support::{peer, run_with_input};

#[test]
fn cryptography_accepts_every_certificate_only_for_its_purpose() {
    let Some(python) = peer("python") else { return };
    for tree in trees() {
        let credentials = credentials(tree);
        let servers: Vec<_> = credentials
            .iter()
            .filter(|credential| !credential.server_names.is_empty())
            .collect();
        let names: usize = servers
            .iter()
            .map(|credential| credential.server_names.len())
            .sum();
        let clients = credentials
            .iter()
            .filter(|credential| credential.client)
            .count();
        let accepted = names + clients;
        // Each name under another CA, each server under two wrong names, each certificate as another CA's client, non-clients as clients.
        let refused = names + 2 * servers.len() + credentials.len() + (credentials.len() - clients);

        let rows: Value = credentials.iter().map(row).collect();
        let output = run_with_input(
            Command::new(&python).arg(helper("verify.py")),
            &rows.to_string(),
        )
        .ok();
        assert_eq!(
            output.stdout,
            format!("{accepted} accepted, {refused} refused\n"),
            "{}",
            tree.name()
        );
    }
}

#[test]
fn tls_handshakes_succeed_between_the_servers_and_clients_of_a_cluster() {
    let Some(python) = peer("python") else { return };
    for tree in trees() {
        let credentials = credentials(tree);
        let find = |name: &str| {
            credentials
                .iter()
                .find(|credential| credential.name == name)
                .unwrap()
        };
        let connections = [
            (
                "apiserver",
                "admin.conf",
                "/organizationName=kubeadm:cluster-admins/commonName=kubernetes-admin",
            ),
            (
                "apiserver",
                "super-admin.conf",
                "/organizationName=system:masters/commonName=kubernetes-super-admin",
            ),
            (
                "apiserver",
                "kubelet.conf",
                "/organizationName=system:nodes/commonName=system:node:cp-1",
            ),
            (
                "apiserver",
                "controller-manager.conf",
                "/commonName=system:kube-controller-manager",
            ),
            (
                "apiserver",
                "scheduler.conf",
                "/commonName=system:kube-scheduler",
            ),
            // A kubelet and an aggregated API server have serving certificates of their own; the clients are what is judged.
            (
                "apiserver",
                "apiserver-kubelet-client",
                "/commonName=kube-apiserver-kubelet-client",
            ),
            (
                "apiserver",
                "front-proxy-client",
                "/commonName=front-proxy-client",
            ),
            (
                "etcd/server",
                "apiserver-etcd-client",
                "/commonName=kube-apiserver-etcd-client",
            ),
            (
                "etcd/server",
                "etcd/healthcheck-client",
                "/commonName=kube-etcd-healthcheck-client",
            ),
            ("etcd/server", "etcd/server", "/commonName=cp-1"),
            ("etcd/peer", "etcd/peer", "/commonName=cp-1"),
        ];
        let rows: Value = connections
            .iter()
            .map(|(server, client, _)| json!({"server": row(find(server)), "client": row(find(client)), "host": "192.0.2.11"}))
            .collect();
        let output = run_with_input(
            Command::new(&python).arg(helper("handshake.py")),
            &rows.to_string(),
        )
        .ok();
        let expected: String = connections
            .iter()
            .map(|(server, client, subject)| format!("{client} -> {server} {subject}\n"))
            .collect();
        assert_eq!(output.stdout, expected, "{}", tree.name());
    }
}

fn row(credential: &Credential) -> Value {
    let Credential {
        name,
        certificate,
        key,
        ca,
        other_ca,
        client,
        server_names,
    } = credential;
    json!({
        "name": name, "certificate": certificate, "key": key, "ca": ca, "other_ca": other_ca,
        "client": client, "server_names": server_names,
    })
}
