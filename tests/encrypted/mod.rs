//! CA keys that are encrypted with a passphrase.

mod bad_input;
mod commands;
mod joining;
mod peers;
mod sources;

use crate::support::{Run, TestTree, fixtures, peer};

/// The passphrase of every encrypted key here, with what a shell or a trimming reader would change.
const PASSPHRASE: &str = " correct horse $HOME 'battery' ";

/// The CAs without extension.
const CAS: [&str; 3] = ["ca", "front-proxy-ca", "etcd/ca"];

const FORM: [&str; 5] = ["-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"];

/// Has openssl encrypt a key of a tree, with few iterations because that is quick.
fn encrypt(tree: &TestTree, key: &str) {
    let file = tree.beside("passphrase", PASSPHRASE);
    let new = tree.beside("encrypted.key", "");
    let path = tree.path(key);
    let path = path.to_str().unwrap();
    let passout = format!("file:{file}");
    let files = [
        "-iter", "1000", "-passout", &passout, "-in", path, "-out", &new,
    ];
    tree.openssl(&[&["pkcs8"], &FORM[..], &files].concat());
    tree.write(key, std::fs::read(&new).unwrap());
    std::fs::remove_file(new).unwrap();
}

/// Returns a tree whose CA keys are encrypted, and the path of a file with the passphrase; `None` without openssl.
fn encrypted_tree() -> Option<(TestTree, String)> {
    peer("openssl")?;
    let tree = TestTree::new();
    for ca in CAS {
        encrypt(&tree, &format!("pki/{ca}.key"));
    }
    let file = passphrase_file(&tree, PASSPHRASE);
    Some((tree, file))
}

/// Writes a file that only its owner can read.
fn passphrase_file(tree: &TestTree, text: impl AsRef<[u8]>) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = tree.beside("passphrase", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Returns a key that OpenSSL encrypted with the passphrase `secret phrase`.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("encrypted-keys").join(name)).unwrap()
}

/// The run printed nothing of the passphrase.
#[track_caller]
fn keeps_the_secret(run: Run) -> Run {
    run.does_not_say("horse").does_not_say("battery")
}
