//! kubeadm `phases/certs/certs_test.go` and `cmd/phases/init/certs_test.go`: what `init` does with what is there.

use std::collections::BTreeSet;

use pki::x509::{
    ca::{IssuerError, check_ca},
    certificate::Certificate,
    chain::{CaBundle, Chain},
    key::{PrivateKey, PublicKey},
    sign::Issuer,
    usage::Usage,
    verify::{VerifyError, verify},
};
use time::Duration;

use crate::trees::{
    openssl::Openssl,
    sandbox::{
        AUTHORITIES, EXTERNAL_ETCD, Ended, FLAGS, KUBECONFIGS, LEAVES, NOW, Sandbox, config_of,
        refused_untouched,
    },
};

/// `pki init` with the configuration that [`Sandbox::made`] was made from.
fn init() -> Vec<&'static str> {
    [&["init"], &FLAGS[..]].concat()
}

/// Both files of a leaf or CA.
fn pair(base: &str) -> [String; 2] {
    ["crt", "key"].map(|end| format!("pki/{base}.{end}"))
}

fn remove_pair(sandbox: &Sandbox, base: &str) {
    let pair = pair(base);
    sandbox.remove(&[&pair[0], &pair[1]]);
}

/// Removes every leaf and kubeconfig; CAs and `sa` stay.
fn remove_leaves(sandbox: &Sandbox) {
    for (_, base, _) in LEAVES {
        remove_pair(sandbox, base);
    }
    sandbox.remove(&KUBECONFIGS);
}

/// Fails unless every leaf and kubeconfig is there and leads to its CA.
fn assert_verifies(openssl: &Openssl, sandbox: &Sandbox) {
    let later = NOW + Duration::HOUR;
    for (_, base, ca) in LEAVES {
        let ca = sandbox.path(&format!("pki/{ca}.crt"));
        let certificate = sandbox.read(&format!("pki/{base}.crt"));
        openssl.verify(&ca, certificate, later, &[]).ok();
    }
    for name in KUBECONFIGS {
        let certificate = sandbox.embedded(name, "client-certificate-data");
        openssl
            .verify(&sandbox.path("pki/ca.crt"), certificate, later, &[])
            .ok();
    }
}

// CAs.

#[test]
fn a_ca_that_is_there_is_kept_byte_by_byte() {
    let sandbox = Sandbox::made();
    let before = AUTHORITIES.map(|file| sandbox.read(file));
    remove_leaves(&sandbox);
    sandbox.init(&[]).ended_with(0);
    assert!(AUTHORITIES.map(|file| sandbox.read(file)) == before);
}

#[test]
fn an_empty_ca_certificate_is_refused() {
    let sandbox = Sandbox::made();
    sandbox.write("pki/ca.crt", "");
    refused_untouched(&sandbox, &init(), &["pki/ca.crt", "empty"]);
}

#[test]
fn an_empty_ca_certificate_alone_is_refused() {
    let sandbox = Sandbox::empty();
    sandbox.write("pki/ca.crt", "");
    refused_untouched(&sandbox, &init(), &["pki/ca.crt", "empty"]);
}

#[test]
fn a_leaf_in_the_place_of_a_ca_is_refused() {
    let sandbox = Sandbox::made();
    sandbox.copy("pki/apiserver.crt", "pki/ca.crt");
    sandbox.copy("pki/apiserver.key", "pki/ca.key");
    refused_untouched(&sandbox, &init(), &["CA `ca`: it is not a CA certificate"]);
}

// Leaves.

#[test]
fn a_leaf_that_is_missing_is_made_and_the_rest_is_kept() {
    let sandbox = Sandbox::made();
    for (name, base, _) in LEAVES {
        remove_pair(&sandbox, base);
        let before = sandbox.snapshot();
        sandbox.init(&[]).ended_with(0);
        let mut changes = before.file_changes(&sandbox.snapshot());
        changes.retain(|change| !change.contains("/.pki/"));
        let wanted = pair(base).map(|file| format!("etc/kubernetes/{file}: made"));
        assert_eq!(changes, wanted, "{name}");
    }
}

