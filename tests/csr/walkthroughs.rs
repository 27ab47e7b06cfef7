//! The commands of `pki help walkthroughs`: their certificates serve real TLS servers and clients, and the tree of a cluster.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::topic::{commands, shell};
use crate::support::{
    FLAGS, Openssl, Run, Server, TestTree, free_port, peers, run, run_with_input,
};

const TOPIC: &str = include_str!("../../templates/help/walkthroughs.md");

/// Runs a section in an empty directory, and returns the tree that the directory is in, and the directory.
fn section(heading: &str, programs: &[(&str, String)]) -> (TestTree, PathBuf) {
    let tree = TestTree::empty();
    let directory = tree.root().join("work");
    fs::create_dir_all(directory.join("programs")).unwrap();
    for (name, text) in programs {
        let path = directory.join("programs").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    shell(&directory, tree.root(), &commands(TOPIC, heading));
    (tree, directory)
}

/// Starts a TLS server with a certificate and its key, which accepts clients of `ca.crt` only if it has to.
fn serve(directory: &Path, key: &str, clients: &[&str]) -> (Server, String) {
    let port = free_port();
    let mut command = Command::new("openssl");
    command
        .current_dir(directory)
        .args(["s_server", "-www", "-cert", "server.crt", "-key", key]);
    command.arg("-accept").arg(port.to_string()).args(clients);
    let server = Server::start(&mut command);
    server.wait_for("ACCEPT");
    (server, format!("127.0.0.1:{port}"))
}

/// Asks the server for its page, as a client that trusts `ca.crt` and verifies the name.
fn get(directory: &Path, address: &str, name: &str, credential: &[&str]) -> Run {
    let mut command = Command::new("openssl");
    command
        .current_dir(directory)
        .args(["s_client", "-connect", address, "-CAfile", "ca.crt"]);
    command
        .args(["-verify_return_error", "-ign_eof"])
        .args(credential);
    let flag = match name.parse::<std::net::IpAddr>() {
        Ok(_) => "-verify_ip",
        Err(_) => "-verify_hostname",
    };
    command.args([flag, name]);
    run_with_input(&mut command, "GET / HTTP/1.0\r\n\r\n")
}

const PAGE: &str = "HTTP/1.0 200 ok";

#[test]
fn an_api_server_and_a_user_of_the_openssl_walkthrough_trust_each_other() {
    if Openssl::find().is_none() {
        return;
    }
    let (_tree, directory) = section("An API server, instead of openssl", &[]);
    let clients = ["-CAfile", "ca.crt", "-Verify", "1", "-verify_return_error"];
    let (_server, address) = serve(&directory, "server.key", &clients);
    let jane = ["-cert", "jane.crt", "-key", "jane.key"];
    for name in ["kubernetes.default.svc", "192.0.2.10", "10.96.0.1"] {
        get(&directory, &address, name, &jane)
            .ok()
            .prints("Verify return code: 0 (ok)")
            .prints(PAGE);
    }
    get(&directory, &address, "other.example", &jane)
        .refused("hostname mismatch")
        .does_not_say(PAGE);
    get(&directory, &address, "192.0.2.10", &[]).does_not_say(PAGE);
    // The documentation's certificate is for clients, too; that of jane is not for servers.
    let purpose = ["verify", "-CAfile", "ca.crt", "-purpose"];
    for (purpose_name, file, code) in [
        ("sslserver", "server.crt", 0),
        ("sslclient", "server.crt", 0),
        ("sslclient", "jane.crt", 0),
        ("sslserver", "jane.crt", 2),
    ] {
        let mut command = Command::new("openssl");
        command
            .current_dir(&directory)
            .args(purpose)
            .args([purpose_name, file]);
        run(&mut command).exits(code);
    }
}

/// An API server for one object: kubectl's local commands change it as the server would.
fn kubectl(real: &Path, directory: &Path) -> String {
    let condition = r#"{"status":{"conditions":[{"type":"Approved","status":"True","reason":"KubectlApprove","message":"m"}]}}"#;
    let name = "my-svc.my-namespace";
    format!(
        r#"#!/bin/sh
set -eu
patch() {{ '{real}' patch --local --type merge "$@"; }}
objects='{directory}'
case "$*" in
"apply -f -") patch -f - -p '{{}}' -o json > "$objects/applied.json"; cp "$objects/applied.json" "$objects/object.json" ;;
"certificate approve {name}") patch -f "$objects/object.json" -p '{condition}' -o json > "$objects/approved.json"; cp "$objects/approved.json" "$objects/object.json" ;;
"get csr {name} -o "*) shift 3; patch -f "$objects/object.json" -p '{{}}' "$@" ;;
"replace --raw /apis/certificates.k8s.io/v1/certificatesigningrequests/{name}/status -f -") cat > "$objects/signed.json"; cp "$objects/signed.json" "$objects/object.json" ;;
"create secret tls "*) '{real}' "$@" --dry-run=client -o json > "$objects/secret.json" ;;
"create configmap "*) '{real}' "$@" --dry-run=client -o json > "$objects/configmap.json" ;;
*) echo "not expected: $*" >&2; exit 1 ;;
esac
"#,
        real = real.display(),
        directory = directory.display(),
    )
}

#[test]
fn the_cfssl_walkthrough_ends_with_a_server_that_clients_trust() {
    let Some([real, _]) = peers(["kubectl", "openssl"]) else {
        return;
    };
    let objects = tempfile::TempDir::new().unwrap();
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(objects.path().join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let programs = [("kubectl", kubectl(&real, objects.path()))];
    let (_tree, directory) = section("A server in a cluster, instead of cfssl", &programs);
    let applied = read("applied.json");
    assert_eq!(applied["spec"]["signerName"], "example.com/serving");
    let (mut object, approved) = (read("object.json"), read("approved.json"));
    let status = object["status"].as_object_mut().unwrap();
    assert!(status.remove("certificate").unwrap().is_string());
    assert_eq!(object, approved);

    let (_server, address) = serve(&directory, "my-svc.my-namespace.key", &[]);
    for name in [
        "my-svc.my-namespace.svc.cluster.local",
        "192.0.2.24",
        "10.0.34.2",
    ] {
        get(&directory, &address, name, &[])
            .ok()
            .prints("Verify return code: 0 (ok)")
            .prints(PAGE);
    }
    get(&directory, &address, "other.example", &[])
        .refused("hostname mismatch")
        .does_not_say(PAGE);
    // kubectl makes no Secret of a key that is another certificate's.
    assert_eq!(read("secret.json")["type"], "kubernetes.io/tls");
    let trusted = &read("configmap.json")["data"]["ca.crt"];
    assert_eq!(
        *trusted,
        fs::read_to_string(directory.join("ca.crt")).unwrap()
    );
}

#[test]
fn a_cluster_hangs_below_the_root_of_a_company() {
    let (tree, directory) = section("A CA below the root of a company", &[]);
    for end in ["crt", "key"] {
        let file = directory.join(format!("ca.{end}"));
        tree.write(&format!("pki/ca.{end}"), fs::read(file).unwrap());
    }
    tree.chmod("pki/ca.key", 0o600);
    let flags = FLAGS.join(" ");
    let init = format!(
        "pki init {flags} --encryption-algorithm ECDSA-P256 && pki check-expiration && pki verify --severity error"
    );
    shell(&directory, tree.root(), &init);
}

#[test]
fn every_section_of_the_walkthroughs_is_tested() {
    let sections: Vec<_> = TOPIC
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(
        sections,
        [
            "A CA below the root of a company",
            "An API server, instead of openssl",
            "A server in a cluster, instead of cfssl"
        ]
    );
}
