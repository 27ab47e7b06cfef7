//! What each command does with encrypted CA keys.

use serde_json::Value;

use super::{CAS, PASSPHRASE, encrypt, encrypted_tree, fixture, keeps_the_secret, passphrase_file};
use crate::support::{FLAGS, TestTree, peer, run};
use pki::catalog::components::SIGNING_OPTIONS;

const NO_PASSPHRASE: &str = "is encrypted, and no passphrase was given";

/// Makes a certification request beside the tree, and returns its path.
fn request(tree: &TestTree) -> String {
    tree.pki(&["csr", "generate", "apiserver"]).exits(0);
    tree.beside("apiserver.csr", tree.read("pki/apiserver.csr"))
}

/// Every command that signs, for a tree without `front-proxy-client`.
fn signing(request: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["init"],
        vec!["renew", "all"],
        vec!["renew", "apiserver"],
        vec!["renew", "--due", "400d"],
        vec!["renew", "etcd-server", "--reuse-key"],
        vec!["certs", "renew", "apiserver"],
        vec!["csr", "sign", request],
        vec!["kubeconfig", "user", "--client-name=alice"],
        vec!["kubeconfig", "kube-proxy"],
        vec!["kubeconfig", "bootstrap", "--node-name=worker-1"],
    ]
}

#[test]
fn a_command_that_signs_needs_the_passphrase_and_changes_nothing_without_it() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    let request = request(&tree);
    tree.remove_rows(&["front-proxy-client"]);
    let wrong = tree.beside("wrong", "correct horse");
    for words in signing(&request) {
        for dry_run in [&[][..], &["--dry-run"]] {
            let words = [&words, dry_run].concat();
            tree.pki(&words)
                .exits(3)
                .says(NO_PASSPHRASE)
                .says("hint: use `--ca-passphrase-file FILE`")
                .prints_nothing()
                .changed_nothing();
            let words = [&words, &["--ca-passphrase-file", &wrong][..]].concat();
            keeps_the_secret(tree.pki(&words))
                .exits(3)
                .says("the passphrase is wrong, or the file is damaged")
                .prints_nothing()
                .changed_nothing();
        }
    }
    for words in signing(&request) {
        let keys = CAS.map(|ca| tree.read(&format!("pki/{ca}.key")));
        let words = [&words, &["--ca-passphrase-file", &file][..]].concat();
        let planned = tree.pki(&[&words, &["--dry-run"][..]].concat());
        keeps_the_secret(planned).exits(0).changed_nothing();
        let run = run(&mut tree.command(&words));
        assert_eq!(run.code, Some(0), "{} {}", run.command, run.stderr);
        assert_eq!(CAS.map(|ca| tree.read(&format!("pki/{ca}.key"))), keys);
    }
    let healthy = [
        "verify",
        "--severity=warning",
        "--ignore=ca.key-encrypted,request.unusable",
    ];
    tree.pki(&healthy).exits(0).prints(": no findings\n");
}

#[test]
fn a_command_that_signs_nothing_asks_for_nothing() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    let words = ["renew", "apiserver", "--ca-passphrase-file", &file];
    tree.pki(&words).exits(0);
    tree.pki(&["csr", "generate", "apiserver"]).exits(0);
    for words in [
        &["init"][..],
        &["init", "--join"],
        &["check-expiration"],
        &["verify"],
        &["renew", "--due", "1d"],
        &["history"],
        &["ledger"],
        &["discovery-hash"],
        &["rollback", "--dry-run"],
        &["rollback"],
    ] {
        tree.pki(words).exits(0).does_not_say("passphrase is given");
    }
}

#[test]
fn only_the_keys_of_the_signing_cas_matter() {
    if peer("openssl").is_none() {
        return;
    }
    let tree = TestTree::new();
    encrypt(&tree, "pki/ca.key");
    tree.pki(&["renew", "etcd-server", "front-proxy-client"])
        .exits(0)
        .says_nothing()
        .changed_rows(&["front-proxy-client", "etcd-server"]);
    tree.pki(&["renew", "all"])
        .exits(3)
        .says("CA `ca`: `")
        .does_not_say("CA `etcd-ca`")
        .changed_nothing();
}

#[test]
fn the_key_of_another_ca_is_refused() {
    if peer("openssl").is_none() {
        return;
    }
    let tree = TestTree::new();
    tree.copy("pki/etcd/ca.key", "pki/ca.key");
    encrypt(&tree, "pki/ca.key");
    let file = passphrase_file(&tree, PASSPHRASE);
    for dry_run in [&[][..], &["--dry-run"]] {
        let words = ["renew", "apiserver", "--ca-passphrase-file", &file];
        tree.pki(&[&words, dry_run].concat())
            .exits(3)
            .says("CA `ca`: its key does not belong to it (the public keys differ)")
            .changed_nothing();
    }
}

