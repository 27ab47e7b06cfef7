//! Nodes that join: what one control-plane node uploads, the others download.

use std::{fs, os::unix::fs::MetadataExt};

use base64::{Engine, prelude::BASE64_STANDARD};
use pki::objects::kubeadm_certs::new_secret;
use pki::tree::layout::Root;
use pki::tree::shared::{SharedEtcd, shared_files};
use pki::x509::certificate_key::CertificateKey;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use zeroize::Zeroizing;

use crate::support::{
    NOW_ARGUMENT, Openssl, Run, TestTree, fixtures, made_at, pki, rows::files_of, run, sha256,
};

/// The rows that control-plane nodes share.
const SHARED: [&str; 4] = ["ca", "front-proxy-ca", "etcd-ca", "sa"];

/// A key for the tests, in hexadecimal.
const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Uploads the files of a tree.
#[track_caller]
fn uploaded(tree: &TestTree) -> String {
    let run = tree.pki(&["upload-certs", "--certificate-key", KEY]);
    run.ok().changed_nothing().stdout
}

#[track_caller]
fn download(tree: &TestTree, arguments: &[&str], secret: &str) -> Run {
    let command = ["download-certs", "--certificate-key", KEY];
    tree.pki_with_input(&[&command, arguments].concat(), secret)
}

/// Returns the Secret of a tree's files after `change`: the contents of each entry, `None` for one that is empty.
fn forged(
    tree: &TestTree,
    change: impl FnOnce(&mut Vec<(String, Option<Zeroizing<Vec<u8>>>)>),
) -> Value {
    let mut files: Vec<_> = shared_files(SharedEtcd::Local)
        .into_iter()
        .map(|shared| {
            assert_eq!(shared.file.root, Root::Certificates);
            let bytes = fs::read(tree.pki_file(&shared.file.relative)).unwrap();
            (shared.entry, Some(Zeroizing::new(bytes)))
        })
        .collect();
    change(&mut files);
    new_secret(&files, &CertificateKey::from_hex(KEY).unwrap()).unwrap()
}

/// Downloads a Secret with other contents for some entries: it is refused for this reason, and nothing is written.
#[track_caller]
fn check_refused(entries: &[(&str, &[u8])], reasons: &[&str]) {
    let secret = forged(&TestTree::new(), |files| {
        for (name, bytes) in entries {
            let (_, contents) = files.iter_mut().find(|(entry, _)| entry == name).unwrap();
            *contents = Some(Zeroizing::new(bytes.to_vec()));
        }
    });
    let target = TestTree::empty();
    let mut run = download(&target, &[], &secret.to_string())
        .exits(3)
        .prints_nothing()
        .changed_nothing();
    for reason in reasons {
        run = run.says(reason);
    }
    download(&target, &["--dry-run"], &secret.to_string()).exits(3);
}

#[test]
fn a_certificate_key_is_32_random_bytes() {
    let make = |arguments: &[&str]| run(pki().args(arguments)).ok().says_nothing().stdout;
    let text = make(&["certificate-key"]);
    let key = text.strip_suffix('\n').unwrap();
    assert_eq!(key.len(), 64);
    assert!(CertificateKey::from_hex(key).is_ok());
    assert_ne!(text, make(&["certs", "certificate-key"]));
    let report: Value = serde_json::from_str(&make(&["certificate-key", "-o", "json"])).unwrap();
    let key = report["certificateKey"].as_str().unwrap();
    assert!(CertificateKey::from_hex(key).is_ok());
}

/// kubeadm: TestGetDataFromInitConfig, TestCertsToTransfer, TestCertOrKeyNameToSecretName, TestUploadCerts -> secret made; same
/// kubeadm: TestDownloadCerts -> files, modes 0600 and 0644; same
/// kubeadm: TestEncryptAndDecryptData -> right key ok, others error; same
#[test]
fn a_node_downloads_what_another_one_uploads() {
    let source = TestTree::new();
    let secret = uploaded(&source);
    let target = TestTree::empty();
    let planned = download(&target, &["--dry-run"], &secret)
        .ok()
        .changed_nothing()
        .marks('+', &SHARED)
        .prints("dry run: 4 new; nothing was written");
    let done = download(&target, &[], &secret)
        .ok()
        .says_nothing()
        .changed_rows(&SHARED)
        .prints("\n4 new\n");
    assert_eq!(planned.marked('+'), done.marked('+'));
    for name in SHARED {
        for file in files_of(name) {
            assert_eq!(target.read(&file), source.read(&file), "{file}");
            assert_eq!(target.mode(&file), source.mode(&file), "{file}");
        }
    }
    download(&target, &[], &secret)
        .ok()
        .marks('+', &[])
        .prints("4 kept; nothing was written")
        .changed_nothing();
    download(&target, &["--quiet"], &secret)
        .ok()
        .prints_nothing();
    // The rest of the node is made from them.
    target.init(&["--join"]).ok();
    target.assert_healthy();
}

