//! etcd, which reads its key pair for each connection: two members over TLS, and renewals while it runs.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{ALGORITHMS, helper};
use crate::support::{Script, Server, TestTree, free_port, peers, pki, run, say};

/// How many times the pair of a running etcd is renewed.
const RENEWALS: usize = 10;

/// How often etcd is asked whether it is healthy; each failed attempt lasts a second.
const ATTEMPTS: usize = 60;

#[test]
fn etcd_members_form_a_cluster_and_serve_only_clients_with_a_certificate() {
    let Some([etcd, etcdctl, curl]) = peers(["etcd", "etcdctl", "curl"]) else {
        return;
    };
    for algorithm in ALGORITHMS {
        let tree = fresh_tree(algorithm);
        // Two members elect a leader only over their peer certificates.
        let members = [Member::new("one"), Member::new("two")];
        let mut servers: Vec<_> = members
            .iter()
            .map(|member| member.start(&etcd, &tree, &members))
            .collect();
        let client = |base: &str| {
            let mut command = etcdctl_command(&etcdctl, &tree, &members[0]);
            command
                .arg("--cert")
                .arg(tree.pki_file(&format!("{base}.crt")))
                .arg("--key")
                .arg(tree.pki_file(&format!("{base}.key")));
            command
        };
        wait_for_health(&mut servers, &mut client("etcd/healthcheck-client"));

        run(client("apiserver-etcd-client").args(["put", "key", "written by the API server"])).ok();
        let read =
            run(client("etcd/healthcheck-client").args(["get", "--print-value-only", "key"])).ok();
        assert_eq!(read.stdout, "written by the API server\n", "{algorithm}");

        // The gateway is etcd as a client of itself, with its serving certificate (etcd-io/etcd#9785).
        let url = format!("https://127.0.0.1:{}/v3/kv/range", members[0].client_port);
        let gateway = |client: Option<&str>| {
            let mut command = Command::new(&curl);
            command.args([
                "--silent",
                "--show-error",
                "--fail",
                "--max-time",
                "20",
                "--data",
                r#"{"key":"a2V5"}"#,
                &url,
                "--cacert",
            ]);
            command.arg(tree.pki_file("etcd/ca.crt"));
            if let Some(base) = client {
                command
                    .arg("--cert")
                    .arg(tree.pki_file(&format!("{base}.crt")))
                    .arg("--key")
                    .arg(tree.pki_file(&format!("{base}.key")));
            }
            run(&mut command)
        };
        assert!(
            gateway(Some("apiserver-etcd-client"))
                .ok()
                .stdout
                .contains(r#""count":"1""#),
            "{algorithm}"
        );

        gateway(None).refused("curl: (");
        servers[0].wait_for("client didn't provide a certificate");
        gateway(Some("apiserver-kubelet-client")).refused("curl: (");
        servers[0].wait_for("certificate signed by unknown authority");
        run(etcdctl_command(&etcdctl, &tree, &members[0])
            .args(IMPATIENT)
            .args(["get", "key"]))
        .refused("context deadline exceeded");
    }
}

#[test]
fn renewal_that_reuses_keys_fails_no_connection_to_a_running_etcd() {
    let Some(report) = report_of_renewals(&["--reuse-key"]) else {
        return;
    };
    assert_eq!(report["failed"], 0, "{report}");
}

#[test]
fn renewal_with_new_keys_is_served_by_a_running_etcd() {
    // Between the two renames etcd may read a key and a certificate that differ; how often depends on the machine.
    let Some(report) = report_of_renewals(&[]) else {
        return;
    };
    say(&format!(
        "connections that failed while every renewal gave etcd a new key: {} of {}\n",
        report["failed"],
        report["served"].as_u64().unwrap() + report["failed"].as_u64().unwrap()
    ));
}

/// Renews the pair of an etcd again and again while a client keeps connecting to it; returns what the client counted.
///
/// Each renewal is served to the first connection that follows it: nothing of the old pair is kept in memory.
fn report_of_renewals(flags: &[&str]) -> Option<Value> {
    let [etcd, etcdctl, openssl, python] = peers(["etcd", "etcdctl", "openssl", "python"])?;
    let tree = fresh_tree("ECDSA-P256");
    let member = Member::new("one");
    let mut servers = [member.start(&etcd, &tree, std::slice::from_ref(&member))];
    let client = ["crt", "key"].map(|end| tree.pki_file(&format!("etcd/healthcheck-client.{end}")));
    let mut health = etcdctl_command(&etcdctl, &tree, &member);
    health
        .arg("--cert")
        .arg(&client[0])
        .arg("--key")
        .arg(&client[1]);
    wait_for_health(&mut servers, &mut health);

    let mut issued = vec![serial_of(&openssl, &tree)];
    let mut connector = Script::start(
        Command::new(&python)
            .arg(helper("connect.py"))
            .arg(member.client_port.to_string())
            .arg(tree.pki_file("etcd/ca.crt"))
            .args(&client)
            .stderr(Stdio::inherit()),
    );
    connector.listen();
    for _ in 0..RENEWALS {
        run(pki()
            .args(["renew", "etcd-server"])
            .args(flags)
            .arg("--rootfs")
            .arg(tree.root()))
        .ok();
        let renewed = serial_of(&openssl, &tree);
        assert!(!issued.contains(&renewed), "the serial number stayed");
        issued.push(renewed.clone());
        let served = connector.ask(&Value::Null);
        assert_eq!(served["serial"], renewed, "{served}");
    }
    let report = connector.finish();
    servers[0].assert_running();
    let served: Vec<_> = report["serials"].as_array().unwrap().iter().collect();
    assert!(
        served
            .iter()
            .all(|serial| issued.iter().any(|known| **serial == *known)),
        "{report}"
    );
    Some(report)
}

pub(super) fn fresh_tree(algorithm: &str) -> TestTree {
    TestTree::made_now(&[
        "--node-name",
        "cp-1",
        "--apiserver-advertise-address",
        "127.0.0.1",
        "--encryption-algorithm",
        algorithm,
    ])
}

/// A member of an etcd cluster on loopback.
pub(super) struct Member {
    name: &'static str,
    client_port: u16,
    peer_port: u16,
    folder: TempDir,
}

impl Member {
    pub(super) fn new(name: &'static str) -> Member {
        Member {
            name,
            client_port: free_port(),
            peer_port: free_port(),
            folder: TempDir::new().unwrap(),
        }
    }

    /// Returns the URL for its clients.
    pub(super) fn client_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.client_port)
    }

    /// Returns the options of its manifest, as lines of YAML.
    pub(super) fn manifest_options(&self) -> String {
        let files = [
            ("cert-file", "server.crt"),
            ("key-file", "server.key"),
            ("trusted-ca-file", "ca.crt"),
            ("peer-cert-file", "peer.crt"),
            ("peer-key-file", "peer.key"),
            ("peer-trusted-ca-file", "ca.crt"),
        ];
        let files = files
            .iter()
            .map(|(option, file)| format!("--{option}=/etc/kubernetes/pki/etcd/{file}"));
        let urls = [("client", self.client_port), ("peer", self.peer_port)];
        let urls = urls
            .iter()
            .map(|(whose, port)| format!("--listen-{whose}-urls=https://127.0.0.1:{port}"));
        files.chain(urls).collect::<Vec<_>>().join("\n    - ")
    }

    /// Starts it the way kubeadm's static pod does.
    pub(super) fn start(&self, etcd: &Path, tree: &TestTree, members: &[Member]) -> Server {
        let client = format!("https://127.0.0.1:{}", self.client_port);
        let peer = format!("https://127.0.0.1:{}", self.peer_port);
        let cluster: Vec<_> = members
            .iter()
            .map(|member| format!("{}=https://127.0.0.1:{}", member.name, member.peer_port))
            .collect();
        let mut command = Command::new(etcd);
        command
            .env_clear()
            .args(["--name", self.name, "--data-dir"])
            .arg(self.folder.path().join("data"));
        command.args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
        ]);
        command.args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &cluster.join(","),
        ]);
        command
            .arg("--cert-file")
            .arg(tree.pki_file("etcd/server.crt"))
            .arg("--key-file")
            .arg(tree.pki_file("etcd/server.key"));
        command
            .arg("--trusted-ca-file")
            .arg(tree.pki_file("etcd/ca.crt"))
            .arg("--client-cert-auth");
        command
            .arg("--peer-cert-file")
            .arg(tree.pki_file("etcd/peer.crt"))
            .arg("--peer-key-file")
            .arg(tree.pki_file("etcd/peer.key"));
        command
            .arg("--peer-trusted-ca-file")
            .arg(tree.pki_file("etcd/ca.crt"))
            .arg("--peer-client-cert-auth");
        Server::start(&mut command)
    }
}

