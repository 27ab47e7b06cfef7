//! kubeadm `util/pkiutil/pki_helpers_test.go`: certificates and keys as files.

use pki::x509::{
    algorithm::Algorithm,
    certificate::{Certificate, CertificateError},
    chain::Chain,
    key::{KeyError, PrivateKey, PublicKey},
    usage::Usage,
    verify::{VerifyError, verify},
};

use super::{EXTERNAL_ETCD_CONFIG, cluster};
use crate::support::{Authority, NOW, Openssl, TestTree, rows::LEAVES, shared_tree};

/// kubeadm: TestHasServerAuth / has it, P256, P384; does not -> true, false; stricter: every row, by name and by verification
#[test]
fn only_serving_certificates_have_the_usage_of_a_server() {
    for algorithm in ["RSA-2048", "ECDSA-P256", "ECDSA-P384"] {
        let tree = shared_tree(algorithm);
        for (name, base, ca) in LEAVES {
            let read = |base: &str| {
                Chain::from_pem(&std::fs::read(tree.pki_file(&format!("{base}.crt"))).unwrap())
                    .unwrap()
            };
            let chain = read(base);
            let serves = matches!(name, "apiserver" | "etcd-server" | "etcd-peer");
            let usages = chain.leaf.usage_names();
            assert_eq!(
                usages.contains(&"serverAuth".to_owned()),
                serves,
                "{algorithm}: {name}"
            );
            // The tree was made just now.
            let now = chain.leaf.not_before() + time::Duration::HOUR;
            let verdict = verify(&chain, &[&read(ca).leaf], Usage::ServerAuth, now);
            let wanted = if serves {
                Ok(())
            } else {
                Err(VerifyError::Usage(Usage::ServerAuth))
            };
            assert_eq!(verdict, wanted, "{algorithm}: {name}");
        }
    }
}

/// kubeadm: TestWriteCertAndKey, TestWriteCert
/// kubeadm: TestWriteCertBundle -> ok; same
/// kubeadm: TestTryLoadCertAndKeyFromDisk, TestTryLoadCertFromDisk / valid -> ok; same
/// kubeadm: TestTryLoadCertChainFromDisk / leaf, bundle -> 0, 1 intermediates; same
#[test]
fn certificates_and_bundles_are_read_as_they_were_written() {
    let tree = TestTree::new();
    let (leaf, ca) = (tree.text("pki/apiserver.crt"), tree.text("pki/ca.crt"));
    let one = Certificate::list_from_pem(leaf.as_bytes()).unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].to_pem(), leaf);
    let bundle = Certificate::list_from_pem(format!("a comment\n{leaf}\n{ca}").as_bytes()).unwrap();
    assert_eq!(bundle.len(), 2);
    assert_eq!(bundle[1].to_pem(), ca);
    assert_eq!(bundle[..1], one);
}

