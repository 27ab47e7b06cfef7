//! Tests of the module above.

#![allow(clippy::unwrap_used)]

use super::*;

fn reading(text: &str) -> Reading {
    read("f", text.as_bytes()).unwrap()
}

fn check_refused(text: &str, problems: &[&str]) {
    let Problems(found) = read("f", text.as_bytes()).unwrap_err();
    let shown: Vec<_> = found.iter().map(Problem::to_string).collect();
    assert_eq!(shown, problems, "{text}");
}

fn check_warnings(text: &str, warnings: &[&str]) {
    let shown: Vec<_> = reading(text)
        .warnings
        .iter()
        .map(Problem::to_string)
        .collect();
    assert_eq!(shown, warnings, "{text}");
}

/// Returns a `ClusterConfiguration` with these fields, which begin on line 3.
fn cluster(fields: &str) -> String {
    format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{fields}")
}

fn declared(value: &str, line: usize, path: &str) -> Option<Declared<String>> {
    Some(Declared {
        value: value.into(),
        origin: Origin::File {
            file: "f".into(),
            line,
            path: path.into(),
        },
    })
}

#[test]
fn every_field_is_read_with_its_place() {
    let text = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 6444}
nodeRegistration:
  name: cp1
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: c
controlPlaneEndpoint: lb
certificatesDir: /pki
networking:
  serviceSubnet: 10.0.0.0/16
  dnsDomain: d
apiServer:
  certSANs:
  - a
  - b
etcd:
  local:
    dataDir: /data
    serverCertSANs: [s]
    peerCertSANs: [p]
encryptionAlgorithm: RSA-3072
certificateValidityPeriod: 1h
caCertificateValidityPeriod: 2h
featureGates:
  PublicKeysECDSA: true
";
    let Reading { settings, warnings } = reading(text);
    assert_eq!(warnings, []);
    let list = |items: &[(&str, usize, &str)]| {
        Some(
            items
                .iter()
                .map(|(value, line, path)| declared(value, *line, path).unwrap())
                .collect(),
        )
    };
    assert_eq!(
        settings,
        Settings {
            advertise_address: declared("192.0.2.1", 3, "localAPIEndpoint.advertiseAddress"),
            bind_port: declared("6444", 3, "localAPIEndpoint.bindPort"),
            node_name: declared("cp1", 5, "nodeRegistration.name"),
            cluster_name: declared("c", 9, "clusterName"),
            control_plane_endpoint: declared("lb", 10, "controlPlaneEndpoint"),
            certificates_dir: declared("/pki", 11, "certificatesDir"),
            service_subnet: declared("10.0.0.0/16", 13, "networking.serviceSubnet"),
            dns_domain: declared("d", 14, "networking.dnsDomain"),
            apiserver_cert_sans: list(&[
                ("a", 17, "apiServer.certSANs[0]"),
                ("b", 18, "apiServer.certSANs[1]"),
            ]),
            etcd_local: Some(Declared {
                value: (),
                origin: Origin::File {
                    file: "f".into(),
                    line: 20,
                    path: "etcd.local".into(),
                },
            }),
            etcd_data_dir: declared("/data", 21, "etcd.local.dataDir"),
            etcd_server_cert_sans: list(&[("s", 22, "etcd.local.serverCertSANs[0]")]),
            etcd_peer_cert_sans: list(&[("p", 23, "etcd.local.peerCertSANs[0]")]),
            etcd_external: None,
            encryption_algorithm: declared("RSA-3072", 24, "encryptionAlgorithm"),
            certificate_validity: declared("1h", 25, "certificateValidityPeriod"),
            ca_certificate_validity: declared("2h", 26, "caCertificateValidityPeriod"),
            public_keys_ecdsa: declared("true", 28, "featureGates.PublicKeysECDSA"),
        }
    );
}

#[test]
fn external_etcd_is_read() {
    let text = cluster("etcd: {external: {endpoints: [https://e:2379], caFile: /ca}}\n");
    let external = reading(&text).settings.etcd_external.unwrap().value;
    assert_eq!(external.ca_file, declared("/ca", 3, "etcd.external.caFile"));
    assert_eq!(external.endpoints.unwrap().len(), 1);
}

