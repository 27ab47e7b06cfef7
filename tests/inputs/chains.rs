//! CA files with several certificates, intermediate CAs, and leaves with a chain in their file.
//!
//! The file of a CA is a set of certificates, of which the first is the signer.

use x509_cert::der::Tag;

use super::judged;
use crate::support::{
    AUTHORITY_KEY_ID, CA, COMMON_NAME,
    End::{NotAfter, NotBefore},
    NOW, Tbs, TestTree, days, peer,
    rows::KUBECONFIGS,
    utc_time,
};

const CA_CRT: &str = "pki/ca.crt";
const CRT: &str = "pki/apiserver.crt";

const LEAF: &str = "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n";

/// Where openssl finds a file beside the tree.
fn beside(name: &str) -> String {
    format!("../../{name}")
}

/// Makes a CA beside the tree and returns its certificate.
fn other_ca(t: &TestTree, name: &str, subject: &str) -> String {
    t.make_ca(name, subject, CA);
    read(t, name)
}

pub(super) fn read(t: &TestTree, name: &str) -> String {
    std::fs::read_to_string(t.root().join(format!("{name}.crt"))).unwrap()
}

/// Returns a certificate for a key, signed by a CA beside the tree.
fn signed_by(t: &TestTree, ca: &str, key: &str, subject: &str, extensions: &str) -> String {
    t.signed_by(&beside(ca), key, subject, extensions, &[])
}

/// Makes the cluster CA an intermediate below a root, with its key and name, and has every kubeconfig trust it.
fn intermediate(t: &TestTree) {
    other_ca(t, "root", "/CN=root");
    t.write(
        CA_CRT,
        signed_by(t, "root", "pki/ca.key", "/CN=kubernetes", CA),
    );
    t.embed_ca();
}

/// Changes the intermediate, and has the root sign it again.
fn forge_intermediate(t: &TestTree, change: impl FnOnce(&mut Tbs)) {
    intermediate(t);
    // A path from the folder of certificates.
    t.forge(CA_CRT, "../../../root", change);
    t.embed_ca();
}

/// Appends certificates to `ca.crt`.
fn append_to_ca(t: &TestTree, further: &str) {
    t.edit(CA_CRT, |text| text + further);
}

/// Has an intermediate below the cluster CA, which is not in the tree, sign the API server's certificate.
pub(super) fn through_an_intermediate(t: &TestTree, extensions: &str) {
    t.make_ca("middle", "/CN=middle", CA);
    let middle = t.signed_by(
        "pki/ca",
        &beside("middle.key"),
        "/CN=middle",
        extensions,
        &[],
    );
    std::fs::write(t.root().join("middle.crt"), middle).unwrap();
    let leaf = t.apiserver_names() + LEAF;
    t.write(
        CRT,
        signed_by(
            t,
            "middle",
            "pki/apiserver.key",
            "/CN=kube-apiserver",
            &leaf,
        ),
    );
}

/// Appends certificates to `apiserver.crt`.
pub(super) fn append_to_leaf(t: &TestTree, certificates: &str) {
    t.edit(CRT, |text| text + certificates);
}

fn sign_by_former_ca(t: &TestTree) {
    other_ca(t, "former", "/CN=kubernetes");
    let leaf = t.apiserver_names() + LEAF;
    t.write(
        CRT,
        signed_by(
            t,
            "former",
            "pki/apiserver.key",
            "/CN=kube-apiserver",
            &leaf,
        ),
    );
}

