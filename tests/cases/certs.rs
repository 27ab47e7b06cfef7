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

use crate::support::{
    EXTERNAL_ETCD, NOW, Openssl, TestTree, config_of,
    rows::{KUBECONFIGS, LEAVES, PAIRS, SIGNED, never_renewed, signed_but},
};

/// Returns the bytes of every CA and of the service-account key pair.
fn shared_files(tree: &TestTree) -> Vec<Vec<u8>> {
    never_renewed().iter().map(|file| tree.read(file)).collect()
}

/// Fails unless every leaf and kubeconfig is there and leads to its CA.
fn assert_verifies(openssl: &Openssl, tree: &TestTree) {
    let later = NOW + Duration::HOUR;
    for (_, base, ca) in LEAVES {
        let ca = tree.path(&format!("pki/{ca}.crt"));
        let certificate = tree.read(&format!("pki/{base}.crt"));
        openssl.verify(&ca, certificate, later, &[]).ok();
    }
    for name in KUBECONFIGS {
        let certificate = tree.embedded(name, "client-certificate-data");
        openssl
            .verify(&tree.path("pki/ca.crt"), certificate, later, &[])
            .ok();
    }
}

// CAs.

/// kubeadm: TestWriteCertificateAuthorityFilesIfNotExist / (2) CA there -> kept; same
/// kubeadm: TestCertOrKeyExist / both exist -> true; same
#[test]
fn a_ca_that_is_there_is_kept_byte_by_byte() {
    let tree = TestTree::new();
    let before = shared_files(&tree);
    tree.remove_rows(&SIGNED);
    tree.init(&[]).exits(0);
    assert!(shared_files(&tree) == before);
}

/// kubeadm: TestWriteCertificateAuthorityFilesIfNotExist / (3) empty -> error; stricter: nothing at all is written
#[test]
fn an_empty_ca_certificate_is_refused() {
    let tree = TestTree::new();
    tree.write("pki/ca.crt", "");
    tree.pki(&["init"])
        .exits(3)
        .says("pki/ca.crt")
        .says("empty")
        .changed_nothing();
}

#[test]
fn an_empty_ca_certificate_alone_is_refused() {
    let tree = TestTree::empty();
    tree.write("pki/ca.crt", "");
    tree.init(&[])
        .exits(3)
        .says("pki/ca.crt")
        .says("empty")
        .changed_nothing();
}

/// kubeadm: TestWriteCertificateAuthorityFilesIfNotExist / (4) no CA -> error; stricter: nothing at all is written, and `renew` refuses too
#[test]
fn a_leaf_in_the_place_of_a_ca_is_refused() {
    let tree = TestTree::new();
    tree.copy("pki/apiserver.crt", "pki/ca.crt");
    tree.copy("pki/apiserver.key", "pki/ca.key");
    tree.pki(&["init"])
        .exits(3)
        .says("CA `ca`: it is not a CA certificate")
        .changed_nothing();
}

// Leaves.

/// kubeadm: TestWriteCertificateFilesIfNotExist / (1) nothing -> written; stricter: for every leaf
#[test]
fn a_leaf_that_is_missing_is_made_and_the_rest_is_kept() {
    let tree = TestTree::new();
    for name in PAIRS {
        tree.remove_rows(&[name]);
        tree.pki(&["init"]).exits(0).changed_rows(&[name]);
    }
}

/// kubeadm: TestWriteCertificateFilesIfNotExist / (2) lacks a DNS name -> error; stricter: in `init` too, where kubeadm keeps it
#[test]
fn a_leaf_without_a_dns_name_that_is_wanted_is_refused() {
    let tree = TestTree::new();
    let arguments = [
        &["init"][..],
        &["--apiserver-cert-extra-sans=new.example.net"],
    ]
    .concat();
    tree.pki(&arguments)
        .exits(3)
        .says("`apiserver`: it lacks names")
        .says("DNS:new.example.net")
        .says("pki renew apiserver")
        .changed_nothing();
}

/// kubeadm: TestWriteCertificateFilesIfNotExist / (3) lacks an address -> error; stricter: as above
#[test]
fn a_leaf_without_an_address_that_is_wanted_is_refused() {
    let tree = TestTree::new();
    let arguments = [
        &["init"][..],
        &["--apiserver-cert-extra-sans=192.0.2.99,2001:db8::99"],
    ]
    .concat();
    tree.pki(&arguments)
        .exits(3)
        .says("`apiserver`: it lacks names")
        .says("IP:192.0.2.99")
        .says("IP:2001:db8::99")
        .changed_nothing();
}

