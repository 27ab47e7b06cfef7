//! What a request says, and what it proves.
//!
//! The files of `tests/fixtures/requests` were made by OpenSSL 3.0; their keys were thrown away.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::str::FromStr;

use x509_cert::attr::Attribute;
use x509_cert::der::asn1::{Any, BitString, Ia5String, OctetString, SetOfVec};
use x509_cert::der::{Tag, TagNumber};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::*;
use crate::x509::algorithm::Algorithm;
use crate::x509::key::PrivateKey;

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const CHALLENGE_PASSWORD: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7");

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/requests");
    std::fs::read(format!("{folder}/{name}.csr")).unwrap()
}

fn read(name: &str) -> CertificateRequest {
    CertificateRequest::parse(&fixture(name)).unwrap()
}

fn error(bytes: impl AsRef<[u8]>) -> String {
    CertificateRequest::parse(bytes.as_ref())
        .unwrap_err()
        .to_string()
}

fn key() -> PrivateKey {
    PrivateKey::generate(Algorithm::EcdsaP256).unwrap()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    let sequence = Any::new(Tag::Sequence, parts.concat()).unwrap();
    sequence.to_der().unwrap()
}

fn name(text: &str) -> Name {
    match text {
        "" => Name::default(),
        text => Name::from_str(text).unwrap(),
    }
}

/// Makes a request with the attributes in any order and any version.
fn signed(version: u8, subject: &str, attributes: &[Attribute]) -> Vec<u8> {
    let key = key();
    let attributes: Vec<_> = attributes.iter().map(|a| a.to_der().unwrap()).collect();
    let tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    let body = sequence(&[
        version.to_der().unwrap(),
        name(subject).to_der().unwrap(),
        key.public_key().spki().to_vec(),
        Any::new(tag, attributes.concat())
            .unwrap()
            .to_der()
            .unwrap(),
    ]);
    let algorithm = AlgorithmIdentifierOwned {
        oid: ECDSA_WITH_SHA256,
        parameters: None,
    };
    let signature = BitString::from_bytes(&key.sign(&body).unwrap()).unwrap();
    let (algorithm, signature) = (algorithm.to_der().unwrap(), signature.to_der().unwrap());
    sequence(&[body, algorithm, signature])
}

fn attribute(oid: ObjectIdentifier, values: Vec<Any>) -> Attribute {
    let values = SetOfVec::from_iter(values).unwrap();
    Attribute { oid, values }
}

fn extension_request(extensions: Vec<Extension>) -> Attribute {
    attribute(
        ExtensionReq::OID,
        vec![Any::encode_from(&extensions).unwrap()],
    )
}

fn extension<T: Encode + AssociatedOid>(value: &T) -> Extension {
    Extension {
        extn_id: T::OID,
        critical: false,
        extn_value: OctetString::new(value.to_der().unwrap()).unwrap(),
    }
}

fn dns(name: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(name).unwrap())
}

