//! Mutants of what comes from elsewhere, in the hands of the binary: certificates that were signed, requests and keys that wait,
//! the Secret of another node, and the certificates of external CAs.

use std::fs;

use super::sample::chosen;
use crate::support::{Openssl, Run, TestTree, rows::files_of, say};

/// Runs the binary, which either does its work or refuses with nothing changed; returns whether it did it.
#[track_caller]
fn is_done(what: &str, run: &Run) -> bool {
    match run.code {
        Some(0) => true,
        Some(3) => {
            assert_eq!(run.stdout, "", "{what}: a refusal is not data: {run}");
            assert!(run.changes.as_ref().unwrap().is_empty(), "{what}: {run}");
            false
        }
        _ => panic!("{what}: {run}"),
    }
}

fn der(pem: &[u8]) -> Vec<u8> {
    pem::parse(pem).unwrap().into_contents()
}

/// A new key for the API server that waits with its request, and the certificate that the CA signed.
struct Waiting {
    tree: TestTree,
    certificate: Vec<u8>,
}

/// The request and the key that wait.
const FILES: [&str; 2] = ["pki/apiserver.csr", "pki/apiserver.csr.key"];

impl Waiting {
    fn new() -> Waiting {
        let tree = TestTree::new();
        tree.pki(&["csr", "generate", "apiserver", "--new-key"])
            .ok();
        let request = tree.path(FILES[0]);
        let sign = ["csr", "sign", request.to_str().unwrap()];
        let signed = crate::support::run(&mut tree.command(&sign)).ok();
        let certificate = signed.stdout.into_bytes();
        Waiting { tree, certificate }
    }

    /// Returns another tree in the same state.
    fn copy(&self) -> TestTree {
        let tree = TestTree::empty();
        crate::support::copy(&self.tree.path(""), &tree.path(""));
        tree
    }
}

#[test]
fn no_mutant_of_a_signed_certificate_is_installed() {
    let waiting = Waiting::new();
    let (original, mut installed) = (&waiting.certificate, 0);
    let tree = waiting.copy();
    let path = tree.beside("a.crt", original);
    tree.pki(&["csr", "import", &path]).ok();
    let mutants = chosen(original.len());
    for mutant in &mutants {
        let tree = waiting.copy();
        let path = tree.beside("a.crt", mutant.of(original));
        let run = tree.pki(&["csr", "import", &path]);
        if is_done(&mutant.to_string(), &run) {
            let now = der(&tree.read("pki/apiserver.crt"));
            assert_eq!(now, der(original), "{mutant}: {run}");
            installed += 1;
        }
    }
    say(&format!(
        "{} mutants of a certificate, {installed} installed\n",
        mutants.len()
    ));
}

#[test]
fn mutants_of_what_waits_give_no_wrong_pair_and_no_wrong_request() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let waiting = Waiting::new();
    for name in FILES {
        let original = waiting.tree.read(name);
        for mutant in chosen(original.len()) {
            let what = format!("{name}: {mutant}");
            let tree = waiting.copy();
            tree.write(name, mutant.of(&original));
            let path = tree.beside("a.crt", &waiting.certificate);
            if is_done(&what, &tree.pki(&["csr", "import", &path])) {
                tree.pki(&["verify"]).exits(0);
            }
            let tree = waiting.copy();
            tree.write(name, mutant.of(&original));
            if is_done(&what, &tree.pki(&["csr", "generate", "apiserver"])) {
                let key = fs::read(tree.path(FILES[1])).unwrap();
                let of_key = openssl.public_half(key);
                let printed =
                    tree.openssl(&["req", "-verify", "-in", FILES[0], "-noout", "-pubkey"]);
                assert_eq!(printed.stdout, of_key, "{what}");
            }
        }
    }
}

#[test]
fn a_mutant_of_a_secret_gives_its_files_or_nothing() {
    const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let source = TestTree::new();
    let upload = ["upload-certs", "--certificate-key", KEY, "-o", "json"];
    let secret = source.pki(&upload).ok().stdout;
    let mut done = 0;
    let mutants = chosen(secret.len());
    for mutant in &mutants {
        let tree = TestTree::empty();
        let file = tree.beside("secret.json", mutant.of(secret.as_bytes()));
        let download = ["download-certs", &file, "--certificate-key", KEY];
        if is_done(&mutant.to_string(), &tree.pki(&download)) {
            for row in ["ca", "front-proxy-ca", "etcd-ca", "sa"] {
                for file in files_of(row) {
                    assert_eq!(tree.read(&file), source.read(&file), "{mutant}: {file}");
                }
            }
            done += 1;
        }
    }
    say(&format!(
        "{} mutants of a Secret, {done} that do not concern the files\n",
        mutants.len()
    ));
}

#[test]
fn a_node_is_prepared_for_no_mutant_of_an_external_ca() {
    let source = TestTree::new();
    let original = source.read("pki/ca.crt");
    for mutant in chosen(original.len()) {
        let tree = TestTree::empty();
        tree.write("pki/ca.crt", mutant.of(&original));
        for file in ["pki/front-proxy-ca.crt", "pki/etcd/ca.crt"] {
            tree.write(file, source.read(file));
        }
        let run = tree.init(&["--external-ca"]);
        if is_done(&mutant.to_string(), &run) {
            assert_eq!(
                der(&tree.read("pki/ca.crt")),
                der(&original),
                "{mutant}: {run}"
            );
        }
    }
}