#[test]
fn the_report_of_a_download_is_that_of_other_commands() {
    let secret = uploaded(&TestTree::new());
    let run = download(&TestTree::empty(), &["-o", "json"], &secret).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["command"], "download-certs");
    assert_eq!(report["summary"]["created"], 4);
    assert_eq!(report["rows"][0]["name"], "ca");
    assert_eq!(report["rows"][0]["action"], "create");
}

#[test]
fn an_upload_has_everything_that_a_joining_node_needs() {
    let tree = TestTree::new();
    let run = tree
        .pki(&["upload-certs", "--certificate-key", KEY, "-o", "json"])
        .ok()
        .says("kubectl -n kube-system patch secret kubeadm-certs -p ");
    let list: Value = serde_json::from_str(&run.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    let kinds: Vec<_> = items
        .iter()
        .map(|item| item["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Secret", "Secret", "Role", "RoleBinding"]);
    let decoded = |entry: &str| {
        let encoded = items[0]["data"][entry].as_str().unwrap_or_default();
        String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
    };
    assert_eq!(decoded("expiration"), "2026-11-22T02:21:28Z");
    // It only expires: nobody can log in with it.
    assert_eq!(decoded("usage-bootstrap-authentication"), "");
    assert_eq!(items[0]["type"], "bootstrap.kubernetes.io/token");
    let resources = json!([{
        "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["kubeadm-certs"], "verbs": ["get"],
    }]);
    assert_eq!(items[2]["rules"], resources);
    // A list is read, too, in both formats.
    let target = TestTree::empty();
    download(&target, &[], &run.stdout).ok().marks('+', &SHARED);
}

#[test]
fn an_upload_without_a_key_makes_one_and_prints_it_once() {
    let tree = TestTree::new();
    let run = tree.pki(&["upload-certs"]).ok();
    let note = "note: certificate key: ";
    let keys: Vec<_> = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix(note))
        .collect();
    let [key] = keys[..] else { panic!("{run}") };
    assert!(!run.stdout.contains(key));
    let file = tree.beside("certificate.key", key);
    TestTree::empty()
        .pki_with_input(
            &["download-certs", "--certificate-key-file", &file],
            &run.stdout,
        )
        .ok()
        .marks('+', &SHARED);
}

#[test]
fn keys_are_read_from_a_file_or_standard_input_and_secrets_from_a_file() {
    let tree = TestTree::new();
    let upload = ["upload-certs", "--certificate-key-file", "-"];
    let secret = tree
        .pki_with_input(&upload, &format!("{KEY}\n"))
        .ok()
        .stdout;
    let file = tree.beside("secret.yaml", &secret);
    TestTree::empty()
        .pki_with_input(
            &["download-certs", &file, "--certificate-key-file", "-"],
            KEY,
        )
        .ok()
        .marks('+', &SHARED);
    let twice = ["download-certs", "--certificate-key-file", "-"];
    tree.pki_with_input(&twice, KEY)
        .exits(2)
        .says("only one of the Secret")
        .changed_nothing();
    tree.pki(&["download-certs", &file])
        .exits(3)
        .says("the certificate key is missing");
}

#[test]
fn only_one_file_is_read_from_standard_input() {
    let tree = TestTree::new();
    for (command, usage) in [
        (
            &["bootstrap-token", "new", "--token-file", "-"][..],
            "Usage: pki bootstrap-token new ",
        ),
        (
            &["join-command", "--token-file", "-"],
            "Usage: pki join-command ",
        ),
        (
            &["upload-certs", "--certificate-key-file", "-"],
            "Usage: pki upload-certs ",
        ),
        (
            &[
                "kubeconfig",
                "user",
                "--client-name",
                "a",
                "--token-file",
                "-",
            ],
            "Usage: pki kubeconfig user ",
        ),
    ] {
        tree.pki(&[command, &["--config", "-"]].concat())
            .exits(2)
            .says("can be read from standard input")
            .says(usage)
            .changed_nothing();
    }
}

