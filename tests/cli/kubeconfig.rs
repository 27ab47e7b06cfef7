//! `kubeconfig`: credentials for users, kube-proxy and joining nodes.

use std::{fs, os::unix::fs::MetadataExt};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use time::macros::datetime;

use crate::support::{CertificateFacts, NOW, Openssl, Run, TestTree, run};

/// Makes a kubeconfig on standard output. It holds a key, which must not be in what else is printed.
#[track_caller]
fn make(tree: &TestTree, arguments: &[&str]) -> (Run, String) {
    let made = run(&mut tree.command(&[&["kubeconfig"], arguments].concat()));
    let text = made.stdout.clone();
    let key = value(&text, "client-key-data").unwrap_or_else(|| "no key".to_owned());
    assert!(!made.stderr.contains(&key));
    (made, text)
}

/// Returns the value of a field that a kubeconfig has once.
fn value(text: &str, field: &str) -> Option<String> {
    let mut lines = text.lines();
    lines.find_map(|line| {
        Some(
            line.trim()
                .strip_prefix(field)?
                .strip_prefix(": ")?
                .to_owned(),
        )
    })
}

fn decoded(text: &str, field: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(value(text, field).unwrap()).unwrap()
}

/// Returns the subject of a certificate, without the types of its strings.
fn subject(facts: &CertificateFacts) -> String {
    facts.subject.replace("PRINTABLESTRING:", "")
}

/// Returns the last entry of a tree's ledger.
fn last_in_ledger(tree: &TestTree) -> Value {
    let printed = tree.pki(&["ledger", "-o", "json"]).ok().stdout;
    let entries: Value = serde_json::from_str(&printed).unwrap();
    entries.as_array().unwrap().last().unwrap().clone()
}

/// kubeadm: TestBuildKubeConfigFromSpecWithClientAuth / two O values -> both arrive; same
/// kubeadm: TestWriteKubeConfig / both -> certificate, token right; same
/// kubeadm: TestKubeConfigSubCommandsThatWritesToOut (`cmd`) / certificate, token, cluster name, 12h -> as asked for; same: the cluster name is that of the configuration
#[test]
fn a_user_gets_a_certificate_that_is_in_the_ledger() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let user = [
        "user",
        "--client-name",
        "alice",
        "--org",
        "developers,ops",
        "--org",
        "team a",
    ];
    let (made, text) = make(&tree, &user);
    made.ok().says_only(&[
        "warning: a client certificate cannot be revoked: `alice` can log in until 2027-11-22 00:21 UTC",
    ]);
    let facts = openssl.facts_of(decoded(&text, "client-certificate-data"));
    assert_eq!(subject(&facts), "CN=alice,O=team a,O=ops,O=developers");
    assert_eq!(facts.not_after, datetime!(2027-11-22 00:21:28 UTC));
    assert!(facts.not_before < NOW);
    let usages = &facts.extensions["X509v3 Extended Key Usage"];
    assert_eq!(usages, "TLS Web Client Authentication");
    assert_eq!(
        decoded(&text, "certificate-authority-data"),
        tree.read("pki/ca.crt")
    );
    let public = openssl.public_half(decoded(&text, "client-key-data"));
    assert_eq!(public, facts.public_key);
    let verify = [
        "verify",
        "-purpose",
        "sslclient",
        "-attime",
        "1795308000",
        "-CAfile",
    ];
    let leaf = openssl.file("alice.pem", decoded(&text, "client-certificate-data"));
    let ca = tree.path("pki/ca.crt");
    openssl
        .run(&[&verify[..], &[ca.to_str().unwrap(), &leaf]].concat())
        .ok();

    let entry = last_in_ledger(&tree);
    assert_eq!(entry["command"], "kubeconfig user");
    assert_eq!(entry["subject"], "CN=alice,O=team a,O=ops,O=developers");
    assert_eq!(
        entry["serial"].as_str().unwrap().replace(':', ""),
        facts.serial
    );
    assert_eq!(entry["inUse"], false);
}

#[test]
fn only_the_ledger_changes_in_the_tree() {
    let tree = TestTree::new();
    let before = tree.snapshot();
    make(&tree, &["user", "--client-name", "alice"]).0.ok();
    let changes = before.changes(&tree.snapshot());
    let is_ledger =
        |change: &String| change.contains(".pki/ledger.jsonl") || change.contains("/: ");
    assert!(changes.iter().all(is_ledger), "{changes:?}");
    assert!(
        changes.iter().any(|change| change.contains("ledger.jsonl")),
        "{changes:?}"
    );
    tree.pki(&["rollback"])
        .exits(3)
        .says("no generation is kept");
}