pub(super) fn etcdctl_command(etcdctl: &Path, tree: &TestTree, member: &Member) -> Command {
    let mut command = Command::new(etcdctl);
    let endpoint = format!("https://127.0.0.1:{}", member.client_port);
    command
        .env_clear()
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoint]);
    command.arg("--cacert").arg(tree.pki_file("etcd/ca.crt"));
    command
}

/// For commands that are expected to fail: etcdctl retries until this time is over.
const IMPATIENT: [&str; 4] = ["--command-timeout", "1s", "--dial-timeout", "1s"];

pub(super) fn wait_for_health(servers: &mut [Server], client: &mut Command) {
    client.args(IMPATIENT).args(["endpoint", "health"]);
    let is_healthy = |_| {
        servers.iter_mut().for_each(Server::assert_running);
        run(client).code == Some(0)
    };
    assert!(
        (0..ATTEMPTS).any(is_healthy),
        "etcd does not become healthy"
    );
}

/// Returns the serial number of etcd's serving certificate on disk, in hexadecimal.
fn serial_of(openssl: &Path, tree: &TestTree) -> String {
    let output = run(Command::new(openssl)
        .args(["x509", "-noout", "-serial", "-in"])
        .arg(tree.pki_file("etcd/server.crt")))
    .ok();
    output
        .stdout
        .trim()
        .strip_prefix("serial=")
        .unwrap()
        .to_owned()
}