/// kubeadm: TestWriteKey, TestWritePublicKey -> ok; stricter: round trip, PEM label
/// kubeadm: TestTryLoadKeyFromDisk / RSA, P256, P384 -> ok; same
#[test]
fn keys_of_every_kind_are_read_as_they_were_written() {
    for (name, algorithm) in [
        ("RSA-2048", Algorithm::Rsa2048),
        ("ECDSA-P256", Algorithm::EcdsaP256),
        ("ECDSA-P384", Algorithm::EcdsaP384),
    ] {
        let tree = shared_tree(name);
        let text = std::fs::read_to_string(tree.pki_file("sa.key")).unwrap();
        let key = PrivateKey::from_pem(text.as_bytes()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert!(*key.to_pem().unwrap() == text, "{name}");
        let public = std::fs::read_to_string(tree.pki_file("sa.pub")).unwrap();
        let read = PublicKey::from_pem(public.as_bytes()).unwrap();
        assert_eq!(read, [key.public_key().clone()], "{name}");
        assert_eq!(read[0].to_pem(), public, "{name}");
    }
}

/// kubeadm: TestTryLoadCertAndKeyFromDisk, TestTryLoadCertFromDisk / empty path
/// kubeadm: TestTryLoadCertChainFromDisk / empty path -> error; same
/// kubeadm: TestTryLoadKeyFromDisk / empty path -> error; same
#[test]
fn a_file_without_certificate_or_key_is_an_error() {
    assert_eq!(Chain::from_pem(b""), Err(CertificateError::Empty));
    assert_eq!(PrivateKey::from_pem(b"").err(), Some(KeyError::Empty));
    assert_eq!(PublicKey::from_pem(b"").err(), Some(KeyError::Empty));
    let text = b"no block at all\n";
    assert_eq!(
        Chain::from_pem(text),
        Err(CertificateError::NoCertificate(vec![]))
    );
    assert!(PrivateKey::from_pem(text).is_err());
    assert!(PublicKey::from_pem(text).is_err());
}

/// kubeadm: TestNewCertAndKey / RSA key too small -> error; same
#[test]
fn rsa_keys_that_are_too_small_are_refused() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for (size, is_enough) in [("1024", false), ("2048", true)] {
        openssl
            .run(&["genrsa", "-traditional", "-out", "rsa.key", size])
            .ok();
        let key = PrivateKey::from_pem(&openssl.output("rsa.key"));
        assert_eq!(key.is_ok(), is_enough, "{size}: {:?}", key.err());
    }
}

/// kubeadm: TestRSAKeySizeFromAlgorithmType / unknown -> 0; stricter: an error
/// kubeadm: TestRSAKeySizeFromAlgorithmType / RSA-2048, RSA-3072, RSA-4096 -> their sizes; stricter: of the keys made
#[test]
fn every_configurable_algorithm_has_its_size() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for (algorithm, name, size) in [
        (Algorithm::Rsa2048, "RSA-2048", "(2048 bit"),
        (Algorithm::Rsa3072, "RSA-3072", "(3072 bit"),
        (Algorithm::Rsa4096, "RSA-4096", "(4096 bit"),
        (Algorithm::EcdsaP256, "ECDSA-P256", "(256 bit"),
        (Algorithm::EcdsaP384, "ECDSA-P384", "(384 bit"),
    ] {
        assert_eq!(Algorithm::from_config(name), Some(algorithm));
        let key = PrivateKey::generate(algorithm).unwrap();
        let public = openssl.file("public.pem", key.public_key().to_pem());
        openssl
            .run(&["pkey", "-pubin", "-text", "-noout", "-in", &public])
            .ok()
            .prints(size);
    }
    for name in ["unknown", "", "RSA", "RSA2048", "ECDSA-P521"] {
        assert_eq!(Algorithm::from_config(name), None, "{name}");
    }
}

/// kubeadm: TestCertOrKeyExist / empty path -> false; stricter: wrong usage
/// kubeadm: TestTryLoadCertAndKeyFromDisk, TestTryLoadCertFromDisk / empty path -> error; same
#[test]
fn a_directory_that_is_empty_text_is_wrong_usage() {
    let tree = TestTree::new();
    for flag in ["--cert-dir=", "--kubeconfig-dir=", "--rootfs=", "--config="] {
        for command in [&["init"][..], &["check-expiration"], &["renew", "all"]] {
            let arguments = [command, &[flag]].concat();
            let run = crate::support::run(crate::support::pki().args(&arguments));
            run.exits(2).says("the path is empty");
        }
    }
    assert!(tree.exists("pki/ca.crt"));
}

