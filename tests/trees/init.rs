//! `init` on kubeadm's trees: everything is kept, and nothing is written but what the cluster is.

use super::sandbox::{Ended, Sandbox, config_of, days, made_at};

#[test]
fn a_complete_tree_is_kept_and_only_its_configuration_is_recorded() {
    for (tree, rows) in [
        ("kubeadm-1.36/stacked", 16),
        ("kubeadm-1.36/ha", 16),
        ("kubeadm-1.36/external-etcd", 11),
        ("kubeadm-1.36/external-ca", 16),
    ] {
        let sandbox = Sandbox::fixture(tree);
        let config = config_of(tree);
        let now = made_at("kubeadm-1.36");
        let before = sandbox.snapshot();
        let first = sandbox
            .pki_at(now, &["init", "--config", &config])
            .ended_with(0)
            .says(&format!(
                "all {rows} are there and usable; only the configuration was recorded"
            ));
        assert_eq!(first.stderr, "", "{first}");
        let after = sandbox.snapshot();
        let mut made = before.file_changes(&after);
        made.sort();
        assert_eq!(
            made,
            [
                "etc/kubernetes/.pki/cluster.yaml: made",
                "etc/kubernetes/.pki/lock: made"
            ],
            "{tree}"
        );
        assert_eq!(sandbox.mode(".pki"), 0o700);
        assert_eq!(sandbox.mode(".pki/cluster.yaml"), 0o600);

        // Neither with the file again, nor with what was recorded, nor later.
        for arguments in [&["init", "--config", &config][..], &["init"]] {
            sandbox
                .pki_at(now + days(60), arguments)
                .ended_with(0)
                .says("nothing was written");
            assert_eq!(after.changes(&sandbox.snapshot()), [""; 0], "{tree}");
        }
    }
}

#[test]
fn a_tree_of_1_20_gets_the_one_kubeconfig_that_it_lacks() {
    let sandbox = Sandbox::fixture("kubeadm-1.20/stacked");
    let config = config_of("kubeadm-1.36/stacked");
    let before = sandbox.snapshot();
    sandbox
        .pki_at(made_at("kubeadm-1.20"), &["init", "--config", &config])
        .ended_with(0);
    let mut made = before.file_changes(&sandbox.snapshot());
    made.retain(|change| !change.starts_with("etc/kubernetes/.pki/"));
    assert_eq!(made, ["etc/kubernetes/super-admin.conf: made"]);
}
