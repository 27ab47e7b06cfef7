//! The commands of `pki help csr`: every way through another CA ends with a healthy tree.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::with_external_cas;
use crate::support::{FLAGS, TestTree, peers, run, safe};

const TOPIC: &str = include_str!("../../templates/help/csr.md");

/// Returns the commands of a section of a topic.
pub(super) fn commands(topic: &str, heading: &str) -> String {
    let heading = format!("## {heading}\n");
    let (_, section) = topic.split_once(&heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Runs commands in a directory, with `pki` for the tree and the clock of the machine. A program of the directory `programs` is found
/// before any other.
pub(super) fn shell(directory: &Path, root: &Path, script: &str) {
    let programs = directory.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let wrapper = programs.join("pki");
    let binary = env!("CARGO_BIN_EXE_pki");
    let text = format!(
        "#!/bin/sh\n\
         case \"$1 $2\" in csr\\ new | ca\\ new | show\\ *) exec {0} \"$@\" ;; esac\n\
         exec {0} \"$@\" --rootfs {1}\n",
        binary,
        root.display()
    );
    fs::write(&wrapper, text).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}:/usr/share/easy-rsa", programs.display());
    let mut command = Command::new("sh");
    command
        .current_dir(directory)
        .args(["-eu", "-c", script])
        .env("PATH", path)
        .env("EASYRSA_BATCH", "1");
    run(&mut command).ok();
}

/// Goes the whole way: requests on the node, the CA's commands, the import.
#[track_caller]
fn round_trip(heading: &str, algorithm: &str) {
    let flags = [&FLAGS[..], &["--encryption-algorithm", algorithm]].concat();
    for generate in ["", " --new-key"] {
        let tree = with_external_cas(TestTree::made_now(&flags));
        let directory = tree.root().join("ca");
        for name in ["requests", "signed"] {
            fs::create_dir_all(directory.join(name)).unwrap();
        }
        for name in ["ca.crt", "ca.key"] {
            fs::copy(tree.root().join(name), directory.join(name)).unwrap();
        }
        let first = format!("pki csr generate apiserver admin.conf --csr-dir requests{generate}");
        shell(&directory, tree.root(), &first);
        shell(&directory, tree.root(), &commands(TOPIC, heading));
        shell(&directory, tree.root(), "pki csr import signed/*.crt");
        let verify = [
            "verify",
            "--severity",
            "warning",
            "--ignore",
            "certificate.differs",
        ];
        let mut verify = tree.command(&[&verify[..], &["--now", &now()]].concat());
        let found = safe(run(&mut verify))
            .ok()
            .prints("below --severity warning");
        assert_eq!(found.stdout.lines().count(), 1, "{found}");
        assert!(!tree.exists("pki/apiserver.csr"), "{heading}");
    }
}

/// Returns the time of the machine: the other programs cannot be told another one.
fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    now.format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

#[test]
fn pki_signs() {
    round_trip("Sign with pki", "ECDSA-P256");
}

#[test]
fn openssl_x509_signs() {
    if peers(["openssl"]).is_some() {
        round_trip("Sign with openssl x509", "ECDSA-P256");
        round_trip("Sign with openssl x509", "RSA-2048");
    }
}

#[test]
fn openssl_ca_signs() {
    if peers(["openssl"]).is_some() {
        round_trip("Sign with openssl ca", "ECDSA-P256");
    }
}

#[test]
fn cfssl_signs() {
    if peers(["cfssl", "cfssljson"]).is_some() {
        round_trip("Sign with cfssl", "ECDSA-P256");
    }
}

#[test]
fn certtool_signs() {
    if peers(["certtool"]).is_some() {
        round_trip("Sign with certtool", "ECDSA-P256");
    }
}

#[test]
fn easy_rsa_signs() {
    // Debian does not put it in the path.
    if !Path::new("/usr/share/easy-rsa/easyrsa").exists() {
        crate::support::skip("easy-rsa not installed");
    } else if peers(["openssl"]).is_some() {
        round_trip("Sign with easy-rsa", "ECDSA-P256");
    }
}

#[test]
fn each_way_through_a_ca_is_tested() {
    let ways: Vec<_> = TOPIC
        .lines()
        .filter_map(|line| line.strip_prefix("## Sign with "))
        .collect();
    assert_eq!(
        ways,
        [
            "pki",
            "openssl x509",
            "openssl ca",
            "cfssl",
            "certtool",
            "easy-rsa"
        ]
    );
}