#[test]
fn what_is_no_certificate_key_is_refused_and_not_shown() {
    let tree = TestTree::new();
    let digits = &KEY[1..];
    for (key, reason) in [
        (
            digits.to_owned(),
            "the certificate key has 63 hexadecimal digits, want 64",
        ),
        (format!("{KEY}{digits}"), "has 127 hexadecimal digits"),
        (
            format!("g{digits}"),
            "has a character that is not a hexadecimal digit",
        ),
        (String::new(), "has 0 hexadecimal digits"),
    ] {
        let file = tree.beside("certificate.key", &key);
        for given in [
            ["--certificate-key", &key],
            ["--certificate-key-file", &file],
        ] {
            for command in ["upload-certs", "download-certs"] {
                tree.pki(&[command, given[0], given[1]])
                    .exits(3)
                    .says(reason)
                    .says("hint: run `pki certificate-key` to make one")
                    .prints_nothing()
                    .does_not_say(&digits[1..20])
                    .changed_nothing();
            }
        }
    }
    // Typed in the wrong place.
    tree.pki(&["upload-certs", KEY])
        .exits(2)
        .does_not_say(digits);
}

/// kubeadm: TestEncryptAndDecryptData
#[test]
fn a_secret_of_another_key_is_refused_as_a_whole() {
    let secret = uploaded(&TestTree::new());
    let other = KEY.replace('0', "1");
    TestTree::empty()
        .pki_with_input(&["download-certs", "--certificate-key", &other], &secret)
        .exits(3)
        .says_only(&[
            "error: the Secret `kubeadm-certs`: none of its entries can be decrypted with this certificate key",
            "hint: use the certificate key that encrypted the Secret",
        ])
        .changed_nothing();
}

#[test]
fn every_problem_of_a_secret_is_named_and_nothing_is_written() {
    let source = TestTree::new();
    let mut secret = forged(&source, |files| {
        files.retain(|(entry, _)| entry != "sa.key")
    });
    let data = secret["data"].as_object_mut().unwrap();
    let (start, end) = data["ca.crt"].as_str().unwrap().split_at(40);
    let reversed: String = start.chars().rev().collect();
    data["etcd-ca.crt"] = json!(reversed + end);
    data["front-proxy-ca.key"] = json!("QUJD");
    let target = TestTree::empty();
    download(&target, &[], &secret.to_string())
        .exits(3)
        .says("Secret `kubeadm-certs`: entry `front-proxy-ca.key`: it is too short")
        .says(
            "entry `etcd-ca.crt`: it was encrypted with another certificate key, or it is damaged",
        )
        .says("entry `sa.key`: it is missing")
        .says("hint: upload the files again with `pki upload-certs`")
        .changed_nothing();
    secret["data"]["ca.crt"] = json!("?");
    download(&target, &[], &secret.to_string())
        .exits(3)
        .says("standard input: Secret `kubeadm-certs`: entry `ca.crt` is not base64")
        .changed_nothing();
}

#[test]
fn an_input_without_the_secret_is_refused() {
    let target = TestTree::empty();
    for (input, reason) in [
        (
            "",
            "standard input: it has no Secret `kubeadm-certs` of `kube-system`",
        ),
        (
            "kind: Secret\nmetadata: {name: kubeadm-certs, namespace: default}\n",
            "it has no Secret",
        ),
        ("a: [", "it is neither YAML nor JSON (line "),
    ] {
        download(&target, &[], input)
            .exits(3)
            .says(reason)
            .says("hint: ")
            .changed_nothing();
    }
}