#[test]
fn text_stays_text() {
    for text in ["no", "1.10", "0x1F", "0755", "on", "1e3"] {
        let settings = reading(&cluster(&format!("clusterName: {text}\n"))).settings;
        assert_eq!(settings.cluster_name, declared(text, 3, "clusterName"));
    }
}

#[test]
fn null_and_empty_fields_are_undeclared() {
    let text =
        cluster("clusterName:\nnetworking: ~\ncontrolPlaneEndpoint: ''\netcd: {local: null}\n");
    assert_eq!(
        reading(&text),
        Reading {
            settings: Settings::default(),
            warnings: Vec::new()
        }
    );
}

#[test]
fn byte_order_mark_and_crlf_are_accepted() {
    let text = format!(
        "\u{feff}{}",
        cluster("clusterName: c\n").replace('\n', "\r\n")
    );
    assert_eq!(
        reading(&text).settings.cluster_name,
        declared("c", 3, "clusterName")
    );
}

#[test]
fn files_without_configuration_are_refused() {
    check_refused("", &["f: is empty"]);
    check_refused("\n \n", &["f: is empty"]);
    let none = "f: holds neither an `InitConfiguration` nor a `ClusterConfiguration`";
    check_refused("# nothing\n", &[none]);
    check_refused("---\n---\n", &[none]);
    check_refused(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
        &[none],
    );
    check_refused("- a\n", &["f:1: the document is a list, want a mapping"]);
    check_refused(
        "\nfoo\n",
        &["f:2: the document is a single value, want a mapping"],
    );
}

#[test]
fn documents_say_what_they_are() {
    check_refused(
        "clusterName: c\n",
        &[
            "f:1: the document has no `apiVersion`",
            "f:1: the document has no `kind`",
        ],
    );
    check_refused(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind:\n",
        &["f:1: the document has no `kind`"],
    );
    check_refused(
        "apiVersion: [a]\nkind: ClusterConfiguration\n",
        &["f:1: apiVersion: is a list, want a string"],
    );
}

#[test]
fn only_two_versions_are_read() {
    let with = |version: &str| cluster("").replace("kubeadm.k8s.io/v1beta4", version);
    let want = "want `kubeadm.k8s.io/v1beta4` or `kubeadm.k8s.io/v1beta3`";
    for version in [
        "kubeadm.k8s.io/v1beta9",
        "kubeadm.k8s.io",
        "v1",
        "kubeadm.example/v1beta4",
    ] {
        check_refused(
            &with(version),
            &[&format!(
                "f:1: apiVersion: `{version}` is not known; {want}"
            )],
        );
    }
    check_refused(
        &with("kubeadm.k8s.io/v1beta2"),
        &[&format!(
            "f:1: apiVersion: `kubeadm.k8s.io/v1beta2` is too old, {want}; convert it with `kubeadm config migrate`"
        )],
    );
    check_warnings(
        &with("kubeadm.k8s.io/v1beta3"),
        &[
            "f:1: apiVersion: `kubeadm.k8s.io/v1beta3` is deprecated, and has no fields for algorithm and validity; convert it with `kubeadm config migrate`",
        ],
    );
}

#[test]
fn version_1beta3_has_no_algorithm() {
    let text = cluster("encryptionAlgorithm: RSA-4096\napiServer: {timeoutForControlPlane: 1m}\n")
        .replace("v1beta4", "v1beta3");
    let Reading { settings, warnings } = reading(&text);
    assert_eq!(settings, Settings::default());
    assert_eq!(
        warnings.last().unwrap().to_string(),
        "f:3: encryptionAlgorithm: is not a known field and is ignored"
    );
}

#[test]
fn kinds_are_told_apart() {
    let join = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n";
    let kubelet = "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
    check_warnings(
        &format!("{}{join}{kubelet}", cluster("")),
        &[
            "f:4: the `JoinConfiguration` document is ignored",
            "f:7: the `KubeletConfiguration` document is ignored",
        ],
    );
    check_refused(
        &cluster("").replace("ClusterConfiguration", "ClusterConfig"),
        &[
            "f:2: kind: `ClusterConfig` is not a kind of kubeadm's; want `InitConfiguration` or `ClusterConfiguration`",
        ],
    );
    check_refused(
        &format!("{0}---\n{0}", cluster("")),
        &["f:5: kind: is a second `ClusterConfiguration`; the first begins in line 1"],
    );
}