#[test]
fn a_file_gets_the_kubeconfig_and_standard_output_the_report() {
    let tree = TestTree::nested();
    tree.init(&[]).ok();
    let file = tree.root().parent().unwrap().join("bob.conf");
    fs::write(&file, "old").unwrap();
    let path = file.to_str().unwrap();
    let user = [
        "kubeconfig",
        "user",
        "--client-name",
        "bob",
        "--validity-period",
        "8h",
    ];
    let output = ["--output-file", path, "-o", "json"];
    let run = tree.pki(&[&user[..], &output].concat()).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["user"], "bob");
    assert_eq!(report["credential"], "certificate");
    assert_eq!(report["expirationDate"], "2026-11-22T08:21:28Z");
    assert_eq!(report["file"], path);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(value(&text, "current-context").unwrap(), "bob@kubernetes");
    assert_eq!(report["server"], value(&text, "server").unwrap());

    let inside = tree.path("bob.conf");
    let ledger = tree.read(".pki/ledger.jsonl");
    tree.pki(&[&user[..], &["--output-file", inside.to_str().unwrap()]].concat())
        .exits(3)
        .says("bob.conf` is in a directory of a tree")
        .prints_nothing();
    assert!(!tree.exists("bob.conf"));
    assert_eq!(tree.read(".pki/ledger.jsonl"), ledger);
}

#[test]
fn a_dry_run_issues_nothing() {
    let tree = TestTree::new();
    let user = [
        "kubeconfig",
        "user",
        "--client-name",
        "alice",
        "--org",
        "dev",
        "--dry-run",
    ];
    tree.pki(&user)
        .ok()
        .prints("user        alice\n")
        .prints("groups      dev\n")
        .prints("expires     2027-11-22 00:21 UTC\n")
        .prints("dry run: nothing was written")
        .changed_nothing();
    tree.chmod(".pki", 0o777);
    tree.pki(&user).exits(3).changed_nothing();
}

#[test]
fn the_group_above_rbac_is_given_only_when_asked_for_and_with_a_warning() {
    let tree = TestTree::new();
    let user = ["user", "--client-name", "root", "--validity-period", "1h"];
    let (made, _) = make(&tree, &user);
    made.ok().does_not_say("system:masters");
    let (made, _) = make(&tree, &[&user[..], &["--org", "system:masters"]].concat());
    made.ok()
        .says("group `system:masters` may do everything, whatever RBAC says");
}

#[test]
fn the_name_of_a_joining_node_is_judged_as_elsewhere() {
    let tree = TestTree::new();
    for name in ["", "a b", "worker_1"] {
        tree.pki(&["kubeconfig", "bootstrap", "--node-name", name])
            .exits(3)
            .says("--node-name: ")
            .changed_nothing();
    }
}

/// In the place of a file, a number or a command.
#[test]
fn a_key_in_the_wrong_place_is_not_shown() {
    let key = "7c0e5a937bd248f6a13c0de79f64b8215ed0773acc1982f46be5309da84712fb";
    for arguments in [
        &["download-certs", key][..],
        &["upload-certs", "--certificate-key-file", key],
        &["upload-certs", "--ttl", key],
        &["renew", "all", "--keep", key],
        &["bootstrap-token", key],
        &["check-expiration", "-o", key],
    ] {
        TestTree::new().pki(arguments).does_not_say(&key[..40]);
    }
}

#[test]
fn a_certificate_ends_with_its_ca() {
    let tree = TestTree::new();
    let user = [
        "user",
        "--client-name",
        "alice",
        "--validity-period",
        "36500d",
    ];
    let (made, _) = make(&tree, &user);
    made.ok()
        .says("`kubeconfig`: valid only until 2036-11-19, when its CA `ca` expires")
        .says("can log in until 2036-11-19");
}

#[test]
fn names_that_cannot_be_in_a_certificate_are_refused_together() {
    let tree = TestTree::new();
    let long = "x".repeat(65);
    let key = "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49";
    tree.pki(&[
        "kubeconfig",
        "user",
        "--client-name",
        "",
        "--org",
        &long,
        "--org",
        key,
        "--org",
        " a",
    ])
    .exits(3)
    .says("--client-name: is empty")
    .says(" has 65 characters, a certificate allows 64")
    .says("--org: looks like a key, so it is refused and not shown")
    .says("--org: ` a` has white space at an end")
    .does_not_say(key)
    .prints_nothing()
    .changed_nothing();
    let node = ["kubeconfig", "bootstrap", "--node-name", &long];
    tree.pki(&node)
        .exits(3)
        .says("--node-name: ")
        .changed_nothing();
    tree.pki(&["kubeconfig", "user"]).exits(2);
    tree.pki(&[
        "kubeconfig",
        "user",
        "--client-name",
        "a",
        "--validity-period",
        "0",
    ])
    .exits(2)
    .says("shorter than a second");
}

