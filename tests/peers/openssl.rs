//! OpenSSL's command line: chains, purposes, names, key pairs and the labels of PEM files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{CAS, Credential, credentials, other_trees, trees};
use crate::support::{Run, TestTree, peer, run, shared_tree};

/// kubeadm: TestNewCertAndKey / ECDSA P256, P384 -> such a CA signs; stricter: judged by openssl, RSA too
#[test]
fn openssl_accepts_every_certificate_for_its_purpose_and_names() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    for tree in trees().chain(other_trees()) {
        for credential in credentials(tree) {
            for purpose in purposes(&credential) {
                verify(
                    &openssl,
                    &credential,
                    &credential.ca,
                    &["-purpose", purpose],
                )
                .ok();
            }
            for name in credential.server_names {
                verify(
                    &openssl,
                    &credential,
                    &credential.ca,
                    &["-purpose", "sslserver", verify_name(name), name],
                )
                .ok();
            }
        }
    }
}

#[test]
fn openssl_refuses_another_ca_another_purpose_and_other_names() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    for tree in trees() {
        for credential in credentials(tree) {
            verify(&openssl, &credential, &credential.other_ca, &[])
                .refused("unable to get local issuer certificate");
            if !credential.client {
                verify(
                    &openssl,
                    &credential,
                    &credential.ca,
                    &["-purpose", "sslclient"],
                )
                .refused("unsuitable certificate purpose");
            }
            if credential.server_names.is_empty() {
                verify(
                    &openssl,
                    &credential,
                    &credential.ca,
                    &["-purpose", "sslserver"],
                )
                .refused("unsuitable certificate purpose");
            } else {
                verify(
                    &openssl,
                    &credential,
                    &credential.ca,
                    &["-verify_hostname", "api.example.org"],
                )
                .refused("hostname mismatch");
                verify(
                    &openssl,
                    &credential,
                    &credential.ca,
                    &["-verify_ip", "192.0.2.12"],
                )
                .refused("IP address mismatch");
            }
        }
    }
}

/// kubeadm: TestGetEtcdAltNames / each
/// kubeadm: TestGetEtcdPeerAltNames / each
#[test]
fn openssl_reads_exactly_the_alternative_names_of_kubeadm() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let etcd = "DNS:cp-1, DNS:localhost, IP Address:192.0.2.11, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1";
    let apiserver = "DNS:*.apps.example.net, DNS:api.example.net, DNS:cp-1, DNS:kubernetes, DNS:kubernetes.default, \
        DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.k8s.example.net, \
        IP Address:10.96.0.1, IP Address:192.0.2.11, IP Address:2001:DB8:0:0:0:0:0:7";
    let tree = shared_tree("ECDSA-P256");
    for (base, expected) in [
        ("apiserver", apiserver),
        ("etcd/server", etcd),
        ("etcd/peer", etcd),
    ] {
        let printed = run(Command::new(&openssl)
            .args(["x509", "-noout", "-ext", "subjectAltName", "-in"])
            .arg(tree.pki_file(&format!("{base}.crt"))))
        .ok();
        assert_eq!(
            printed.stdout.lines().last().map(str::trim),
            Some(expected),
            "{base}"
        );
    }
}

#[test]
fn openssl_finds_every_key_sound_and_its_public_half_in_the_certificate() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    for tree in trees().chain(other_trees()) {
        let mut public_keys = vec![];
        for (key, certificate) in pairs(tree) {
            run(Command::new(&openssl)
                .args(["pkey", "-check", "-noout", "-in"])
                .arg(&key))
            .ok();
            let public = public_half(&openssl, &key);
            let certified = run(Command::new(&openssl)
                .args(["x509", "-noout", "-pubkey", "-in"])
                .arg(&certificate))
            .ok()
            .stdout;
            assert_eq!(
                public,
                certified,
                "{} does not belong to {}",
                key.display(),
                certificate.display()
            );
            public_keys.push(public);
        }
        run(Command::new(&openssl)
            .args(["pkey", "-check", "-noout", "-in"])
            .arg(tree.pki_file("sa.key")))
        .ok();
        let service_account = public_half(&openssl, &tree.pki_file("sa.key"));
        assert_eq!(
            service_account,
            fs::read_to_string(tree.pki_file("sa.pub")).unwrap(),
            "sa.pub does not belong to sa.key"
        );
        public_keys.push(service_account);

        let total = public_keys.len();
        public_keys.sort();
        public_keys.dedup();
        assert_eq!(
            public_keys.len(),
            total,
            "two files of {} hold the same key",
            tree.name()
        );
    }
}

