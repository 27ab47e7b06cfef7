//! What a request says, what it proves, and what a row grants of it.
//!
//! The files of `tests/fixtures/requests` were made by OpenSSL 3.0; their keys were thrown away.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::str::FromStr;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use x509_cert::attr::Attribute;
use x509_cert::der::asn1::{Any, BitString, Ia5String, OctetString, SetOfVec};
use x509_cert::der::{Tag, TagNumber};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::*;
use crate::catalog::{
    ADMIN_CONF, APISERVER, APISERVER_ETCD_CLIENT, CATALOG, ETCD_PEER, KUBELET_CONF,
    SUPER_ADMIN_CONF,
};
use crate::x509::algorithm::Algorithm;
use crate::x509::key::PrivateKey;

const NODE: &str = "system:node:cp-1";
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

/// A request as whoever holds a key can make it, the attributes in any order, the version as they like.
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
        key.public_key().unwrap().spki().to_vec(),
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

fn ask(subject: &str, extensions: Vec<Extension>) -> CertificateRequest {
    let attributes = match extensions.is_empty() {
        true => Vec::new(),
        false => vec![extension_request(extensions)],
    };
    CertificateRequest::from_der(signed(0, subject, &attributes)).unwrap()
}

/// What the API server is called in the cluster of these tests.
fn names() -> Vec<San> {
    let addresses = ["10.96.0.1", "fd00::1"].map(|text| San::Ip(text.parse().unwrap()));
    let names = ["kubernetes", "kubernetes.default"].map(|name| San::Dns(name.to_owned()));
    names.into_iter().chain(addresses).collect()
}

/// Judges a request for the API server's certificate.
fn judge_server(request: &CertificateRequest) -> Vec<Finding> {
    let policy = Policy {
        row: &APISERVER,
        common_name: "kube-apiserver",
        sans: &names(),
        groups: Groups::OfRow,
    };
    judge(request, &policy)
}

/// Judges a request for a certificate that has no names.
fn judge_client(request: &CertificateRequest, row: &'static Row, groups: Groups) -> Vec<Finding> {
    let policy = Policy {
        row,
        common_name: row_common_name(row),
        sans: &[],
        groups,
    };
    judge(request, &policy)
}

fn row_common_name(row: &Row) -> &'static str {
    use crate::catalog::CommonName;
    match row.profile {
        Profile::Leaf { common_name, .. } | Profile::Client { common_name, .. } => {
            match common_name {
                CommonName::Fixed(name) => name,
                CommonName::Node => "cp-1",
                CommonName::NodeUser => NODE,
            }
        }
        Profile::Ca { .. } | Profile::ServiceAccount => "",
    }
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
    rsa-1024: its key is weak: RSA with 1024 bits, want 2048 or more
    rsa-exponent-3: its key is weak: RSA with a public exponent below 65537
    rsa-2560: its key is not supported: RSA with 2560 bits, want RSA with 2048, 3072, 4096 or 8192 bits, or ECDSA on P-256, P-384 or P-521
    secp256k1: its key is not supported: elliptic curve 1.3.132.0.10, want RSA with 2048, 3072, 4096 or 8192 bits, or ECDSA on P-256, P-384 or P-521
    explicit-curve: its key is not supported: elliptic curve without a name, want RSA with 2048, 3072, 4096 or 8192 bits, or ECDSA on P-256, P-384 or P-521
    compressed-point: its key is not supported: elliptic-curve point in compressed form, want RSA with 2048, 3072, 4096 or 8192 bits, or ECDSA on P-256, P-384 or P-521
    ed25519: its key is not supported: Ed25519, want RSA with 2048, 3072, 4096 or 8192 bits, or ECDSA on P-256, P-384 or P-521
    sha1: it is signed with SHA-1, which proves nothing any more
    ecdsa-sha1: it is signed with SHA-1, which proves nothing any more
    md5: it is signed with MD5, which proves nothing any more
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
        (b"a CSR\n".to_vec(), "there is no PEM block in it"),
        (
            block("CERTIFICATE").into(),
            "there is no `CERTIFICATE REQUEST` block in it, only `CERTIFICATE`",
        ),
        (
            block("A\u{1b}[31m").into(),
            "there is no `CERTIFICATE REQUEST` block in it, only `no proper label`",
        ),
        (
            request.repeat(2).into(),
            "there are 2 blocks in it, want one request: `CERTIFICATE REQUEST`, `CERTIFICATE REQUEST`",
        ),
        (
            (block("CERTIFICATE") + &request).into(),
            "there are 2 blocks in it, want one request: `CERTIFICATE`, `CERTIFICATE REQUEST`",
        ),
        (
            (block("EC PRIVATE KEY") + &request).into(),
            "there is a private key in it, which must not leave whom it belongs to; send the request alone",
        ),
        (
            block("RSA PRIVATE KEY").into(),
            "there is a private key in it, which must not leave whom it belongs to; send the request alone",
        ),
        (
            vec![b'x'; LARGEST + 1],
            "it has 262145 bytes, more than the 262144 that are accepted",
        ),
        (
            vec![0x30; LARGEST + 1],
            "it has 262145 bytes, more than the 262144 that are accepted",
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
            "malformed PEM: 2 blocks begin, 1 end",
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
            damaged += usize::from(request.check_proof() == Err(ProofError::BadSignature));
        }
    }
    // Most of it is still well formed.
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
        assert_eq!(
            judge_server(&request),
            [Finding::Attribute("challengePassword".to_owned())]
        );
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

