//! A cluster CA that is itself signed by another CA, and several CAs in one file.

use super::{
    openssl::Openssl,
    sandbox::{Ended, KUBECONFIGS, NOW, Sandbox},
};
use crate::cases::pkiutil::Authority;

/// A root, the intermediate that it signed, and a tree that holds nothing but these as its cluster CA.
struct Intermediate {
    root: Authority,
    ca: Authority,
    sandbox: Sandbox,
}

impl Intermediate {
    fn new(bundle: impl Fn(&str, &str) -> String) -> Intermediate {
        let root = Authority::new("corp-root", None);
        let ca = Authority::new("corp-kubernetes", Some(&root));
        let sandbox = Sandbox::empty();
        sandbox.write("pki/ca.crt", bundle(&ca.pem, &root.pem));
        sandbox.write("pki/ca.key", ca.key.serialize_pem());
        Intermediate { root, ca, sandbox }
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
fn an_intermediate_signs_a_whole_tree_and_everybody_trusts_its_chain() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let Intermediate { root, ca, sandbox } = Intermediate::new(|ca, root| format!("{ca}{root}"));
    let before = sandbox.read("pki/ca.crt");
    sandbox.init(&[]).ended_with(0);
    assert!(
        sandbox.read("pki/ca.crt") == before,
        "a CA is never touched"
    );
    for name in KUBECONFIGS {
        assert_eq!(
            count(sandbox.embedded(name, "certificate-authority-data")),
            2,
            "{name}"
        );
    }
    let at = NOW.unix_timestamp().to_string();
    // By the file that the components trust, and from the root alone where the intermediate is sent along.
    let trusted = openssl.file("trusted.crt", &before);
    let leaf = openssl.file("leaf.crt", sandbox.read("pki/apiserver.crt"));
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
    // The second time, everything is kept, renewed and checked as with any other CA.
    sandbox
        .pki(&["init"])
        .ended_with(0)
        .says("all 16 are there and usable");
    sandbox.pki(&["check-expiration"]).ended_with(0);
    let run = sandbox.pki(&["renew", "all"]).ended_with(0);
    assert_eq!(run.stderr, "", "{run}");
    let leaf = openssl.file("leaf.crt", sandbox.read("pki/apiserver.crt"));
    openssl
        .run(&["verify", "-attime", &at, "-CAfile", &trusted, &leaf])
        .ok();
}

/// Somebody who trusts only the root needs the intermediate from the server.
#[test]
fn intermediates_behind_a_leaf_stay_while_they_lead_to_its_ca() {
    let Intermediate { root, ca, sandbox } = Intermediate::new(|ca, root| format!("{ca}{root}"));
    sandbox.init(&[]).ended_with(0);
    let leaf = sandbox.text("pki/apiserver.crt");
    sandbox.write("pki/apiserver.crt", format!("{leaf}{}", ca.pem));
    let run = sandbox.pki(&["renew", "apiserver"]).ended_with(0);
    assert_eq!(run.stderr, "", "{run}");
    let renewed = sandbox.text("pki/apiserver.crt");
    assert!(!renewed.starts_with(&leaf), "it is renewed");
    assert_eq!(count(&renewed), 2);
    sandbox.pki(&["init"]).ended_with(0);

    // One that has nothing to do with the signature any more goes, and that is said.
    sandbox.write("pki/apiserver.crt", format!("{leaf}{}", root.pem));
    sandbox
        .pki(&["renew", "apiserver"])
        .ended_with(0)
        .says("`apiserver`: the CA signs it directly; what lies behind it in its file (1 more) is dropped");
    assert_eq!(count(sandbox.text("pki/apiserver.crt")), 1);
}

#[test]
fn the_signer_stands_first_in_its_file_or_nothing_is_signed() {
    let Intermediate { sandbox, .. } = Intermediate::new(|ca, root| format!("{root}{ca}"));
    let before = sandbox.snapshot();
    let run = sandbox.init(&[]).ended_with(3);
    assert_eq!(
        run.stderr,
        "error: CA `ca`: its key does not belong to it (the public keys differ)\n\
         hint: the key is that of another certificate in the same file: put that one first, as the one that signs\n"
    );
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}