#[test]
fn a_leaf_without_a_dns_name_that_is_wanted_is_refused() {
    let sandbox = Sandbox::made();
    let arguments = [
        &init()[..],
        &["--apiserver-cert-extra-sans=new.example.net"],
    ]
    .concat();
    refused_untouched(
        &sandbox,
        &arguments,
        &[
            "`apiserver`: it lacks names",
            "DNS:new.example.net",
            "pki renew apiserver",
        ],
    );
}

#[test]
fn a_leaf_without_an_address_that_is_wanted_is_refused() {
    let sandbox = Sandbox::made();
    let arguments = [
        &init()[..],
        &["--apiserver-cert-extra-sans=192.0.2.99,2001:db8::99"],
    ]
    .concat();
    refused_untouched(
        &sandbox,
        &arguments,
        &[
            "`apiserver`: it lacks names",
            "IP:192.0.2.99",
            "IP:2001:db8::99",
        ],
    );
}

#[test]
fn a_leaf_with_every_wanted_name_and_more_is_kept() {
    let sandbox = Sandbox::empty();
    sandbox
        .init(&["--apiserver-cert-extra-sans=*.example.org,192.0.2.99"])
        .ended_with(0);
    let before = sandbox.read("pki/apiserver.crt");
    sandbox.remove(&[".pki/cluster.yaml"]);
    // A wildcard serves for a name.
    sandbox
        .init(&["--apiserver-cert-extra-sans=one.example.org"])
        .ended_with(0);
    assert_eq!(sandbox.read("pki/apiserver.crt"), before);
}

#[test]
fn an_empty_leaf_is_refused() {
    let sandbox = Sandbox::made();
    sandbox.write("pki/etcd/peer.crt", "");
    refused_untouched(&sandbox, &init(), &["pki/etcd/peer.crt", "empty"]);
}

#[test]
fn garbage_in_the_place_of_a_leaf_is_refused() {
    let sandbox = Sandbox::made();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAECAwQ=\n-----END CERTIFICATE-----\n";
    sandbox.write("pki/apiserver.crt", garbage);
    refused_untouched(&sandbox, &init(), &["pki/apiserver.crt"]);
}

#[test]
fn a_leaf_that_another_ca_signed_is_refused() {
    let (sandbox, other) = (Sandbox::made(), Sandbox::made());
    for file in pair("apiserver") {
        sandbox.write(&file, other.read(&file));
    }
    // Of the same name, but with another key.
    refused_untouched(&sandbox, &init(), &["`apiserver`: its signature is wrong"]);
    for file in pair("apiserver") {
        sandbox.copy(&file.replace("apiserver", "front-proxy-client"), &file);
    }
    refused_untouched(&sandbox, &init(), &["`apiserver`: "]);
}

#[test]
fn a_leaf_without_its_key_or_with_another_one_is_refused() {
    let sandbox = Sandbox::made();
    let key = sandbox.read("pki/apiserver.key");
    sandbox.copy("pki/front-proxy-client.key", "pki/apiserver.key");
    refused_untouched(
        &sandbox,
        &init(),
        &["`apiserver`: its key does not belong to it"],
    );
    sandbox.remove(&["pki/apiserver.key"]);
    refused_untouched(
        &sandbox,
        &init(),
        &["`apiserver`: its certificate is there and its key is not"],
    );
    sandbox.write("pki/apiserver.key", key);
    sandbox.remove(&["pki/apiserver.crt"]);
    refused_untouched(
        &sandbox,
        &init(),
        &["`apiserver`: its key is there and its certificate is not"],
    );
}

#[test]
fn an_expired_leaf_is_refused_with_the_way_out() {
    let sandbox = Sandbox::made();
    crate::trees::sandbox::refused_untouched_at(
        &sandbox,
        NOW + Duration::days(366),
        &init(),
        &[
            "`apiserver`: it expired on 2027-11-22",
            "pki renew apiserver",
        ],
    );
}

// sa.key and sa.pub.

#[test]
fn the_service_account_pair_is_made() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::made();
    assert_eq!(
        openssl.public_half(sandbox.read("pki/sa.key")),
        sandbox.text("pki/sa.pub")
    );
    assert_eq!(
        (sandbox.mode("pki/sa.key"), sandbox.mode("pki/sa.pub")),
        (0o600, 0o600)
    );
}

