//! Certificates of a host that are not in its tree: the one that the kubelet serves, and those of an external etcd.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::support::rows::OF_ETCD_CA;
use crate::support::{NOW_ARGUMENT, Run, TestTree, copy, pki, run};

/// Writes a file of the host.
fn write(tree: &TestTree, path: &str, contents: impl AsRef<[u8]>) {
    let path = tree.root().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, contents).unwrap();
}

/// Returns a certificate that has expired, as the kubelet signs it itself.
fn expired() -> String {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

fn row(run: &Run, name: &str) -> Option<Value> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = report["certificates"].as_array().unwrap().iter();
    rows.clone().find(|row| row["name"] == name).cloned()
}

const CHECKS: [&[&str]; 2] = [
    &["check-expiration", "-o", "json"],
    &["check-expiration", "-o", "json", "--dates-only"],
];

#[test]
fn the_kubelets_serving_certificate_is_listed_and_its_end_is_a_warning() {
    let tree = TestTree::new();
    for check in CHECKS {
        assert_eq!(row(&tree.pki(check).exits(0), "kubelet-server"), None);
    }
    write(
        &tree,
        "var/lib/kubelet/pki/kubelet.crt",
        tree.read("pki/apiserver.crt"),
    );
    for check in CHECKS {
        let run = tree.pki(check).exits(0);
        let found = row(&run, "kubelet-server").unwrap();
        let apiserver = row(&run, "apiserver").unwrap();
        assert_eq!(found["expirationDate"], apiserver["expirationDate"]);
        assert_eq!(found["externallyManaged"], true);
    }
    write(&tree, "var/lib/kubelet/pki/kubelet.crt", expired());
    tree.pki(CHECKS[0])
        .exits(0)
        .says("`kubelet-server`: it expired on 2021-01-01; remove `kubelet.crt` and `kubelet.key`, then run `systemctl restart kubelet`");
    tree.pki(&["verify"])
        .exits(0)
        .prints("kubelet.serving-expires");

    // The one that it renews counts, if there is one, and holds its key.
    let pem = tree.text("pki/apiserver.crt") + &tree.text("pki/apiserver.key");
    write(&tree, "var/lib/kubelet/pki/kubelet-server-current.pem", pem);
    tree.pki(CHECKS[0]).exits(0).says_nothing();
    write(
        &tree,
        "var/lib/kubelet/pki/kubelet-server-current.pem",
        expired(),
    );
    tree.pki(CHECKS[0])
        .exits(0)
        .says("`kubectl get csr` lists it");
}

/// A kubelet that once ran on a host is no reason to call its lost tree healthy.
#[test]
fn a_host_with_nothing_but_a_kubelets_certificate_has_no_tree() {
    let tree = TestTree::empty();
    write(&tree, "var/lib/kubelet/pki/kubelet.crt", expired());
    for check in CHECKS {
        tree.pki(check).exits(5);
    }
}

const EXTERNAL: &str = "etcd:
  external:
    endpoints: [https://192.0.2.5:2379]
    caFile: /etc/ssl/etcd/ca.crt
    certFile: /etc/ssl/etcd/client.crt
    keyFile: /etc/ssl/etcd/client.key
";

/// Returns a tree whose recorded configuration names the files of an external etcd.
fn with_external_etcd() -> TestTree {
    let tree = TestTree::new();
    for (file, from) in [
        ("ca.crt", "pki/etcd/ca.crt"),
        ("client.crt", "pki/apiserver-etcd-client.crt"),
        ("client.key", "pki/apiserver-etcd-client.key"),
    ] {
        write(&tree, &format!("etc/ssl/etcd/{file}"), tree.read(from));
    }
    tree.remove_rows(&OF_ETCD_CA);
    tree.remove_rows(&["etcd-ca"]);
    tree.edit(".pki/cluster.yaml", |text| text + EXTERNAL);
    tree
}

#[test]
fn the_files_of_an_external_etcd_are_judged_and_not_renewed() {
    let tree = with_external_etcd();
    for arguments in CHECKS {
        let run = tree.pki(arguments).exits(0);
        for name in ["external-etcd-ca", "external-etcd-client"] {
            let found = row(&run, name).unwrap();
            assert!(found["expirationDate"].is_string(), "{found}");
            assert_eq!(found["externallyManaged"], true);
        }
    }
    write(&tree, "etc/ssl/etcd/ca.crt", expired());
    for arguments in CHECKS {
        tree.pki(arguments)
            .exits(5)
            .says("`external-etcd-ca`: it expired on 2021-01-01");
    }
    let all = tree.pki(&["renew", "all", "--dry-run"]);
    assert!(!all.stdout.contains("external-etcd"), "{all}");
}

#[test]
fn a_missing_file_of_an_external_etcd_is_an_error() {
    let tree = with_external_etcd();
    let remove = |file: &str| std::fs::remove_file(tree.root().join(file)).unwrap();
    write(&tree, "etc/ssl/etcd/client.key", tree.read("pki/ca.key"));
    tree.pki(&["check-expiration"]).exits(0);
    tree.pki(&["verify"])
        .exits(5)
        .prints("certificate.key-mismatch");
    remove("etc/ssl/etcd/client.key");
    tree.pki(&["check-expiration"])
        .exits(5)
        .says("`external-etcd-client`: its key `/etc/ssl/etcd/client.key` is missing");
    remove("etc/ssl/etcd/client.crt");
    // Another host may need it.
    assert_eq!(
        row(&tree.pki(CHECKS[0]).exits(0), "external-etcd-client"),
        None
    );
    tree.write("manifests/kube-apiserver.yaml", "spec: {containers: []}\n");
    let run = tree.pki(CHECKS[0]).exits(5);
    assert_eq!(row(&run, "external-etcd-client").unwrap()["missing"], true);
}

/// The paths in the configuration of a copy are those of another host.
#[test]
fn the_files_of_an_external_etcd_are_not_read_for_a_copy() {
    let tree = with_external_etcd();
    let file = tree.root().join("etc/ssl/etcd/ca.crt");
    let path = file.to_str().unwrap();
    tree.replace(".pki/cluster.yaml", "/etc/ssl/etcd/ca.crt", path);
    let directory = tree.root().join("copy");
    copy(&tree.path(""), &directory);
    let mut command = pki();
    command.args(["check-expiration", "-o", "jsonl", "--now", NOW_ARGUMENT]);
    let run = run(command.arg(&directory));
    assert!(run.stdout.contains("\"apiserver\""), "{run}");
    assert!(!run.stdout.contains("external-etcd"), "{run}");
}
