//! A changed configuration: `renew` reports each change, and changes nothing else.

use crate::support::{NOW, TestTree, days};

/// The recorded configuration of [`TestTree::new`], edited.
fn edited(tree: &TestTree, edits: &[(&str, &str)]) -> String {
    let mut text = tree.text(".pki/cluster.yaml");
    for (old, new) in edits {
        assert!(text.contains(old), "{old}: {text}");
        text = text.replace(old, new);
    }
    tree.beside("new.yaml", text)
}

#[test]
fn a_new_name_and_address_of_the_control_plane_are_reported_by_dry_run_and_run() {
    let tree = TestTree::new();
    let config = edited(
        &tree,
        &[
            (
                "advertiseAddress: \"192.0.2.11\"",
                "advertiseAddress: 192.0.2.99",
            ),
            ("  certSANs:\n", "  certSANs:\n  - new.example\n"),
        ],
    );
    let arguments = [
        "renew",
        "apiserver",
        "controller-manager.conf",
        "--config",
        &config,
    ];
    let dry = tree
        .pki(&[&arguments[..], &["--dry-run"]].concat())
        .exits(0)
        .changed_nothing();
    let names = [
        "SANs removed: IP:192.0.2.11",
        "SANs added: DNS:new.example, IP:192.0.2.99",
    ];
    assert_eq!(dry.facts("apiserver"), names, "{dry}");
    assert_eq!(
        dry.facts("controller-manager.conf"),
        ["server: https://192.0.2.11:6443 -> https://192.0.2.99:6443"],
        "{dry}"
    );
    let root = tree.root().display();
    let moved = format!(
        "warning: `kubelet.conf`: its server changes to `https://192.0.2.99:6443`, because the API server's certificate does not have the name in `https://192.0.2.11:6443`\n\
        warning: `controller-manager.conf`: its server changes to `https://192.0.2.99:6443`, because the API server's certificate does not have the name in `https://192.0.2.11:6443`\n\
        warning: `scheduler.conf`: its server changes to `https://192.0.2.99:6443`, because the API server's certificate does not have the name in `https://192.0.2.11:6443`\n\
        warning: other clients may still use the old address: `kubelet.conf` of the other nodes, the ConfigMap `cluster-info` in namespace `kube-public` and the ConfigMap `kube-proxy` in namespace `kube-system`\n\
        warning: `etcd-server`, `etcd-peer`: each lacks names from the configuration: IP:192.0.2.99; run `pki renew etcd-server etcd-peer --rootfs {root} --config {root}/new.yaml`\n"
    );
    assert_eq!(dry.stderr, moved);

    let run = tree.pki(&arguments).exits(0);
    assert_eq!(run.stderr, moved);
    let said = "\nchanges that follow from the configuration:\n    \
                apiserver\n        SANs removed: IP:192.0.2.11\n        \
                SANs added: DNS:new.example, IP:192.0.2.99\n";
    assert!(run.stdout.contains(said), "{run}");
    // The configuration is recorded now, and this certificate has no more differences.
    let again = tree.pki(&["renew", "apiserver", "--dry-run"]).exits(0);
    assert_eq!(again.facts("apiserver"), [""; 0], "{again}");
}

#[test]
fn algorithm_and_period_are_compared_too() {
    let tree = TestTree::new();
    let config = edited(
        &tree,
        &[
            (
                "encryptionAlgorithm: ECDSA-P256",
                "encryptionAlgorithm: ECDSA-P384",
            ),
            (
                "certificateValidityPeriod: 8760h",
                "certificateValidityPeriod: 2160h",
            ),
        ],
    );
    let changes = [
        "algorithm: ECDSA-P256 -> ECDSA-P384",
        "validity: 8760h -> 2160h",
    ];
    // On the day they were made and later.
    for now in [NOW, NOW + days(100)] {
        let dry = tree
            .pki_at(now, &["renew", "all", "--dry-run", "--config", &config])
            .exits(0);
        for row in ["apiserver", "etcd-peer", "scheduler.conf"] {
            assert_eq!(dry.facts(row), changes, "{row}: {dry}");
        }
    }
    // `init` compares the certificates that it keeps in the same way.
    let init = tree
        .pki(&["init", "--dry-run", "--config", &config])
        .exits(0);
    for said in [
        ": its algorithm is `ECDSA-P256`, the configuration says `ECDSA-P384`; run `pki renew apiserver ",
        ": its validity is `8760h`, the configuration says `2160h`; run `pki renew apiserver ",
    ] {
        let is_said =
            |line: &str| line.starts_with("warning: `apiserver`, ") && line.contains(said);
        assert!(init.stderr.lines().any(is_said), "{init}");
    }
    tree.pki_at(NOW + days(1), &["renew", "all", "--config", &config])
        .exits(0);
    tree.pki_at(NOW + days(2), &["renew", "all", "--dry-run"])
        .exits(0)
        .does_not_say("changes that follow");
}

#[test]
fn a_certificate_that_was_shortened_to_its_ca_is_not_reported_as_drift() {
    let tree = TestTree::new();
    let later = NOW + days(3600);
    tree.pki_at(later, &["renew", "all"]).exits(0);
    tree.pki_at(later + days(1), &["renew", "all", "--dry-run"])
        .exits(0)
        .does_not_say("validity: ");
}