#[test]
fn a_service_account_key_that_is_there_stays_and_gets_its_public_half() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::empty();
    openssl
        .run(&[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            "sa.key",
        ])
        .ok();
    let key = openssl.output("sa.key");
    sandbox.write("pki/sa.key", &key);
    sandbox.init(&[]).ended_with(0);
    assert!(sandbox.read("pki/sa.key") == key, "sa.key is another one");
    assert_eq!(openssl.public_half(key), sandbox.text("pki/sa.pub"));
}

#[test]
fn an_empty_service_account_key_is_refused() {
    let sandbox = Sandbox::empty();
    sandbox.write("pki/sa.key", "");
    refused_untouched(&sandbox, &init(), &["pki/sa.key", "empty"]);
}

#[test]
fn a_service_account_pair_of_two_halves_that_do_not_match_is_refused() {
    let (sandbox, other) = (Sandbox::made(), Sandbox::made());
    sandbox.write("pki/sa.pub", other.read("pki/sa.pub"));
    refused_untouched(
        &sandbox,
        &init(),
        &["sa.pub is not the public half of sa.key"],
    );
}

// What a joining control-plane node is given.

#[test]
fn shared_files_are_enough_for_a_control_plane_node() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::made();
    remove_leaves(&sandbox);
    sandbox.remove(&[".pki/cluster.yaml"]);
    let before = AUTHORITIES.map(|file| sandbox.read(file));
    sandbox.init(&[]).ended_with(0);
    assert_verifies(&openssl, &sandbox);
    assert!(AUTHORITIES.map(|file| sandbox.read(file)) == before);
}

#[test]
fn a_missing_ca_key_alone_is_fine() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/ca.key"]);
    let before = sandbox.snapshot();
    sandbox.init(&[]).ended_with(0).says("nothing was written");
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}

#[test]
fn each_missing_shared_certificate_is_refused() {
    for (file, row) in [
        ("pki/ca.crt", "CA `ca`"),
        ("pki/front-proxy-ca.crt", "CA `front-proxy-ca`"),
        ("pki/etcd/ca.crt", "CA `etcd-ca`"),
        ("pki/sa.key", "`sa`"),
    ] {
        let sandbox = Sandbox::made();
        sandbox.remove(&[file]);
        refused_untouched(&sandbox, &init(), &[row]);
        // Without its other half too: everything that it signed is still there.
        if let Some(key) = file.strip_suffix(".crt") {
            sandbox.remove(&[&format!("{key}.key")]);
            refused_untouched(
                &sandbox,
                &init(),
                &[row, "certificates that it should have signed"],
            );
        }
    }
}

#[test]
fn several_missing_shared_certificates_are_named_at_once() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/ca.crt", "pki/etcd/ca.crt"]);
    refused_untouched(&sandbox, &init(), &["CA `ca`", "CA `etcd-ca`"]);
}

// Sparse trees.

#[test]
fn nothing_becomes_a_complete_tree() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::made();
    assert_verifies(&openssl, &sandbox);
    for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
        let facts = openssl.facts(&sandbox.path(&format!("pki/{ca}.crt")));
        assert_eq!(
            facts.extensions["X509v3 Basic Constraints: critical"], "CA:TRUE",
            "{ca}"
        );
        assert_eq!(facts.subject, facts.issuer, "{ca}");
    }
}

#[test]
fn ca_certificates_without_keys_cannot_sign_what_is_missing() {
    let sandbox = Sandbox::made();
    remove_leaves(&sandbox);
    sandbox.remove(&["pki/ca.key", "pki/front-proxy-ca.key", "pki/etcd/ca.key"]);
    let before = sandbox.snapshot();
    let run = sandbox.pki(&init()).ended_with(5);
    for (name, ..) in LEAVES {
        assert!(
            run.stdout
                .contains(&format!("    {name}: it is missing, and its CA ")),
            "{run}"
        );
    }
    for name in KUBECONFIGS {
        assert!(
            run.stdout
                .contains(&format!("    {name}: it is missing, and its CA ")),
            "{run}"
        );
    }
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}