#[test]
fn a_request_of_every_row_is_granted_as_kubeadm_and_others_write_it() {
    for row in CATALOG.iter().filter(|row| row.signer().is_some()) {
        let sans = match row.profile {
            Profile::Leaf { sans, .. } if sans != crate::catalog::SanRule::Empty => names(),
            _ => Vec::new(),
        };
        let mut params = CertificateParams::default();
        if let Profile::Client {
            organization: Some(organization),
            ..
        } = row.profile
        {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params
            .distinguished_name
            .push(DnType::CommonName, row_common_name(row));
        for san in &sans {
            params.subject_alt_names.push(match san {
                San::Dns(name) => rcgen::SanType::DnsName(name.as_str().try_into().unwrap()),
                San::Ip(address) => rcgen::SanType::IpAddress(*address),
            });
        }
        let policy = Policy {
            row,
            common_name: row_common_name(row),
            sans: &sans,
            groups: Groups::DangerMasters,
        };
        let judged = |params: &CertificateParams| {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
            let text = params.serialize_request(&key).unwrap().pem().unwrap();
            judge(
                &CertificateRequest::parse(text.as_bytes()).unwrap(),
                &policy,
            )
        };
        // kubeadm asks for no usage (`pkiutil.NewCSR`).
        assert_eq!(judged(&params), [], "{}", row.name);

        params.extended_key_usages = row
            .usages()
            .iter()
            .map(|usage| match usage {
                crate::x509::usage::Usage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
                crate::x509::usage::Usage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
            })
            .collect();
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.is_ca = IsCa::ExplicitNoCa;
        assert_eq!(judged(&params), [], "{}", row.name);
    }
}

#[test]
fn requests_of_openssl_are_granted_or_refused_with_every_reason() {
    assert_eq!(
        judge_client(&read("node"), &KUBELET_CONF, Groups::OfRow),
        []
    );
    assert_eq!(judge_client(&read("pss"), &KUBELET_CONF, Groups::OfRow), []);
    let texts = |findings: Vec<Finding>| {
        let line = |finding: Finding| format!("{:?}: {finding}", finding.verdict());
        findings
            .into_iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(texts(judge_server(&read("server"))), @r"
    Ignored: the key usages `nonRepudiation` are ignored
    Ignored: the extension `1.3.6.1.5.5.7.1.24` is ignored
    Ignored: the attribute `unstructuredName` is ignored
    Ignored: the attribute `challengePassword` is ignored
    ");
    insta::assert_snapshot!(texts(judge_server(&read("ca"))), @r"
    Refused: its common name is `kubernetes`, want `kube-apiserver`
    Refused: it asks for the group `system:masters`, which no RBAC rule can restrict
    Refused: its subject has `C=DE`, which the row does not have
    Refused: its subject has `OU=platform`, which the row does not have
    Refused: it asks for names that the row does not have: `DNS:*.example`, `email:a@example`, `URI:spiffe://a/b`, `dirName:CN=kubernetes,OU=platform,O=system:masters,C=DE`, `otherName` and 2 more
    Refused: it asks for usages that the row does not have: `clientAuth`, `2.5.29.37.0`
    Refused: it asks to be a CA
    Refused: it asks for key usages of a CA: `keyCertSign`, `cRLSign`
    ");
    insta::assert_snapshot!(texts(judge_client(&read("sha1"), &ADMIN_CONF, Groups::OfRow)), @r"
    Refused: it is signed with SHA-1, which proves nothing any more
    Refused: its common name is `system:node:cp-1`, want `kubernetes-admin`
    Refused: it does not ask for the group `kubeadm:cluster-admins`
    Refused: it asks for the group `system:nodes`, which the row does not have
    ");
    insta::assert_snapshot!(texts(judge_server(&read("empty-subject"))), @r"
    Refused: it has no common name, want `kube-apiserver`
    ");
}

#[test]
fn a_common_name_is_the_rows_and_there_is_one() {
    let findings =
        |subject: &str| judge_client(&ask(subject, vec![]), &APISERVER_ETCD_CLIENT, Groups::OfRow);
    let wrong = |found: &[&str]| {
        let found = found.iter().map(|&name| name.to_owned()).collect();
        vec![Finding::CommonName(
            found,
            "kube-apiserver-etcd-client".to_owned(),
        )]
    };
    assert_eq!(findings("CN=kube-apiserver-etcd-client"), []);
    assert_eq!(findings("CN=system:masters"), wrong(&["system:masters"]));
    assert_eq!(
        findings("CN=Kube-apiserver-etcd-client"),
        wrong(&["Kube-apiserver-etcd-client"])
    );
    assert_eq!(
        findings("CN=kube-apiserver-etcd-client\\20"),
        wrong(&["kube-apiserver-etcd-client "])
    );
    assert_eq!(findings(""), wrong(&[]));
    // RFC 4514 text names the last RDN first.
    assert_eq!(
        findings("CN=kube-apiserver-etcd-client,CN=root"),
        wrong(&["root", "kube-apiserver-etcd-client"])
    );
    assert_eq!(
        findings("CN=root,CN=kube-apiserver-etcd-client"),
        wrong(&["kube-apiserver-etcd-client", "root"])
    );
    assert_eq!(findings("CN=kube-apiserver-etcd-client+CN=root").len(), 1);
}

#[test]
fn a_subject_has_nothing_that_the_row_does_not_have() {
    let findings = |subject: &str| {
        judge_client(
            &ask(subject, vec![]),
            &APISERVER_ETCD_CLIENT,
            Groups::DangerAny,
        )
    };
    let subject = |text: &str| vec![Finding::Subject(text.to_owned())];
    assert_eq!(
        findings("OU=x,CN=kube-apiserver-etcd-client"),
        subject("OU=x")
    );
    // Kubernetes takes this one for the user's UID (KEP-4412).
    assert_eq!(
        findings("1.3.6.1.4.1.57683.2=#0c0161,CN=kube-apiserver-etcd-client"),
        subject("1.3.6.1.4.1.57683.2=#0c0161")
    );
    // An organization that is a number, and one in a character set that nobody reads alike.
    assert_eq!(findings("O=#020101,CN=kube-apiserver-etcd-client").len(), 1);
}

#[test]
fn a_group_is_the_rows_unless_the_danger_is_allowed() {
    let group = |name: &str| Finding::Group(name.to_owned());
    let cases: [(&str, &'static Row, Groups, Vec<Finding>); 12] = [
        (
            "O=kubeadm:cluster-admins",
            &ADMIN_CONF,
            Groups::OfRow,
            vec![],
        ),
        (
            "CN=x",
            &ADMIN_CONF,
            Groups::DangerAny,
            vec![Finding::NoGroup("kubeadm:cluster-admins")],
        ),
        (
            "O=system:masters",
            &ADMIN_CONF,
            Groups::OfRow,
            vec![
                Finding::NoGroup("kubeadm:cluster-admins"),
                group("system:masters"),
            ],
        ),
        (
            "O=system:masters,O=kubeadm:cluster-admins",
            &ADMIN_CONF,
            Groups::OfRow,
            vec![group("system:masters")],
        ),
        (
            "O=system:masters+O=kubeadm:cluster-admins",
            &ADMIN_CONF,
            Groups::OfRow,
            vec![group("system:masters")],
        ),
        (
            "O=system:masters,O=kubeadm:cluster-admins",
            &ADMIN_CONF,
            Groups::DangerMasters,
            vec![],
        ),
        (
            "O=system:masters",
            &SUPER_ADMIN_CONF,
            Groups::OfRow,
            vec![group("system:masters")],
        ),
        (
            "O=system:masters",
            &SUPER_ADMIN_CONF,
            Groups::DangerMasters,
            vec![],
        ),
        (
            "O=system:masters",
            &APISERVER_ETCD_CLIENT,
            Groups::OfRow,
            vec![group("system:masters")],
        ),
        (
            "O=ops",
            &APISERVER_ETCD_CLIENT,
            Groups::DangerMasters,
            vec![group("ops")],
        ),
        (
            "O=ops,O=system:masters",
            &APISERVER_ETCD_CLIENT,
            Groups::DangerAny,
            vec![],
        ),
        (
            "O=system:nodes,O=System:masters",
            &KUBELET_CONF,
            Groups::OfRow,
            vec![group("System:masters")],
        ),
    ];
    for (subject, row, groups, wanted) in cases {
        let subject = match subject {
            "CN=x" => format!("CN={}", row_common_name(row)),
            subject => format!("CN={},{subject}", row_common_name(row)),
        };
        assert_eq!(
            judge_client(&ask(&subject, vec![]), row, groups),
            wanted,
            "{subject}, {groups:?}"
        );
    }
}

#[test]
fn a_name_beyond_the_wanted_ones_is_found_wherever_it_stands() {
    let findings = |names: Vec<GeneralName>| {
        judge_server(&ask(
            "CN=kube-apiserver",
            vec![extension(&SubjectAltName(names))],
        ))
    };
    let beyond = |names: &[&str]| {
        vec![Finding::Names(
            names.iter().map(|&name| name.to_owned()).collect(),
        )]
    };
    let ip = |octets: &[u8]| GeneralName::IpAddress(OctetString::new(octets).unwrap());
    // DNS names have no case, and asking twice is asking once.
    assert_eq!(
        findings(vec![
            dns("Kubernetes.DEFAULT"),
            dns("kubernetes"),
            dns("kubernetes")
        ]),
        []
    );
    assert_eq!(findings(vec![ip(&[10, 96, 0, 1])]), []);
    for name in [
        "kubernetes.",
        "*.default",
        "kubernetes\0.default",
        "kubernetes ",
        "",
        "10.96.0.1",
        "evil.example",
    ] {
        assert_eq!(
            findings(vec![dns("kubernetes"), dns(name)]).len(),
            1,
            "{name:?}"
        );
    }
    assert_eq!(
        findings(vec![dns("a"), dns("kubernetes"), dns("b")]),
        beyond(&["DNS:a", "DNS:b"])
    );
    assert_eq!(
        findings(vec![ip(&[10, 96, 0, 2]), ip(&[10, 96, 0])]),
        beyond(&["IP:10.96.0.2", "IP:malformed, 3 octets"])
    );
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 96, 0, 1];
    assert_eq!(
        findings(vec![ip(&mapped)]),
        beyond(&["IP:::ffff:10.96.0.1"])
    );
    let uri = GeneralName::UniformResourceIdentifier(Ia5String::new("https://kubernetes").unwrap());
    let email = GeneralName::Rfc822Name(Ia5String::new("kubernetes").unwrap());
    let directory = GeneralName::DirectoryName(Name::from_str("CN=kubernetes").unwrap());
    assert_eq!(
        findings(vec![uri, email, directory]),
        beyond(&[
            "URI:https://kubernetes",
            "email:kubernetes",
            "dirName:CN=kubernetes"
        ])
    );
}

#[test]
fn a_thousand_names_are_read_and_the_first_are_shown() {
    let names = (0..1000)
        .map(|index| dns(&format!("n{index}.example")))
        .collect();
    let request = ask("CN=kube-apiserver", vec![extension(&SubjectAltName(names))]);
    assert_eq!(request.general_names().len(), 1000);
    let findings: Vec<_> = judge_server(&request)
        .iter()
        .map(Finding::to_string)
        .collect();
    assert_eq!(
        findings,
        [
            "it asks for names that the row does not have: `DNS:n0.example`, `DNS:n1.example`, `DNS:n2.example`, `DNS:n3.example`, `DNS:n4.example` and 995 more"
        ]
    );
}

#[test]
fn usages_beyond_the_rows_and_everything_of_a_ca_are_refused() {
    const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
    const CLIENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
    const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
    let findings = |row: &'static Row, extensions| {
        judge_client(
            &ask(&format!("CN={}", row_common_name(row)), extensions),
            row,
            Groups::OfRow,
        )
    };
    let usages = |oids: &[ObjectIdentifier]| vec![extension(&ExtendedKeyUsage(oids.to_vec()))];
    let beyond = |name: &str| vec![Finding::Usages(vec![name.to_owned()])];
    assert_eq!(findings(&APISERVER, usages(&[SERVER])), []);
    assert_eq!(
        findings(&APISERVER, usages(&[SERVER, CLIENT])),
        beyond("clientAuth")
    );
    assert_eq!(
        findings(&APISERVER_ETCD_CLIENT, usages(&[SERVER])),
        beyond("serverAuth")
    );
    assert_eq!(findings(&APISERVER, usages(&[ANY])), beyond("2.5.29.37.0"));
    assert_eq!(findings(&ETCD_PEER, usages(&[CLIENT, SERVER])), []);

    let ca = |ca| {
        extension(&BasicConstraints {
            ca,
            path_len_constraint: None,
        })
    };
    let key_usages = |usages| extension(&KeyUsage(usages));
    assert_eq!(findings(&APISERVER, vec![ca(true)]), [Finding::Ca]);
    assert_eq!(findings(&APISERVER, vec![ca(false)]), []);
    assert_eq!(
        findings(
            &APISERVER,
            vec![key_usages(
                KeyUsages::KeyCertSign | KeyUsages::DigitalSignature | KeyUsages::KeyAgreement
            )]
        ),
        [
            Finding::CaUsages(vec!["keyCertSign"]),
            Finding::KeyUsages(vec!["keyAgreement"])
        ]
    );
    assert_eq!(
        findings(&APISERVER, vec![key_usages(KeyUsages::CRLSign.into())]),
        [Finding::CaUsages(vec!["cRLSign"])]
    );
}

#[test]
fn rows_without_a_leaf_grant_nothing() {
    for row in CATALOG.iter().filter(|row| row.signer().is_none()) {
        let policy = Policy {
            row,
            common_name: "kubernetes",
            sans: &[],
            groups: Groups::DangerAny,
        };
        let findings = judge(&ask("CN=kubernetes", vec![]), &policy);
        assert_eq!(findings, [Finding::NoLeaf(row.name)]);
        assert_eq!(findings[0].verdict(), Verdict::Refused);
    }
}

#[test]
fn no_text_of_a_request_steers_a_terminal() {
    let subject = "CN=\u{1b}[31m\u{202e}\\0a`,O=\u{1b}[31m,OU=\u{9b}31m\u{202e}";
    let names = vec![dns("\u{1b}[31m\n"), dns(&"a".repeat(5000))];
    let request = ask(subject, vec![extension(&SubjectAltName(names))]);
    let findings = judge_server(&request);
    assert_eq!(findings.len(), 4, "{findings:?}");
    for finding in findings {
        let message = finding.to_string();
        let steers = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!message.contains(steers), "{message:?}");
        assert!(message.len() < 1000, "{message:?}");
    }
}
