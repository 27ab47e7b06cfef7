//! `init` on kubeadm's trees: everything is kept, and only the configuration is written.

use crate::support::{TestTree, config_of, days, made_at};

/// kubeadm: TestCreateKubeConfigFileIfNotExists / same cluster
#[test]
fn a_complete_tree_is_kept_and_only_its_configuration_is_recorded() {
    for (fixture, rows) in [
        ("kubeadm-1.36/stacked", 16),
        ("kubeadm-1.36/ha", 16),
        ("kubeadm-1.36/external-etcd", 11),
        ("kubeadm-1.36/external-ca", 16),
    ] {
        let tree = TestTree::fixture(fixture);
        let config = config_of(fixture);
        let now = made_at("kubeadm-1.36");
        let first = tree
            .pki_at(now, &["init", "--config", &config])
            .exits(0)
            .prints(&format!(
                "{rows} kept; the configuration is recorded, no other file was written"
            ))
            .says_nothing()
            .changed_files(&[""; 0]);
        let mut made = first.changes.unwrap();
        made.retain(|change| change.ends_with(": made"));
        assert_eq!(
            made,
            [
                "etc/kubernetes/.pki/: made",
                "etc/kubernetes/.pki/cluster.yaml: made",
            ],
            "{fixture}"
        );
        assert_eq!(tree.mode(".pki"), 0o700);
        assert_eq!(tree.mode(".pki/cluster.yaml"), 0o600);

        // Further runs write nothing: with the file, with the record, or later.
        for arguments in [&["init", "--config", &config][..], &["init"]] {
            tree.pki_at(now + days(60), arguments)
                .exits(0)
                .prints("nothing was written")
                .changed_nothing();
        }
    }
}

#[test]
fn a_tree_of_1_20_gets_the_one_kubeconfig_that_it_lacks() {
    let tree = TestTree::fixture("kubeadm-1.20/stacked");
    let config = config_of("kubeadm-1.36/stacked");
    tree.pki_at(made_at("kubeadm-1.20"), &["init", "--config", &config])
        .exits(0)
        .changed_files(&["super-admin.conf"]);
}
