//! Keys go to openssl, GnuTLS and Python, and come from them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{CAS, PASSPHRASE, passphrase_file};
use crate::support::{Openssl, Run, TestTree, peer, run};

/// Python's `cryptography`: decrypts the key of a file, or encrypts it, and prints the public half.
const PYTHON: &str = "
import sys
from cryptography.hazmat.primitives import serialization as s
path, passphrase, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
key = s.load_pem_private_key(open(path, 'rb').read(), None if new else passphrase)
if new:
    scheme = s.BestAvailableEncryption(passphrase)
    text = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, scheme)
    open(new[0], 'wb').write(text)
public = key.public_key()
print(public.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode(), end='')
";

/// A tree whose CA keys `pki` encrypts, with the path of a file of the passphrase.
fn made(algorithm: &str) -> (TestTree, String) {
    let tree = TestTree::empty();
    let file = passphrase_file(&tree, PASSPHRASE);
    let algorithm = format!("--encryption-algorithm={algorithm}");
    let flags = [
        "--node-name=cp-1",
        "--apiserver-advertise-address=192.0.2.11",
    ];
    let encrypt = ["--encrypt-ca-keys", "--ca-passphrase-file", &file];
    tree.pki(&[&["init", &algorithm], &flags[..], &encrypt].concat())
        .exits(0);
    (tree, file)
}

/// A program that decrypts the key of a file with a passphrase, and prints its public half.
type Reader = fn(&Path, &Path, &str) -> Run;

const READERS: [(&str, Reader); 3] = [
    ("openssl", |openssl, key, passphrase| {
        run(Command::new(openssl)
            .args(["pkey", "-pubout", "-passin"])
            .arg(format!("pass:{passphrase}"))
            .arg("-in")
            .arg(key))
    }),
    ("certtool", |certtool, key, passphrase| {
        run(Command::new(certtool)
            .args(["--pubkey-info", "--password", passphrase])
            .arg("--load-privkey")
            .arg(key))
    }),
    ("python", |python, key, passphrase| {
        run(Command::new(python)
            .args(["-c", PYTHON])
            .arg(key)
            .arg(passphrase))
    }),
];

#[test]
fn others_read_what_pki_encrypts_and_refuse_a_wrong_passphrase() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for algorithm in ["ECDSA-P256", "RSA-2048"] {
        let (tree, _) = made(algorithm);
        for (name, public_half) in READERS {
            let Some(program) = peer(name) else { continue };
            let key = tree.pki_file("ca.key");
            let printed = public_half(&program, &key, PASSPHRASE).ok().stdout;
            let wanted = openssl.facts(&tree.pki_file("ca.crt")).public_key;
            assert!(printed.contains(&wanted), "{name}: {printed}");
            let run = public_half(&program, &key, "wrong");
            assert_ne!(run.code, Some(0), "{run}");
        }
    }
}

/// Has a program encrypt every CA key of a tree (paths of the old and the new file), and renews with them.
fn writes(encrypt: impl Fn(&Path, &Path) -> Run) {
    for tree in [TestTree::new(), TestTree::fixture("kubeadm-1.36/stacked")] {
        for ca in CAS {
            let key = tree.pki_file(&format!("{ca}.key"));
            let new: PathBuf = tree.root().join("new.key");
            encrypt(&key, &new).ok();
            let text = fs::read_to_string(&new).unwrap();
            let begin = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
            // certtool writes a description before it.
            assert!(text.contains(begin));
            fs::write(&key, text).unwrap();
        }
        let file = passphrase_file(&tree, PASSPHRASE);
        let renew = ["renew", "all", "--reuse-key"];
        tree.pki(&[&renew[..], &["--ca-passphrase-file", &file]].concat())
            .exits(0);
    }
}

#[test]
fn pki_reads_what_openssl_encrypts_by_default() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    writes(|key, new| {
        run(Command::new(&openssl)
            .args(["pkcs8", "-topk8", "-passout"])
            .arg(format!("pass:{PASSPHRASE}"))
            .arg("-in")
            .arg(key)
            .arg("-out")
            .arg(new))
    });
}

#[test]
fn pki_reads_what_gnutls_encrypts() {
    let Some(certtool) = peer("certtool") else {
        return;
    };
    for cipher in ["aes-128", "aes-256"] {
        writes(|key, new| {
            run(Command::new(&certtool)
                .args(["--to-p8", "--pkcs-cipher", cipher, "--password", PASSPHRASE])
                .arg("--load-privkey")
                .arg(key)
                .arg("--outfile")
                .arg(new))
        });
    }
}

#[test]
fn pki_reads_what_python_encrypts() {
    let Some(python) = peer("python") else { return };
    writes(|key, new| {
        run(Command::new(&python)
            .args(["-c", PYTHON])
            .arg(key)
            .arg(PASSPHRASE)
            .arg(new))
    });
}
