//! etcd, which reads its pair anew for every connection: two members over TLS, and renewal under a living one.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{ALGORITHMS, helper};
use crate::support::{Server, Tree, free_port, peers, pki, run, run_with_input, say, until};

/// How many connections a second a client begins, and for how long, while the tree is renewed back to back.
const RATE: u64 = 100;
const SECONDS: u64 = 10;

/// How many renewals there are at least in that time, on the slowest machine.
const RENEWALS: usize = 8;

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
                .arg(tree.pki(&format!("{base}.crt")))
                .arg("--key")
                .arg(tree.pki(&format!("{base}.key")));
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
            command.arg(tree.pki("etcd/ca.crt"));
            if let Some(base) = client {
                command
                    .arg("--cert")
                    .arg(tree.pki(&format!("{base}.crt")))
                    .arg("--key")
                    .arg(tree.pki(&format!("{base}.key")));
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
fn renewal_that_reuses_keys_fails_no_connection_to_a_living_etcd() {
    let Some(failed) = failures_under_renewal(&["--reuse-key"]) else {
        return;
    };
    assert_eq!(failed, 0, "connections failed though the key stayed");
}

#[test]
fn renewal_with_new_keys_is_served_by_a_living_etcd() {
    // Between the two renames etcd may read a key and a certificate that differ; how often depends on the machine.
    let Some(failed) = failures_under_renewal(&[]) else {
        return;
    };
    say(&format!(
        "connections that failed while every renewal gave etcd a new key: {failed} of {}\n",
        RATE * SECONDS + 1
    ));
}

/// Renews the pair of an etcd back to back while a client keeps connecting to it; returns how many connections failed.
fn failures_under_renewal(flags: &[&str]) -> Option<u64> {
    let [etcd, etcdctl, openssl, python] = peers(["etcd", "etcdctl", "openssl", "python"])?;
    let tree = fresh_tree("ECDSA-P256");
    let member = Member::new("one");
    let mut servers = [member.start(&etcd, &tree, std::slice::from_ref(&member))];
    let client =
        ["crt", "key"].map(|extension| tree.pki(&format!("etcd/healthcheck-client.{extension}")));
    let mut health = etcdctl_command(&etcdctl, &tree, &member);
    wait_for_health(
        &mut servers,
        health
            .arg("--cert")
            .arg(&client[0])
            .arg("--key")
            .arg(&client[1]),
    );

    let mut issued = vec![serial_of(&openssl, &tree)];
    let mut connector = Connector::start(&python, &member, &tree, &client);
    while !connector.is_done() {
        run(pki()
            .args(["renew", "etcd-server"])
            .args(flags)
            .arg("--rootfs")
            .arg(tree.rootfs()))
        .ok();
        let renewed = serial_of(&openssl, &tree);
        assert!(
            !issued.contains(&renewed),
            "renewal kept the serial number {renewed}"
        );
        issued.push(renewed);
    }
    let report = connector.report();
    servers[0].assert_running();
    until("etcd serves the last certificate", || {
        (serial_served(&openssl, &tree, &member, &client)? == *issued.last()?).then_some(())
    });

    let served: Vec<_> = report["serials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|serial| serial.as_str().unwrap())
        .collect();
    assert!(
        served
            .iter()
            .all(|serial| issued.iter().any(|known| known == serial)),
        "{report}"
    );
    // Each renewal is seen by the connections that follow it: nothing of the old pair is kept in memory.
    assert!(issued.len() > RENEWALS, "{} renewals", issued.len() - 1);
    assert!(served.len() > RENEWALS, "{report}");
    let failed = report["failed"].as_u64().unwrap();
    assert_eq!(
        report["served"].as_u64().unwrap() + failed,
        RATE * SECONDS + 1,
        "{report}"
    );
    if failed > 0 {
        println!("{} renewals: {report}", issued.len() - 1);
    }
    Some(failed)
}

fn fresh_tree(algorithm: &str) -> Tree {
    Tree::fresh(&[
        "--node-name",
        "cp-1",
        "--apiserver-advertise-address",
        "127.0.0.1",
        "--encryption-algorithm",
        algorithm,
    ])
}

/// A member of an etcd cluster on loopback.
struct Member {
    name: &'static str,
    client_port: u16,
    peer_port: u16,
    folder: TempDir,
}

impl Member {
    fn new(name: &'static str) -> Member {
        Member {
            name,
            client_port: free_port(),
            peer_port: free_port(),
            folder: TempDir::new().unwrap(),
        }
    }

    /// Starts it the way kubeadm's static pod does.
    fn start(&self, etcd: &Path, tree: &Tree, members: &[Member]) -> Server {
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
            .arg(tree.pki("etcd/server.crt"))
            .arg("--key-file")
            .arg(tree.pki("etcd/server.key"));
        command
            .arg("--trusted-ca-file")
            .arg(tree.pki("etcd/ca.crt"))
            .arg("--client-cert-auth");
        command
            .arg("--peer-cert-file")
            .arg(tree.pki("etcd/peer.crt"))
            .arg("--peer-key-file")
            .arg(tree.pki("etcd/peer.key"));
        command
            .arg("--peer-trusted-ca-file")
            .arg(tree.pki("etcd/ca.crt"))
            .arg("--peer-client-cert-auth");
        Server::start(&mut command, &self.folder.path().join("log"))
    }
}

fn etcdctl_command(etcdctl: &Path, tree: &Tree, member: &Member) -> Command {
    let mut command = Command::new(etcdctl);
    let endpoint = format!("https://127.0.0.1:{}", member.client_port);
    command
        .env_clear()
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoint]);
    command.arg("--cacert").arg(tree.pki("etcd/ca.crt"));
    command
}