#[test]
fn unknown_fields_warn() {
    let text = cluster(
        "apiServer:\n  certSans: [a]\n  extraArgs: []\nnetworkin: {}\n\"a\\e[31m\": 1\nscheduler: {foo: 1}\n",
    );
    check_warnings(
        &text,
        &[
            "f:6: networkin: is not a known field and is ignored",
            "f:7: a\\u{1b}[31m: is not a known field and is ignored",
            "f:4: apiServer.certSans: is not a known field and is ignored; kubeadm spells it `certSANs`",
        ],
    );
}

#[test]
fn wrong_types_are_refused() {
    let text = cluster(
        "clusterName:\n- a\nnetworking: x\napiServer: {certSANs: a}\netcd: {local: {peerCertSANs: [a, [b], ~]}}\n",
    );
    check_refused(
        &text,
        &[
            "f:3: clusterName: is a list, want a string",
            "f:5: networking: is a single value, want a mapping",
            "f:6: apiServer.certSANs: is a single value, want a list of strings",
            "f:7: etcd.local.peerCertSANs[1]: is a list, want a string",
            "f:7: etcd.local.peerCertSANs[2]: is null, want a string",
        ],
    );
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let text = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  bindPort: 0
nodeRegistration:
  name: a_b
  name: c
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: {}
apiServer:
  certSANs:
  - ok
  - ''
  - api_1.example
networking:
  serviceSubnet: 10.96.0.1/12
";
    check_refused(
        text,
        &[
            "f:4: localAPIEndpoint.bindPort: `0` is not a port; want 1 to 65535",
            "f:6: nodeRegistration.name: `a_b` is not a node name: `_` is not allowed",
            "f:7: nodeRegistration.name: is given twice, first in line 6",
            "f:11: clusterName: is a mapping, want a string",
            "f:15: apiServer.certSANs[1]: is empty; want an IP address or a DNS name",
            "f:16: apiServer.certSANs[2]: `api_1.example` is neither an IP address nor a DNS name: `_` is not allowed",
            "f:18: networking.serviceSubnet: `10.96.0.1/12` has host bits set; the network is `10.96.0.0/12`",
        ],
    );
}

#[test]
fn broken_yaml_is_named_once() {
    check_refused(
        &cluster("a: [1\n"),
        &["f:3: a[0]: is not valid YAML: unclosed bracket '['"],
    );
}

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
fn config_maps_without_configuration_are_refused() {
    let map = |data: &str| format!("apiVersion: v1\nkind: ConfigMap\n{data}");
    let missing = "f:1: the ConfigMap has no `data.ClusterConfiguration`; want `kubeadm-config` of `kube-system`";
    check_refused(&map(""), &[missing]);
    check_refused(&map("data: {a: b}\n"), &[missing]);
    check_refused(
        &map("data:\n  ClusterConfiguration: [a]\n"),
        &["f:4: data.ClusterConfiguration: is a list, want a string"],
    );
    check_refused(
        &map("data:\n  ClusterConfiguration: ''\n"),
        &["f:4: data.ClusterConfiguration: holds no `ClusterConfiguration`"],
    );
}

#[test]
fn flags_go_before_files() {
    let flags = Settings {
        cluster_name: Some(Declared::by_flag("--cluster-name", "flag".into())),
        ..Settings::default()
    };
    let file = reading(&cluster("clusterName: file\ncertificatesDir: /pki\n")).settings;
    let settings = flags.or(file);
    assert_eq!(settings.cluster_name.unwrap().value, "flag");
    assert_eq!(settings.certificates_dir.unwrap().value, "/pki");
}

#[test]
fn a_declared_kind_of_etcd_hides_the_other() {
    let local = reading(&cluster("etcd: {local: {serverCertSANs: [a]}}\n")).settings;
    let external = reading(&cluster("etcd: {external: {endpoints: [https://e]}}\n")).settings;
    assert_eq!(external.clone().or(local.clone()), external);
    assert_eq!(local.clone().or(external.clone()), local);
    assert_eq!(Settings::default().or(external.clone()), external);
    assert_eq!(Settings::default().or(local.clone()), local);
}

#[test]
fn endless_input_is_refused() {
    check_refused(
        &" ".repeat((1 << 20) + 1),
        &["f: has 1048577 bytes, at most 1048576 are read as configuration"],
    );
}
