//! Encrypted CA keys that one control-plane node uploads and others download.

use super::commands::{KEY_OPTION, MANIFEST, manifest};
use super::{PASSPHRASE, encrypt, fixture, passphrase_file};
use crate::support::{Run, TestTree, peer};

const KEY: &str =
    "--certificate-key=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn uploaded(tree: &TestTree) -> String {
    tree.pki(&["upload-certs", KEY]).exits(0).stdout
}

#[track_caller]
fn download(tree: &TestTree, flags: &[&str], secret: &str) -> Run {
    tree.pki_with_input(&[&["download-certs", KEY], flags].concat(), secret)
}

/// Returns a tree whose cluster CA has this key, encrypted.
fn with_encrypted_key(key: &str) -> TestTree {
    let tree = TestTree::new();
    if key != "pki/ca.key" {
        tree.copy(key, "pki/ca.key");
    }
    encrypt(&tree, "pki/ca.key");
    tree
}

/// The key of the Secret may be that of another CA, and kube-controller-manager could not read it.
#[test]
fn an_encrypted_key_does_not_replace_one_that_fits() {
    if peer("openssl").is_none() {
        return;
    }
    for key in ["pki/etcd/ca.key", "pki/ca.key"] {
        let source = with_encrypted_key(key);
        let secret = uploaded(&source);
        let node = TestTree::new();
        download(&node, &[], &secret)
            .exits(0)
            .says("CA `ca`: the key of the Secret is encrypted, so the two cannot be compared; the key on this host is kept, and `--allow-replace` replaces it")
            .changed_nothing();
        node.pki(&["renew", "apiserver"]).exits(0);
        download(&node, &["--allow-replace"], &secret)
            .exits(0)
            .says("the key of the Secret replaces the one on this host")
            .says("CA `ca`: its key is encrypted, so it was not compared with its certificate; kube-controller-manager cannot read it")
            .changed_files(&["pki/ca.key"]);
        assert_eq!(node.read("pki/ca.key"), source.read("pki/ca.key"));
    }
}

#[test]
fn a_download_says_that_the_controller_manager_will_not_start_again() {
    if peer("openssl").is_none() {
        return;
    }
    let secret = uploaded(&with_encrypted_key("pki/ca.key"));
    let node = TestTree::new();
    let key = "/etc/kubernetes/pki/ca.key";
    node.write(MANIFEST, manifest(KEY_OPTION, key));
    download(&node, &[], &secret)
        .exits(0)
        .does_not_say("will exit");
    download(&node, &["--allow-replace"], &secret)
        .exits(5)
        .says("so kube-controller-manager will exit the next time it starts")
        .prints("# correct this first: kube-controller-manager is started");
}

#[test]
fn an_encrypted_key_is_not_replaced_by_a_decrypted_one() {
    if peer("openssl").is_none() {
        return;
    }
    let node = with_encrypted_key("pki/ca.key");
    download(&node, &[], &uploaded(&TestTree::new()))
        .exits(0)
        .says("CA `ca`: the key on this host is encrypted, so the two cannot be compared")
        .changed_nothing();
    // Each encryption of a key differs.
    let secret = uploaded(&with_encrypted_key("pki/ca.key"));
    download(&node, &[], &secret)
        .exits(0)
        .says("CA `ca`: both keys are encrypted")
        .changed_nothing();
}

#[test]
fn a_key_that_does_not_fit_is_replaced_by_an_encrypted_one() {
    if peer("openssl").is_none() {
        return;
    }
    let source = with_encrypted_key("pki/ca.key");
    let node = TestTree::new();
    node.copy("pki/etcd/ca.key", "pki/ca.key");
    download(&node, &[], &uploaded(&source))
        .exits(0)
        .does_not_say("cannot be compared")
        .changed_files(&["pki/ca.key"]);
    let file = passphrase_file(&node, PASSPHRASE);
    let renew = ["renew", "apiserver", "--ca-passphrase-file", &file];
    node.pki(&renew).exits(0);
}

#[test]
fn a_key_that_no_node_could_read_is_not_uploaded() {
    let tree = TestTree::new();
    tree.write("pki/etcd/ca.key", fixture("scrypt-aes256.pem"));
    tree.pki(&["upload-certs", KEY])
        .exits(3)
        .says("CA `etcd-ca`: its key: it is encrypted in a way that `pki` does not read: PBES2 with scrypt")
        .says("hint: convert it: `openssl pkcs8 ")
        .prints_nothing();
}
