//! The configuration that is inferred from a tree, compared with the one that kubeadm made the tree from.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{EXTERNAL_ETCD, TestTree, config_of, made_at};

/// Returns the values of every field, by path, and where each comes from.
fn fields(tree: &TestTree, arguments: &[&str]) -> BTreeMap<String, (Vec<String>, String)> {
    let now = made_at("kubeadm-1.36");
    let run = tree
        .pki_at(
            now,
            &[&["config", "show", "-o", "json"], arguments].concat(),
        )
        .exits(0);
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    shown["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            let values = field["values"].as_array().unwrap().iter().map(text);
            (
                text(&field["path"]),
                (values.collect(), text(&field["from"])),
            )
        })
        .collect()
}

#[test]
fn configuration_is_inferred_from_a_tree() {
    for fixture in ["stacked", "ha", "external-etcd", "external-ca"] {
        let fixture = format!("kubeadm-1.36/{fixture}");
        let tree = TestTree::fixture(&fixture);
        let inferred = fields(&tree, &[]);
        let declared = fields(&tree, &["--config", &config_of(&fixture)]);
        for (path, (values, _)) in &declared {
            let (found, from) = &inferred[path];
            let sorted = |values: &[String]| {
                let mut values = values.to_vec();
                values.sort();
                values.dedup();
                values
            };
            match path.as_str() {
                // No certificate contains these two values.
                "etcd.external.endpoints" => assert!(found.is_empty(), "{fixture}: {found:?}"),
                "networking.serviceSubnet" => {
                    let base =
                        |subnets: &[String]| subnets[0].split('/').next().unwrap().to_owned();
                    let networks = |subnets: &[String]| {
                        base(&subnets[0].split(',').map(str::to_owned).collect::<Vec<_>>())
                    };
                    assert_eq!(networks(found), networks(values), "{fixture}");
                }
                _ => assert_eq!(sorted(found), sorted(values), "{fixture}: {path}, {from}"),
            }
        }
        assert_eq!(declared.len(), inferred.len(), "{fixture}");
    }
}

#[test]
fn inferred_values_are_shown_with_their_file() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let run = tree
        .pki_at(made_at("kubeadm-1.36"), &["config", "show"])
        .exits(0);
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|line| {
            line.split("   ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    for row in [
        [
            "localAPIEndpoint.advertiseAddress",
            "2001:db8::11",
            "inferred: controller-manager.conf",
        ],
        [
            "nodeRegistration.name",
            "cp-2.prod.example",
            "inferred: kubelet.conf",
        ],
        [
            "controlPlaneEndpoint",
            "api.prod.example:443",
            "inferred: admin.conf",
        ],
        [
            "networking.dnsDomain",
            "k8s.prod.example",
            "inferred: apiserver.crt",
        ],
        [
            "etcd.local.peerCertSANs",
            "etcd-peer.prod.example",
            "inferred: etcd/peer.crt",
        ],
        ["encryptionAlgorithm", "ECDSA-P384", "inferred: all keys"],
        ["caCertificateValidityPeriod", "43800h", "inferred: ca.crt"],
    ] {
        assert!(rows.iter().any(|found| found[..] == row), "{row:?}: {run}");
    }
    assert_eq!(
        run.stderr,
        "warning: `pki` assumes the service network `fd00:10:96::/108`: `apiserver.crt` has only its first address, fd00:10:96::1\n"
    );
}