/// kubeadm: TestWriteCertificateFilesIfNotExist / (4) all names -> kept; same
#[test]
fn a_leaf_with_every_wanted_name_and_more_is_kept() {
    let tree = TestTree::empty();
    tree.init(&["--apiserver-cert-extra-sans=*.example.org,192.0.2.99"])
        .exits(0);
    let before = tree.read("pki/apiserver.crt");
    tree.remove(".pki/cluster.yaml");
    // A wildcard serves for a name.
    tree.init(&["--apiserver-cert-extra-sans=one.example.org"])
        .exits(0);
    assert_eq!(tree.read("pki/apiserver.crt"), before);
}

/// kubeadm: TestWriteCertificateFilesIfNotExist / (5) empty -> error; same
#[test]
fn an_empty_leaf_is_refused() {
    let tree = TestTree::new();
    tree.write("pki/etcd/peer.crt", "");
    tree.pki(&["init"])
        .exits(3)
        .says("pki/etcd/peer.crt")
        .says("empty")
        .changed_nothing();
}

#[test]
fn garbage_in_the_place_of_a_leaf_is_refused() {
    let tree = TestTree::new();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAECAwQ=\n-----END CERTIFICATE-----\n";
    tree.write("pki/apiserver.crt", garbage);
    tree.pki(&["init"])
        .exits(3)
        .says("pki/apiserver.crt")
        .changed_nothing();
}

/// kubeadm: TestWriteCertificateFilesIfNotExist / (6) another CA -> error; stricter: one of the same name too
#[test]
fn a_leaf_that_another_ca_signed_is_refused() {
    let (tree, other) = (TestTree::new(), TestTree::of_another_cluster());
    tree.take_pair(&other, "apiserver");
    // Of the same name, but with another key.
    tree.pki(&["init"])
        .exits(3)
        .says("`apiserver`: its signature is wrong")
        .changed_nothing();
    tree.copy_pair("front-proxy-client", "apiserver");
    tree.pki(&["init"])
        .exits(3)
        .says("`apiserver`: ")
        .changed_nothing();
}

#[test]
fn a_leaf_without_its_key_or_with_another_one_is_refused() {
    let tree = TestTree::new();
    let key = tree.read("pki/apiserver.key");
    tree.copy("pki/front-proxy-client.key", "pki/apiserver.key");
    tree.pki(&["init"])
        .exits(3)
        .says("`apiserver`: its key does not belong to it")
        .changed_nothing();
    tree.remove("pki/apiserver.key");
    tree.pki(&["init"])
        .exits(3)
        .says("`apiserver`: its certificate exists, its key is missing")
        .changed_nothing();
    tree.write("pki/apiserver.key", key);
    tree.remove("pki/apiserver.crt");
    tree.pki(&["init"])
        .exits(3)
        .says("`apiserver`: its key exists, its certificate is missing")
        .changed_nothing();
}

#[test]
fn an_expired_leaf_is_refused_with_the_way_out() {
    let tree = TestTree::new();
    tree.pki_at(NOW + Duration::days(366), &["init"])
        .exits(3)
        .says("`apiserver`: it expired on 2027-11-22")
        .says("pki renew apiserver")
        .changed_nothing();
}

// sa.key and sa.pub.

/// kubeadm: TestCreateServiceAccountKeyAndPublicKeyFiles / generate -> key made; stricter: the public half and both modes
#[test]
fn the_service_account_pair_is_made() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    assert_eq!(
        openssl.public_half(tree.read("pki/sa.key")),
        tree.text("pki/sa.pub")
    );
    assert_eq!(
        (tree.mode("pki/sa.key"), tree.mode("pki/sa.pub")),
        (0o600, 0o600)
    );
}

/// kubeadm: TestCreateServiceAccountKeyAndPublicKeyFiles / existing key -> bytes unchanged; stricter: sa.pub is made from it
#[test]
fn a_service_account_key_that_is_there_stays_and_gets_its_public_half() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
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
    tree.write("pki/sa.key", &key);
    tree.init(&[]).exits(0);
    assert!(tree.read("pki/sa.key") == key, "sa.key is another one");
    assert_eq!(openssl.public_half(key), tree.text("pki/sa.pub"));
}