#[test]
fn files_that_are_not_what_their_names_say_are_refused() {
    let tree = TestTree::new();
    let read = |name: &str| tree.read(name);
    check_refused(
        &[
            ("ca.crt", b"hello"),
            ("sa.key", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA"),
        ],
        &["entry `ca.crt`: ", "entry `sa.key`: malformed PEM"],
    );
    check_refused(
        &[("ca.key", &read("pki/ca.crt"))],
        &["entry `ca.key`: it contains no key"],
    );
    // A leaf in the place of a CA.
    check_refused(
        &[
            ("ca.crt", &read("pki/apiserver.crt")),
            ("ca.key", &read("pki/apiserver.key")),
        ],
        &["Secret `kubeadm-certs`: CA `ca`: it is not a CA certificate"],
    );
    check_refused(
        &[("front-proxy-ca.key", &read("pki/ca.key"))],
        &["Secret `kubeadm-certs`: CA `front-proxy-ca`: its key does not belong to it"],
    );
    check_refused(
        &[("sa.key", &read("pki/apiserver.key"))],
        &["Secret `kubeadm-certs`: `sa`: sa.pub does not contain the public key of sa.key"],
    );
}

#[test]
fn an_encrypted_key_that_is_not_read_is_refused() {
    let keys = crate::support::fixtures().join("encrypted-keys");
    for (name, how) in [
        ("traditional.pem", "OpenSSL's traditional encryption"),
        ("scrypt-aes256.pem", "PBES2 with scrypt"),
    ] {
        let key = fs::read(keys.join(name)).unwrap();
        let reason =
            format!("entry `ca.key`: it is encrypted in a way that `pki` does not read: {how}");
        check_refused(&[("ca.key", &key)], &[&reason]);
    }
}

#[test]
fn an_expired_ca_is_neither_uploaded_nor_downloaded() {
    let source = TestTree::new();
    let secret = uploaded(&source);
    let later: OffsetDateTime = datetime!(2037-01-01 00:00 UTC);
    source
        .pki_at(later, &["upload-certs", "--certificate-key", KEY])
        .exits(3)
        .says("CA `ca`: it expired on 2036-11-19")
        .prints_nothing();
    let now = ["--now", "2037-01-01T00:00:00Z"];
    let target = TestTree::empty();
    download(&target, &now, &secret)
        .exits(3)
        .says("Secret `kubeadm-certs`: CA `ca`: it expired on 2036-11-19")
        .changed_nothing();
}

#[test]
fn a_host_of_another_cluster_keeps_its_cas_unless_told_otherwise() {
    let secret = uploaded(&TestTree::new());
    let other = TestTree::of_another_cluster();
    let before = other.read("pki/ca.crt");
    download(&other, &[], &secret)
        .exits(3)
        .says("CA `ca`: this host has another one, which these need: apiserver, ")
        .says(
            "CA `front-proxy-ca`: this host has another one, which these need: front-proxy-client",
        )
        .says("`sa`: this host has another one, and belongs to a cluster")
        .says("`--allow-replace` replaces the files anyway")
        .changed_nothing();
    download(&other, &["--allow-replace"], &secret)
        .ok()
        .says("warning: CA `ca`: this host has another one")
        .marks('~', &SHARED)
        .prints("4 replaced; the old files are kept as generation ")
        .changed_rows(&SHARED);
    other.pki(&["rollback"]).changed_rows(&SHARED);
    assert_eq!(other.read("pki/ca.crt"), before);
}

/// A component that restarts before would not reach the others: its certificate is of the old CA.
#[test]
fn after_other_cas_the_certificates_are_renewed_before_components_restart() {
    let secret = uploaded(&TestTree::new());
    let other = TestTree::of_another_cluster();
    let run = download(&other, &["--allow-replace"], &secret).ok();
    let lines: Vec<_> = run.stdout.lines().collect();
    let after = |title: &str| {
        let line = lines.iter().position(|line| line.starts_with(title));
        line.unwrap_or_else(|| panic!("{title}: {run}")) + 1
    };
    let (renewal, restarts) = (after("Renew these first, "), after("Restart these, "));
    assert!(renewal < restarts, "{run}");
    let restarted: Vec<_> = lines[restarts..]
        .iter()
        .map_while(|line| line.strip_prefix("    "))
        .map(|line| line.trim_end_matches(')').rsplit(' ').next().unwrap())
        .collect();
    let components = [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
    ];
    assert_eq!(restarted, components, "{run}");
    let words: Vec<_> = lines[renewal].trim().split(' ').skip(1).collect();
    other
        .watch(
            crate::support::pki()
                .args(&words)
                .args(["--now", NOW_ARGUMENT]),
        )
        .ok()
        .changed_rows(&crate::support::rows::SIGNED);
    other.assert_healthy();
}

/// It has no certificate.
#[test]
fn a_replaced_key_pair_has_no_serial_number() {
    let secret = uploaded(&TestTree::new());
    let other = TestTree::of_another_cluster();
    let run = download(
        &other,
        &["--allow-replace", "-o", "json", "--dry-run"],
        &secret,
    )
    .ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row("sa")["action"], "replace");
    assert_eq!(row("sa").get("serial"), None);
    assert!(row("ca")["serial"].as_str().unwrap().contains(':'));
    assert!(
        report["renewCommand"]
            .as_str()
            .unwrap()
            .starts_with("pki renew ")
    );
}