/// Returns the ids, severities and rows of what `verify` finds.
fn findings(tree: &TestTree) -> Vec<(String, String, String)> {
    let run = run(&mut tree.command(&["verify", "-o", "json"]));
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["trees"][0]["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            (
                text(&finding["id"]),
                text(&finding["severity"]),
                text(&finding["name"]),
            )
        })
        .collect()
}

#[test]
fn verify_says_what_an_encrypted_key_means() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    tree.pki(&["verify"])
        .exits(0)
        .prints("(PBES2: PBKDF2 with HMAC-SHA256 and 1000 iterations, AES-256-CBC)")
        .prints("kube-controller-manager cannot read it")
        .prints("sign requests with `pki csr sign`");
    let encrypted: Vec<_> = findings(&tree)
        .into_iter()
        .filter(|(id, ..)| id == "ca.key-encrypted")
        .map(|(_, severity, row)| format!("{row}: {severity}"))
        .collect();
    assert_eq!(
        encrypted,
        ["ca: warning", "front-proxy-ca: info", "etcd-ca: info"]
    );
    tree.pki(&["check-expiration"]).exits(0).says_nothing();

    // An encryption that `pki` does not read is not a fault of the cluster.
    tree.write("pki/etcd/ca.key", fixture("scrypt-aes256.pem"));
    tree.pki(&["verify"])
        .exits(0)
        .prints("convert the key: `openssl pkcs8 -topk8 ");
}

#[test]
fn verify_names_the_manifest_that_starts_the_controller_manager_with_the_key() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    for option in SIGNING_OPTIONS.map(|[_, key]| key) {
        tree.write(MANIFEST, manifest(option, "/etc/kubernetes/pki/ca.key"));
        tree.pki(&["verify"]).exits(5).prints(&format!(
            "kube-controller-manager is started with `{option}` `/etc/kubernetes/pki/ca.key`; this key is encrypted, so kube-controller-manager will exit the next time it starts"
        ));
        tree.write(MANIFEST, manifest(option, ""));
        tree.pki(&["verify"]).exits(0);
    }
    let is_manifest = |id: &str| id.starts_with("manifest.");
    assert!(!findings(&tree).iter().any(|(id, ..)| is_manifest(id)));
}

pub(super) const MANIFEST: &str = "manifests/kube-controller-manager.yaml";
pub(super) const KEY_OPTION: &str = "--cluster-signing-key-file";

pub(super) fn manifest(option: &str, key: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command: [kube-controller-manager, \"{option}={key}\"]\n"
    )
}

/// A renewal does not cause it, but the restart that a renewal asks for does the damage.
#[test]
fn a_renewal_says_that_the_controller_manager_will_not_start_again() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    tree.write(MANIFEST, manifest(KEY_OPTION, "/etc/kubernetes/pki/ca.key"));
    let renew = ["renew", "all", "--ca-passphrase-file", &file];
    let run = tree
        .pki(&renew)
        .exits(5)
        .says("so kube-controller-manager will exit the next time it starts");
    let lines: Vec<_> = run.stdout.lines().map(str::trim).collect();
    let obstacle = lines
        .iter()
        .position(|line| {
            line.starts_with("# correct this first: kube-controller-manager is started")
        })
        .unwrap_or_else(|| panic!("{run}"));
    assert!(
        lines[obstacle + 1].contains("kube-controller-manager"),
        "{run}"
    );
    let json = tree.pki(&[&renew[..], &["-o", "json"]].concat()).exits(5);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let obstacles = report["restart"].as_array().unwrap().iter();
    let obstacles: Vec<_> = obstacles
        .filter(|restart| restart.get("obstacle").is_some())
        .map(|restart| &restart["component"])
        .collect();
    assert_eq!(obstacles, ["kube-controller-manager"]);
    // Nothing of the cluster CA is renewed.
    let renew = ["renew", "etcd-server", "--ca-passphrase-file", &file];
    tree.pki(&renew).exits(0);
}

#[test]
fn init_says_that_the_controller_manager_will_not_start() {
    let tree = TestTree::empty();
    let file = passphrase_file(&tree, PASSPHRASE);
    tree.write(MANIFEST, manifest(KEY_OPTION, "/etc/kubernetes/pki/ca.key"));
    tree.init(&[
        "--encrypt-ca-keys",
        "--new-ca",
        "--ca-passphrase-file",
        &file,
    ])
    .exits(5)
    .says("so kube-controller-manager will exit the next time it starts");
    tree.pki(&["init"]).exits(0);
}