/// kubeadm: TestWriteKubeConfigFailsIfCADoesntExist / both -> error; same
#[test]
fn a_group_that_is_given_twice_is_in_the_certificate_once() {
    let tree = TestTree::new();
    let arguments = [
        "kubeconfig",
        "user",
        "--client-name",
        "a",
        "--org",
        "x,y",
        "--org",
        "x",
    ];
    let dry_run = [&arguments[..], &["--dry-run", "-o", "json"]].concat();
    let report: Value = serde_json::from_str(&tree.pki(&dry_run).ok().stdout).unwrap();
    assert_eq!(report["groups"], serde_json::json!(["x", "y"]));
    let (made, text) = make(&tree, &arguments[1..]);
    made.ok();
    let certificate = tree.beside("a.crt", decoded(&text, "client-certificate-data"));
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let facts = openssl.facts_of(fs::read(certificate).unwrap());
    assert_eq!(
        subject(&facts).matches("O=x").count(),
        1,
        "{}",
        facts.subject
    );
}

/// A service account's name may have 300 characters. Only a certificate limits it.
#[test]
fn a_token_may_be_that_of_a_long_name() {
    let tree = TestTree::new();
    let name = format!("system:serviceaccount:{}:builder", "n".repeat(63));
    let token = tree.beside("token", "abc");
    let user = ["kubeconfig", "user", "--client-name", &name];
    let with_token = [&user[..], &["--token-file", &token]].concat();
    let made = run(&mut tree.command(&with_token)).ok();
    assert!(made.stdout.contains(&name), "{made}");
    tree.pki(&user)
        .exits(3)
        .says("has 93 characters, a certificate allows 64")
        .changed_nothing();
}

#[test]
fn a_ca_that_cannot_sign_is_named() {
    let tree = TestTree::new();
    let user = ["kubeconfig", "user", "--client-name", "alice"];
    tree.pki_at(datetime!(2037-01-01 00:00 UTC), &user)
        .exits(3)
        .says("CA `ca`: it expired on 2036-11-19")
        .changed_nothing();
    tree.copy("pki/etcd/ca.key", "pki/ca.key");
    tree.pki(&user)
        .exits(3)
        .says("CA `ca`: its key does not belong to it")
        .changed_nothing();
    tree.remove("pki/ca.key");
    tree.pki(&user)
        .exits(3)
        .says("CA `ca` is external: its key is not on this host")
        .changed_nothing();
    TestTree::empty()
        .pki(&user)
        .exits(3)
        .says("CA `ca`: it is missing")
        .changed_nothing();
}

/// kubeadm: TestBuildKubeConfigFromSpecWithTokenAuth -> token arrives; same
/// kubeadm: TestWriteKubeConfig / both
/// kubeadm: TestKubeConfigSubCommandsThatWritesToOut (`cmd`) / certificate, token, cluster name, 12h
#[test]
fn a_token_takes_the_place_of_a_certificate() {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    let ledger = tree.read(".pki/ledger.jsonl");
    let file = tree.beside("ci.token", "header.payload.signature\n");
    let (made, text) = make(
        &tree,
        &["user", "--client-name", "ci", "--token-file", &file],
    );
    made.ok().says_nothing();
    assert_eq!(value(&text, "token").unwrap(), "header.payload.signature");
    assert_eq!(value(&text, "client-certificate-data"), None);
    assert_eq!(
        decoded(&text, "certificate-authority-data"),
        tree.read("pki/ca.crt")
    );
    let (_, same) = make(
        &tree,
        &[
            "user",
            "--client-name",
            "ci",
            "--token",
            "header.payload.signature",
        ],
    );
    assert_eq!(same, text);
    assert_eq!(tree.read(".pki/ledger.jsonl"), ledger);
    for bad in ["", "two words", "line\nline", "é"] {
        let file = tree.beside("ci.token", bad);
        tree.pki(&[
            "kubeconfig",
            "user",
            "--client-name",
            "ci",
            "--token-file",
            &file,
        ])
        .exits(3)
        .says("it is not a token, want one word")
        .prints_nothing();
    }
    // What has no place in a token.
    let both = [
        "kubeconfig",
        "user",
        "--client-name",
        "ci",
        "--token",
        "a",
        "--org",
        "b",
    ];
    tree.pki(&both).exits(2);
}

#[test]
fn kube_proxy_and_joining_nodes_get_their_users() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let facts = |arguments: &[&str]| {
        let (made, text) = make(&tree, arguments);
        made.ok();
        openssl.facts_of(decoded(&text, "client-certificate-data"))
    };
    assert_eq!(subject(&facts(&["kube-proxy"])), "CN=system:kube-proxy");
    let bootstrap = facts(&["bootstrap", "--node-name", "Worker1"]);
    let group = "O=system:bootstrappers:kubeadm:default-node-token";
    assert_eq!(
        subject(&bootstrap),
        format!("CN=system:bootstrap:worker1,{group}")
    );
    assert_eq!(bootstrap.not_after, datetime!(2026-11-23 00:21:28 UTC));
    assert_eq!(last_in_ledger(&tree)["command"], "kubeconfig bootstrap");
    tree.pki(&["kubeconfig", "bootstrap"]).exits(2);
}