#[test]
fn a_request_says_what_openssl_says_of_it() {
    let describe = |request: &CertificateRequest| {
        format!(
            "subject {:?}\nkey {}\nSANs {:?}\nusages {:?}\nkey usages {:?}\nCA {}\nextensions {:?}\nattributes {:?}",
            request.subject().to_string(),
            request
                .public_key()
                .algorithm()
                .map_or("unknown", Algorithm::name),
            request.san_texts(),
            request.usage_names(),
            request.key_usage_names(),
            request.has_ca_flag(),
            request.other_extensions(),
            request.other_attributes(),
        )
    };
    insta::assert_snapshot!(describe(&read("server")), @r#"
    subject "CN=kube-apiserver"
    key RSA-2048
    SANs ["DNS:kubernetes", "DNS:kubernetes.default", "IP:10.96.0.1", "IP:fd00::1"]
    usages ["serverAuth"]
    key usages ["digitalSignature", "nonRepudiation", "keyEncipherment"]
    CA false
    extensions ["1.3.6.1.5.5.7.1.24"]
    attributes ["unstructuredName", "challengePassword"]
    "#);
    insta::assert_snapshot!(describe(&read("ca")), @r#"
    subject "CN=kubernetes,OU=platform,O=system:masters,C=DE"
    key ECDSA-P384
    SANs ["DNS:*.example", "email:a@example", "URI:spiffe://a/b", "dirName:CN=kubernetes,OU=platform,O=system:masters,C=DE", "otherName", "RID:1.2.3", "IP:1.2.3.4"]
    usages ["serverAuth", "clientAuth", "2.5.29.37.0"]
    key usages ["keyCertSign", "cRLSign"]
    CA true
    extensions []
    attributes []
    "#);
    insta::assert_snapshot!(describe(&read("empty-subject")), @r#"
    subject ""
    key ECDSA-P256
    SANs []
    usages []
    key usages []
    CA false
    extensions []
    attributes []
    "#);
}

#[test]
fn a_key_and_a_signature_of_every_kind_prove_what_they_can() {
    let verdict = |name| match read(name).check_proof() {
        Ok(()) => "proven".to_owned(),
        Err(error) => error.to_string(),
    };
    let verdicts: Vec<_> = [
        "node",
        "server",
        "ca",
        "p521",
        "pss",
        "new-label",
        "empty-subject",
        "rsa-1024",
        "rsa-exponent-3",
        "rsa-2560",
        "secp256k1",
        "explicit-curve",
        "compressed-point",
        "ed25519",
        "sha1",
        "ecdsa-sha1",
        "md5",
        "sha224",
    ]
    .map(|name| format!("{name}: {}", verdict(name)))
    .into();
    insta::assert_snapshot!(verdicts.join("\n"), @r"
    node: proven
    server: proven
    ca: proven
    p521: proven
    pss: proven
    new-label: proven
    empty-subject: proven
    rsa-1024: its key is weak: RSA-1024, want 2048 bits or more
    rsa-exponent-3: its key is weak: RSA with a public exponent below 65537
    rsa-2560: proven
    secp256k1: the elliptic curve of its key is not P-224, P-256, P-384 or P-521
    explicit-curve: its public key has invalid parameters
    compressed-point: its public key is not a point on its curve
    ed25519: its key is not supported: Ed25519, want RSA, or ECDSA on P-256, P-384 or P-521
    sha1: it is signed with SHA-1, which is broken
    ecdsa-sha1: it is signed with SHA-1, which is broken
    md5: it is signed with MD5, which is broken
    sha224: its signature algorithm is not supported: sha224WithRSAEncryption
    ");
    assert!(matches!(
        read("rsa-1024").check_proof(),
        Err(ProofError::WeakKey(_))
    ));
    assert_eq!(
        read("sha1").check_proof(),
        Err(ProofError::WeakSignature("SHA-1"))
    );
}

#[test]
fn pem_der_and_either_label_are_the_same_request() {
    let text = String::from_utf8(fixture("new-label")).unwrap();
    let request = CertificateRequest::parse(text.as_bytes()).unwrap();
    assert!(text.starts_with("-----BEGIN NEW CERTIFICATE REQUEST-----"));
    for other in [
        request.der().to_vec(),
        request.to_pem().into_bytes(),
        text.replace("NEW ", "").into_bytes(),
        text.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}Certificate Request:\n    Data:\n{text}after it\n").into_bytes(),
    ] {
        assert_eq!(CertificateRequest::parse(&other).as_ref(), Ok(&request));
    }
    assert_eq!(
        format!("{request:?}"),
        "CertificateRequest(CN=system:node:cp-1,O=system:nodes)"
    );
}

#[test]
fn a_file_with_anything_but_one_request_is_refused() {
    let request = read("node").to_pem();
    let block = |label: &str| request.replace("CERTIFICATE REQUEST", label);
    let der = read("node").der().to_vec();
    for (bytes, reason) in [
        (Vec::new(), "the file is empty"),
        (b"a CSR\n".to_vec(), "it contains no PEM block"),
        (
            block("CERTIFICATE").into(),
            "it contains no `CERTIFICATE REQUEST` block, only `CERTIFICATE`",
        ),
        (
            block("A\u{1b}[31m").into(),
            "it contains no `CERTIFICATE REQUEST` block, only `unknown label`",
        ),
        (
            request.repeat(2).into(),
            "it contains 2 blocks, want one request: `CERTIFICATE REQUEST`, `CERTIFICATE REQUEST`",
        ),
        (
            (block("CERTIFICATE") + &request).into(),
            "it contains 2 blocks, want one request: `CERTIFICATE`, `CERTIFICATE REQUEST`",
        ),
        (
            (block("EC PRIVATE KEY") + &request).into(),
            "it contains a private key; a private key must stay with its owner: send only the request",
        ),
        (
            block("RSA PRIVATE KEY").into(),
            "it contains a private key; a private key must stay with its owner: send only the request",
        ),
        (
            vec![b'x'; MAX_SIZE + 1],
            "it has 262145 bytes, the limit is 262144",
        ),
        (
            vec![0x30; MAX_SIZE + 1],
            "it has 262145 bytes, the limit is 262144",
        ),
    ] {
        assert_eq!(error(bytes), reason);
    }
    for (bytes, reason) in [
        (vec![0x30], "the request is malformed"),
        ([der.as_slice(), &[0]].concat(), "the request is malformed"),
        (
            request.replace("MII", "MIJ").replace("MIH", "MIJ").into(),
            "the request is malformed",
        ),
        (
            request.replace('M', "!").into(),
            "malformed PEM: a block is not base64",
        ),
        (
            (request.clone() + &request[..100]).into(),
            "malformed PEM: a block has no END line",
        ),
    ] {
        let error = error(bytes);
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn a_request_cut_anywhere_is_refused() {
    let text = fixture("node");
    let begin = text
        .windows(5)
        .position(|window| window == b"-----")
        .unwrap();
    for length in 0..text.len() - 1 {
        // The text before it may be missing altogether.
        let cut = CertificateRequest::parse(&text[..length]);
        assert!(cut.is_err() || length < begin, "cut at {length}");
    }
    let der = read("node").der().to_vec();
    for length in 0..der.len() {
        assert!(
            CertificateRequest::parse(&der[..length]).is_err(),
            "cut at {length}"
        );
    }
}

#[test]
fn no_flipped_bit_leaves_a_proof() {
    let der = read("node").der().to_vec();
    let mut damaged = 0;
    for bit in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(request) = CertificateRequest::from_der(flipped) {
            assert!(request.check_proof().is_err(), "bit {bit}");
            damaged += 1;
        }
    }
    // Most of the request is still well formed.
    assert!(damaged > der.len() * 4, "{damaged}");
}

#[test]
fn attributes_in_another_order_than_der_wants_do_not_spoil_the_signature() {
    let password = attribute(
        CHALLENGE_PASSWORD,
        vec![Any::new(Tag::Utf8String, *b"x").unwrap()],
    );
    let extensions = extension_request(vec![extension(&SubjectAltName(vec![dns("kubernetes")]))]);
    for attributes in [
        [password.clone(), extensions.clone()],
        [extensions, password],
    ] {
        let der = signed(0, "CN=kube-apiserver", &attributes);
        let request = CertificateRequest::from_der(der).unwrap();
        assert_eq!(request.check_proof(), Ok(()));
        assert_eq!(request.san_texts(), ["DNS:kubernetes"]);
        assert_eq!(request.other_attributes(), ["challengePassword"]);
    }
}

#[test]
fn what_libraries_would_read_differently_is_malformed() {
    let names = |name| extension(&SubjectAltName(vec![dns(name)]));
    let value = |extensions: Vec<Extension>| Any::encode_from(&extensions).unwrap();
    let good = extension_request(vec![names("a")]);
    let refused =
        |version, attributes: &[Attribute]| error(signed(version, "CN=kube-apiserver", attributes));
    assert!(CertificateRequest::parse(&signed(0, "CN=a", std::slice::from_ref(&good))).is_ok());

    let list = "the request is malformed: want one list of requested extensions";
    let twice = extension_request(vec![names("b")]);
    assert_eq!(refused(0, &[good.clone(), twice]), list);
    let values = vec![value(vec![names("a")]), value(vec![names("b")])];
    assert_eq!(refused(0, &[attribute(ExtensionReq::OID, values)]), list);
    assert_eq!(
        refused(0, &[attribute(ExtensionReq::OID, Vec::new())]),
        list
    );

    let twice = extension_request(vec![names("a"), names("b")]);
    assert_eq!(
        refused(0, &[twice]),
        "the request is malformed: it asks for subjectAltName twice"
    );
    let mut odd = names("a");
    odd.extn_value = OctetString::new(*b"\x30\x03").unwrap();
    assert!(refused(0, &[extension_request(vec![odd])]).starts_with("the request is malformed"));
    // RFC 2986 section 4: there is one version, and its number is 0.
    assert!(refused(1, &[good]).starts_with("the request is malformed"));
}
