//! kubeadm `phases/certs/renewal/*_test.go`: what is listed, and what one renewal makes of a certificate.

use clap::Parser;
use pki::{
    catalog,
    cli::Cli,
    x509::{chain::Chain, sign::LeafTemplate},
};
use serde_json::Value;
use time::Duration;

use crate::trees::{
    openssl::{Openssl, SAN, USAGES},
    sandbox::{EXTERNAL_ETCD, Ended, LEAVES, NOW, Sandbox, config_of},
};

fn names(json: &Value, list: &str) -> Vec<String> {
    json[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn with_local_etcd_kubeadms_11_entries_are_listed_and_the_kubelets() {
    let json = Sandbox::made().expiration(NOW);
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

#[test]
fn with_external_etcd_kubeadms_7_entries_are_listed_and_the_kubelets() {
    let json = Sandbox::fixture(EXTERNAL_ETCD).expiration(NOW);
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

#[test]
fn cas_are_listed_by_name() {
    let local = Sandbox::made().expiration(NOW);
    assert_eq!(
        names(&local, "certificateAuthorities"),
        ["ca", "etcd-ca", "front-proxy-ca"]
    );
    let external = Sandbox::fixture(EXTERNAL_ETCD).expiration(NOW);
    assert_eq!(
        names(&external, "certificateAuthorities"),
        ["ca", "front-proxy-ca"]
    );
}

#[test]
fn a_renewed_certificate_has_the_configured_period_and_is_signed_by_the_same_ca() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let text = std::fs::read_to_string(config_of(EXTERNAL_ETCD)).unwrap();
    let config = sandbox.beside(
        "10h.yaml",
        format!("{text}certificateValidityPeriod: 10h\n"),
    );
    let old = openssl.tree(&sandbox);
    // A few hours before the end, so that ten hours reach beyond it.
    let now = NOW + Duration::days(365) - Duration::hours(4);
    let names = [
        "apiserver",
        "apiserver-kubelet-client",
        "admin.conf",
        "scheduler.conf",
    ];
    let arguments = [&["renew"], &names[..], &["--config", &config]].concat();
    sandbox.pki_at(now, &arguments).ended_with(4);
    let new = openssl.tree(&sandbox);
    let ca = sandbox.path("pki/ca.crt");
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
            Some(_) => sandbox.embedded(name, "client-certificate-data"),
            None => sandbox.read(&format!("pki/{name}.crt")),
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

#[test]
fn contents_are_taken_from_a_certificate_without_loss() {
    let pem = Sandbox::fixture("kubeadm-1.20/ha").read("pki/etcd/server.crt");
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
    let pem = Sandbox::fixture("kubeadm-1.20/ha").read("pki/apiserver-etcd-client.crt");
    let certificate = Chain::from_pem(&pem).unwrap().leaf;
    let contents = LeafTemplate::of(&certificate);
    assert_eq!(
        contents.subject_text(),
        "CN=kube-apiserver-etcd-client,O=system:masters"
    );
    assert_eq!(contents.san_texts(), [""; 0]);
}

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

#[test]
fn what_is_there_and_what_is_missing_is_told_apart_for_every_row() {
    let sandbox = Sandbox::made();
    assert_eq!(missing_rows(&sandbox.expiration(NOW)), [""; 0]);
    for (name, base, _) in LEAVES {
        let file = format!("pki/{base}.crt");
        let bytes = sandbox.read(&file);
        sandbox.remove(&[&file]);
        assert_eq!(missing_rows(&sandbox.expiration(NOW)), [name]);
        sandbox.write(&file, bytes);
    }
    for (name, file) in [
        ("ca", "pki/ca.crt"),
        ("front-proxy-ca", "pki/front-proxy-ca.crt"),
        ("etcd-ca", "pki/etcd/ca.crt"),
    ] {
        let bytes = sandbox.read(file);
        sandbox.remove(&[file]);
        assert_eq!(missing_rows(&sandbox.expiration(NOW)), [name]);
        sandbox.write(file, bytes);
    }
    for name in [
        "admin.conf",
        "super-admin.conf",
        "controller-manager.conf",
        "scheduler.conf",
    ] {
        let bytes = sandbox.read(name);
        sandbox.remove(&[name]);
        assert_eq!(missing_rows(&sandbox.expiration(NOW)), [name]);
        sandbox.write(name, bytes);
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

#[test]
fn a_directory_in_the_place_of_a_certificate_is_broken_and_not_missing() {
    for (file, name) in [
        ("pki/apiserver.crt", "apiserver"),
        ("admin.conf", "admin.conf"),
    ] {
        let sandbox = Sandbox::made();
        sandbox.remove(&[file]);
        std::fs::create_dir(sandbox.path(file)).unwrap();
        sandbox
            .pki(&["check-expiration"])
            .ended_with(5)
            .says(&format!("!BROKEN! {name}"));
        assert_eq!(missing_rows(&sandbox.expiration(NOW)), [""; 0]);
    }
}

#[test]
fn after_a_renewal_the_new_certificate_is_read_from_file_and_kubeconfig() {
    let sandbox = Sandbox::made();
    let expiry = |sandbox: &Sandbox, name: &str| {
        let json = sandbox.expiration(NOW);
        let rows = json["certificates"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        row["expirationDate"].as_str().unwrap().to_owned()
    };
    for name in ["etcd-peer", "controller-manager.conf"] {
        assert_eq!(expiry(&sandbox, name), "2027-11-22T00:21:28Z");
        sandbox
            .pki_at(NOW + Duration::days(2), &["renew", name])
            .ended_with(0);
        assert_eq!(expiry(&sandbox, name), "2027-11-24T00:21:28Z");
    }
}

#[test]
fn kubeconfigs_are_read_without_the_ca_key() {
    let sandbox = Sandbox::made();
    let with = sandbox.expiration(NOW);
    sandbox.remove(&["pki/ca.key"]);
    let without = sandbox.expiration(NOW);
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
    let sandbox = Sandbox::made();
    for key in [None, Some(""), Some("garbage")] {
        sandbox.remove(&["pki/apiserver.key"]);
        if let Some(text) = key {
            sandbox.write("pki/apiserver.key", text);
        }
        sandbox.pki(&["renew", "apiserver"]).ended_with(0);
        let facts = openssl.facts(&sandbox.path("pki/apiserver.crt"));
        let key = sandbox.read("pki/apiserver.key");
        assert_eq!(openssl.public_half(key), facts.public_key);
        assert_eq!(facts.algorithm, "id-ecPublicKey (256 bit)");
    }
}

#[test]
fn a_certificate_without_usage_is_not_renewed_as_it_is() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(
        &sandbox,
        "front-proxy-ca",
        "/CN=front-proxy-client",
        "keyUsage=critical,digitalSignature\n",
    );
    sandbox.write("pki/front-proxy-client.crt", certificate);
    sandbox.write("pki/front-proxy-client.key", key);
    crate::trees::sandbox::refused_untouched(
        &sandbox,
        &["renew", "front-proxy-client"],
        &["cannot renew `front-proxy-client`", "lacks clientAuth"],
    );
    sandbox
        .pki(&["renew", "all"])
        .ended_with(5)
        .says("not renewed: front-proxy-client: ");
    let config = config_of(EXTERNAL_ETCD);
    sandbox
        .pki(&["renew", "front-proxy-client", "--config", &config])
        .ended_with(0);
    let facts = openssl.facts(&sandbox.path("pki/front-proxy-client.crt"));
    assert_eq!(facts.extensions[USAGES], "TLS Web Client Authentication");
}