/// kubeadm: TestCertOrKeyExist / only cert exists -> true; same
#[test]
fn a_certificate_without_its_key_counts_as_there() {
    let tree = TestTree::empty();
    let made = TestTree::new();
    tree.write("pki/ca.crt", made.read("pki/ca.crt"));
    // No new CA is made: that would replace a CA that is in use elsewhere.
    let before = tree.read("pki/ca.crt");
    tree.init(&[])
        .exits(5)
        .prints("apiserver: it is missing, and its CA `ca` is external");
    assert!(tree.read("pki/ca.crt") == before && !tree.exists("pki/ca.key"));
    tree.remove("pki/ca.crt");
    // The rest shows a cluster by now.
    tree.init(&[])
        .exits(3)
        .says("CA `ca`: it is missing, but other files show that this host belongs to a cluster");
    tree.init(&["--new-ca"]).exits(0);
}

/// kubeadm: TestGetAPIServerAltNames / ControlPlaneEndpoint IP
/// kubeadm: TestAppendSANsToAltNames / (1) none -> 0; same
/// kubeadm: TestRemoveDuplicateAltNames / (1) to (4)
#[test]
fn names_beyond_those_of_the_cluster_are_none_without_a_configuration() {
    let plain = cluster("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n");
    assert!(plain.apiserver_sans.is_empty() && plain.etcd_server_sans.is_empty());
    let texts =
        |rule| -> Vec<String> { plain.sans(rule).iter().map(ToString::to_string).collect() };
    assert_eq!(
        texts(pki::catalog::SanRule::ApiServer),
        [
            "DNS:cp1",
            "DNS:kubernetes",
            "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc",
            "DNS:kubernetes.default.svc.cluster.local",
            "IP:10.96.0.1",
            "IP:192.0.2.11",
        ]
    );
    assert_eq!(texts(pki::catalog::SanRule::Empty), [""; 0]);
    let endpoint = cluster(&format!(
        "{EXTERNAL_ETCD_CONFIG}controlPlaneEndpoint: 192.0.2.1:6443\n"
    ));
    assert_eq!(
        endpoint
            .sans(pki::catalog::SanRule::ApiServer)
            .iter()
            .filter(|san| san.to_string() == "IP:192.0.2.1")
            .count(),
        1
    );
}

/// kubeadm: TestGetEtcdPeerAltNames / each -> node, extra; addresses; stricter: exact and in order
#[test]
fn peers_have_their_own_further_names_and_addresses() {
    let cluster = cluster(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
         etcd: {local: {serverCertSANs: [user-etcd-server], peerCertSANs: [user-etcd-peer, 10.10.10.200]}}\n",
    );
    let sans = cluster.sans(pki::catalog::SanRule::EtcdPeer);
    assert_eq!(
        sans.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "DNS:cp1",
            "DNS:localhost",
            "DNS:user-etcd-peer",
            "IP:192.0.2.11",
            "IP:127.0.0.1",
            "IP:::1",
            "IP:10.10.10.200",
        ]
    );
}

/// kubeadm: TestVerifyCertChain / without, with one intermediate -> ok; same
/// kubeadm: TestVerifyCertChain / missing intermediate -> error; same
#[test]
fn a_chain_verifies_with_its_intermediate_and_not_without() {
    let root = Authority::new("root", None);
    let intermediate = Authority::new("intermediate", Some(&root));
    let read = |pem: &str| Chain::from_pem(pem.as_bytes()).unwrap();
    let anchors = [&read(&root.pem).leaf];

    let (direct, _) = root.leaf("leaf", None, &[]);
    assert_eq!(
        verify(&read(&direct), &anchors, Usage::ClientAuth, NOW),
        Ok(())
    );

    let (below, _) = intermediate.leaf("leaf", None, &[]);
    let chain = read(&format!("{below}{}", intermediate.pem));
    assert_eq!(chain.intermediates.len(), 1);
    assert_eq!(verify(&chain, &anchors, Usage::ClientAuth, NOW), Ok(()));
    assert_eq!(
        verify(&chain.leaf.into(), &anchors, Usage::ClientAuth, NOW),
        Err(VerifyError::UnknownIssuer)
    );
}
