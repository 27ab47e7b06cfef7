//! Key files and passphrase files that cannot be used.

use std::fs;

use super::{PASSPHRASE, encrypted_tree, fixture, passphrase_file};
use crate::support::{TestTree, peer};

/// Renews with this key of the cluster CA, and the passphrase of the fixtures: refused, and nothing changes.
#[track_caller]
fn refuses_key(key: impl AsRef<[u8]>, reason: &str) {
    let tree = TestTree::new();
    tree.write("pki/ca.key", key);
    let file = passphrase_file(&tree, "secret phrase\n");
    for words in [
        &["renew", "apiserver"][..],
        &["renew", "apiserver", "--dry-run"],
    ] {
        let words = [words, &["--ca-passphrase-file", &file]].concat();
        tree.pki(&words).exits(3).says(reason).changed_nothing();
    }
}

#[test]
fn an_encryption_that_is_not_read_is_refused_with_the_command_that_converts_it() {
    for (name, how) in [
        ("sha256-3des.pem", "PBES2 with 1.2.840.113549.3.7"),
        ("scrypt-aes256.pem", "PBES2 with scrypt"),
        ("pbes1-sha1-3des.pem", "the scheme 1.2.840.113549.1.12.1.3"),
        (
            "10000001-iterations.pem",
            "PBKDF2 with 10000001 iterations, more than 10000000",
        ),
        ("traditional.pem", "OpenSSL's traditional encryption"),
        (
            "salt-33-bytes.pem",
            "PBKDF2 with a salt of more than 32 bytes",
        ),
    ] {
        let reason = format!("it is encrypted in a way that `pki` does not read: {how}");
        refuses_key(fixture(name), &reason);
        refuses_key(
            fixture(name),
            "hint: convert it: `openssl pkcs8 -topk8 -v2 aes-256-cbc ",
        );
    }
}

/// What other CAs sign is renewed, as with a CA whose key is not here.
#[test]
fn renew_all_leaves_out_what_a_key_that_is_not_read_would_sign() {
    let tree = TestTree::new();
    tree.write("pki/front-proxy-ca.key", fixture("scrypt-aes256.pem"));
    // No passphrase would help, so that none is asked for.
    let reason = "front-proxy-client: the key of its CA `front-proxy-ca`: it is encrypted in a way that `pki` does not read: PBES2 with scrypt; convert it: `openssl pkcs8 ";
    tree.pki(&["renew", "all"])
        .exits(5)
        .prints(reason)
        .prints("11 renewed, 1 skipped");
    tree.pki(&["renew", "all", "--dry-run"]).exits(5);
}

/// The command of the hint makes a key of each of them that is read.
#[test]
fn the_command_of_the_hint_converts_it() {
    if peer("openssl").is_none() {
        return;
    }
    for name in [
        "sha256-3des.pem",
        "scrypt-aes256.pem",
        "pbes1-sha1-3des.pem",
        "traditional.pem",
        "salt-33-bytes.pem",
    ] {
        let tree = TestTree::new();
        let old = tree.beside("OLD.key", fixture(name));
        let new = old.replace("OLD", "NEW");
        let hint = pki::x509::encrypted_key::CONVERT;
        let words = hint.replace("OLD.key", &old).replace("NEW.key", &new);
        let words: Vec<_> = words.split(' ').skip(1).collect();
        let passphrase = [
            "-passin",
            "pass:secret phrase",
            "-passout",
            "pass:secret phrase",
        ];
        tree.openssl(&[&words, &passphrase[..]].concat());
        // The key is right, and belongs to no CA of the tree.
        refuses_key(
            fs::read(&new).unwrap(),
            "CA `ca`: its key does not belong to it",
        );
    }
}

#[test]
fn a_damaged_key_is_refused() {
    let text = String::from_utf8(fixture("sha256-aes256.pem")).unwrap();
    let block = |contents: &str| {
        format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{contents}\n-----END ENCRYPTED PRIVATE KEY-----\n"
        )
    };
    let invalid = "malformed key: ";
    refuses_key(block("AAAA"), invalid);
    refuses_key(block(""), invalid);
    // A plain key under the label of an encrypted one.
    let plain = TestTree::new().text("pki/ca.key");
    refuses_key(plain.replace("EC PRIVATE", "ENCRYPTED PRIVATE"), invalid);
    let cut = text.len() - "-----END ENCRYPTED PRIVATE KEY-----\n".len();
    refuses_key(&text[..cut], "the file is truncated");
    refuses_key(
        text.replace("-----END ENC", "-----END enc"),
        "malformed PEM",
    );
}

/// Runs with this file as the passphrase: refused, and nothing changes.
#[track_caller]
fn refuses_passphrase(tree: &TestTree, file: &str, reason: &str) {
    let words = ["renew", "apiserver", "--ca-passphrase-file", file];
    tree.pki(&words).exits(3).says(reason).changed_nothing();
    // A run that would not need it refuses it, too.
    let words = ["init", "--ca-passphrase-file", file];
    tree.pki(&words).exits(3).says(reason).changed_nothing();
}

#[test]
fn a_file_that_is_no_passphrase_is_refused() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let long = "x".repeat(1025);
    let huge = "x".repeat(1 << 20);
    for (text, reason) in [
        ("", "the passphrase is empty"),
        ("\n", "the passphrase is empty"),
        ("\none\n", "the passphrase is empty"),
        (
            "a\0b",
            "it has a control character, so it is not a passphrase",
        ),
        (
            &long,
            "it has more than 1024 bytes, so it is not a passphrase",
        ),
        (&huge, "it has 1048576 bytes, the limit is 65536"),
    ] {
        let file = passphrase_file(&tree, text);
        refuses_passphrase(&tree, &file, reason);
    }
    let root = tree.root().to_str().unwrap().to_owned();
    refuses_passphrase(&tree, &format!("{root}/none"), "no such file or directory");
    refuses_passphrase(&tree, &root, "it is a directory");
    refuses_passphrase(&tree, "/dev/zero", "it is a FIFO, socket or device");
    let secret = passphrase_file(&tree, format!("{PASSPHRASE}\0"));
    refuses_passphrase(&tree, &secret, "it has a control character");
    let run = tree.pki(&["renew", "all", "--ca-passphrase-file", &secret]);
    run.does_not_say("horse").does_not_say("battery");
}

/// An endless pipe is not read to its end, and one that nobody writes to is not waited for.
#[test]
fn a_pipe_neither_hangs_nor_fills_the_memory() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let words = ["renew", "apiserver", "--ca-passphrase-file", "/dev/stdin"];
    let endless = "x".repeat(1 << 20);
    tree.pki_with_input(&words, &endless)
        .exits(3)
        .says("it has more than 65536 bytes")
        .changed_nothing();
    tree.pki(&words).exits(3).says("the passphrase is empty");
    let fifo = tree.root().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let words = [
        "renew",
        "apiserver",
        "--ca-passphrase-file",
        fifo.to_str().unwrap(),
    ];
    tree.pki(&words).exits(3).says("the passphrase is empty");
}
