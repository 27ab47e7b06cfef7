//! Documents, their versions and kinds, and the forms in which kubectl prints them.

use super::{NAMED, NODE, accepted, bare, cluster, refused};
use crate::inputs::table::{Bench, rows, words};

/// The beginning of a file => the message.
const NO_DOCUMENT: &str = r#"
# nothing => : contains neither an `InitConfiguration` nor a `ClusterConfiguration`
---¶---¶... => : contains neither an `InitConfiguration` nor a `ClusterConfiguration`
~ => : contains neither an `InitConfiguration` nor a `ClusterConfiguration`
- a => :1: the document is a list, want a mapping
hello => :1: the document is a single value, want a mapping
'hello' => :1: the document is a single value, want a mapping
|¶  a: 1 => :2: the document is a single value, want a mapping
1 => :1: the document is a single value, want a mapping
kind: ClusterConfiguration => :1: the document has no `apiVersion`
apiVersion: kubeadm.k8s.io/v1beta4 => :1: the document has no `kind`
apiVersion:¶kind: ClusterConfiguration => :1: the document has no `apiVersion`
apiVersion: [a]¶kind: ClusterConfiguration => :1: apiVersion: is a list, want a string
apiversion: kubeadm.k8s.io/v1beta4¶kind: ClusterConfiguration => :1: the document has no `apiVersion`, but `apiversion` on line 1
apiVersion: kubeadm.k8s.io/v1beta4¶kind: {} => :2: kind: is a mapping, want a string
apiVersion: kubeadm.k8s.io/v1beta4¶kind: ~ => :1: the document has no `kind`
apiVersion: kubeadm.k8s.io/v1beta4¶kind: '' => :1: the document has no `kind`
apiVersion: kubeadm.k8s.io/v1beta4¶Kind: ClusterConfiguration => :1: the document has no `kind`, but `Kind` on line 2
apiVersion: kubeadm.k8s.io/v1beta4¶kind: JoinConfiguration => : contains neither an `InitConfiguration` nor a `ClusterConfiguration`, only `JoinConfiguration`
apiVersion: kubelet.config.k8s.io/v1beta1¶kind: KubeletConfiguration => : contains neither an `InitConfiguration` nor a `ClusterConfiguration`, only `KubeletConfiguration`
apiVersion: v1¶kind: Pod¶---¶apiVersion: v1¶kind: Secret => : contains neither an `InitConfiguration` nor a `ClusterConfiguration`, only `Pod`, `Secret`
"#;

#[test]
fn a_file_without_configuration_is_refused_with_its_kind() {
    let mut bench = Bench::new();
    for (file, problem) in rows(NO_DOCUMENT) {
        bench.row(
            &file,
            &refused(format!("{file}\n"), &[&format!("cluster.yaml{problem}")]),
        );
    }
    bench.assert_kept(20);
}

