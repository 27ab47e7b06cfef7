//! External CAs: the tree has the certificate, but not the key.

use crate::support::{
    NOW, TestTree, days,
    rows::{OF_CA, OF_ETCD_CA, OF_FRONT_PROXY_CA, files_of},
};

/// Each CA with its file, one of its leaves, and all rows that it signs.
const FAMILIES: [(&str, &str, &str, &[&str]); 3] = [
    ("ca", "ca", "apiserver", &OF_CA),
    (
        "front-proxy-ca",
        "front-proxy-ca",
        "front-proxy-client",
        &OF_FRONT_PROXY_CA,
    ),
    ("etcd-ca", "etcd/ca", "etcd/peer", &OF_ETCD_CA),
];

#[test]
fn init_makes_what_it_can_and_lists_what_an_external_ca_must_sign() {
    for (ca, base, _, signed) in FAMILIES {
        let tree = TestTree::empty();
        let whole = TestTree::new();
        let file = format!("pki/{base}.crt");
        tree.write(&file, whole.read(&file));
        tree.init(&["--dry-run"])
            .exits(5)
            .changed_nothing()
            .marks('!', signed);

        let run = tree.init(&[]).exits(5).marks('!', signed).marks('=', &[ca]);
        assert_eq!(run.marked('+').len(), 16 - 1 - signed.len(), "{run}");
        for name in signed {
            let wanted = format!(
                "it is missing, and its CA `{ca}` is external; have that CA sign a certificate for `CN="
            );
            let end = ", see `pki help csr`";
            let reason = run.reason_for_skipping(name).unwrap_or_default();
            assert!(
                reason.starts_with(&wanted) && reason.ends_with(end),
                "{run}"
            );
        }
        assert!(!tree.exists(&format!("pki/{base}.key")));
        // A second run makes nothing else.
        tree.pki(&["init"])
            .exits(5)
            .prints(&format!(
                "{} kept, {} skipped; nothing was written",
                16 - signed.len(),
                signed.len()
            ))
            .changed_nothing();
        // With the certificates from the CA, the tree is complete.
        for file in signed.iter().flat_map(|name| files_of(name)) {
            tree.write(&file, whole.read(&file));
        }
        tree.pki(&["init"])
            .exits(0)
            .prints("16 kept; nothing was written");
    }
}

#[test]
fn renew_skips_what_an_external_ca_signs_and_the_check_marks_it() {
    for (ca, base, _, signed) in FAMILIES {
        let tree = TestTree::new();
        tree.remove(&format!("pki/{base}.key"));
        let check = tree.pki(&["check-expiration"]).exits(0);
        let external: Vec<_> = check
            .stdout
            .lines()
            .filter(|line| line.trim_end().ends_with("yes"))
            .map(|line| line.split_whitespace().next().unwrap())
            .collect();
        let mut wanted: Vec<_> = signed.to_vec();
        wanted.sort_unstable();
        wanted.push(ca);
        assert_eq!(external, wanted, "{check}");

        tree.pki(&["renew", "all"]).exits(0).marks('!', signed);
        tree.pki(&["renew", signed[0]])
            .exits(3)
            .says(&format!("its CA `{ca}` is external"))
            .changed_nothing();
    }
}

/// As the README says: what an external etcd needs is put there before anything else.
#[test]
fn the_certificates_of_an_external_etcd_are_there_first() {
    let made = TestTree::new();
    let tree = TestTree::empty();
    for file in [
        "pki/etcd/ca.crt",
        "pki/apiserver-etcd-client.crt",
        "pki/apiserver-etcd-client.key",
    ] {
        tree.write(file, made.read(file));
    }
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\netcd:\n  external:\n    endpoints: [https://192.0.2.9:2379]\n    \
         caFile: /etc/kubernetes/pki/etcd/ca.crt\n    certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt\n    \
         keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key\n",
    );
    tree.init(&["--config", &config]).exits(0);
}

#[test]
fn due_row_of_an_external_ca_changes_the_exit_code() {
    let tree = TestTree::new();
    tree.remove("pki/front-proxy-ca.key");
    for (later, code) in [(340, 4), (370, 5)] {
        tree.pki_at(NOW + days(later), &["renew", "all"])
            .exits(code)
            .says("have the external CA `front-proxy-ca` sign it");
    }
}

/// `renew` cannot replace a broken leaf of an external CA, so no hint may name it.
#[test]
fn init_does_not_advise_renew_for_rows_of_an_external_ca() {
    for (ca, base, leaf, _) in FAMILIES {
        for spoil in ["empty", "foreign", "keyless"] {
            let tree = TestTree::new();
            tree.remove(&format!("pki/{base}.key"));
            let certificate = format!("pki/{leaf}.crt");
            match spoil {
                "empty" => tree.write(&certificate, ""),
                "foreign" => {
                    let other = TestTree::of_another_cluster();
                    tree.take_pair(&other, leaf);
                }
                _ => tree.remove(&format!("pki/{leaf}.key")),
            }
            tree.pki(&["init"])
                .exits(3)
                .says(&format!("have the external CA `{ca}` sign"))
                .does_not_say("pki renew")
                .changed_nothing();
        }
    }
}

#[test]
fn key_without_certificate_of_an_external_ca_is_left_alone() {
    let tree = TestTree::new();
    tree.remove_all(&["pki/ca.key", "pki/apiserver.crt"]);
    tree.init(&[])
        .exits(5)
        .prints(
            "apiserver: its key exists, its certificate is missing, and its CA `ca` is external",
        )
        .changed_nothing();
}