#[test]
fn all_encrypted_keys_of_a_tree_have_one_passphrase() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    tree.remove_rows(&["front-proxy-ca", "front-proxy-client"]);
    let other = tree.beside("other", "another");
    let init = [
        "init",
        "--new-ca",
        "--encrypt-ca-keys",
        "--ca-passphrase-file",
    ];
    tree.pki(&[&init[..], &[&other]].concat())
        .exits(3)
        .says("CA `ca`: `")
        .says("the passphrase is wrong, or the file is damaged")
        .changed_nothing();
    tree.pki(&[&init[..], &[&file]].concat()).exits(0);
    tree.pki(&["renew", "all", "--ca-passphrase-file", &file])
        .exits(0);
}

#[test]
fn init_encrypts_the_keys_of_new_cas_only() {
    let tree = TestTree::empty();
    let file = passphrase_file(&tree, PASSPHRASE);
    let flags = ["--encrypt-ca-keys", "--ca-passphrase-file", &file];
    tree.init(&["--encrypt-ca-keys"])
        .exits(3)
        .says("`--encrypt-ca-keys` needs a passphrase, and none is given")
        .changed_nothing();
    tree.init(&[&flags[..], &["--dry-run"]].concat())
        .exits(0)
        .changed_nothing();
    keeps_the_secret(tree.init(&flags))
        .exits(0)
        .says("the key of CA `ca` is encrypted: kube-controller-manager cannot read it");
    for ca in CAS {
        let key = format!("pki/{ca}.key");
        let label = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n";
        assert!(tree.text(&key).starts_with(label), "{key}");
        assert_eq!(tree.mode(&key), 0o600, "{key}");
    }
    for key in ["pki/sa.key", "pki/apiserver.key"] {
        assert!(!tree.text(key).contains("ENCRYPTED"), "{key}");
    }
    tree.pki(&["init", "--encrypt-ca-keys"])
        .exits(0)
        .says("CA `ca`: the key is encrypted")
        .does_not_say("only new keys")
        .changed_nothing();
    tree.pki(&["renew", "all", "--ca-passphrase-file", &file])
        .exits(0);

    TestTree::new()
        .pki(&["init", "--encrypt-ca-keys"])
        .exits(0)
        .says("only new keys are encrypted; the keys of these CAs stay as they are, see `pki help csr`: `ca`, `front-proxy-ca`, `etcd-ca`")
        .changed_nothing();
    for flag in ["--join", "--external-ca"] {
        tree.pki(&["init", "--encrypt-ca-keys", flag])
            .exits(2)
            .changed_nothing();
    }
}

#[test]
fn csr_sign_takes_an_encrypted_key_outside_any_tree() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    let request = request(&tree);
    let [certificate, key] =
        ["ca.crt", "ca.key"].map(|name| tree.beside(name, tree.read(&format!("pki/{name}"))));
    let sign = [
        "csr",
        "sign",
        &request,
        "--ca-cert",
        &certificate,
        "--ca-key",
        &key,
    ];
    tree.pki(&sign)
        .exits(3)
        .says(NO_PASSPHRASE)
        .says(&key)
        .changed_nothing();
    let sign = [&sign[..], &["--ca-passphrase-file", &file]].concat();
    let before = tree.snapshot();
    keeps_the_secret(run(&mut tree.command(&sign)))
        .ok()
        .prints("-----BEGIN CERTIFICATE-----");
    assert_eq!(before.changes(&tree.snapshot()), [""; 0]);
}

#[test]
fn joining_nodes_get_the_key_as_it_is() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    let key = "--certificate-key=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let run = tree
        .pki(&["upload-certs", key])
        .exits(0)
        .says("CA `ca`: the key is encrypted with a passphrase, which `kubeadm join` refuses");
    let node = TestTree::empty();
    node.pki_with_input(&["download-certs", key], &run.stdout)
        .exits(0);
    for ca in CAS {
        let file = format!("pki/{ca}.key");
        assert_eq!(node.read(&file), tree.read(&file), "{file}");
    }
    let join = [&["init", "--join"], &FLAGS[..]].concat();
    node.pki(&join)
        .exits(3)
        .says(NO_PASSPHRASE)
        .changed_nothing();
    node.pki(&[&join[..], &["--ca-passphrase-file", &file]].concat())
        .exits(0);
}

#[test]
fn show_names_the_encryption() {
    let tree = TestTree::empty();
    for (name, encryption) in [
        (
            "sha512-aes192.pem",
            "PBES2: PBKDF2 with HMAC-SHA512 and 1000 iterations, AES-192-CBC",
        ),
        ("scrypt-aes256.pem", "PBES2 with scrypt"),
        ("traditional.pem", "OpenSSL's traditional encryption"),
    ] {
        let file = tree.beside("key.pem", fixture(name));
        let mut command = crate::support::pki();
        run(command.args(["show", &file]))
            .ok()
            .prints("private key, encrypted with a passphrase")
            .prints(encryption);
    }
}