/// kubeadm: TestCreateServiceAccountKeyAndPublicKeyFiles / empty key -> error; stricter: `a_service_account_pair_of_two_halves_that_do_not_match_is_refused` too
#[test]
fn an_empty_service_account_key_is_refused() {
    let tree = TestTree::empty();
    tree.write("pki/sa.key", "");
    tree.init(&[])
        .exits(3)
        .says("pki/sa.key")
        .says("empty")
        .changed_nothing();
}

#[test]
fn a_service_account_pair_of_two_halves_that_do_not_match_is_refused() {
    let (tree, other) = (TestTree::new(), TestTree::of_another_cluster());
    tree.write("pki/sa.pub", other.read("pki/sa.pub"));
    tree.pki(&["init"])
        .exits(3)
        .says("sa.pub does not contain the public key of sa.key")
        .changed_nothing();
}

// What a joining control-plane node is given.

/// kubeadm: TestMakeCertTree / roots, leaves, a root without leaves -> tree; same: CAs without leaves are kept
/// kubeadm: TestSharedCertificateExists / success -> ok; stricter: the leaves that are made verify
/// kubeadm: TestCreatePKIAssetsWithSparseCerts / CAs already exist -> leaves added; same
/// kubeadm: TestCreateSparseCerts (`cmd/phases/init`) / the same five
#[test]
fn shared_files_are_enough_for_a_control_plane_node() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    tree.remove_rows(&SIGNED);
    tree.remove(".pki/cluster.yaml");
    let before = shared_files(&tree);
    tree.init(&[]).exits(0);
    assert_verifies(&openssl, &tree);
    assert!(shared_files(&tree) == before);
}

/// kubeadm: TestSharedCertificateExists / missing ca.key -> ok; same
/// kubeadm: TestValidateMethods / validateCACertAndKey, key missing -> ok; same
#[test]
fn a_missing_ca_key_alone_is_fine() {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    tree.init(&[])
        .exits(0)
        .prints("nothing was written")
        .changed_nothing();
}

/// kubeadm: TestSharedCertificateExists / missing ca.crt, sa.key, front-proxy.crt, etcd/ca.crt -> error each; same
#[test]
fn each_missing_shared_certificate_is_refused() {
    for (file, row) in [
        ("pki/ca.crt", "CA `ca`"),
        ("pki/front-proxy-ca.crt", "CA `front-proxy-ca`"),
        ("pki/etcd/ca.crt", "CA `etcd-ca`"),
        ("pki/sa.key", "`sa`"),
    ] {
        let tree = TestTree::new();
        tree.remove(file);
        tree.pki(&["init"]).exits(3).says(row).changed_nothing();
        // Without its other half too: everything that it signed is still there.
        if let Some(key) = file.strip_suffix(".crt") {
            tree.remove(&format!("{key}.key"));
            tree.pki(&["init"])
                .exits(3)
                .says(row)
                .says("it is missing, but it signed these certificates")
                .changed_nothing();
        }
    }
}

/// kubeadm: TestSharedCertificateExists / several missing -> 2 errors; same
#[test]
fn several_missing_shared_certificates_are_named_at_once() {
    let tree = TestTree::new();
    tree.remove_all(&["pki/ca.crt", "pki/etcd/ca.crt"]);
    tree.pki(&["init"])
        .exits(3)
        .says("CA `ca`")
        .says("CA `etcd-ca`")
        .changed_nothing();
}

// Sparse trees.

/// kubeadm: TestWriteCertificateAuthorityFilesIfNotExist / (1) nothing -> CA written; same
/// kubeadm: TestCreatePKIAssetsWithSparseCerts / nothing present -> ok; same
/// kubeadm: TestCreateSparseCerts (`cmd/phases/init`) / the same five -> as above; same: there is one path only
#[test]
fn nothing_becomes_a_complete_tree() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    assert_verifies(&openssl, &tree);
    for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
        let facts = openssl.facts(&tree.path(&format!("pki/{ca}.crt")));
        assert_eq!(
            facts.extensions["X509v3 Basic Constraints: critical"], "CA:TRUE",
            "{ca}"
        );
        assert_eq!(facts.subject, facts.issuer, "{ca}");
    }
}