judged! {
    // Several CAs in one file.
    another_behind_it: |t| append_to_ca(t, &t.text("pki/etcd/ca.crt")) => [];
    another_of_its_name_behind_it: |t| append_to_ca(t, &other_ca(t, "former", "/CN=kubernetes")) => [];
    itself_behind_it: |t| append_to_ca(t, &t.text(CA_CRT)) => [];
    fifty_others_behind_it: |t| append_to_ca(t, &other_ca(t, "former", "/CN=kubernetes").repeat(50)) => [];
    hundreds_of_copies_of_one_below_others_behind_it: |t| {
        for number in 0..6 {
            t.openssl(&["ecparam", "-name", "secp521r1", "-genkey", "-noout", "-out", &beside(&format!("root-{number}.key"))]);
            let key = beside(&format!("root-{number}.key"));
            let root = t.self_signed(&key, "/CN=root", CA, &[]);
            std::fs::write(t.root().join(format!("root-{number}.crt")), &root).unwrap();
            append_to_ca(t, &root);
        }
        let middle = signed_by(t, "root-5", "pki/apiserver.key", "/CN=middle", &format!("{CA}authorityKeyIdentifier=none\n"));
        append_to_ca(t, &middle.repeat(900));
    } => [];
    an_expired_one_behind_it: |t| {
        let other = other_ca(t, "former", "/CN=kubernetes");
        append_to_ca(t, &t.forged(&other, "../../../former", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "100101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
        }));
    } => [];
    one_of_the_future_behind_it: |t| {
        let other = other_ca(t, "next", "/CN=kubernetes");
        append_to_ca(t, &t.forged(&other, "../../../next", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "470101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "480101000000Z");
        }));
    } => [];
    one_with_a_weak_signature_behind_it: |t| {
        other_ca(t, "old", "/CN=kubernetes");
        let key = beside("old.key");
        append_to_ca(t, &t.self_signed(&key, "/CN=kubernetes", CA, &["-md", "sha1"]));
    } => [];
    a_leaf_behind_it: |t| append_to_ca(t, &t.text(CRT)) => [];
    text_between_them: |t| append_to_ca(t, &format!("\n# the old one\n{}", other_ca(t, "former", "/CN=kubernetes"))) => [];
    insert_ca_first: |t| { let other = other_ca(t, "next", "/CN=kubernetes"); t.edit(CA_CRT, |text| other + &text); } => ["ca: ca.key-mismatch", "init refuses", "renew all fails for all of ca"];
    a_leaf_before_it: |t| t.edit(CA_CRT, |text| t.text(CRT) + &text) => ["ca: ca.not-a-ca", "ca: ca.key-mismatch", "init refuses", "renew all fails for all of ca"];
    half_of_another_behind_it: |t| { let other = other_ca(t, "former", "/CN=kubernetes"); append_to_ca(t, &other[..other.len() / 2]); } => ["ca: file.invalid: `pki/ca.crt`: malformed PEM: a block has no END line: the file is truncated", "init refuses", "renew all fails for all of ca"];
    a_malformed_one_behind_it: |t| append_to_ca(t, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n") => ["ca: file.invalid: `pki/ca.crt`: certificate 2 is malformed: malformed tbsCertificate", "init refuses", "renew all fails for all of ca"];
    a_private_key_behind_it: |t| append_to_ca(t, &t.text("pki/ca.key")) => ["ca: file.private-key-exposed", "init refuses", "renew all fails for all of ca"];
    /// Any certificate of an external CA may be the signer; only its owner knows which.
    another_before_an_external_one: |t| {
        let other = other_ca(t, "next", "/CN=kubernetes");
        t.edit(CA_CRT, |text| other + &text);
        t.remove("pki/ca.key");
    } => ["renew all skips all of ca"];
    another_behind_the_etcd_ca: |t| t.append(CA_CRT, "pki/etcd/ca.crt") => [];
    another_before_the_etcd_ca: |t| t.edit("pki/etcd/ca.crt", |text| t.text(CA_CRT) + &text) => ["ca: ca.shared", "etcd-ca: ca.key-mismatch", "init refuses", "renew all fails for all of etcd-ca"];
    another_behind_the_front_proxy_ca: |t| t.append(CA_CRT, "pki/front-proxy-ca.crt") => [];

    // A CA below another one.
    below_a_root_that_is_there: |t| { intermediate(t); append_to_ca(t, &read(t, "root")); } => [];
    /// Kubernetes trusts every certificate in the file.
    below_a_root_that_is_not_there: intermediate => [];
    below_a_root_that_stands_first: |t| { intermediate(t); t.edit(CA_CRT, |text| read(t, "root") + &text); } => ["ca: ca.key-mismatch", "init refuses", "renew all fails for all of ca"];
    below_a_root_that_has_expired: |t| {
        intermediate(t);
        append_to_ca(t, &t.forged(&read(t, "root"), "../../../root", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "100101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
        }));
    } => [];
    below_another_root_than_the_one_that_is_there: |t| { intermediate(t); append_to_ca(t, &other_ca(t, "stranger", "/CN=root")); } => ["ca: ca.damaged", "init refuses", "renew all fails for all of ca"];
    below_a_root_that_a_kubeconfig_trusts: |t| {
        intermediate(t);
        append_to_leaf(t, &t.text(CA_CRT));
        t.embed("admin.conf", "certificate-authority-data", read(t, "root"));
    } => [];
    below_one_of_two_roots_of_that_name: |t| {
        intermediate(t);
        let root = read(t, "root");
        append_to_ca(t, &(other_ca(t, "stranger", "/CN=root") + &root));
        t.embed_ca();
    } => [];
    below_a_root_two_levels_up: |t| {
        other_ca(t, "root", "/CN=root");
        t.make_ca("middle", "/CN=middle", CA);
        let middle = signed_by(t, "root", &beside("middle.key"), "/CN=middle", CA);
        std::fs::write(t.root().join("middle.crt"), middle).unwrap();
        t.write(CA_CRT, signed_by(t, "middle", "pki/ca.key", "/CN=kubernetes", CA));
        t.embed_ca();
        append_to_ca(t, &(read(t, "middle") + &read(t, "root")));
    } => [];
    below_a_root_and_signed_with_sha1: |t| {
        intermediate(t);
        t.write(CA_CRT, t.signed_by(&beside("root"), "pki/ca.key", "/CN=kubernetes", CA, &["-md", "sha1"]));
        t.embed_ca();
    } => ["ca: ca.weak-signature"];
    below_a_root_and_no_ca: |t| {
        intermediate(t);
        t.write(CA_CRT, signed_by(t, "root", "pki/ca.key", "/CN=kubernetes", "basicConstraints=critical,CA:FALSE\n"));
        t.embed_ca();
    } => ["ca: ca.not-a-ca", "init refuses", "renew all fails for all of ca"];
    below_a_root_that_did_not_sign_it: |t| {
        intermediate(t);
        append_to_ca(t, &read(t, "root"));
        t.damage_signature(CA_CRT);
        t.embed_ca();
    } => ["ca: ca.damaged", "init refuses", "renew all fails for all of ca"];
    below_a_root_that_is_not_behind_it_without_naming_its_key: |t| {
        forge_intermediate(t, |tbs| tbs.remove_extension(AUTHORITY_KEY_ID));
    } => ["ca: ca.unproven", "init refuses", "renew all fails for all of ca"];
    below_a_root_named_by_its_serial_number: |t| {
        // AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1) with the name of the issuer's issuer and the issuer's serial number.
        let name = b"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04root";
        let id = [&[0x30, 0x18, 0xa1, 0x13, 0xa4, 0x11][..], name, &[0x82, 0x01, 0x07]].concat();
        forge_intermediate(t, |tbs| tbs.set_extension(AUTHORITY_KEY_ID, &id));
    } => [];
    beside_one_below_a_ca_elsewhere: |t| {
        other_ca(t, "company", "/CN=company");
        let key = beside("company.key");
        let middle = t.signed_by(&beside("company"), &key, "/CN=unit", &format!("{CA}authorityKeyIdentifier=none\n"), &[]);
        append_to_ca(t, &middle);
    } => [];
    ends_long_ago_and_is_not_needed: |t| {
        other_ca(t, "old", "/CN=old");
        let crossed = signed_by(t, "old", "pki/ca.key", "/CN=kubernetes", CA);
        through_an_intermediate(t, CA);
        append_to_leaf(t, &(read(t, "middle") + &t.forged(&crossed, "../../../old", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "210101000000Z"))));
    } => ["apiserver: certificate.differs"];
    ends_before_its_leaf: |t| {
        through_an_intermediate(t, CA);
        let middle = std::fs::read_to_string(t.root().join("middle.crt")).unwrap();
        append_to_leaf(t, &t.forged(&middle, "ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &utc_time(NOW + days(20)))));
    } => ["apiserver: certificate.differs"];
    below_a_root_without_naming_its_key: |t| {
        forge_intermediate(t, |tbs| tbs.remove_extension(AUTHORITY_KEY_ID));
        append_to_ca(t, &read(t, "root"));
        t.embed_ca();
    } => [];
    below_a_root_and_expired: |t| forge_intermediate(t, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    }) => ["ca: ca.expired", "apiserver: certificate.outlives-ca", "apiserver-kubelet-client: certificate.outlives-ca", "admin.conf: certificate.outlives-ca", "super-admin.conf: certificate.outlives-ca", "kubelet.conf: certificate.outlives-ca", "controller-manager.conf: certificate.outlives-ca", "scheduler.conf: certificate.outlives-ca", "init refuses", "renew all fails for all of ca"];
    below_a_root_and_of_another_name: |t| forge_intermediate(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::PrintableString, b"issuing-1")])) => ["ca: ca.replaced", "init refuses"];
    below_a_root_that_is_external: |t| { intermediate(t); append_to_ca(t, &read(t, "root")); t.remove("pki/ca.key"); } => ["renew all skips all of ca"];
    below_the_cluster_ca: |t| {
        t.write("pki/etcd/ca.crt", t.signed_by("pki/ca", "pki/etcd/ca.key", "/CN=etcd-ca", CA, &[]));
    } => [];

    // A leaf that brings its chain.
    with_its_ca: |t| append_to_leaf(t, &t.text(CA_CRT)) => [];
    with_another_ca: |t| append_to_leaf(t, &t.text("pki/etcd/ca.crt")) => [];
    with_its_ca_and_the_root: |t| { intermediate(t); append_to_leaf(t, &(t.text(CA_CRT) + &read(t, "root"))); append_to_ca(t, &read(t, "root")); } => [];
    with_the_root_before_its_ca: |t| { intermediate(t); append_to_leaf(t, &(read(t, "root") + &t.text(CA_CRT))); append_to_ca(t, &read(t, "root")); } => [];
    below_an_intermediate_that_it_brings: |t| { through_an_intermediate(t, CA); append_to_leaf(t, &read(t, "middle")); } => ["apiserver: certificate.differs"];
    below_an_intermediate_that_it_brings_last: |t| { through_an_intermediate(t, CA); append_to_leaf(t, &(t.text("pki/etcd/ca.crt") + &read(t, "middle"))); } => ["apiserver: certificate.differs"];
    below_an_intermediate_that_it_does_not_bring: |t| through_an_intermediate(t, CA) => ["apiserver: certificate.other-issuer", "init refuses"];
    below_an_intermediate_that_is_no_ca: |t| { through_an_intermediate(t, LEAF); append_to_leaf(t, &read(t, "middle")); } => ["apiserver: certificate.intermediate", "init refuses"];
    below_an_intermediate_that_may_not_sign: |t| {
        through_an_intermediate(t, &CA.replace("keyCertSign,", ""));
        append_to_leaf(t, &read(t, "middle"));
    } => ["apiserver: certificate.intermediate", "init refuses"];
    below_an_intermediate_that_has_expired: |t| {
        through_an_intermediate(t, CA);
        append_to_leaf(t, &t.forged(&read(t, "middle"), "ca", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
        }));
    } => ["apiserver: certificate.intermediate", "apiserver: certificate.expired", "init refuses"];
    below_an_intermediate_too_many: |t| {
        t.resign_ca("ca", &CA.replace("TRUE", "TRUE,pathlen:0"), &[]);
        t.embed_ca();
        through_an_intermediate(t, CA);
        append_to_leaf(t, &read(t, "middle"));
    } => ["apiserver: certificate.intermediate", "init refuses"];
    with_a_thousand_cas_that_did_not_sign_it: |t| { sign_by_former_ca(t); append_to_leaf(t, &t.text(CA_CRT).repeat(1000)); } => ["apiserver: certificate.damaged", "init refuses"];
    with_cas_that_sign_each_other: |t| {
        sign_by_former_ca(t);
        other_ca(t, "one", "/CN=one");
        let former = signed_by(t, "one", &beside("former.key"), "/CN=kubernetes", CA);
        let one = signed_by(t, "former", &beside("one.key"), "/CN=one", CA);
        append_to_leaf(t, &(former + &one).repeat(20));
    } => ["apiserver: certificate.damaged", "init refuses"];
    with_half_of_its_ca: |t| { let ca = t.text(CA_CRT); append_to_leaf(t, &ca[..ca.len() / 2]); } => ["apiserver: file.invalid: `pki/apiserver.crt`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    etcds_with_its_ca: |t| t.append("pki/etcd/ca.crt", "pki/etcd/server.crt") => [];
    /// The CA's new key is of another kind, but the signature of the old leaf is not weak.
    of_a_former_ca_with_a_key_of_another_kind: |t| {
        t.openssl(&["genrsa", "-out", "pki/ca.key", "2048"]);
        t.resign_ca("ca", CA, &[]);
    } => ["ca: ca.replaced", "init refuses"];
    /// In the middle of a rotation the former CA of the same name is still in the file; CAs of old releases have no key identifier.
    of_the_former_ca_while_that_is_trusted: |t| {
        t.make_ca("former", "/CN=kubernetes", &CA.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none"));
        let leaf = t.apiserver_names() + LEAF + "authorityKeyIdentifier=none\n";
        t.write(CRT, signed_by(t, "former", "pki/apiserver.key", "/CN=kube-apiserver", &leaf));
        append_to_ca(t, &read(t, "former"));
        t.embed_ca();
        t.forget_configuration();
    } => [];
    /// Such a leaf does not name the key of its issuer, so only its signature shows the issuer.
    damaged_and_of_a_ca_without_key_identifier: |t| {
        t.resign_ca("ca", &CA.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none"), &[]);
        t.embed_ca();
        t.forge(CRT, "ca", |tbs| tbs.remove_extension(AUTHORITY_KEY_ID));
        t.damage_signature(CRT);
        t.forget_configuration();
    } => ["apiserver: certificate.damaged", "renew all fails for apiserver"];
}

fn count(pem: impl AsRef<[u8]>) -> usize {
    String::from_utf8_lossy(pem.as_ref())
        .matches("BEGIN CERTIFICATE")
        .count()
}

/// A server still sends its intermediates after a renewal.
#[test]
fn renewal_keeps_intermediates_that_lead_to_the_root() {
    if peer("openssl").is_none() {
        return;
    }
    let tree = TestTree::new();
    intermediate(&tree);
    let chain = tree.text(CA_CRT) + &read(&tree, "root");
    append_to_ca(&tree, &read(&tree, "root"));
    append_to_leaf(&tree, &chain);
    let client = tree.embedded("admin.conf", "client-certificate-data");
    let client = String::from_utf8(client).unwrap() + &chain;
    tree.embed("admin.conf", "client-certificate-data", client);
    tree.pki(&["renew", "all"]).exits(0).does_not_say("dropped");
    let renewed = tree.embedded("admin.conf", "client-certificate-data");
    for pem in [tree.text(CRT), String::from_utf8(renewed).unwrap()] {
        assert!(pem.ends_with(&chain));
        assert_eq!(count(&pem), 3);
    }
}

#[test]
fn renewal_removes_useless_intermediates_and_says_so() {
    if peer("openssl").is_none() {
        return;
    }
    for chain in ["pki/etcd/ca.crt", "middle"] {
        let tree = TestTree::new();
        match chain {
            "middle" => {
                through_an_intermediate(&tree, CA);
                append_to_leaf(&tree, &read(&tree, "middle"));
            }
            _ => append_to_leaf(&tree, &tree.text(chain)),
        }
        tree.pki(&["renew", "apiserver"])
            .exits(0)
            .says("`apiserver`: the CA signs it directly")
            .changed_rows(&["apiserver"]);
        assert_eq!(count(tree.read(CRT)), 1, "{chain}");
    }
}

/// The leaf is valid for another year, so its own date in the message would mislead.
#[test]
fn expired_intermediate_is_not_reported_with_the_date_of_its_leaf() {
    if peer("openssl").is_none() {
        return;
    }
    let tree = TestTree::new();
    through_an_intermediate(&tree, CA);
    let expired = tree.forged(&read(&tree, "middle"), "ca", |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    });
    append_to_leaf(&tree, &expired);
    tree.pki(&["init"]).exits(3).does_not_say("expired on 2027");
}

/// A renewal puts the whole file into a kubeconfig, the signer first.
#[test]
fn renewal_gives_every_kubeconfig_all_cas_of_the_file() {
    let tree = TestTree::new();
    append_to_ca(&tree, &tree.text("pki/etcd/ca.crt"));
    tree.pki(&["renew", "all"]).exits(0);
    for kubeconfig in KUBECONFIGS {
        let trusted = tree.embedded(kubeconfig, "certificate-authority-data");
        assert!(trusted == tree.read(CA_CRT), "{kubeconfig}");
    }
}
