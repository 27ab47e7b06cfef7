//! Python reads what `upload-certs` prints, and writes what `download-certs` reads.

use std::{collections::BTreeMap, fs, process::Command};

use base64::{Engine, prelude::BASE64_STANDARD};
use pki::tree::shared::{SharedEtcd, shared_files};

use super::helper;
use crate::support::{TestTree, peer, run, run_with_input};

const KEY: &str = "8899aabbccddeeff00112233445566778899aabbccddeeff0011223344556677";

/// Returns the shared files of a tree by the names of their entries, in base64.
fn files(tree: &TestTree) -> BTreeMap<String, String> {
    let files = shared_files(SharedEtcd::Local).into_iter();
    files
        .map(|shared| {
            let bytes = fs::read(tree.pki_file(&shared.file.relative)).unwrap();
            (shared.entry, BASE64_STANDARD.encode(bytes))
        })
        .collect()
}

#[test]
fn python_decrypts_an_upload_and_encrypts_a_download() {
    let Some(python) = peer("python") else { return };
    let tree = TestTree::new();
    let script = |command: &str, input: &str| {
        let mut script = Command::new(&python);
        script.arg(helper("joining.py")).args([command, KEY]);
        run_with_input(&mut script, input).ok().stdout
    };
    let upload = tree.pki(&["upload-certs", "--certificate-key", KEY]).ok();
    let read: BTreeMap<String, String> =
        serde_json::from_str(&script("read", &upload.stdout)).unwrap();
    assert!(read == files(&tree), "the files differ");

    let secret = script("write", &serde_json::to_string(&read).unwrap());
    let target = TestTree::empty();
    target
        .pki_with_input(&["download-certs", "--certificate-key", KEY], &secret)
        .ok()
        .marks('+', &["ca", "front-proxy-ca", "etcd-ca", "sa"]);
    assert!(files(&target) == read, "the files differ");
}

#[test]
fn kubernetes_accepts_the_manifests_of_joins() {
    let Some(python) = peer("python") else { return };
    let tree = TestTree::new();
    let upload = tree.pki(&["upload-certs", "--certificate-key", KEY]).ok();
    let file = tree.beside("objects.yaml", &upload.stdout);
    let validate = "import kubernetes_validate.__main__ as main; main.main()";
    let validated = run(Command::new(&python).args(["-c", validate, "--strict", &file])).ok();
    for kind in ["secret", "role", "rolebinding"] {
        let passed = format!("passed for resource {kind}/");
        assert!(
            validated.stdout.to_lowercase().contains(&passed),
            "{validated}"
        );
    }
}