/// kubeadm: TestCreatePKIAssetsWithSparseCerts / CA certs only -> error; same: exit code 5, and everything that is missing is named at once
#[test]
fn ca_certificates_without_keys_cannot_sign_what_is_missing() {
    let tree = TestTree::new();
    tree.remove_rows(&SIGNED);
    tree.remove_all(&["pki/ca.key", "pki/front-proxy-ca.key", "pki/etcd/ca.key"]);
    let run = tree.pki(&["init"]).exits(5).changed_nothing();
    SIGNED.iter().fold(run, |run, name| {
        run.skips(name, "it is missing, and its CA ")
    });
}

/// kubeadm: TestCreatePKIAssetsWithSparseCerts / FrontProxyCA with certs -> ok; same
#[test]
fn a_front_proxy_ca_without_key_is_enough_beside_its_client() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    tree.remove_rows(&signed_but(&["front-proxy-client"]));
    tree.remove("pki/front-proxy-ca.key");
    let before = tree.read("pki/front-proxy-client.crt");
    tree.init(&[]).exits(0);
    assert_verifies(&openssl, &tree);
    assert_eq!(tree.read("pki/front-proxy-client.crt"), before);
    assert!(!tree.exists("pki/front-proxy-ca.key"));
}

/// kubeadm: TestMakeCertTree / orphan leaf -> error; stricter: a row cannot name a CA that is not there, it would not compile
/// kubeadm: TestCreatePKIAssetsWithSparseCerts / FrontProxy certs missing CA -> error; same
/// kubeadm: TestCreateSparseCerts (`cmd/phases/init`) / the same five
#[test]
fn a_front_proxy_client_without_its_ca_is_refused() {
    let tree = TestTree::empty();
    tree.take_pair(&TestTree::new(), "front-proxy-client");
    tree.init(&[])
        .exits(3)
        .says("CA `front-proxy-ca`: it is missing")
        .says("front-proxy-client")
        .changed_nothing();
}

// External CAs.

/// kubeadm: TestUsingExternalCA / complete -> not external; same
/// kubeadm: TestUsingExternalCA / front proxy: complete, key missing -> not external, external; same
#[test]
fn a_complete_tree_is_not_externally_managed() {
    let json = TestTree::new().expiration(NOW);
    for list in ["certificates", "certificateAuthorities"] {
        for row in json[list].as_array().unwrap() {
            assert_eq!(row["externallyManaged"], false, "{row}");
        }
    }
}

/// kubeadm: TestUsingExternalCA / ca.key missing (twice) -> external; same
#[test]
fn a_ca_without_its_key_is_external_and_so_is_what_it_signed() {
    for (key, ca) in [
        ("pki/ca.key", "ca"),
        ("pki/front-proxy-ca.key", "front-proxy-ca"),
        ("pki/etcd/ca.key", "etcd-ca"),
    ] {
        let tree = TestTree::new();
        tree.remove(key);
        tree.init(&[]).exits(0);
        let json = tree.expiration(NOW);
        for row in json["certificates"].as_array().unwrap() {
            assert_eq!(row["externallyManaged"], row["caName"] == ca, "{row}");
        }
        for row in json["certificateAuthorities"].as_array().unwrap() {
            assert_eq!(row["externallyManaged"], row["name"] == ca, "{row}");
        }
    }
}

/// kubeadm: TestUsingExternalCA / ca.key and signed certs missing -> external, error; stricter: for the etcd CA too
/// kubeadm: TestUsingExternalCA / front proxy: key and client missing -> external, error; same
#[test]
fn an_external_ca_does_not_make_up_for_a_missing_leaf() {
    for (ca, leaf) in [
        ("ca", "apiserver"),
        ("ca", "apiserver-kubelet-client"),
        ("front-proxy-ca", "front-proxy-client"),
        ("etcd/ca", "etcd-peer"),
    ] {
        let tree = TestTree::new();
        tree.remove(&format!("pki/{ca}.key"));
        tree.remove_rows(&[leaf]);
        tree.pki(&["init"])
            .exits(5)
            .skips(leaf, "it is missing, and its CA ")
            .changed_nothing();
    }
}

#[test]
fn a_ca_key_that_is_garbage_does_not_make_the_ca_external() {
    let tree = TestTree::new();
    tree.write("pki/ca.key", "garbage");
    tree.pki(&["init"])
        .exits(3)
        .says("pki/ca.key")
        .changed_nothing();
    let json = tree.expiration(NOW);
    assert_eq!(
        json["certificateAuthorities"][0]["externallyManaged"],
        false
    );
}