/// For what is expected to fail: etcdctl tries again until its time is up.
const IMPATIENT: [&str; 4] = ["--command-timeout", "1s", "--dial-timeout", "1s"];

fn wait_for_health(servers: &mut [Server], client: &mut Command) {
    client.args(IMPATIENT).args(["endpoint", "health"]);
    until("etcd is healthy", || {
        servers.iter_mut().for_each(Server::assert_running);
        (run(client).code == Some(0)).then_some(())
    });
}

/// Returns the serial number of etcd's serving certificate on disk, in hexadecimal.
fn serial_of(openssl: &Path, tree: &Tree) -> String {
    let output = run(Command::new(openssl)
        .args(["x509", "-noout", "-serial", "-in"])
        .arg(tree.pki("etcd/server.crt")))
    .ok();
    output
        .stdout
        .trim()
        .strip_prefix("serial=")
        .unwrap()
        .to_owned()
}

/// Returns the serial number that a new connection is served; none if it fails.
fn serial_served(
    openssl: &Path,
    tree: &Tree,
    member: &Member,
    client: &[PathBuf; 2],
) -> Option<String> {
    let mut command = Command::new(openssl);
    command.args([
        "s_client",
        "-connect",
        &format!("127.0.0.1:{}", member.client_port),
        "-verify_return_error",
        "-CAfile",
    ]);
    command
        .arg(tree.pki("etcd/ca.crt"))
        .arg("-cert")
        .arg(&client[0])
        .arg("-key")
        .arg(&client[1]);
    let session = run(&mut command);
    let start = session.stdout.find("-----BEGIN CERTIFICATE-----")?;
    let output = run_with_input(
        Command::new(openssl).args(["x509", "-noout", "-serial"]),
        &session.stdout[start..],
    )
    .ok();
    Some(output.stdout.trim().strip_prefix("serial=")?.to_owned())
}

/// A client that keeps connecting until its time is up.
struct Connector {
    child: Child,
    report: mpsc::Receiver<String>,
}

impl Connector {
    /// Starts it, and returns when it has been served once.
    fn start(python: &Path, member: &Member, tree: &Tree, client: &[PathBuf; 2]) -> Connector {
        let mut command = Command::new(python);
        command
            .arg(helper("connect.py"))
            .arg(member.client_port.to_string())
            .arg(tree.pki("etcd/ca.crt"))
            .args(client)
            .args([RATE, SECONDS].map(|number| number.to_string()));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "connected\n");
        let (sender, report) = mpsc::channel();
        thread::spawn(move || {
            let mut report = String::new();
            output.read_to_string(&mut report).unwrap();
            // Nobody listens any more if the test has failed.
            drop(sender.send(report));
        });
        Connector { child, report }
    }

    fn is_done(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Returns what it counted.
    fn report(&self) -> Value {
        serde_json::from_str(&self.report.recv().unwrap()).unwrap()
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
