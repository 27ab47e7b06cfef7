//! Reading and writing keys in every form that a tree may hold.

#![allow(clippy::unwrap_used)]

use super::*;

/// Every algorithm whose keys are made in no time.
const ELLIPTIC: [Algorithm; 3] = [
    Algorithm::EcdsaP256,
    Algorithm::EcdsaP384,
    Algorithm::EcdsaP521,
];

fn p256() -> Zeroizing<String> {
    PrivateKey::generate(Algorithm::EcdsaP256)
        .unwrap()
        .to_pem()
        .unwrap()
}

fn error(text: &str) -> String {
    PrivateKey::from_pem(text.as_bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_key_reads_back_as_itself_with_its_algorithm() {
    for algorithm in ELLIPTIC.into_iter().chain([Algorithm::Rsa2048]) {
        let key = PrivateKey::generate(algorithm).unwrap();
        let again = PrivateKey::from_pem(key.to_pem().unwrap().as_bytes()).unwrap();
        assert_eq!(again.algorithm(), algorithm);
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(key.public_key().algorithm(), Some(algorithm));
    }
}

#[test]
fn keys_are_written_with_kubeadms_labels_and_line_length() {
    for (algorithm, label) in [
        (Algorithm::EcdsaP384, "EC PRIVATE KEY"),
        (Algorithm::Rsa2048, "RSA PRIVATE KEY"),
    ] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let pem = key.to_pem().unwrap();
        assert!(pem.starts_with(&format!("-----BEGIN {label}-----\n")));
        assert!(pem.ends_with(&format!("-----END {label}-----\n")));
        let widest = pem
            .lines()
            .filter(|line| !line.starts_with('-'))
            .map(str::len)
            .max();
        assert_eq!(widest, Some(64));
        assert!(
            key.public_key()
                .to_pem()
                .starts_with("-----BEGIN PUBLIC KEY-----\n")
        );
    }
}

#[test]
fn pkcs8_is_read_and_so_is_a_key_behind_ec_parameters_with_crlf() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let read = PrivateKey::from_pem(key.serialize_pem().as_bytes()).unwrap();
    assert_eq!(read.algorithm(), Algorithm::EcdsaP384);
    assert_eq!(
        read.public_key().to_pem(),
        key.public_key_pem().replace("\r\n", "\n")
    );
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let text = format!("{parameters}{}", p256().as_str()).replace('\n', "\r\n");
    assert_eq!(
        PrivateKey::from_pem(text.as_bytes()).unwrap().algorithm(),
        Algorithm::EcdsaP256
    );
}

#[test]
fn what_is_no_usable_key_is_named() {
    assert_eq!(error(""), "the file is empty");
    assert_eq!(error("hello"), "it contains no PEM block");
    let public = PrivateKey::generate(Algorithm::EcdsaP256)
        .unwrap()
        .public_key()
        .to_pem();
    assert_eq!(error(&public), "it contains no key, only `PUBLIC KEY`");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(error(encrypted).starts_with("the key is encrypted"));
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert!(error(traditional).starts_with("the key is encrypted"));
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
        .unwrap()
        .serialize_pem();
    assert_eq!(
        error(&ed25519),
        "unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA"
    );
    assert!(
        error("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n")
            .starts_with("unsupported key")
    );
    assert!(
        error("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
            .starts_with("malformed key")
    );
}

#[test]
fn every_bit_of_a_public_key_file_counts_and_several_keys_may_be_in_it() {
    let keys = ELLIPTIC.map(|algorithm| {
        PrivateKey::generate(algorithm)
            .unwrap()
            .public_key()
            .clone()
    });
    let text: String = keys.iter().map(PublicKey::to_pem).collect();
    assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap(), keys);
    assert_eq!(PublicKey::from_pem(b"").unwrap_err(), KeyError::Empty);
    let request = "-----BEGIN X-----\nAAAA\n-----END X-----\n";
    assert!(
        matches!(PublicKey::from_pem(request.as_bytes()), Err(KeyError::NoKey(labels)) if labels == ["X"])
    );
}

/// `keyutil.ParsePublicKeysPEM` in Kubernetes: service-account keys may be given as certificates or private keys too.
#[test]
fn certificates_and_private_keys_stand_for_their_public_keys() {
    let text = p256();
    let key = PrivateKey::from_pem(text.as_bytes()).unwrap();
    let ca = include_str!("../../../tests/fixtures/kubeadm-1.36/stacked/pki/ca.crt");
    let certificate = crate::x509::chain::Chain::from_pem(ca.as_bytes())
        .unwrap()
        .leaf;
    assert_eq!(
        PublicKey::from_pem([ca, &text].concat().as_bytes()).unwrap(),
        [certificate.public_key().clone(), key.public_key().clone()]
    );
}

/// As in `tls.X509KeyPair` and `keyutil.ParsePrivateKeyPEM`.
#[test]
fn the_first_of_several_private_keys_counts() {
    let (first, second) = (p256(), p256());
    let text = [first.as_str(), second.as_str()].concat();
    let read = PrivateKey::from_pem(text.as_bytes()).unwrap();
    assert_eq!(read.to_pem().unwrap().as_str(), first.as_str());
}

#[test]
fn new_keys_have_an_rsa_size_that_is_in_use() {
    for (bits, new) in [
        (1024, Algorithm::Rsa2048),
        (2049, Algorithm::Rsa3072),
        (3073, Algorithm::Rsa4096),
        (5000, Algorithm::Rsa8192),
        (16384, Algorithm::Rsa8192),
    ] {
        let algorithm = Algorithm::rsa(bits);
        assert_eq!(algorithm, Algorithm::OtherRsa(bits));
        assert_eq!(algorithm.to_string(), format!("RSA-{bits}"));
        assert_eq!(algorithm.for_new_key(), new);
    }
    assert_eq!(Algorithm::rsa(4096), Algorithm::Rsa4096);
}

#[test]
fn a_key_never_shows_in_debug_output() {
    let key = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(ECDSA-P256, elided)");
}

/// RFC 7093 section 2, method 1, as Go has it since 1.25: kubeadm 1.36 made these CAs.
#[test]
fn the_key_identifier_is_gos() {
    let cas = [
        include_str!("../../../tests/fixtures/kubeadm-1.36/ha/pki/ca.crt"),
        include_str!("../../../tests/fixtures/kubeadm-1.36/stacked/pki/ca.crt"),
    ];
    for text in cas {
        let ca = crate::x509::chain::Chain::from_pem(text.as_bytes())
            .unwrap()
            .leaf;
        assert_eq!(ca.public_key().key_id().ok(), ca.subject_key_id());
    }
}