#[test]
fn versions_and_kinds_are_exact() {
    let mut bench = Bench::new();
    let want = "want `kubeadm.k8s.io/v1beta4`, `v1beta3`, `v1beta2` or `v1beta1`";
    for version in [
        "kubeadm.k8s.io/v1beta9",
        "kubeadm.k8s.io/v1",
        "kubeadm.k8s.io/V1Beta4",
        "kubeadm.k8s.io",
        "v1beta4",
        "v1",
        "1",
        "/",
        "kubeadm.k8s.io/v1beta4/",
        "kubeadm.kubernetes.io/v1beta4",
    ] {
        let problem = format!("cluster.yaml:1: apiVersion: `{version}` is not known; {want}");
        bench.row(
            version,
            &refused(
                cluster("").replace(
                    "kubeadm.k8s.io/v1beta4\nkind: Cluster",
                    &format!("{version}\nkind: Cluster"),
                ),
                &[&problem],
            ),
        );
    }
    for version in ["v1alpha3", "v1alpha1"] {
        let problem =
            format!("cluster.yaml:1: apiVersion: `kubeadm.k8s.io/{version}` is too old; {want}");
        bench.row(
            version,
            &refused(bare("").replace("v1beta4", version), &[&problem]),
        );
    }
    for (kind, problem) in [
        (
            "ClusterConfig",
            "`ClusterConfig` is not a kind of kubeadm; did you mean `ClusterConfiguration`?",
        ),
        (
            "clusterConfiguration",
            "`clusterConfiguration` is not a kind of kubeadm; did you mean `ClusterConfiguration`?",
        ),
        (
            "Init",
            "`Init` is not a kind of kubeadm; did you mean `InitConfiguration`?",
        ),
        (
            "Secret",
            "`Secret` is not a kind of kubeadm; want `InitConfiguration` or `ClusterConfiguration`",
        ),
        (
            "MasterConfiguration",
            "`MasterConfiguration` is from kubeadm 1.11 or older; want `InitConfiguration` or `ClusterConfiguration`",
        ),
        (
            "\"a\\e[31mb\"",
            "`a\\u{1b}[31mb` is not a kind of kubeadm; want `InitConfiguration` or `ClusterConfiguration`",
        ),
    ] {
        let file = bare("").replace("ClusterConfiguration", kind);
        bench.row(
            kind,
            &refused(file, &[&format!("cluster.yaml:2: kind: {problem}")]),
        );
    }
    let deprecated = |line| {
        format!(
            "cluster.yaml:{line}: apiVersion: `kubeadm.k8s.io/v1beta3` is deprecated and has no fields for algorithm and validity; convert the file with `kubeadm config migrate`"
        )
    };
    bench.row(
        "v1beta3",
        &accepted(
            cluster("").replace("v1beta4", "v1beta3"),
            &[&deprecated(1), &deprecated(5)],
            &[NAMED],
        ),
    );
    for version in ["v1beta2", "v1beta1"] {
        let refused_elsewhere = |line| {
            format!(
                "cluster.yaml:{line}: apiVersion: `kubeadm.k8s.io/{version}` is no longer accepted by kubeadm and has no fields for algorithm and validity; `pki config show -o kubeadm --config cluster.yaml` prints it as `v1beta4`"
            )
        };
        bench.row(
            version,
            &accepted(
                cluster("").replace("v1beta4", version),
                &[&refused_elsewhere(1), &refused_elsewhere(5)],
                &[NAMED],
            ),
        );
    }
    bench.assert_kept(21);
}