/// A rotation adds a CA to the file.
#[test]
fn a_shared_file_that_is_lost_or_damaged_is_repaired() {
    let tree = TestTree::new();
    let secret = uploaded(&tree);
    for file in ["pki/sa.pub", "pki/ca.crt", "pki/front-proxy-ca.crt"] {
        let whole = tree.read(file);
        for damage in ["", "not PEM"] {
            tree.write(file, damage);
            download(&tree, &[], &secret).ok();
            assert_eq!(tree.read(file), whole, "{file}");
        }
        tree.remove(file);
        download(&tree, &[], &secret).ok();
        assert_eq!(tree.read(file), whole, "{file}");
    }
}

/// Tokens that another key has signed would be refused.
#[test]
fn no_key_of_the_service_accounts_is_lost_unasked() {
    let (tree, other) = (TestTree::new(), TestTree::of_another_cluster());
    let secret = uploaded(&tree);
    let second = other.text("pki/sa.pub");
    tree.edit("pki/sa.pub", |text| text + &second);
    download(&tree, &[], &secret)
        .exits(3)
        .says("`sa`: this host has another one")
        .changed_nothing();
}

#[test]
fn a_bundle_that_still_has_the_signer_is_replaced() {
    let tree = TestTree::new();
    let single = uploaded(&tree);
    tree.append("pki/etcd/ca.crt", "pki/ca.crt");
    download(&tree, &[], &single)
        .ok()
        .marks('~', &["ca"])
        .changed_files(&["pki/ca.crt"]);
}

#[test]
fn cas_alone_are_replaced_because_nothing_needs_them() {
    let target = TestTree::empty();
    download(&target, &[], &uploaded(&TestTree::of_another_cluster())).ok();
    download(&target, &[], &uploaded(&TestTree::new()))
        .ok()
        .marks('~', &SHARED)
        .prints("4 replaced; the old files are kept as generation ");
}

#[test]
fn an_incomplete_tree_is_not_uploaded() {
    let tree = TestTree::new();
    tree.remove_all(&["pki/sa.key", "pki/etcd/ca.crt", "pki/etcd/ca.key"]);
    tree.copy("pki/ca.key", "pki/front-proxy-ca.key");
    tree.pki(&["upload-certs", "--certificate-key", KEY])
        .exits(3)
        .says("CA `front-proxy-ca`: its key does not belong to it")
        .says("CA `etcd-ca`: it is missing")
        .says("`sa`: sa.pub exists, sa.key is missing")
        .prints_nothing();
    TestTree::empty()
        .pki(&["upload-certs"])
        .exits(3)
        .says("hint: run this on a control plane node")
        .prints_nothing();
}

#[test]
fn the_key_of_an_external_ca_is_an_empty_entry() {
    let source = TestTree::new();
    source.remove("pki/ca.key");
    let run = source.pki(&["upload-certs", "--certificate-key", KEY]).ok();
    let secret = run
        .says("pki/ca.key` does not exist, so its entry in the Secret is empty")
        .stdout;
    assert!(secret.contains("\n  ca.key: \"\"\n"), "{secret}");
    let target = TestTree::empty();
    download(&target, &[], &secret)
        .ok()
        .says("warning: entry `ca.key` is empty: the node that uploaded it has no such file")
        .marks('+', &SHARED);
    assert!(!target.exists("pki/ca.key"));
}

#[test]
fn a_ca_without_any_file_is_refused() {
    let secret = forged(&TestTree::new(), |files| {
        for (entry, contents) in files {
            if entry.starts_with("front-proxy-ca") {
                *contents = None;
            }
        }
    });
    download(&TestTree::empty(), &[], &secret.to_string())
        .exits(3)
        .says("the Secret `kubeadm-certs`: CA `front-proxy-ca`: it has no files")
        .changed_nothing();
}