// Validators.

fn certificate(tree: &TestTree, base: &str) -> Certificate {
    let pem = tree.read(&format!("pki/{base}.crt"));
    Chain::from_pem(&pem).unwrap().leaf
}

fn key(tree: &TestTree, base: &str) -> PrivateKey {
    PrivateKey::from_pem(&tree.read(&format!("pki/{base}.key"))).unwrap()
}

/// kubeadm: TestValidateMethods / validateCACert -> ok; stricter: dates count
#[test]
fn a_ca_certificate_is_told_from_a_leaf_an_expired_one_and_one_that_is_not_valid_yet() {
    let tree = TestTree::new();
    let ca = certificate(&tree, "ca");
    let (bundle, leaf) = (
        CaBundle::from(ca.clone()),
        CaBundle::from(certificate(&tree, "apiserver")),
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

/// kubeadm: TestValidateMethods / validateCACertAndKey, files present -> ok; stricter: the key has to match
#[test]
fn a_ca_signs_with_its_own_key_only() {
    let tree = TestTree::new();
    let (ca, own, other) = (
        CaBundle::from(certificate(&tree, "ca")),
        key(&tree, "ca"),
        key(&tree, "front-proxy-ca"),
    );
    assert!(Issuer::new(&ca, &own, NOW).is_ok());
    assert_eq!(
        Issuer::new(&ca, &other, NOW).err(),
        Some(IssuerError::KeyMismatch)
    );
}

/// kubeadm: TestValidateMethods / validateSignedCert -> ok; stricter: usage and dates count
#[test]
fn a_signed_certificate_verifies_with_its_ca_for_its_usage_and_at_its_time() {
    let tree = TestTree::new();
    let leaf = Chain::from(certificate(&tree, "apiserver"));
    let (ca, other) = (
        certificate(&tree, "ca"),
        certificate(&tree, "front-proxy-ca"),
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

/// kubeadm: TestValidateMethods / validatePrivatePublicKey -> ok; stricter: the halves have to match
#[test]
fn a_public_key_is_read_and_is_the_private_keys() {
    let tree = TestTree::new();
    let public = PublicKey::from_pem(&tree.read("pki/sa.pub")).unwrap();
    assert_eq!(public, [key(&tree, "sa").public_key().clone()]);
}

/// kubeadm: TestValidateMethods / validatePrivatePublicKey, missing key -> error; same
#[test]
fn a_missing_service_account_key_is_refused_beside_its_public_half() {
    let tree = TestTree::new();
    tree.remove("pki/sa.key");
    tree.pki(&["init"])
        .exits(3)
        .says("sa.pub exists, sa.key is missing")
        .changed_nothing();
}

// Lists of files.

fn files_in_pki(tree: &TestTree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![tree.path("pki")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(tree.path("pki")).unwrap();
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

/// kubeadm: TestCreateCertificateFilesMethods / (1) local etcd -> 22 files; stricter: modes, and no other file
/// kubeadm: TestWriteCertAndKey, TestWriteCert -> ok; stricter: names, modes, contents
#[test]
fn with_local_etcd_there_are_22_files_with_kubeadms_modes() {
    let tree = TestTree::new();
    let wanted = WITHOUT_ETCD.iter().chain(&OF_ETCD);
    assert_eq!(
        files_in_pki(&tree),
        wanted.clone().map(|name| (*name).to_owned()).collect()
    );
    for name in wanted {
        let mode = if name.ends_with(".crt") { 0o644 } else { 0o600 };
        assert_eq!(tree.mode(&format!("pki/{name}")), mode, "{name}");
    }
    for name in KUBECONFIGS {
        assert_eq!(tree.mode(name), 0o600, "{name}");
    }
}

/// kubeadm: TestCreateCertificateFilesMethods / (2) external etcd -> 12 files; stricter: no other file
#[test]
fn with_external_etcd_there_are_12_files() {
    let tree = TestTree::empty();
    tree.pki(&["init", "--config", &config_of(EXTERNAL_ETCD)])
        .exits(0);
    assert_eq!(
        files_in_pki(&tree),
        WITHOUT_ETCD.iter().map(|name| (*name).to_owned()).collect()
    );
}