#[test]
fn a_front_proxy_ca_without_key_is_enough_beside_its_client() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::made();
    for (name, base, _) in LEAVES {
        if name != "front-proxy-client" {
            remove_pair(&sandbox, base);
        }
    }
    sandbox.remove(&KUBECONFIGS);
    sandbox.remove(&["pki/front-proxy-ca.key"]);
    let before = sandbox.read("pki/front-proxy-client.crt");
    sandbox.init(&[]).ended_with(0);
    assert_verifies(&openssl, &sandbox);
    assert_eq!(sandbox.read("pki/front-proxy-client.crt"), before);
    assert!(!sandbox.exists("pki/front-proxy-ca.key"));
}

#[test]
fn a_front_proxy_client_without_its_ca_is_refused() {
    let sandbox = Sandbox::empty();
    let made = Sandbox::made();
    for file in pair("front-proxy-client") {
        sandbox.write(&file, made.read(&file));
    }
    refused_untouched(
        &sandbox,
        &init(),
        &["CA `front-proxy-ca`: it is missing", "front-proxy-client"],
    );
}

// External CAs.

#[test]
fn a_complete_tree_is_not_externally_managed() {
    let json = Sandbox::made().expiration(NOW);
    for list in ["certificates", "certificateAuthorities"] {
        for row in json[list].as_array().unwrap() {
            assert_eq!(row["externallyManaged"], false, "{row}");
        }
    }
}

#[test]
fn a_ca_without_its_key_is_external_and_so_is_what_it_signed() {
    for (key, ca) in [
        ("pki/ca.key", "ca"),
        ("pki/front-proxy-ca.key", "front-proxy-ca"),
        ("pki/etcd/ca.key", "etcd-ca"),
    ] {
        let sandbox = Sandbox::made();
        sandbox.remove(&[key]);
        sandbox.init(&[]).ended_with(0);
        let json = sandbox.expiration(NOW);
        for row in json["certificates"].as_array().unwrap() {
            assert_eq!(row["externallyManaged"], row["caName"] == ca, "{row}");
        }
        for row in json["certificateAuthorities"].as_array().unwrap() {
            assert_eq!(row["externallyManaged"], row["name"] == ca, "{row}");
        }
    }
}

#[test]
fn an_external_ca_does_not_make_up_for_a_missing_leaf() {
    for (ca, leaf) in [
        ("ca", "apiserver"),
        ("ca", "apiserver-kubelet-client"),
        ("front-proxy-ca", "front-proxy-client"),
        ("etcd/ca", "etcd/peer"),
    ] {
        let sandbox = Sandbox::made();
        sandbox.remove(&[&format!("pki/{ca}.key")]);
        remove_pair(&sandbox, leaf);
        let row = LEAVES.iter().find(|(_, base, _)| *base == leaf).unwrap().0;
        let before = sandbox.snapshot();
        sandbox
            .pki(&init())
            .ended_with(5)
            .says(&format!("{row}: it is missing, and its CA "));
        // The certificate is not made; whatever else there was to make was there.
        assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
    }
}

#[test]
fn a_ca_key_that_is_garbage_does_not_make_the_ca_external() {
    let sandbox = Sandbox::made();
    sandbox.write("pki/ca.key", "garbage");
    refused_untouched(&sandbox, &init(), &["pki/ca.key"]);
    let json = sandbox.expiration(NOW);
    assert_eq!(
        json["certificateAuthorities"][0]["externallyManaged"],
        false
    );
}

// Validators.

fn certificate(sandbox: &Sandbox, base: &str) -> Certificate {
    let pem = sandbox.read(&format!("pki/{base}.crt"));
    Chain::from_pem(&pem).unwrap().leaf
}

fn key(sandbox: &Sandbox, base: &str) -> PrivateKey {
    PrivateKey::from_pem(&sandbox.read(&format!("pki/{base}.key"))).unwrap()
}

#[test]
fn a_ca_certificate_is_told_from_a_leaf_an_expired_one_and_one_that_is_not_valid_yet() {
    let sandbox = Sandbox::made();
    let ca = certificate(&sandbox, "ca");
    let (bundle, leaf) = (
        CaBundle::from(ca.clone()),
        CaBundle::from(certificate(&sandbox, "apiserver")),
    );
    assert_eq!(check_ca(&bundle, NOW), Ok(()));
    assert_eq!(check_ca(&leaf, NOW), Err(IssuerError::NotCa));
    let (early, late) = (NOW - Duration::minutes(6), NOW + Duration::hours(87_601));
    assert_eq!(
        check_ca(&bundle, early),
        Err(IssuerError::NotYetValid(ca.not_before()))
    );
    assert_eq!(
        check_ca(&bundle, late),
        Err(IssuerError::Expired(ca.not_after()))
    );
}