#[test]
fn the_secret_that_kubeadm_uploaded_is_read() {
    let folder = fixtures().join("kubeadm-certs");
    let key = folder.join("certificate.key");
    let key = key.to_str().unwrap();
    let target = TestTree::empty();
    let secret = folder.join("ha.yaml");
    let arguments = [
        "download-certs",
        secret.to_str().unwrap(),
        "--certificate-key-file",
        key,
    ];
    target
        .pki_at(made_at("kubeadm-1.20"), &arguments)
        .ok()
        .says_nothing()
        .marks('+', &SHARED);
    let made = TestTree::fixture("kubeadm-1.20/ha");
    for file in SHARED.iter().flat_map(|row| files_of(row)) {
        assert_eq!(target.read(&file), made.read(&file), "{file}");
    }

    // Its CA of etcd was made later.
    let target = TestTree::empty();
    let secret = folder.join("external-etcd.yaml");
    let arguments = [
        "download-certs",
        secret.to_str().unwrap(),
        "--certificate-key-file",
        key,
    ];
    target
        .pki_at(datetime!(2026-11-30 00:00 UTC), &arguments)
        .ok()
        .changed_files(&[
            "pki/ca.crt",
            "pki/ca.key",
            "pki/front-proxy-ca.crt",
            "pki/front-proxy-ca.key",
            "pki/etcd/ca.crt",
            "pki/apiserver-etcd-client.crt",
            "pki/apiserver-etcd-client.key",
            "pki/sa.pub",
            "pki/sa.key",
        ]);
}

#[test]
fn the_certificates_of_an_external_etcd_are_uploaded_from_their_usual_places() {
    let source = TestTree::new();
    let config = |ca_file: &str| {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\netcd:\n  external:\n    \
             endpoints: [https://192.0.2.50:2379]\n    caFile: {ca_file}\n    \
             certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt\n    \
             keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key\n"
        );
        source.beside("cluster.yaml", text)
    };
    let file = config("/etc/kubernetes/pki/etcd/ca.crt");
    let upload = ["upload-certs", "--certificate-key", KEY, "--config", &file];
    let secret = source.pki(&upload).ok().stdout;
    assert!(secret.contains("external-etcd-ca.crt"), "{secret}");
    let target = TestTree::empty();
    let rows = [
        "ca",
        "front-proxy-ca",
        "etcd-ca",
        "apiserver-etcd-client",
        "sa",
    ];
    download(&target, &[], &secret).ok().marks('+', &rows);
    assert!(!target.exists("pki/etcd/ca.key"));
    let file = config("/etc/ssl/etcd/ca.pem");
    let upload = ["upload-certs", "--certificate-key", KEY, "--config", &file];
    source
        .pki(&upload)
        .exits(3)
        .says("`etcd.external.caFile` is `/etc/ssl/etcd/ca.pem`: only ")
        .prints_nothing();
}

/// A bootstrap token for the tests.
const TOKEN: &str = "abcdef.0123456789abcdef";

/// Returns the decoded entries of a Secret.
fn entries(secret: &Value) -> Vec<(String, String)> {
    let data = secret["data"].as_object().unwrap().iter();
    data.map(|(name, value)| {
        let value = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
        (name.clone(), String::from_utf8(value).unwrap())
    })
    .collect()
}

#[test]
fn a_token_lets_nodes_log_in_until_it_expires() {
    let new = [
        "bootstrap-token",
        "new",
        "-o",
        "json",
        "--now",
        NOW_ARGUMENT,
    ];
    let given = [
        "--token",
        TOKEN,
        "--ttl",
        "90m",
        "--description",
        "two workers",
    ];
    let printed = run(pki().args(new).args(given)).ok().says_nothing().stdout;
    let secret: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(secret["metadata"]["name"], "bootstrap-token-abcdef");
    assert_eq!(secret["metadata"]["namespace"], "kube-system");
    assert_eq!(secret["type"], "bootstrap.kubernetes.io/token");
    let want = [
        ("token-id", "abcdef"),
        ("token-secret", "0123456789abcdef"),
        ("description", "two workers"),
        ("expiration", "2026-11-22T01:51:28Z"),
        ("usage-bootstrap-authentication", "true"),
        ("usage-bootstrap-signing", "true"),
        (
            "auth-extra-groups",
            "system:bootstrappers:kubeadm:default-node-token",
        ),
    ];
    let want = want.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(entries(&secret), want);

    let made = || {
        let printed = run(pki().args(new)).ok().stdout;
        entries(&serde_json::from_str(&printed).unwrap())
    };
    let (one, other) = (made(), made());
    assert_ne!(one[0], other[0]);
    assert_ne!(one[1], other[1]);
    assert_eq!(
        one[2],
        ("expiration".to_owned(), "2026-11-23T00:21:28Z".to_owned())
    );
}

