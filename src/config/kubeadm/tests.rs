//! Tests of the module above.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::config::fields::FIELDS;

pub(super) fn reading(text: &str) -> ConfigFile {
    read("f", text.as_bytes()).unwrap()
}

pub(super) fn check_refused(text: &str, problems: &[&str]) {
    let Problems(found) = read("f", text.as_bytes()).unwrap_err();
    let shown: Vec<_> = found.iter().map(Problem::to_string).collect();
    assert_eq!(shown, problems, "{text}");
}

pub(super) fn check_warnings(text: &str, warnings: &[&str]) {
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

pub(super) fn declared(value: &str, line: usize, path: &str) -> Option<Setting<String>> {
    Some(Setting {
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
nodeRegistration: {name: cp1, kubeletExtraArgs: [{name: cert-dir, value: /kubelet}]}
certificateKey: 00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF
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
    let ConfigFile { settings, warnings } = reading(text);
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
            node_name: declared("cp1", 4, "nodeRegistration.name"),
            kubelet_cert_dir: declared("/kubelet", 4, "nodeRegistration.kubeletExtraArgs[0].value"),
            cluster_name: declared("c", 9, "clusterName"),
            control_plane_endpoint: declared("lb", 10, "controlPlaneEndpoint"),
            certificates_dir: declared("/pki", 11, "certificatesDir"),
            service_subnet: declared("10.0.0.0/16", 13, "networking.serviceSubnet"),
            dns_domain: declared("d", 14, "networking.dnsDomain"),
            apiserver_cert_sans: list(&[
                ("a", 17, "apiServer.certSANs[0]"),
                ("b", 18, "apiServer.certSANs[1]"),
            ]),
            etcd_local: Some(Setting {
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

/// The table of fields spells every path as kubeadm's documents do.
#[test]
fn the_table_of_fields_agrees_with_the_documents() {
    let has = |version: &ApiVersion, path: &str| {
        DocumentKind::ALL.iter().any(|kind| {
            schema::paths(version, *kind)
                .iter()
                .any(|known| known == path)
        })
    };
    for field in FIELDS {
        // What stands in a mapping with any keys, or in a list, is no field of its own.
        let path = ["kubeletExtraArgs.cert-dir", "featureGates.PublicKeysECDSA"]
            .iter()
            .find(|end| field.path.ends_with(**end))
            .and(field.path.rsplit_once('.'))
            .map_or(field.path, |(parent, _)| parent);
        assert!(has(&VERSIONS[0], path), "{path}");
        let is_new = path.ends_with("Algorithm") || path.ends_with("ValidityPeriod");
        for older in &VERSIONS[1..] {
            assert_eq!(has(older, path), !is_new, "{path} in {}", older.name);
        }
    }
    let flags: Vec<_> = FIELDS.iter().filter_map(|field| field.flag).collect();
    let distinct: std::collections::HashSet<_> = flags.iter().collect();
    assert_eq!(flags.len(), distinct.len());
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
        ConfigFile {
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
    let none = "f: contains neither an `InitConfiguration` nor a `ClusterConfiguration`";
    check_refused("# nothing\n", &[none]);
    check_refused("---\n---\n", &[none]);
    check_refused(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
        &[&format!("{none}, only `KubeletConfiguration`")],
    );
    let others = ["Pod", "Pod", "Config", "Job", "Secret", "Node"]
        .map(|kind| format!("---\napiVersion: x/v1\nkind: {kind}\n"));
    check_refused(
        &others.concat(),
        &[&format!("{none}, only `Pod`, `Config`, `Job`, others")],
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
fn versions_are_exact() {
    let with = |version: &str| cluster("").replace("kubeadm.k8s.io/v1beta4", version);
    let want = "want `kubeadm.k8s.io/v1beta4`, `v1beta3`, `v1beta2` or `v1beta1`";
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
        &with("kubeadm.k8s.io/v1alpha3"),
        &[&format!(
            "f:1: apiVersion: `kubeadm.k8s.io/v1alpha3` is too old; {want}"
        )],
    );
    for old in ["v1beta2", "v1beta1"] {
        let warning = format!(
            "f:1: apiVersion: `kubeadm.k8s.io/{old}` is no longer accepted by kubeadm and has no fields for algorithm and validity; `pki config show -o kubeadm --config f` prints it as `v1beta4`"
        );
        check_warnings(&with(&format!("kubeadm.k8s.io/{old}")), &[&warning]);
    }
    check_warnings(
        &with("kubeadm.k8s.io/v1beta3"),
        &[
            "f:1: apiVersion: `kubeadm.k8s.io/v1beta3` is deprecated and has no fields for algorithm and validity; convert the file with `kubeadm config migrate`",
        ],
    );
}

/// The fields of kubeadm 1.20's reference documentation, with another value for each.
#[test]
fn old_versions_are_converted() {
    let text = "\
apiVersion: kubeadm.k8s.io/VERSION
kind: InitConfiguration
bootstrapTokens: []
localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 6444}
nodeRegistration: {name: cp1, taints: [], criSocket: /s, kubeletExtraArgs: {cert-dir: /kubelet}}
---
apiVersion: kubeadm.k8s.io/VERSION
kind: ClusterConfiguration
clusterName: c
controlPlaneEndpoint: lb
certificatesDir: /pki
dns: {type: CoreDNS}
useHyperKubeImage: false
kubernetesVersion: v1.20.0
networking: {serviceSubnet: 10.0.0.0/16, podSubnet: 10.1.0.0/16, dnsDomain: d}
apiServer: {timeoutForControlPlane: 4m0s, extraArgs: {a: b}, certSANs: [a, b]}
controllerManager: {extraArgs: {a: b}}
scheduler: {}
etcd: {local: {dataDir: /data, serverCertSANs: [s], peerCertSANs: [p]}}
featureGates: {PublicKeysECDSA: true}
";
    for version in ["v1beta2", "v1beta1"] {
        let ConfigFile { settings, warnings } = reading(&text.replace("VERSION", version));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        let newer = text
            .replace("VERSION", "v1beta4")
            .replace(
                "{cert-dir: /kubelet}",
                "[{name: cert-dir, value: /kubelet}]",
            )
            .replace(", extraArgs: {a: b}", "")
            .replace("{extraArgs: {a: b}}", "{}");
        let newer = reading(&newer).settings;
        let kubelet_cert_dir = settings.kubelet_cert_dir.clone();
        assert_eq!(kubelet_cert_dir.as_ref().unwrap().value, "/kubelet");
        assert_eq!(
            settings,
            Settings {
                kubelet_cert_dir,
                ..newer
            }
        );
    }
}

#[test]
fn version_1beta3_has_no_algorithm() {
    let text = cluster("encryptionAlgorithm: RSA-4096\napiServer: {timeoutForControlPlane: 1m}\n")
        .replace("v1beta4", "v1beta3");
    let ConfigFile { settings, warnings } = reading(&text);
    assert_eq!(settings, Settings::default());
    assert_eq!(
        warnings.last().unwrap().to_string(),
        "f:3: encryptionAlgorithm: is not a known field and is ignored; it is a field of `v1beta4`"
    );
}

#[test]
fn kinds_are_told_apart() {
    let document = |group: &str, kind: &str| format!("---\napiVersion: {group}\nkind: {kind}\n");
    let others = [
        document("kubeadm.k8s.io/v1beta4", "JoinConfiguration"),
        document("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
        document("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"),
        document("kubeadm.k8s.io/v1beta4", "ResetConfiguration"),
        document("kubeadm.k8s.io/v1beta4", "UpgradeConfiguration"),
        document("kubelet.config.k8s.io/v1beta1", "KubeletConfig"),
        document("apps/v1", "Deployment"),
    ];
    check_warnings(
        &format!("{}{}", cluster(""), others.concat()),
        &[
            "f:4: the `JoinConfiguration` document is ignored",
            "f:13: the `ResetConfiguration` document is ignored",
            "f:16: the `UpgradeConfiguration` document is ignored",
            "f:19: the `KubeletConfig` document is ignored",
            "f:22: the `Deployment` document is ignored",
        ],
    );
    check_refused(
        &format!("{0}---\n{0}", cluster("")),
        &["f:5: kind: is a second `ClusterConfiguration`; the first begins on line 1"],
    );
}

#[test]
fn unknown_kinds_of_kubeadms_are_refused_with_the_near_one() {
    let of_kind = |kind: &str| cluster("").replace("ClusterConfiguration", kind);
    for (kind, near) in [
        ("ClusterConfig", "ClusterConfiguration"),
        ("clusterconfiguration", "ClusterConfiguration"),
        ("InitConfigurations", "InitConfiguration"),
        ("Init", "InitConfiguration"),
        ("JoinConfig", "JoinConfiguration"),
    ] {
        check_refused(
            &of_kind(kind),
            &[&format!(
                "f:2: kind: `{kind}` is not a kind of kubeadm; did you mean `{near}`?"
            )],
        );
    }
    check_refused(
        &of_kind("Secret"),
        &[
            "f:2: kind: `Secret` is not a kind of kubeadm; want `InitConfiguration` or `ClusterConfiguration`",
        ],
    );
    check_refused(
        &of_kind("MasterConfiguration"),
        &[
            "f:2: kind: `MasterConfiguration` is from kubeadm 1.11 or older; want `InitConfiguration` or `ClusterConfiguration`",
        ],
    );
}

#[test]
fn misspelt_headers_are_named() {
    check_refused(
        "apiversion: kubeadm.k8s.io/v1beta4\nKind: ClusterConfiguration\n",
        &[
            "f:1: the document has no `apiVersion`, but `apiversion` on line 1",
            "f:1: the document has no `kind`, but `Kind` on line 2",
        ],
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
            "f:4: apiServer.certSans: is not a known field and is ignored; kubeadm spells it `certSANs`",
            "f:6: networkin: is not a known field and is ignored; did you mean `networking`?",
            "f:7: a\\u{1b}[31m: is not a known field and is ignored",
            "f:8: scheduler.foo: is not a known field and is ignored",
        ],
    );
}

#[test]
fn certificate_keys_are_judged_and_never_shown() {
    let with = |key: &str| {
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\ncertificateKey: {key}\n"
        )
    };
    let key = "0123456789abcdefABCDEF".repeat(3);
    assert_eq!(reading(&with(&key[..64])).settings, Settings::default());
    let no_digit = "f:3: certificateKey: has a character that is not a hexadecimal digit; want 64 of them, for 32 bytes";
    for (key, problem) in [
        (
            &key[..63],
            "f:3: certificateKey: has 63 hexadecimal digits, want 64, for 32 bytes",
        ),
        (
            &key[..],
            "f:3: certificateKey: has 66 hexadecimal digits, want 64, for 32 bytes",
        ),
        ("'0x00'", no_digit),
        (&"ä".repeat(32), no_digit),
        ("[a]", "f:3: certificateKey: is a list, want a string"),
    ] {
        check_refused(&with(key), &[problem]);
    }
    for empty in ["", "''", "null"] {
        assert_eq!(reading(&with(empty)).warnings, []);
    }
}

#[test]
fn a_key_in_any_other_field_is_refused_and_not_shown() {
    const KEY: &str = "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49";
    for (path, value) in [
        ("clusterName", "KEY"),
        ("certificatesDir", "/KEY"),
        ("etcd.local.dataDir", "/var/KEY"),
        ("etcd.external.endpoints[0]", "https://KEY.example.com:2379"),
        ("etcd.external.httpEndpoints[0]", "http://KEY:2381"),
        ("etcd.external.caFile", "/KEY.crt"),
        ("clusterName", "-----BEGIN PRIVATE KEY-----"),
        (
            "clusterName",
            "1c:0e:5a:93:7b:d2:48:f6:a1:3c:0d:e7:9f:64:b8:21:5e:d0:77:3a:cc:19:82:f4",
        ),
    ] {
        let value = format!("\"{}\"", value.replace("KEY", KEY));
        let fields = match path {
            "etcd.local.dataDir" => format!("etcd: {{local: {{dataDir: {value}}}}}"),
            "etcd.external.endpoints[0]" => {
                format!("etcd: {{external: {{endpoints: [{value}]}}}}")
            }
            "etcd.external.httpEndpoints[0]" => format!(
                "etcd: {{external: {{endpoints: [\"https://a:2379\"], httpEndpoints: [{value}]}}}}"
            ),
            "etcd.external.caFile" => {
                format!("etcd: {{external: {{endpoints: [\"https://a:2379\"], caFile: {value}}}}}")
            }
            field => format!("{field}: {value}"),
        };
        let settings = read("f", cluster(&fields).as_bytes()).map(|file| file.settings);
        let host = Host {
            node_name: Some("cp1".to_owned()),
            addresses: vec![[192, 0, 2, 1].into()],
        };
        let problems = settings
            .and_then(|settings| Cluster::resolve(settings, &host))
            .unwrap_err();
        assert_eq!(
            problems.to_string(),
            format!("f:3: {path}: looks like a key, so it is refused and not shown")
        );
    }
}

#[test]
fn the_kubelets_last_directory_counts() {
    let read = |version: &str, arguments: &str| {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/{version}\nkind: InitConfiguration\nnodeRegistration:\n  kubeletExtraArgs: {arguments}\n"
        );
        reading(&text).settings.kubelet_cert_dir
    };
    assert_eq!(
        read(
            "v1beta4",
            "[{name: cert-dir, value: /a}, {name: v, value: 1}, {value: /b, name: cert-dir}, {name: v}]"
        ),
        declared("/b", 4, "nodeRegistration.kubeletExtraArgs[2].value")
    );
    assert_eq!(
        read("v1beta3", "{v: 1, cert-dir: /a}"),
        declared("/a", 4, "nodeRegistration.kubeletExtraArgs.cert-dir")
    );
    for nothing in [
        "[{name: cert-dir, value: /a}, {name: cert-dir}]",
        "[{name: x, value: cert-dir}]",
        "[]",
        "",
    ] {
        assert_eq!(read("v1beta4", nothing), None, "{nothing}");
    }
    let refused = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration:\n  kubeletExtraArgs:\n  - name: cert-dir\n    value: ";
    for (value, message) in [
        ("pki", "`pki` is not an absolute path"),
        (
            "/a/../b",
            "`/a/../b` contains `..`; give the path without it",
        ),
    ] {
        check_refused(
            &format!("{refused}{value}\n"),
            &[&format!(
                "f:6: nodeRegistration.kubeletExtraArgs[0].value: {message}"
            )],
        );
    }
}

#[test]
fn feature_gates_are_kubeadms_own() {
    let gates = |gates: &str| cluster(&format!("featureGates:\n  {gates}\n"));
    for gate in super::declared::GATES {
        assert_eq!(reading(&gates(&format!("{gate}: false"))).warnings, []);
    }
    for (text, problem) in [
        (
            "PublicKeyECDSA: true",
            "PublicKeyECDSA: is not a feature gate of kubeadm; did you mean `PublicKeysECDSA`?",
        ),
        (
            "publicKeysECDSA: true",
            "publicKeysECDSA: is not a feature gate of kubeadm; did you mean `PublicKeysECDSA`?",
        ),
        (
            "SidecarContainers: true",
            "SidecarContainers: is not a feature gate of kubeadm",
        ),
        (
            "EtcdLearnerMode: yes",
            "EtcdLearnerMode: `yes` is neither `true` nor `false`",
        ),
        (
            "EtcdLearnerMode: ''",
            "EtcdLearnerMode: `` is neither `true` nor `false`",
        ),
        (
            "PublicKeysECDSA:",
            "PublicKeysECDSA: is null, want `true` or `false`",
        ),
        (
            "PublicKeysECDSA: [true]",
            "PublicKeysECDSA: is a list, want `true` or `false`",
        ),
    ] {
        check_refused(&gates(text), &[&format!("f:4: featureGates.{problem}")]);
    }
    // What the algorithm's gate says is judged with the algorithm.
    for text in ["yes", "''"] {
        let text = gates(&format!("PublicKeysECDSA: {text}"));
        assert!(reading(&text).settings.public_keys_ecdsa.is_some());
    }
    check_refused(
        &cluster("featureGates: PublicKeysECDSA=true\n"),
        &["f:3: featureGates: is a single value, want a mapping"],
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
fn what_has_the_wrong_shape_is_not_missing_as_well() {
    check_refused(
        &cluster("etcd: {external: {endpoints: https://e:2379, caFile: ca}}\n"),
        &[
            "f:3: etcd.external.endpoints: is a single value, want a list of strings",
            "f:3: etcd.external.caFile: `ca` is not an absolute path",
        ],
    );
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let text = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  bindPort: -1
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
  serviceSubnet: 10.96.0.0/33
";
    check_refused(
        text,
        &[
            "f:4: localAPIEndpoint.bindPort: `-1` is not a port; want 1 to 65535",
            "f:6: nodeRegistration.name: `a_b` is not a node name: `_` is not allowed",
            "f:7: nodeRegistration.name: is given twice, first on line 6",
            "f:11: clusterName: is a mapping, want a string",
            "f:15: apiServer.certSANs[1]: is empty; want an IP address or a DNS name",
            "f:16: apiServer.certSANs[2]: `api_1.example` is neither an IP address nor a DNS name: `_` is not allowed",
            "f:18: networking.serviceSubnet: `10.96.0.0/33` is not a network; want address and prefix length, such as `10.96.0.0/12`",
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
fn at_most_100_findings_are_listed() {
    let lines = |line: &str| {
        (0..1000)
            .map(|n| format!("{line}{n}: []\n"))
            .collect::<String>()
    };
    let warnings = reading(&cluster(&lines("x"))).warnings;
    assert_eq!(warnings.len(), 101);
    assert_eq!(
        warnings.last().unwrap().to_string(),
        "f: has more than 100 warnings; the others are not listed"
    );
    let Problems(problems) = read(
        "f",
        cluster(&format!("featureGates:\n{}", lines("  x"))).as_bytes(),
    )
    .unwrap_err();
    assert_eq!(problems.len(), 101);
    assert_eq!(
        problems.last().unwrap().to_string(),
        "f: has more than 100 problems; the others are not listed"
    );
}

#[test]
fn flags_go_before_files() {
    let flags = Settings {
        cluster_name: Some(Setting::by_flag("--cluster-name", "flag".into())),
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
fn no_cut_or_altered_file_panics_or_steers_a_terminal() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration:\n  name: 'cp-1'\n  taints: []\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer: {certSANs: &s [a, \"b\\n\"]}\nfeatureGates: {PublicKeysECDSA: true}\netcd: {local: {serverCertSANs: *s}}\n";
    let check = |bytes: &[u8]| {
        let said = match read("f", bytes) {
            Ok(reading) => Problems(reading.warnings),
            Err(problems) => problems,
        };
        let is_tame = |c: char| c == '\n' || !c.is_control();
        assert!(said.to_string().chars().all(is_tame), "{said:?}");
    };
    for end in 0..=text.len() {
        check(&text.as_bytes()[..end]);
    }
    let mut bytes = text.as_bytes().to_vec();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            bytes[index] ^= 1 << bit;
            check(&bytes);
            bytes[index] ^= 1 << bit;
        }
    }
}

#[test]
fn endless_input_is_refused() {
    check_refused(
        &" ".repeat((1 << 20) + 1),
        &["f: is larger than 1048576 bytes, the limit"],
    );
}