#[test]
fn documents_of_other_components_are_ignored() {
    let mut bench = Bench::new();
    let document =
        |version: &str, kind: &str| format!("---\napiVersion: {version}\nkind: {kind}\n");
    let components = [
        document("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
        document("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"),
    ];
    bench.row(
        "components",
        &accepted(cluster("") + &components.concat(), &[], &[NAMED]),
    );
    for (version, kind) in [
        ("kubeadm.k8s.io/v1beta4", "JoinConfiguration"),
        ("kubeadm.k8s.io/v1beta4", "ResetConfiguration"),
        ("kubeadm.k8s.io/v1beta4", "UpgradeConfiguration"),
        ("apps/v1", "Deployment"),
    ] {
        let file = cluster("") + &document(version, kind);
        let ignored = format!("cluster.yaml:10: the `{kind}` document is ignored");
        bench.row(kind, &accepted(file, &[&ignored], &[NAMED]));
    }
    for (name, file, problem) in [
        (
            "a second ClusterConfiguration",
            format!("{0}---\n{0}", bare("clusterName: c")),
            "6: kind: is a second `ClusterConfiguration`; the first begins on line 1",
        ),
        (
            "a second InitConfiguration",
            format!("{}---\n{NODE}", cluster("")),
            "11: kind: is a second `InitConfiguration`; the first begins on line 5",
        ),
        (
            "a list behind",
            format!("{}---\n- a\n", cluster("")),
            "10: the document is a list, want a mapping",
        ),
        (
            "the end is missing",
            format!("{}---\na: [\n", cluster("")),
            "10: a[0]: is not valid YAML: unclosed bracket '['",
        ),
    ] {
        bench.row(name, &refused(file, &[&format!("cluster.yaml:{problem}")]));
    }
    bench.assert_kept(9);
}

/// The `ClusterConfiguration` that kubeadm puts into its ConfigMap, `BODY`, in line 4 and following.
const CONFIG_MAP: &str = "\
apiVersion: v1
data:
  ClusterConfiguration: |
    apiServer:
      certSANs:
      - api.example
    apiVersion: kubeadm.k8s.io/v1beta4
    caCertificateValidityPeriod: 87600h0m0s
    certificateValidityPeriod: 8760h0m0s
    certificatesDir: /etc/kubernetes/pki
    clusterName: kubernetes
    controlPlaneEndpoint: lb.example:6443
    controllerManager: {}
    dns: {}
    encryptionAlgorithm: ECDSA-P256
    etcd:
      local:
        dataDir: /var/lib/etcd
    featureGates:
      UnversionedKubeletConfigMap: true
    imageRepository: registry.k8s.io
    kind: ClusterConfiguration
    kubernetesVersion: v1.36.2
    networking:
      dnsDomain: cluster.local
      podSubnet: 10.244.0.0/16
      serviceSubnet: 10.96.0.0/12
    proxy: {}
    scheduler: {}
  ClusterStatus: |
    apiEndpoints:
      cp-1: {advertiseAddress: 192.0.2.11, bindPort: 6443}
    apiVersion: kubeadm.k8s.io/v1beta2
    kind: ClusterStatus
kind: ConfigMap
metadata:
  creationTimestamp: \"2026-01-01T00:00:00Z\"
  managedFields:
  - apiVersion: v1
    fieldsType: FieldsV1
    fieldsV1:
      f:data:
        .: {}
        f:ClusterConfiguration: {}
    manager: kubeadm
    operation: Update
  name: kubeadm-config
  namespace: kube-system
  resourceVersion: \"234\"
  uid: 01234567-89ab-cdef-0123-456789abcdef
";

/// Returns the ConfigMap as kubectl prints it in JSON, with this indentation; its document is in line 4.
fn json_config_map(indentation: &str) -> String {
    let start = CONFIG_MAP.find("    apiServer").unwrap();
    let document = &CONFIG_MAP[start..CONFIG_MAP.find("  ClusterStatus").unwrap()];
    let lines: Vec<_> = document.lines().map(|line| &line[4..]).collect();
    let document = format!("{}\\n", lines.join("\\n"));
    format!("{{\n-\"apiVersion\": \"v1\",\n-\"data\": {{\n--\"ClusterConfiguration\": \"{document}\"\n-}},\n-\"kind\": \"ConfigMap\",\n-\"metadata\": {{\n--\"name\": \"kubeadm-config\"\n-}}\n}}\n")
        .lines()
        .map(|line| {
            let text = line.trim_start_matches('-');
            format!("{}{text}\n", indentation.repeat(line.len() - text.len()))
        })
        .collect()
}

#[test]
fn the_output_of_kubectl_is_accepted() {
    let mut bench = Bench::new();
    let node = words("--node-name cp-1 --apiserver-advertise-address 192.0.2.11");
    let item = |text: &str| {
        let mut lines = text.lines();
        let first = format!("- {}\n", lines.next().unwrap());
        first + &lines.map(|line| format!("  {line}\n")).collect::<String>()
    };
    let coredns = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: coredns}\n";
    let list = |items: &[&str]| {
        format!(
            "apiVersion: v1\nitems:\n{}kind: List\n",
            items.iter().map(|text| item(text)).collect::<String>()
        )
    };
    let bare_json = "{\n-\"apiVersion\": \"kubeadm.k8s.io/v1beta4\",\n-\"kind\": \"ClusterConfiguration\",\n-\"apiServer\": {\n--\"certSANs\": [\n---\"api.example\"\n--]\n-}\n}\n";
    let shown = ["DNS:api.example, "];
    let mut read = |name: &str, file: String, says: &[&str]| {
        let mut row = accepted(file, says, &shown);
        row.arguments.extend(node.clone());
        bench.row(name, &row);
    };
    read("-o yaml", CONFIG_MAP.to_owned(), &[]);
    read("with CRLF", CONFIG_MAP.replace('\n', "\r\n"), &[]);
    read(
        "with a byte-order mark",
        format!("\u{feff}{CONFIG_MAP}"),
        &[],
    );
    read("-o json", json_config_map("    "), &[]);
    read("with tabs", json_config_map("\t"), &[]);
    read("in a list", list(&[coredns, CONFIG_MAP]), &[]);
    read("JSON alone", bare_json.replace('-', ""), &[]);
    read("JSON alone with tabs", bare_json.replace('-', "\t"), &[]);
    read("JSON in a line", bare_json.replace(['-', '\n'], ""), &[]);
    read(
        "with an unknown field",
        CONFIG_MAP.replace("    proxy", "    proxi"),
        &["cluster.yaml:28: proxi: is not a known field and is ignored; did you mean `proxy`?"],
    );
    let named = |name: &str| CONFIG_MAP.replace("name: kubeadm-config", &format!("name: {name}"));
    let bad = |file: String| file.replace("api.example", "api_example");
    let not_a_name = "`api_example` is neither an IP address nor a DNS name: `_` is not allowed";
    let missing =
        "the ConfigMap has no `data.ClusterConfiguration`; want `kubeadm-config` of `kube-system`";
    for (name, file, problem) in [
        ("a wrong name", bad(CONFIG_MAP.to_owned()), format!("6: apiServer.certSANs[0]: {not_a_name}")),
        ("a wrong name in JSON", bad(json_config_map("\t")), format!("4: apiServer.certSANs[0]: {not_a_name}")),
        ("a wrong name in a list", bad(list(&[coredns, CONFIG_MAP])), format!("11: apiServer.certSANs[0]: {not_a_name}")),
        ("a wrong name in bare JSON", bad(bare_json.replace('-', "\t")), format!("6: apiServer.certSANs[0]: {not_a_name}")),
        ("another ConfigMap", named("kubelet-config"), "47: metadata.name: the ConfigMap is `kubelet-config`; want `kubeadm-config` of `kube-system`".to_owned()),
        ("no data", CONFIG_MAP.replace("  ClusterConfiguration", "  KubeletConfiguration"), format!("1: {missing}")),
        ("an old version", CONFIG_MAP.replace("v1beta4", "v1alpha3"), "7: apiVersion: `kubeadm.k8s.io/v1alpha3` is too old; want `kubeadm.k8s.io/v1beta4`, `v1beta3`, `v1beta2` or `v1beta1`".to_owned()),
        ("a list without it", list(&[coredns, coredns]), "1: the list has no ConfigMap `kubeadm-config` of `kube-system`, only `coredns`".to_owned()),
        ("an empty list", "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}".to_owned(), "1: the list has no ConfigMap `kubeadm-config` of `kube-system`".to_owned()),
        ("a list with two", list(&[CONFIG_MAP, CONFIG_MAP]), "53: items[1]: is a second ConfigMap `kubeadm-config`; the first begins on line 3".to_owned()),
        ("JSON that was cut", bare_json.replace('-', "")[..60].to_owned(), "3: is not valid YAML: unclosed quote".to_owned()),
        ("an array", "[{}]".to_owned(), "1: the document is a list, want a mapping".to_owned()),
    ] {
        let mut row = refused(file, &[&format!("cluster.yaml:{problem}")]);
        row.arguments.extend(node.clone());
        bench.row(name, &row);
    }
    bench.assert_kept(22);
}
