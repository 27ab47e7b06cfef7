//! kubeadm `phases/certs/certlist_test.go`: the list of certificates, and a tree made from it.

use pki::{
    catalog::{CATALOG, Row},
    check::expected::is_wanted,
};
use time::Duration;

use super::{EXTERNAL_ETCD_CONFIG, cluster};
use crate::support::{NOW, Openssl, SAN, TestTree, USAGES, config_of, rows::KUBECONFIGS};

/// The default list, and the one without etcd.
fn lists() -> [Vec<&'static Row>; 2] {
    let external = cluster(EXTERNAL_ETCD_CONFIG);
    [
        CATALOG.to_vec(),
        CATALOG
            .iter()
            .copied()
            .filter(|row| is_wanted(row, &external))
            .collect(),
    ]
}

/// kubeadm: TestCertListOrder / default -> each leaf after its CA; stricter: kubeconfigs too
/// kubeadm: TestCertListOrder / less etcd -> each leaf after its CA; stricter: kubeconfigs too
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

/// kubeadm: TestCAPointersValid / both lists -> each CA in the list; stricter: a signer is a CA, and every other row has a CA
/// kubeadm: TestMakeCertTree / orphan leaf
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

/// kubeadm: TestCreateCertificateChain -> leaf verifies for its name and clientAuth; stricter: judged by openssl, for names, addresses and key pairs
#[test]
fn a_made_chain_is_on_disk_and_verifies_for_its_name_and_usage() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
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
            &["-purpose", "sslclient", "-verify_hostname", "cp-1"],
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
        let ca = tree.path(&format!("pki/{ca}.crt"));
        let certificate = tree.read(&format!("pki/{leaf}.crt"));
        openssl.verify(&ca, &certificate, now, options).ok();
        let key = openssl.public_half(tree.read(&format!("pki/{leaf}.key")));
        assert_eq!(openssl.facts_of(&certificate).public_key, key, "{leaf}");
        // The check itself fails on bad input.
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

/// kubeadm: TestGetConfig / ECDSA P256, P384 -> algorithm copied; stricter: of every key on disk
/// kubeadm: TestNewCertAndKey / ECDSA P256, P384
#[test]
fn keys_are_of_the_configured_algorithm() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for (name, wanted) in [
        ("ECDSA-P256", "id-ecPublicKey (256 bit)"),
        ("ECDSA-P384", "id-ecPublicKey (384 bit)"),
    ] {
        let tree = TestTree::empty();
        let config = tree.beside(
            "kubeadm.yaml",
            format!(
                "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{name: cp1}}\n\
                 localAPIEndpoint: {{advertiseAddress: 192.0.2.11}}\n---\n\
                 apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: {name}\n"
            ),
        );
        tree.pki(&["init", "--config", &config]).exits(0);
        for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
            let facts = openssl.facts(&tree.path(&format!("pki/{ca}.crt")));
            assert_eq!(facts.algorithm, wanted, "{name}: {ca}");
        }
        for (row, facts) in openssl.tree(&tree) {
            assert_eq!(facts.algorithm, wanted, "{name}: {row}");
        }
    }
}

/// kubeadm: TestGetConfig / notBefore -> creation - 5 min; stricter: kubeconfigs too
/// kubeadm: TestGetConfig / cert validity, CA cert validity -> creation + 1h, + 10h; same
#[test]
fn certificates_begin_five_minutes_ago_and_last_for_the_configured_periods() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    tree.init(&[
        "--certificate-validity-period=1h",
        "--ca-certificate-validity-period=10h",
    ])
    .exits(0);
    let start = NOW - Duration::minutes(5);
    for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
        let facts = openssl.facts(&tree.path(&format!("pki/{ca}.crt")));
        assert_eq!(
            (facts.not_before, facts.not_after),
            (start, NOW + Duration::hours(10)),
            "{ca}"
        );
    }
    for (name, facts) in openssl.tree(&tree) {
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
    let tree = TestTree::new();
    let ca = openssl.facts(&tree.path("pki/ca.crt"));
    assert_eq!(ca.not_after, NOW + Duration::hours(87_600));
    for (name, facts) in openssl.tree(&tree) {
        assert_eq!(facts.not_after, NOW + Duration::hours(8760), "{name}");
    }
}

/// kubeadm: TestGetKubeConfigSpecs / 6 configurations, 5 files
/// kubeadm: TestCreateWithCerts, TestCreateWithToken, TestWriteKubeconfigToDisk (`util/kubeconfig`) -> as client-go writes it; same: line by line; tokens with `pki kubeconfig user`
#[test]
fn a_made_tree_says_what_kubeadms_says_of_the_same_configuration() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for fixture in ["kubeadm-1.36/ha", "kubeadm-1.36/external-etcd"] {
        let (theirs, ours) = (TestTree::fixture(fixture), TestTree::empty());
        ours.pki(&["init", "--config", &config_of(fixture)])
            .exits(0);
        let (their_facts, our_facts) = (openssl.tree(&theirs), openssl.tree(&ours));
        assert_eq!(
            their_facts.keys().collect::<Vec<_>>(),
            our_facts.keys().collect::<Vec<_>>(),
            "{fixture}"
        );
        for (name, theirs) in their_facts {
            let ours = &our_facts[name];
            assert_eq!(ours.subject, theirs.subject, "{fixture}: {name}");
            assert_eq!(ours.issuer, theirs.issuer, "{fixture}: {name}");
            assert_eq!(ours.algorithm, theirs.algorithm, "{fixture}: {name}");
            for extension in [SAN, USAGES] {
                assert_eq!(
                    ours.extensions.get(extension),
                    theirs.extensions.get(extension),
                    "{fixture}: {name}: {extension}"
                );
            }
        }
        // Laid out by the same hand: only base64 differs.
        for file in KUBECONFIGS {
            let skeleton = |tree: &TestTree| -> Vec<String> {
                tree.text(file)
                    .lines()
                    .map(|line| line.split("-data: ").next().unwrap().to_owned())
                    .collect()
            };
            assert_eq!(skeleton(&ours), skeleton(&theirs), "{fixture}: {file}");
        }
    }
}