/// An operator who takes over a cluster writes the inferred configuration to a file, edits it and applies it.
#[test]
fn an_inferred_configuration_changes_only_what_newer_kubeadm_changed() {
    for (fixture, changed) in [
        ("kubeadm-1.36/stacked", &[][..]),
        ("kubeadm-1.36/ha", &[]),
        (
            "kubeadm-1.20/stacked",
            &[
                "O: system:masters -> kubeadm:cluster-admins",
                "O: system:masters -> none",
            ],
        ),
    ] {
        let tree = TestTree::fixture(fixture);
        let now = made_at("kubeadm-1.36");
        let kubeadm = tree
            .pki_at(now, &["config", "show", "-o", "kubeadm"])
            .exits(0)
            .stdout;
        let file = tree.beside("inferred.yaml", kubeadm);
        let run = tree
            .pki_at(now, &["renew", "all", "--dry-run", "--config", &file])
            .exits(0);
        let mut drift: Vec<_> = run
            .stdout
            .lines()
            .map(str::trim)
            .filter(|line| line.contains(": ") && line.contains(" -> "))
            .collect();
        drift.sort_unstable();
        drift.dedup();
        assert_eq!(drift, changed, "{fixture}: {run}");
    }
}

#[test]
fn without_a_configuration_init_completes_a_tree_for_its_node() {
    for fixture in ["kubeadm-1.36/stacked", EXTERNAL_ETCD] {
        let tree = TestTree::fixture(fixture);
        let wanted = tree.text("controller-manager.conf");
        let server = wanted
            .lines()
            .find(|line| line.contains("server: "))
            .unwrap();
        tree.remove_all(&[
            "scheduler.conf",
            "pki/front-proxy-client.crt",
            "pki/front-proxy-client.key",
        ]);
        tree.pki_at(made_at("kubeadm-1.36"), &["init"])
            .exits(0)
            .says("no configuration is recorded or given: `pki` infers it from the tree");
        assert!(
            tree.text("scheduler.conf")
                .lines()
                .any(|line| line == server)
        );
        let record = tree.text(".pki/cluster.yaml");
        assert!(record.contains("name: cp1"), "{record}");
        // Later commands use the record.
        for arguments in [
            &["init"][..],
            &["check-expiration"],
            &["renew", "scheduler.conf"],
        ] {
            tree.pki_at(made_at("kubeadm-1.36"), arguments).exits(0);
        }
    }
}

#[test]
fn an_external_etcd_differs_from_a_local_one_with_lost_files() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let listed = |tree: &TestTree| {
        let run = tree.pki(&["check-expiration"]);
        let names: Vec<_> = run
            .stdout
            .lines()
            .filter(|line| line.contains("etcd"))
            .map(|line| line.split("   ").next().unwrap().to_owned())
            .collect();
        (run.code, names)
    };
    assert_eq!(listed(&tree), (Some(0), vec![]));

    // kubeadm's guide has these copied from the etcd hosts.
    let etcd = TestTree::fixture("kubeadm-1.36/stacked");
    for name in [
        "etcd/ca.crt",
        "apiserver-etcd-client.crt",
        "apiserver-etcd-client.key",
    ] {
        tree.write(&format!("pki/{name}"), etcd.read(&format!("pki/{name}")));
    }
    assert_eq!(
        listed(&tree),
        (
            Some(0),
            vec!["apiserver-etcd-client".to_owned(), "etcd-ca".to_owned()]
        )
    );
    tree.pki(&["renew", "all"])
        .exits(0)
        .skips("apiserver-etcd-client", "its CA `etcd-ca` is external");

    // etcd's static pod is on this host, so its certificates are required.
    tree.write("manifests/etcd.yaml", "");
    let (code, names) = listed(&tree);
    assert_eq!(code, Some(5));
    for name in ["etcd-server", "etcd-peer", "etcd-healthcheck-client"] {
        assert!(names.contains(&format!("!MISSING! {name}")), "{names:?}");
    }
}

#[test]
fn values_in_a_kubeconfig_of_another_cluster_are_not_used() {
    let tree = TestTree::fixture("kubeadm-1.36/stacked");
    let text = tree.text("admin.conf");
    let foreign = "https://other.example:6443";
    tree.write(
        "admin.conf",
        text.replace("https://192.168.10.11:6443", foreign),
    );
    let inferred = fields(&tree, &[]);
    assert_eq!(inferred["controlPlaneEndpoint"].0, [""; 0]);
    tree.pki(&["init"]).exits(3).says("`admin.conf`: its server is `https://other.example:6443`, which is not a name in the API server's certificate").changed_nothing();
}