#[test]
fn a_token_that_has_expired_is_refused() {
    let tree = TestTree::new();
    let made = tree.pki(&["bootstrap-token", "new", "--ttl", "1h", "--token", TOKEN]);
    let file = tree.beside("token.yaml", made.ok().stdout);
    let later = ["--token-file", &file, "--now", "2026-11-22T01:21:28Z"];
    for command in [&["join-command"][..], &["kubeconfig", "bootstrap"]] {
        let mut in_time = tree.command(&[command, &later[..2]].concat());
        run(&mut in_time).ok();
        tree.pki(&[command, &later].concat())
            .exits(3)
            .says("token `abcdef` expired at 2026-11-22T01:21:28Z")
            .says("hint: run `pki bootstrap-token new` to make one")
            .changed_nothing();
    }
    // The same token may be given another life.
    tree.pki(&[&["bootstrap-token", "new"], &later[..]].concat())
        .ok()
        .prints("name: bootstrap-token-abcdef");
}

#[test]
fn a_dry_run_makes_no_token_and_no_kubeconfig() {
    let tree = TestTree::new();
    let file = tree.root().join("bootstrap-kubelet.conf");
    let inside = tree.path("bootstrap-kubelet.conf");
    let new = [
        "bootstrap-token",
        "new",
        "--dry-run",
        "--bootstrap-kubeconfig",
    ];
    tree.pki(&[&new[..], &[file.to_str().unwrap()]].concat())
        .ok()
        .says(&format!("note: dry run: `{}` would be written", file.display()))
        .says("note: dry run: the Secret of a token that expires at 2026-11-23T00:21:28Z would be printed")
        .prints_nothing()
        .changed_nothing();
    tree.pki(&[&new[..], &[inside.to_str().unwrap()]].concat())
        .exits(3)
        .says("is in a directory of a tree")
        .changed_nothing();
}

#[test]
fn what_expires_after_all_time_is_refused() {
    let tree = TestTree::new();
    for command in [&["upload-certs"][..], &["bootstrap-token", "new"]] {
        let arguments = [command, &["--ttl", "876000h"]].concat();
        tree.pki_at(datetime!(9950-01-01 00:00 UTC), &arguments)
            .exits(3)
            .prints_nothing();
    }
}

#[test]
fn a_bootstrap_kubeconfig_has_the_token_and_the_ca() {
    let tree = TestTree::nested();
    tree.init(&[]).ok();
    let outside = tree.root().parent().unwrap().join("bootstrap-kubelet.conf");
    let file = outside.to_str().unwrap();
    let new = [
        "bootstrap-token",
        "new",
        "--token",
        TOKEN,
        "--bootstrap-kubeconfig",
    ];
    let printed = tree
        .pki(&[&new[..], &[file]].concat())
        .ok()
        .changed_nothing();
    assert!(
        printed.stdout.contains("bootstrap-token-abcdef"),
        "{printed}"
    );
    let text = fs::read_to_string(&outside).unwrap();
    assert!(
        text.contains("    token: abcdef.0123456789abcdef\n"),
        "{text}"
    );
    assert!(
        text.contains("- name: tls-bootstrap-token-user\n"),
        "{text}"
    );
    let ca = BASE64_STANDARD.encode(tree.read("pki/ca.crt"));
    assert!(text.contains(&format!("certificate-authority-data: {ca}\n")));
    assert_eq!(fs::metadata(&outside).unwrap().mode() & 0o777, 0o600);

    // The same as a command of its own, from the Secret.
    let secret = tree.beside("token.yaml", &printed.stdout);
    let bootstrap = ["kubeconfig", "bootstrap", "--token-file", &secret];
    assert_eq!(run(&mut tree.command(&bootstrap)).ok().stdout, text);

    let inside = tree.path("bootstrap-kubelet.conf");
    tree.pki(&[&new[..], &[inside.to_str().unwrap()]].concat())
        .exits(3)
        .says("bootstrap-kubelet.conf` is in a directory of a tree")
        .prints_nothing()
        .changed_nothing();
}

