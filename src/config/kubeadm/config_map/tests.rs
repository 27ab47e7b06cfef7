//! Tests of the module above.

use super::super::tests::{check_refused, check_warnings, declared, reading};

#[test]
fn config_map_lines_are_those_of_the_file() {
    let text = "\
apiVersion: v1
data:
  ClusterConfiguration: |
    apiServer: {}
    apiVersion: kubeadm.k8s.io/v1beta4
    clusterName: c
    kind: ClusterConfiguration
    foo: 1
kind: ConfigMap
metadata:
  name: kubeadm-config
";
    let found = reading(text);
    assert_eq!(found.settings.cluster_name, declared("c", 6, "clusterName"));
    check_warnings(text, &["f:8: foo: is not a known field and is ignored"]);
    check_refused(
        &text.replace("clusterName: c", "clusterName: []"),
        &["f:6: clusterName: is a list, want a string"],
    );
}

#[test]
fn config_map_as_json_has_the_line_of_its_key() {
    let text = r#"{
    "apiVersion": "v1",
    "data": {
        "ClusterConfiguration": "apiVersion: kubeadm.k8s.io/v1beta4\nclusterName: c\nkind: ClusterConfiguration\n"
    },
    "kind": "ConfigMap"
}"#;
    assert_eq!(
        reading(text).settings.cluster_name,
        declared("c", 4, "clusterName")
    );
}

#[test]
fn lines_in_a_config_map_are_right_however_it_is_written() {
    for (data, line) in [
        ("data:\n  ClusterConfiguration: |\n    BODY\n", 8),
        ("data:\n  ClusterConfiguration: |-\n\n\n    BODY\n", 10),
        ("data:\n  ClusterConfiguration: |2 # comment\n    BODY\n", 8),
        ("data:\n  ClusterConfiguration:\n    |\n    BODY\n", 9),
        ("x: &x |\n  BODY\ndata: {ClusterConfiguration: *x}\n", 7),
        ("data:\n  ClusterConfiguration: \"QUOTED\"\n", 5),
        ("data:\n  ClusterConfiguration: >\n    BODY\n", 5),
    ] {
        let body =
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: []\n";
        let indentation = data.lines().find_map(|line| line.find("BODY")).unwrap_or(0);
        let block = body.trim_end().replace(
            '\n',
            &format!(
                "{}\n{}",
                if data.contains('>') { "\n" } else { "" },
                " ".repeat(indentation)
            ),
        );
        let data = data
            .replace("BODY", &block)
            .replace("QUOTED", &body.replace('\n', "\\n"));
        check_refused(
            &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kubeadm-config}}\n{data}"),
            &[&format!("f:{line}: clusterName: is a list, want a string")],
        );
    }
}

#[test]
fn config_maps_without_configuration_are_refused() {
    let map = |data: &str| format!("apiVersion: v1\nkind: ConfigMap\n{data}");
    let missing = "f:1: the ConfigMap has no `data.ClusterConfiguration`; want `kubeadm-config` of `kube-system`";
    for data in [
        "",
        "data: {a: b}\n",
        "data: []\n",
        "data: {ClusterStatus: ''}\n",
    ] {
        check_refused(&map(data), &[missing]);
    }
    check_refused(
        &map("data: {MasterConfiguration: ''}\n"),
        &[
            "f:1: the ConfigMap has no `data.ClusterConfiguration`, only the `MasterConfiguration` of kubeadm 1.11 or older",
        ],
    );
    check_refused(
        &map("metadata:\n  name: kubelet-config\ndata: {ClusterConfiguration: ''}\n"),
        &[
            "f:4: metadata.name: the ConfigMap is `kubelet-config`; want `kubeadm-config` of `kube-system`",
        ],
    );
    check_refused(
        &map("data:\n  ClusterConfiguration: [a]\n"),
        &["f:4: data.ClusterConfiguration: is a list, want a string"],
    );
    for empty in ["''", "|\n", "'---'", "'# nothing'"] {
        check_refused(
            &map(&format!("data:\n  ClusterConfiguration: {empty}\n")),
            &["f:4: data.ClusterConfiguration: contains no `ClusterConfiguration`"],
        );
    }
}

#[test]
fn a_config_map_in_a_config_map_is_ignored() {
    let text = "apiVersion: v1\nkind: ConfigMap\ndata:\n  ClusterConfiguration: |\n    apiVersion: v1\n    kind: ConfigMap\n";
    check_refused(
        text,
        &["f:4: data.ClusterConfiguration: contains no `ClusterConfiguration`"],
    );
}

#[test]
fn the_one_config_map_of_a_list_is_read() {
    let item = |name: &str, namespace: &str, cluster: &str| {
        format!(
            "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: {name}{namespace}}}\n  data:\n    ClusterConfiguration: |\n      apiVersion: kubeadm.k8s.io/v1beta4\n      kind: ClusterConfiguration\n      clusterName: {cluster}\n"
        )
    };
    let list = |items: &[String]| format!("apiVersion: v1\nkind: List\nitems:\n{}", items.concat());
    let ours = item("kubeadm-config", "", "c");
    let other = item("coredns", "", "d");
    let elsewhere = item("kubeadm-config", ", namespace: backup", "e");
    let text = list(&[other.clone(), elsewhere.clone(), ours.clone()]);
    assert_eq!(
        reading(&text).settings.cluster_name,
        declared("c", 27, "clusterName")
    );
    assert_eq!(reading(&text).warnings, []);
    check_refused(
        &list(&[ours.clone(), ours.clone()]),
        &["f:12: items[1]: is a second ConfigMap `kubeadm-config`; the first begins on line 4"],
    );
    let none = "f:1: the list has no ConfigMap `kubeadm-config` of `kube-system`";
    check_refused(
        &list(&[other.clone(), elsewhere]),
        &[&format!("{none}, only `coredns`, `kubeadm-config`")],
    );
    let empty = "apiVersion: v1\nkind: List\n";
    check_refused(empty, &[none]);
    check_refused(&format!("{empty}items: [~, a]\n"), &[none]);
    check_refused(
        &format!("{empty}items: {{}}\n"),
        &["f:3: items: is a mapping, want a list"],
    );
    // Lines and paths of what is in an item.
    check_refused(
        &list(&[
            other,
            ours.replace(
                "ClusterConfiguration: |",
                "ClusterConfiguration: []\n    b: |",
            ),
        ]),
        &["f:16: items[1].data.ClusterConfiguration: is a list, want a string"],
    );
}
