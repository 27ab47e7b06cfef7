//! kubeadm `util/pkiutil/pki_helpers_test.go`: certificates and keys as files.

use pki::{
    catalog::CATALOG,
    tree::layout,
    x509::{
        algorithm::Algorithm,
        certificate::{Certificate, CertificateError},
        chain::Chain,
        key::{KeyError, PrivateKey, PublicKey},
        usage::Usage,
        verify::{VerifyError, verify},
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::{EXTERNAL_ETCD, cluster};
use crate::{
    support::tree,
    trees::{
        openssl::Openssl,
        sandbox::{Ended, KUBECONFIGS, LEAVES, NOW, Sandbox},
    },
};

#[test]
fn only_serving_certificates_have_the_usage_of_a_server() {
    for algorithm in ["RSA-2048", "ECDSA-P256", "ECDSA-P384"] {
        let tree = tree(algorithm);
        for (name, base, ca) in LEAVES {
            let read = |base: &str| {
                Chain::from_pem(&std::fs::read(tree.pki(&format!("{base}.crt"))).unwrap()).unwrap()
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

#[test]
fn certificates_and_bundles_are_read_as_they_were_written() {
    let sandbox = Sandbox::made();
    let (leaf, ca) = (
        sandbox.text("pki/apiserver.crt"),
        sandbox.text("pki/ca.crt"),
    );
    let one = Certificate::list_from_pem(leaf.as_bytes()).unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].to_pem(), leaf);
    let bundle = Certificate::list_from_pem(format!("a comment\n{leaf}\n{ca}").as_bytes()).unwrap();
    assert_eq!(bundle.len(), 2);
    assert_eq!(bundle[1].to_pem(), ca);
    assert_eq!(bundle[..1], one);
}

#[test]
fn keys_of_every_kind_are_read_as_they_were_written() {
    for (name, algorithm) in [
        ("RSA-2048", Algorithm::Rsa2048),
        ("ECDSA-P256", Algorithm::EcdsaP256),
        ("ECDSA-P384", Algorithm::EcdsaP384),
    ] {
        let tree = tree(name);
        let text = std::fs::read_to_string(tree.pki("sa.key")).unwrap();
        let key = PrivateKey::from_pem(text.as_bytes()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert!(*key.to_pem().unwrap() == text, "{name}");
        let public = std::fs::read_to_string(tree.pki("sa.pub")).unwrap();
        let read = PublicKey::from_pem(public.as_bytes()).unwrap();
        assert_eq!(read, [key.public_key().unwrap()], "{name}");
        assert_eq!(read[0].to_pem(), public, "{name}");
    }
}

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
        let public = openssl.file("public.pem", key.public_key().unwrap().to_pem());
        openssl
            .run(&["pkey", "-pubin", "-text", "-noout", "-in", &public])
            .ok()
            .says(size);
    }
    for name in ["unknown", "", "RSA", "RSA2048", "ECDSA-P521"] {
        assert_eq!(Algorithm::from_config(name), None, "{name}");
    }
}

#[test]
fn a_directory_that_is_empty_text_is_wrong_usage() {
    let sandbox = Sandbox::made();
    for flag in ["--cert-dir=", "--kubeconfig-dir=", "--rootfs=", "--config="] {
        for command in [&["init"][..], &["check-expiration"], &["renew", "all"]] {
            let arguments = [command, &[flag]].concat();
            let run = crate::support::run(crate::support::pki().args(&arguments));
            run.ended_with(2).says("the path is empty");
        }
    }
    assert!(sandbox.exists("pki/ca.crt"));
}

#[test]
fn a_certificate_without_its_key_counts_as_there() {
    let sandbox = Sandbox::empty();
    let made = Sandbox::made();
    sandbox.write("pki/ca.crt", made.read("pki/ca.crt"));
    // Not made anew: that would replace a CA that is in use elsewhere.
    let before = sandbox.read("pki/ca.crt");
    sandbox
        .init(&[])
        .ended_with(5)
        .says("apiserver: it is missing, and its CA `ca` is external");
    assert!(sandbox.read("pki/ca.crt") == before && !sandbox.exists("pki/ca.key"));
    sandbox.remove(&["pki/ca.crt"]);
    sandbox.init(&[]).ended_with(0);
}

#[test]
fn every_file_has_kubeadms_name() {
    let mut found: Vec<_> = CATALOG
        .iter()
        .flat_map(|row| layout::files(row))
        .map(|(file, _)| file.relative)
        .collect();
    found.sort();
    let mut wanted: Vec<_> = ["ca", "front-proxy-ca", "etcd/ca"]
        .iter()
        .chain(LEAVES.iter().map(|(_, base, _)| base))
        .flat_map(|base| [format!("{base}.crt"), format!("{base}.key")])
        .chain(["sa.key", "sa.pub"].map(str::to_owned))
        .chain(KUBECONFIGS.map(str::to_owned))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
    for (row, name) in [("etcd-server", "etcd/server.crt"), ("sa", "sa.pub")] {
        let file = layout::certificate_file(pki::catalog::find(row).unwrap());
        assert_eq!(file.map(|file| file.relative).as_deref(), Some(name));
    }
    let key = layout::key_file(pki::catalog::find("etcd-server").unwrap());
    assert_eq!(
        key.map(|file| file.relative).as_deref(),
        Some("etcd/server.key")
    );
}

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
        "{EXTERNAL_ETCD}controlPlaneEndpoint: 192.0.2.1:6443\n"
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

/// A CA made by another program, for what `pki` itself never makes.
pub(crate) struct Authority {
    pub(super) params: CertificateParams,
    pub(crate) key: KeyPair,
    pub(crate) pem: String,
}

impl Authority {
    /// Makes one, signed by another one or by itself.
    pub(crate) fn new(name: &str, issuer: Option<&Authority>) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        // Go's `crypto/x509` names the issuer's key in every certificate.
        params.use_authority_key_identifier_extension = issuer.is_some();
        let key = KeyPair::generate().unwrap();
        let pem = match issuer {
            None => params.self_signed(&key).unwrap().pem(),
            Some(issuer) => params.signed_by(&key, &issuer.issuer()).unwrap().pem(),
        };
        Authority { params, key, pem }
    }

    fn issuer(&self) -> rcgen::Issuer<'_, &KeyPair> {
        rcgen::Issuer::from_params(&self.params, &self.key)
    }

    /// Signs a leaf for clients and servers; returns certificate and key, PEM.
    pub(super) fn leaf(
        &self,
        common_name: &str,
        organization: Option<&str>,
        names: &[String],
    ) -> (String, String) {
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(organization) = organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A server has names.
        params.extended_key_usages = vec![match names.is_empty() {
            true => ExtendedKeyUsagePurpose::ClientAuth,
            false => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer()).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

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
