//! kubeadm `phases/certs/renewal/*_test.go`: what is listed, and what one renewal makes of a certificate.

use clap::Parser;
use pki::{
    catalog,
    cli::Cli,
    x509::{chain::Chain, sign::LeafTemplate},
};
use serde_json::Value;
use time::Duration;

use crate::support::{EXTERNAL_ETCD, NOW, Openssl, SAN, TestTree, USAGES, config_of, rows::LEAVES};

fn names(json: &Value, list: &str) -> Vec<String> {
    json[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

/// kubeadm: TestNewManager / local etcd -> 11 entries; stricter: by name, and kubelet.conf
#[test]
fn with_local_etcd_kubeadms_11_entries_are_listed_and_the_kubelets() {
    let json = TestTree::new().expiration(NOW);
    assert_eq!(
        names(&json, "certificates"),
        [
            "admin.conf",
            "apiserver",
            "apiserver-etcd-client",
            "apiserver-kubelet-client",
            "controller-manager.conf",
            "etcd-healthcheck-client",
            "etcd-peer",
            "etcd-server",
            "front-proxy-client",
            "kubelet.conf",
            "scheduler.conf",
            "super-admin.conf",
        ]
    );
}

/// kubeadm: TestNewManager / external etcd -> 7 entries; stricter: by name, and kubelet.conf
#[test]
fn with_external_etcd_kubeadms_7_entries_are_listed_and_the_kubelets() {
    let json = TestTree::fixture(EXTERNAL_ETCD).expiration(NOW);
    assert_eq!(
        names(&json, "certificates"),
        [
            "admin.conf",
            "apiserver",
            "apiserver-kubelet-client",
            "controller-manager.conf",
            "front-proxy-client",
            "kubelet.conf",
            "scheduler.conf",
            "super-admin.conf",
        ]
    );
}

/// kubeadm: TestManagerCAs / sequential, reverse -> by name; same
#[test]
fn cas_are_listed_by_name() {
    let local = TestTree::new().expiration(NOW);
    assert_eq!(
        names(&local, "certificateAuthorities"),
        ["ca", "etcd-ca", "front-proxy-ca"]
    );
    let external = TestTree::fixture(EXTERNAL_ETCD).expiration(NOW);
    assert_eq!(
        names(&external, "certificateAuthorities"),
        ["ca", "front-proxy-ca"]
    );
}

/// kubeadm: TestRenewUsingLocalCA / PKI certificate, embedded in a kubeconfig -> new serial, later end, same CA, usage, O, CN, SANs; configured 10h; stricter: every row of seven real trees, all else unchanged
#[test]
fn a_renewed_certificate_has_the_configured_period_and_is_signed_by_the_same_ca() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let text = std::fs::read_to_string(config_of(EXTERNAL_ETCD)).unwrap();
    let config = tree.beside(
        "10h.yaml",
        format!("{text}certificateValidityPeriod: 10h\n"),
    );
    let old = openssl.tree(&tree);
    // A few hours before the end, so that ten hours reach beyond it.
    let now = NOW + Duration::days(365) - Duration::hours(4);
    let names = [
        "apiserver",
        "apiserver-kubelet-client",
        "admin.conf",
        "scheduler.conf",
    ];
    let arguments = [&["renew"], &names[..], &["--config", &config]].concat();
    tree.pki_at(now, &arguments).exits(4);
    let new = openssl.tree(&tree);
    let ca = tree.path("pki/ca.crt");
    for name in names {
        let (old, new) = (&old[name], &new[name]);
        assert_ne!(new.serial, old.serial, "{name}");
        assert!(new.not_after > old.not_after, "{name}");
        assert_eq!(new.not_before, now - Duration::minutes(5), "{name}");
        assert_eq!(new.not_after, now + Duration::hours(10), "{name}");
        assert_eq!(new.subject, old.subject, "{name}");
        for extension in [SAN, USAGES] {
            assert_eq!(
                new.extensions.get(extension),
                old.extensions.get(extension),
                "{name}"
            );
        }
        let certificate = match name.strip_suffix(".conf") {
            Some(_) => tree.embedded(name, "client-certificate-data"),
            None => tree.read(&format!("pki/{name}.crt")),
        };
        let purpose: &[&str] = if name == "apiserver" {
            &[
                "-purpose",
                "sslserver",
                "-verify_hostname",
                "lb.example.com",
            ]
        } else {
            &["-purpose", "sslclient"]
        };
        openssl.verify(&ca, certificate, now, purpose).ok();
    }
    for (name, new) in new {
        if !names.contains(&name) {
            assert_eq!(new, old[name], "{name} was not asked for");
        }
    }
}

/// kubeadm: TestCertToConfig -> CN, O, EKU, SANs copied; stricter: all RDNs, names, usages and extensions
#[test]
fn contents_are_taken_from_a_certificate_without_loss() {
    let pem = TestTree::fixture("kubeadm-1.20/ha").read("pki/etcd/server.crt");
    let certificate = Chain::from_pem(&pem).unwrap().leaf;
    let contents = LeafTemplate::of(&certificate);
    assert_eq!(contents.subject_text(), "CN=cp-2.prod.example");
    assert_eq!(contents.usage_names(), ["serverAuth", "clientAuth"]);
    assert_eq!(
        contents.san_texts(),
        [
            "DNS:cp-2.prod.example",
            "DNS:etcd.prod.example",
            "DNS:localhost",
            "IP:2001:db8::11",
            "IP:127.0.0.1",
            "IP:::1",
            "IP:198.51.100.8",
        ]
    );
    let pem = TestTree::fixture("kubeadm-1.20/ha").read("pki/apiserver-etcd-client.crt");
    let certificate = Chain::from_pem(&pem).unwrap().leaf;
    let contents = LeafTemplate::of(&certificate);
    assert_eq!(
        contents.subject_text(),
        "CN=kube-apiserver-etcd-client,O=system:masters"
    );
    assert_eq!(contents.san_texts(), [""; 0]);
}

/// kubeadm: TestManagerCAExists / not in the list -> error; same
/// kubeadm: TestManagerCertificateExists / not in the list -> error; same
#[test]
fn a_name_that_is_not_in_the_list_is_wrong_usage() {
    for name in [
        "foo",
        "ca",
        "etcd-ca",
        "front-proxy-ca",
        "sa",
        "etcd/server",
        "",
    ] {
        let parsed = Cli::try_parse_from(["pki", "renew", name]);
        assert_eq!(
            parsed.map(|_| ()).map_err(|error| error.exit_code()),
            Err(2),
            "{name}"
        );
    }
    assert!(catalog::find("foo").is_none());
    assert!(catalog::find("etcd-ca").is_some_and(catalog::Row::is_ca));
}

/// kubeadm: TestManagerCAExists / exists, does not exist -> true, false; stricter: for every row
/// kubeadm: TestManagerCertificateExists / exists, does not exist -> true, false; stricter: for every row
/// kubeadm: TestFileExists / file exists, does not -> true, false; same
/// kubeadm: TestPKICertificateReadWriterExists / both -> true, false; same
/// kubeadm: TestKubeConfigReadWriterExists / both -> true, false; same
#[test]
fn what_is_there_and_what_is_missing_is_told_apart_for_every_row() {
    let tree = TestTree::new();
    assert_eq!(missing_rows(&tree.expiration(NOW)), [""; 0]);
    for (name, base, _) in LEAVES {
        let file = format!("pki/{base}.crt");
        let bytes = tree.read(&file);
        tree.remove(&file);
        assert_eq!(missing_rows(&tree.expiration(NOW)), [name]);
        tree.write(&file, bytes);
    }
    for (name, file) in [
        ("ca", "pki/ca.crt"),
        ("front-proxy-ca", "pki/front-proxy-ca.crt"),
        ("etcd-ca", "pki/etcd/ca.crt"),
    ] {
        let bytes = tree.read(file);
        tree.remove(file);
        assert_eq!(missing_rows(&tree.expiration(NOW)), [name]);
        tree.write(file, bytes);
    }
    for name in [
        "admin.conf",
        "super-admin.conf",
        "controller-manager.conf",
        "scheduler.conf",
    ] {
        let bytes = tree.read(name);
        tree.remove(name);
        assert_eq!(missing_rows(&tree.expiration(NOW)), [name]);
        tree.write(name, bytes);
    }
}

fn missing_rows(json: &Value) -> Vec<&str> {
    ["certificates", "certificateAuthorities"]
        .iter()
        .flat_map(|list| json[list].as_array().unwrap())
        .filter(|row| row["missing"] == true)
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

/// kubeadm: TestFileExists / directory -> false; stricter: broken, exit code 5
#[test]
fn a_directory_in_the_place_of_a_certificate_is_broken_and_not_missing() {
    for (file, name) in [
        ("pki/apiserver.crt", "apiserver"),
        ("admin.conf", "admin.conf"),
    ] {
        let tree = TestTree::new();
        tree.remove(file);
        std::fs::create_dir(tree.path(file)).unwrap();
        tree.pki(&["check-expiration"])
            .exits(5)
            .prints(&format!("!BROKEN! {name}"));
        assert_eq!(missing_rows(&tree.expiration(NOW)), [""; 0]);
    }
}

/// kubeadm: TestPKICertificateReadWriter -> reads what was written; same
/// kubeadm: TestKubeconfigReadWriter -> the same; without ca.key; same
#[test]
fn after_a_renewal_the_new_certificate_is_read_from_file_and_kubeconfig() {
    let tree = TestTree::new();
    let expiry = |tree: &TestTree, name: &str| {
        let json = tree.expiration(NOW);
        let rows = json["certificates"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        row["expirationDate"].as_str().unwrap().to_owned()
    };
    for name in ["etcd-peer", "controller-manager.conf"] {
        assert_eq!(expiry(&tree, name), "2027-11-22T00:21:28Z");
        tree.pki_at(NOW + Duration::days(2), &["renew", name])
            .exits(0);
        assert_eq!(expiry(&tree, name), "2027-11-24T00:21:28Z");
    }
}

#[test]
fn kubeconfigs_are_read_without_the_ca_key() {
    let tree = TestTree::new();
    let with = tree.expiration(NOW);
    tree.remove("pki/ca.key");
    let without = tree.expiration(NOW);
    for (with, without) in with["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .zip(without["certificates"].as_array().unwrap())
    {
        assert_eq!(with["expirationDate"], without["expirationDate"], "{with}");
    }
}

#[test]
fn a_certificate_whose_key_is_lost_or_unreadable_gets_a_new_pair() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    for key in [None, Some(""), Some("garbage")] {
        tree.remove("pki/apiserver.key");
        if let Some(text) = key {
            tree.write("pki/apiserver.key", text);
        }
        tree.pki(&["renew", "apiserver"]).exits(0);
        let facts = openssl.facts(&tree.path("pki/apiserver.crt"));
        let key = tree.read("pki/apiserver.key");
        assert_eq!(openssl.public_half(key), facts.public_key);
        assert_eq!(facts.algorithm, "id-ecPublicKey (256 bit)");
    }
}

#[test]
fn a_certificate_without_usage_is_renewed_with_the_usual_one() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(
        &tree,
        "front-proxy-ca",
        "/CN=front-proxy-client",
        "keyUsage=critical,digitalSignature\n",
    );
    tree.write("pki/front-proxy-client.crt", certificate);
    tree.write("pki/front-proxy-client.key", key);
    tree.pki(&["check-expiration"])
        .exits(0)
        .says("`front-proxy-client`: it has no extended key usage");
    tree.pki(&["renew", "front-proxy-client"])
        .exits(0)
        .says("`front-proxy-client`: added the missing extended key usage clientAuth");
    let facts = openssl.facts(&tree.path("pki/front-proxy-client.crt"));
    assert_eq!(facts.extensions[USAGES], "TLS Web Client Authentication");
}
