//! `verify`: which files the manifests of the static pods name.

use serde_json::Value;

use crate::support::{Run, TestTree};

/// The options of kubeadm 1.36 that name files (`phases/controlplane/manifests.go`, `phases/etcd/local.go`).
const APISERVER: &str = "
    - --client-ca-file=/etc/kubernetes/pki/ca.crt
    - --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt
    - --etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt
    - --etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key
    - --kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt
    - --kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key
    - --proxy-client-cert-file=/etc/kubernetes/pki/front-proxy-client.crt
    - --proxy-client-key-file=/etc/kubernetes/pki/front-proxy-client.key
    - --requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt
    - --service-account-key-file=/etc/kubernetes/pki/sa.pub
    - --service-account-signing-key-file=/etc/kubernetes/pki/sa.key
    - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt
    - --tls-private-key-file=/etc/kubernetes/pki/apiserver.key
";
const CONTROLLER_MANAGER: &str = "
    - --authentication-kubeconfig=/etc/kubernetes/controller-manager.conf
    - --authorization-kubeconfig=/etc/kubernetes/controller-manager.conf
    - --client-ca-file=/etc/kubernetes/pki/ca.crt
    - --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt
    - --cluster-signing-key-file=/etc/kubernetes/pki/ca.key
    - --kubeconfig=/etc/kubernetes/controller-manager.conf
    - --requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt
    - --root-ca-file=/etc/kubernetes/pki/ca.crt
    - --service-account-private-key-file=/etc/kubernetes/pki/sa.key
";
const SCHEDULER: &str = "
    - --authentication-kubeconfig=/etc/kubernetes/scheduler.conf
    - --authorization-kubeconfig=/etc/kubernetes/scheduler.conf
    - --kubeconfig=/etc/kubernetes/scheduler.conf
";
const ETCD: &str = "
    - --cert-file=/etc/kubernetes/pki/etcd/server.crt
    - --key-file=/etc/kubernetes/pki/etcd/server.key
    - --peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt
    - --peer-key-file=/etc/kubernetes/pki/etcd/peer.key
    - --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
";

fn tree() -> TestTree {
    let tree = TestTree::new();
    for (component, options) in [
        ("kube-apiserver", APISERVER),
        ("kube-controller-manager", CONTROLLER_MANAGER),
        ("kube-scheduler", SCHEDULER),
        ("etcd", ETCD),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command:\n    - {component}{options}    name: {component}\n"
        );
        tree.write(&format!("manifests/{component}.yaml"), text);
    }
    tree
}

fn verify(tree: &TestTree, code: i32) -> (Run, Vec<Value>) {
    let run = tree
        .pki(&["verify", "-o", "json"])
        .exits(code)
        .changed_nothing();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = report["trees"][0]["findings"].as_array().unwrap().clone();
    (run, findings)
}

#[test]
fn the_manifests_of_kubeadm_name_the_files_of_the_tree() {
    let (_, findings) = verify(&tree(), 0);
    assert_eq!(findings, Vec::<Value>::new());
}

#[test]
fn a_component_that_reads_another_file_is_reported() {
    let tree = tree();
    let manifest = "manifests/kube-apiserver.yaml";
    tree.copy_pair("apiserver", "mine");
    tree.replace(manifest, "pki/apiserver.crt", "pki/mine.crt");
    let (_, findings) = verify(&tree, 0);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["id"], "manifest.other-file");
    assert_eq!(findings[0]["name"], "apiserver");
    assert_eq!(findings[0]["file"], manifest);
    assert_eq!(
        findings[0]["found"],
        "kube-apiserver is started with `--tls-cert-file` `/etc/kubernetes/pki/mine.crt`, which is not pki/apiserver.crt"
    );

    // The key of a row is no certificate of it.
    tree.replace(manifest, "pki/mine.crt", "pki/apiserver.key");
    let (_, findings) = verify(&tree, 0);
    assert_eq!(findings[0]["id"], "manifest.other-file", "{findings:?}");
}

#[test]
fn a_component_whose_file_does_not_exist_is_reported() {
    let tree = tree();
    tree.replace("manifests/etcd.yaml", "etcd/peer.crt", "etcd/gone.crt");
    let (_, findings) = verify(&tree, 5);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["id"], "manifest.file-missing");
    assert_eq!(findings[0]["wanted"], "pki/etcd/peer.crt");
}

#[test]
fn one_good_value_of_an_option_that_can_be_repeated_is_enough() {
    let tree = tree();
    let manifest = "manifests/kube-apiserver.yaml";
    let option = "    - --service-account-key-file=/etc/kubernetes/pki/sa.pub\n";
    tree.copy("pki/sa.pub", "pki/old.pub");
    let older = option.replace("sa.pub", "old.pub");
    tree.replace(manifest, option, &format!("{option}{older}"));
    assert_eq!(verify(&tree, 0).1, Vec::<Value>::new());
    // The private key serves as well.
    tree.replace(manifest, option, &option.replace("sa.pub", "sa.key"));
    assert_eq!(verify(&tree, 0).1, Vec::<Value>::new());
    tree.replace(
        manifest,
        "pki/sa.key\n    - --service-account-key-file=",
        "pki/old.pub\n    - --service-account-key-file=",
    );
    assert_eq!(verify(&tree, 0).1[0]["id"], "manifest.other-file");
}

#[test]
fn a_manifest_that_cannot_be_used_is_reported() {
    for text in ["not a pod", "spec: {containers: 3}", "\u{0}", "- &a [*a]"] {
        let tree = tree();
        tree.write("manifests/kube-scheduler.yaml", text);
        let (_, findings) = verify(&tree, 0);
        assert_eq!(findings.len(), 1, "{text:?}: {findings:?}");
        assert_eq!(findings[0]["id"], "manifest.unreadable", "{text:?}");
        assert_eq!(findings[0]["file"], "manifests/kube-scheduler.yaml");
    }
}

#[test]
fn a_key_in_a_manifest_is_not_shown() {
    let tree = tree();
    let key = tree.text("pki/apiserver.key").replace('\n', "");
    let manifest = "manifests/kube-apiserver.yaml";
    tree.replace(manifest, "/etc/kubernetes/pki/apiserver.key", &key);
    let (run, findings) = verify(&tree, 5);
    assert_eq!(findings[0]["id"], "manifest.file-missing");
    let line = key.get(40..80).unwrap();
    run.does_not_say(line);
    assert!(!findings[0].to_string().contains(line), "{findings:?}");
}

#[test]
fn the_files_of_an_external_etcd_may_be_anywhere() {
    let tree = tree();
    for name in [
        "manifests/etcd.yaml",
        "pki/etcd/server.crt",
        "pki/etcd/server.key",
    ] {
        tree.remove(name);
    }
    for base in ["peer", "healthcheck-client"] {
        tree.remove_all(&[
            format!("pki/etcd/{base}.crt"),
            format!("pki/etcd/{base}.key"),
        ]);
    }
    tree.remove("pki/etcd/ca.key");
    tree.forget_configuration();
    tree.copy("pki/etcd/ca.crt", "pki/elsewhere.crt");
    tree.replace(
        "manifests/kube-apiserver.yaml",
        "pki/etcd/ca.crt",
        "pki/elsewhere.crt",
    );
    let (_, findings) = verify(&tree, 0);
    let is_about_manifests = |finding: &&Value| {
        let id = finding["id"].as_str().unwrap();
        id.starts_with("manifest.")
    };
    assert_eq!(findings.iter().find(is_about_manifests), None);
}
