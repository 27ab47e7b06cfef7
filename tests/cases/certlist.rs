//! kubeadm `phases/certs/certlist_test.go`: the list of certificates, and a tree made from it.

use pki::{
    catalog::{CATALOG, Row},
    check::expected::is_wanted,
};
use time::Duration;

use super::{EXTERNAL_ETCD, cluster};
use crate::trees::{
    openssl::{Openssl, SAN, USAGES},
    sandbox::{Ended, NOW, Sandbox, config_of},
};

/// The default list, and the one without etcd.
fn lists() -> [Vec<&'static Row>; 2] {
    let external = cluster(EXTERNAL_ETCD);
    [
        CATALOG.to_vec(),
        CATALOG
            .iter()
            .copied()
            .filter(|row| is_wanted(row, &external))
            .collect(),
    ]
}

#[test]
fn every_leaf_and_kubeconfig_comes_after_its_ca() {
    let [all, less_etcd] = lists();
    assert_eq!((all.len(), less_etcd.len()), (16, 11));
    for list in [all, less_etcd] {
        for (place, row) in list.iter().enumerate() {
            if let Some(signer) = row.signer() {
                assert!(
                    list[..place].contains(&signer),
                    "{} comes before {}",
                    row.name,
                    signer.name
                );
            }
        }
    }
}

#[test]
fn every_signer_is_a_ca_of_the_same_list() {
    for list in lists() {
        for row in &list {
            match row.signer() {
                Some(signer) => {
                    assert!(signer.is_ca(), "{} is signed by a leaf", row.name);
                    assert!(list.contains(&signer), "{}: {}", row.name, signer.name);
                }
                None => assert!(row.is_ca() || row.name == "sa", "{} has no CA", row.name),
            }
        }
    }
}

#[test]
fn a_made_chain_is_on_disk_and_verifies_for_its_name_and_usage() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::made();
    let now = NOW + Duration::HOUR;
    for (ca, leaf, options) in [
        (
            "ca",
            "apiserver",
            &[
                "-purpose",
                "sslserver",
                "-verify_hostname",
                "api.example.net",
            ][..],
        ),
        (
            "ca",
            "apiserver",
            &["-purpose", "sslserver", "-verify_ip", "10.96.0.1"],
        ),
        (
            "etcd/ca",
            "etcd/peer",
            &["-purpose", "sslclient", "-verify_hostname", "cp1"],
        ),
        (
            "etcd/ca",
            "etcd/server",
            &["-purpose", "sslclient", "-verify_hostname", "localhost"],
        ),
        (
            "front-proxy-ca",
            "front-proxy-client",
            &["-purpose", "sslclient"],
        ),
    ] {
        let ca = sandbox.path(&format!("pki/{ca}.crt"));
        let certificate = sandbox.read(&format!("pki/{leaf}.crt"));
        openssl.verify(&ca, &certificate, now, options).ok();
        let key = openssl.public_half(sandbox.read(&format!("pki/{leaf}.key")));
        assert_eq!(openssl.facts_of(&certificate).public_key, key, "{leaf}");
        // The judge is not asleep.
        openssl
            .verify(
                &ca,
                &certificate,
                now,
                &["-verify_hostname", "api.example.org"],
            )
            .refused("verification failed");
    }
}

#[test]
fn keys_are_of_the_configured_algorithm() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for (name, wanted) in [
        ("ECDSA-P256", "id-ecPublicKey (256 bit)"),
        ("ECDSA-P384", "id-ecPublicKey (384 bit)"),
    ] {
        let sandbox = Sandbox::empty();
        let config = sandbox.beside(
            "kubeadm.yaml",
            format!(
                "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{name: cp1}}\n\
                 localAPIEndpoint: {{advertiseAddress: 192.0.2.11}}\n---\n\
                 apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: {name}\n"
            ),
        );
        sandbox.pki(&["init", "--config", &config]).ended_with(0);
        for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
            let facts = openssl.facts(&sandbox.path(&format!("pki/{ca}.crt")));
            assert_eq!(facts.algorithm, wanted, "{name}: {ca}");
        }
        for (row, facts) in openssl.tree(&sandbox) {
            assert_eq!(facts.algorithm, wanted, "{name}: {row}");
        }
    }
}

#[test]
fn certificates_begin_five_minutes_ago_and_last_for_the_configured_periods() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::empty();
    sandbox
        .init(&[
            "--certificate-validity-period=1h",
            "--ca-certificate-validity-period=10h",
        ])
        .ended_with(0);
    let start = NOW - Duration::minutes(5);
    for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
        let facts = openssl.facts(&sandbox.path(&format!("pki/{ca}.crt")));
        assert_eq!(
            (facts.not_before, facts.not_after),
            (start, NOW + Duration::hours(10)),
            "{ca}"
        );
    }
    for (name, facts) in openssl.tree(&sandbox) {
        assert_eq!(
            (facts.not_before, facts.not_after),
            (start, NOW + Duration::HOUR),
            "{name}"
        );
    }
}

#[test]
fn without_configured_periods_kubeadms_apply() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::made();
    let ca = openssl.facts(&sandbox.path("pki/ca.crt"));
    assert_eq!(ca.not_after, NOW + Duration::hours(87_600));
    for (name, facts) in openssl.tree(&sandbox) {
        assert_eq!(facts.not_after, NOW + Duration::hours(8760), "{name}");
    }
}

#[test]
fn a_made_tree_says_what_kubeadms_says_of_the_same_configuration() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for tree in ["kubeadm-1.36/ha", "kubeadm-1.36/external-etcd"] {
        let (theirs, ours) = (Sandbox::fixture(tree), Sandbox::empty());
        ours.pki(&["init", "--config", &config_of(tree)])
            .ended_with(0);
        let (their_facts, our_facts) = (openssl.tree(&theirs), openssl.tree(&ours));
        assert_eq!(
            their_facts.keys().collect::<Vec<_>>(),
            our_facts.keys().collect::<Vec<_>>(),
            "{tree}"
        );
        for (name, theirs) in their_facts {
            let ours = &our_facts[name];
            assert_eq!(ours.subject, theirs.subject, "{tree}: {name}");
            assert_eq!(ours.issuer, theirs.issuer, "{tree}: {name}");
            assert_eq!(ours.algorithm, theirs.algorithm, "{tree}: {name}");
            for extension in [SAN, USAGES] {
                assert_eq!(
                    ours.extensions.get(extension),
                    theirs.extensions.get(extension),
                    "{tree}: {name}: {extension}"
                );
            }
        }
        // Laid out by the same hand: only base64 differs.
        for file in crate::trees::sandbox::KUBECONFIGS {
            let skeleton = |sandbox: &Sandbox| -> Vec<String> {
                sandbox
                    .text(file)
                    .lines()
                    .map(|line| line.split("-data: ").next().unwrap().to_owned())
                    .collect()
            };
            assert_eq!(skeleton(&ours), skeleton(&theirs), "{tree}: {file}");
        }
    }
}
