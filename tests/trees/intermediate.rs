//! A cluster CA that is itself signed by another CA, and several CAs in one file.

use crate::support::{Authority, NOW, Openssl, TestTree, rows::KUBECONFIGS};

/// A root, the intermediate that it signed, and a tree that contains only these two as its cluster CA.
struct Intermediate {
    root: Authority,
    ca: Authority,
    tree: TestTree,
}

impl Intermediate {
    fn new(bundle: impl Fn(&str, &str) -> String) -> Intermediate {
        let root = Authority::new("corp-root", None);
        let ca = Authority::new("corp-kubernetes", Some(&root));
        let tree = TestTree::empty();
        tree.write("pki/ca.crt", bundle(&ca.pem, &root.pem));
        tree.write("pki/ca.key", ca.key.serialize_pem());
        Intermediate { root, ca, tree }
    }
}

/// How many certificates a PEM text holds.
fn count(pem: impl AsRef<[u8]>) -> usize {
    String::from_utf8(pem.as_ref().to_vec())
        .unwrap()
        .matches("BEGIN CERTIFICATE")
        .count()
}

#[test]
fn intermediate_ca_signs_a_whole_tree() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let Intermediate { root, ca, tree } = Intermediate::new(|ca, root| format!("{ca}{root}"));
    let before = tree.read("pki/ca.crt");
    tree.init(&[]).exits(0);
    assert!(tree.read("pki/ca.crt") == before, "a CA is never touched");
    for name in KUBECONFIGS {
        assert_eq!(
            count(tree.embedded(name, "certificate-authority-data")),
            2,
            "{name}"
        );
    }
    let at = NOW.unix_timestamp().to_string();
    // Verify with the file that the components trust, and with the root alone if the server sends the intermediate.
    let trusted = openssl.file("trusted.crt", &before);
    let leaf = openssl.file("leaf.crt", tree.read("pki/apiserver.crt"));
    let (root_file, ca_file) = (
        openssl.file("root.crt", &root.pem),
        openssl.file("ca.crt", &ca.pem),
    );
    openssl
        .run(&["verify", "-attime", &at, "-CAfile", &trusted, &leaf])
        .ok();
    openssl
        .run(&[
            "verify",
            "-attime",
            &at,
            "-CAfile",
            &root_file,
            "-untrusted",
            &ca_file,
            &leaf,
        ])
        .ok();
    // A second run keeps, renews and checks everything as with any other CA.
    tree.pki(&["init"]).exits(0).prints("16 kept");
    tree.pki(&["check-expiration"]).exits(0);
    tree.pki(&["renew", "all"]).exits(0).says_nothing();
    let leaf = openssl.file("leaf.crt", tree.read("pki/apiserver.crt"));
    openssl
        .run(&["verify", "-attime", &at, "-CAfile", &trusted, &leaf])
        .ok();
}

/// A client that trusts only the root needs the intermediate from the server.
#[test]
fn renewal_keeps_intermediates_of_a_leaf_that_lead_to_its_ca() {
    let Intermediate { root, ca, tree } = Intermediate::new(|ca, root| format!("{ca}{root}"));
    tree.init(&[]).exits(0);
    let leaf = tree.text("pki/apiserver.crt");
    tree.write("pki/apiserver.crt", format!("{leaf}{}", ca.pem));
    tree.pki(&["renew", "apiserver"]).exits(0).says_nothing();
    let renewed = tree.text("pki/apiserver.crt");
    assert!(!renewed.starts_with(&leaf), "it is renewed");
    assert_eq!(count(&renewed), 2);
    tree.pki(&["init"]).exits(0);

    // An intermediate that is no longer needed is removed, and the report says so.
    tree.write("pki/apiserver.crt", format!("{leaf}{}", root.pem));
    tree.pki(&["renew", "apiserver"])
        .exits(0)
        .says("`apiserver`: the CA signs it directly, so the intermediate in its file is removed");
    assert_eq!(count(tree.text("pki/apiserver.crt")), 1);
}

#[test]
fn init_refuses_a_ca_file_whose_signer_is_not_first() {
    let Intermediate { tree, .. } = Intermediate::new(|ca, root| format!("{root}{ca}"));
    tree.init(&[])
        .exits(3)
        .says_only(&[
            "error: CA `ca`: its key does not belong to it (the public keys differ)",
            "hint: the key belongs to another certificate in the same file: put that certificate first, because the first one signs",
        ])
        .changed_nothing();
}