/// kubeadm: TestRSAKeySizeFromAlgorithmType / RSA-2048, RSA-3072, RSA-4096
#[test]
fn openssl_finds_every_key_of_the_algorithm_asked_for() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    for (algorithm, size, detail) in [
        ("ECDSA-P256", "(256 bit)", "NIST CURVE: P-256"),
        ("ECDSA-P384", "(384 bit)", "NIST CURVE: P-384"),
        ("RSA-2048", "(2048 bit)", "Exponent: 65537"),
        ("RSA-3072", "(3072 bit)", "Exponent: 65537"),
        ("RSA-4096", "(4096 bit)", "Exponent: 65537"),
    ] {
        let tree = shared_tree(algorithm);
        let keys = pairs(tree)
            .into_iter()
            .map(|(key, _)| key)
            .chain([tree.pki_file("sa.key")]);
        for key in keys {
            let text = run(Command::new(&openssl)
                .args(["pkey", "-text_pub", "-noout", "-in"])
                .arg(&key))
            .ok()
            .stdout;
            assert!(
                text.contains(size) && text.contains(detail),
                "{} is not {algorithm}: {text}",
                key.display()
            );
        }
    }
}

/// kubeadm: TestWriteKey, TestWritePublicKey
#[test]
fn pem_files_hold_one_block_with_the_label_of_kubeadm() {
    for tree in trees().chain(other_trees()) {
        let private = if tree.name().starts_with("RSA") {
            "RSA PRIVATE KEY"
        } else {
            "EC PRIVATE KEY"
        };
        for (key, certificate) in pairs(tree) {
            assert_eq!(labels(&key), [private], "{}", key.display());
            assert_eq!(
                labels(&certificate),
                ["CERTIFICATE"],
                "{}",
                certificate.display()
            );
        }
        assert_eq!(labels(&tree.pki_file("sa.key")), [private]);
        assert_eq!(labels(&tree.pki_file("sa.pub")), ["PUBLIC KEY"]);
    }
}

fn verify(openssl: &Path, credential: &Credential, ca: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(openssl);
    command
        .args([
            "verify",
            "-x509_strict",
            "-no-CApath",
            "-no-CAstore",
            "-CAfile",
        ])
        .arg(ca)
        .args(arguments);
    run(command.arg(&credential.certificate))
}

fn verify_name(name: &str) -> &'static str {
    if name.parse::<std::net::IpAddr>().is_ok() {
        "-verify_ip"
    } else {
        "-verify_hostname"
    }
}

fn purposes(credential: &Credential) -> Vec<&'static str> {
    let server = (!credential.server_names.is_empty()).then_some("sslserver");
    let client = credential.client.then_some("sslclient");
    server.into_iter().chain(client).collect()
}

/// Returns key and certificate of every CA, leaf and kubeconfig.
fn pairs(tree: &TestTree) -> Vec<(PathBuf, PathBuf)> {
    let cas = CAS.map(|base| {
        (
            tree.pki_file(&format!("{base}.key")),
            tree.pki_file(&format!("{base}.crt")),
        )
    });
    cas.into_iter()
        .chain(
            credentials(tree)
                .into_iter()
                .map(|credential| (credential.key, credential.certificate)),
        )
        .collect()
}

fn public_half(openssl: &Path, key: &Path) -> String {
    run(Command::new(openssl)
        .args(["pkey", "-pubout", "-in"])
        .arg(key))
    .ok()
    .stdout
}

fn labels(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .map(str::to_owned)
        .collect()
}