#[test]
fn a_ca_signs_with_its_own_key_only() {
    let sandbox = Sandbox::made();
    let (ca, own, other) = (
        CaBundle::from(certificate(&sandbox, "ca")),
        key(&sandbox, "ca"),
        key(&sandbox, "front-proxy-ca"),
    );
    assert!(Issuer::new(&ca, &own, NOW).is_ok());
    assert_eq!(
        Issuer::new(&ca, &other, NOW).err(),
        Some(IssuerError::KeyMismatch)
    );
}

#[test]
fn a_signed_certificate_verifies_with_its_ca_for_its_usage_and_at_its_time() {
    let sandbox = Sandbox::made();
    let leaf = Chain::from(certificate(&sandbox, "apiserver"));
    let (ca, other) = (
        certificate(&sandbox, "ca"),
        certificate(&sandbox, "front-proxy-ca"),
    );
    assert_eq!(verify(&leaf, &[&ca], Usage::ServerAuth, NOW), Ok(()));
    assert_eq!(
        verify(&leaf, &[&other], Usage::ServerAuth, NOW),
        Err(VerifyError::UnknownIssuer)
    );
    assert_eq!(
        verify(&leaf, &[&ca], Usage::ClientAuth, NOW),
        Err(VerifyError::Usage(Usage::ClientAuth))
    );
    assert_eq!(
        verify(&leaf, &[&ca], Usage::ServerAuth, NOW + Duration::days(366)),
        Err(VerifyError::Expired(leaf.leaf.not_after()))
    );
}

#[test]
fn a_public_key_is_read_and_is_the_private_keys() {
    let sandbox = Sandbox::made();
    let public = PublicKey::from_pem(&sandbox.read("pki/sa.pub")).unwrap();
    assert_eq!(public, [key(&sandbox, "sa").public_key().unwrap()]);
}

#[test]
fn a_missing_service_account_key_is_refused_beside_its_public_half() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/sa.key"]);
    refused_untouched(&sandbox, &init(), &["sa.pub is there and sa.key is not"]);
}

// Lists of files.

fn files_in_pki(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![sandbox.path("pki")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(sandbox.path("pki")).unwrap();
                names.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    names
}

const WITHOUT_ETCD: [&str; 12] = [
    "ca.crt",
    "ca.key",
    "apiserver.crt",
    "apiserver.key",
    "apiserver-kubelet-client.crt",
    "apiserver-kubelet-client.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "front-proxy-client.crt",
    "front-proxy-client.key",
    "sa.key",
    "sa.pub",
];

const OF_ETCD: [&str; 10] = [
    "apiserver-etcd-client.crt",
    "apiserver-etcd-client.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "etcd/server.crt",
    "etcd/server.key",
    "etcd/peer.crt",
    "etcd/peer.key",
    "etcd/healthcheck-client.crt",
    "etcd/healthcheck-client.key",
];

#[test]
fn with_local_etcd_there_are_22_files_with_kubeadms_modes() {
    let sandbox = Sandbox::made();
    let wanted = WITHOUT_ETCD.iter().chain(&OF_ETCD);
    assert_eq!(
        files_in_pki(&sandbox),
        wanted.clone().map(|name| (*name).to_owned()).collect()
    );
    for name in wanted {
        let mode = if name.ends_with(".crt") { 0o644 } else { 0o600 };
        assert_eq!(sandbox.mode(&format!("pki/{name}")), mode, "{name}");
    }
    for name in KUBECONFIGS {
        assert_eq!(sandbox.mode(name), 0o600, "{name}");
    }
}

#[test]
fn with_external_etcd_there_are_12_files() {
    let sandbox = Sandbox::empty();
    sandbox
        .pki(&["init", "--config", &config_of(EXTERNAL_ETCD)])
        .ended_with(0);
    assert_eq!(
        files_in_pki(&sandbox),
        WITHOUT_ETCD.iter().map(|name| (*name).to_owned()).collect()
    );
}