#[test]
fn what_is_no_token_is_refused_and_not_shown() {
    let tree = TestTree::new();
    let secret = "zyxwvutsrqponmlk";
    for text in [
        format!("abcde.{secret}"),
        format!("ABCDEF.{secret}"),
        format!("abcdef{secret}"),
    ] {
        let file = tree.beside("token", &text);
        for given in [["--token", &text], ["--token-file", &file]] {
            for command in [
                &["bootstrap-token", "new"][..],
                &["join-command"],
                &["kubeconfig", "bootstrap"],
            ] {
                tree.pki(&[command, &given].concat())
                    .exits(3)
                    .says("it is not a bootstrap token")
                    .says("hint: run `pki bootstrap-token new` to make one")
                    .does_not_say(secret)
                    .prints_nothing();
            }
        }
    }
    let upload = uploaded(&tree);
    let file = tree.beside("token", upload);
    tree.pki(&["join-command", "--token-file", &file])
        .exits(3)
        .says("it has 0 Secrets of tokens that can authenticate, want one");
    tree.pki(&["join-command"]).exits(2);
    let new = ["bootstrap-token", "new", "--ttl", "0s"];
    run(pki().args(new)).exits(2).says("shorter than a second");
}

#[test]
fn the_discovery_hash_is_that_of_the_public_key() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let hash = |name: &str| {
        let public = openssl.facts(&tree.path(name)).public_key;
        let public = openssl.file("public.pem", public);
        openssl
            .run(&[
                "pkey", "-pubin", "-in", &public, "-outform", "der", "-out", "spki",
            ])
            .ok();
        format!("sha256:{}", sha256(&openssl.output("spki")))
    };
    let own = hash("pki/ca.crt");
    let printed = tree
        .pki(&["discovery-hash"])
        .ok()
        .says_nothing()
        .changed_nothing();
    assert_eq!(printed.stdout, format!("{own}\n"));
    // While a CA is being replaced, either may match.
    tree.append("pki/etcd/ca.crt", "pki/ca.crt");
    let printed = tree.pki(&["discovery-hash", "-o", "json"]).ok();
    let report: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(report, json!({"hashes": [own, hash("pki/etcd/ca.crt")]}));
    TestTree::empty()
        .pki(&["discovery-hash"])
        .exits(3)
        .says("CA `ca`: it is missing");
}

#[test]
fn join_commands_are_those_of_kubeadm() {
    let tree = TestTree::new();
    let hash = tree.pki(&["discovery-hash"]).ok().stdout;
    let key = tree.beside("certificate.key", KEY);
    let endpoint = ["--control-plane-endpoint", "api.example.com:8443"];
    let join = [
        "join-command",
        "--token",
        TOKEN,
        "--certificate-key-file",
        &key,
    ];
    let worker = format!(
        "kubeadm join api.example.com:8443 --token {TOKEN} --discovery-token-ca-cert-hash {}",
        hash.trim_end()
    );
    let printed = tree
        .pki(&[&join[..], &endpoint].concat())
        .ok()
        .says_nothing()
        .changed_nothing();
    assert_eq!(
        printed.stdout,
        format!(
            "# On a worker:\n{worker}\n# On a control-plane node:\n{worker} --control-plane --certificate-key {KEY}\n"
        )
    );
    let join = ["join-command", "--token", TOKEN, "-o", "json"];
    let printed = tree.pki(&[&join[..], &endpoint].concat()).ok();
    let report: Value = serde_json::from_str(&printed.stdout).unwrap();
    // The shared files may be there already.
    let control_plane = format!("{worker} --control-plane");
    assert_eq!(
        report,
        json!({"worker": worker, "controlPlane": control_plane})
    );
}

#[test]
fn without_an_endpoint_only_workers_join() {
    let tree = TestTree::empty();
    let flags = [
        "--node-name",
        "cp-1",
        "--apiserver-advertise-address",
        "192.0.2.11",
    ];
    let init = ["init", "--encryption-algorithm", "ECDSA-P256"];
    tree.pki(&[&init[..], &flags].concat()).ok();
    let printed = tree
        .pki(&["join-command", "--token", TOKEN])
        .ok()
        .says("the configuration has no `controlPlaneEndpoint`")
        .prints("kubeadm join 192.0.2.11:6443 --token ");
    assert!(!printed.stdout.contains("--control-plane"), "{printed}");
}
