//! `pki config`: values, their origin, and the example.

use std::fs;

use serde_json::Value;

use crate::support::{TestTree, pki, run, sane};

/// Whatever declares it, and even where the field takes any text.
#[test]
fn a_key_is_refused_as_a_value() {
    let tree = TestTree::empty();
    let key = "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49";
    let file = tree.beside(
        "cluster.yaml",
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: {key}\n"
        ),
    );
    for arguments in [
        &["config", "show", "--config", &file][..],
        &["config", "show", "-o", "json", "--config", &file],
        &["init", "--dry-run", "--config", &file],
        &["config", "show", "--cluster-name", key],
        &["init", "--dry-run", "--cluster-name", key],
    ] {
        let run = tree
            .pki(arguments)
            .exits(3)
            .says("looks like a key, so it is refused and not shown")
            .prints_nothing()
            .does_not_say(&key[..24])
            .changed_nothing();
        let place = match arguments.contains(&file.as_str()) {
            true => format!("{file}:3: clusterName: "),
            false => "--cluster-name: ".to_owned(),
        };
        run.says(&place);
    }
}

/// Where each value of one configuration comes from: flag over file, the rest kubeadm's defaults.
#[test]
fn each_value_is_shown_with_its_source() {
    let tree = TestTree::empty();
    let file = tree.root().join("cluster.yaml");
    fs::write(
        &file,
        "apiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: ClusterConfiguration\n\
         clusterName: no\n\
         networking:\n  serviceSubnet: 10.0.0.0/16\n  dnsDomain: corp.example\n\
         apiServer:\n  certSANs: [b.example, a.example]\n",
    )
    .unwrap();
    let run = tree
        .pki(&[
            "config",
            "show",
            "--config",
            file.to_str().unwrap(),
            "--node-name",
            "cp1",
            "--apiserver-advertise-address",
            "192.0.2.11",
            "--service-dns-domain",
            "flag.example",
        ])
        .ok();
    let shown = run.stdout.replace(file.to_str().unwrap(), "cluster.yaml");
    insta::assert_snapshot!(shown, @r"
    FIELD                               VALUE                  FROM
    localAPIEndpoint.advertiseAddress   192.0.2.11             flag: --apiserver-advertise-address
    localAPIEndpoint.bindPort           6443                   default
    nodeRegistration.name               cp1                    flag: --node-name
    clusterName                         no                     file: cluster.yaml:3
    certificatesDir                     /etc/kubernetes/pki    default
    controlPlaneEndpoint                -                      default
    networking.serviceSubnet            10.0.0.0/16            file: cluster.yaml:5
    networking.dnsDomain                flag.example           flag: --service-dns-domain
    apiServer.certSANs                  b.example, a.example   file: cluster.yaml:8
    etcd                                local                  default
    etcd.local.serverCertSANs           -                      default
    etcd.local.peerCertSANs             -                      default
    encryptionAlgorithm                 RSA-2048               default
    certificateValidityPeriod           8760h                  default
    caCertificateValidityPeriod         87600h                 default
    ");
    assert_eq!(run.stderr, "");
    assert!(
        !tree.path("").exists(),
        "what only reads makes no directory"
    );
}

/// A second word for everything that `init` has recorded, and a flag that goes over one of them.
#[test]
fn what_is_recorded_is_shown_as_such_and_flags_go_over_it() {
    let tree = TestTree::new();
    let run = tree
        .pki(&["config", "show", "-o", "json", "--cluster-name", "other"])
        .ok()
        .changed_nothing();
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    for field in shown["fields"].as_array().unwrap() {
        let path = field["path"].as_str().unwrap();
        let optional = field["values"].as_array().unwrap().is_empty() || path == "etcd";
        match path {
            "clusterName" => {
                assert_eq!(field["values"], serde_json::json!(["other"]));
                assert_eq!(field["from"], "flag");
                assert_eq!(field["origin"], "--cluster-name");
            }
            _ if optional => {}
            _ => {
                assert_eq!(field["from"], "record", "{path}");
                let origin = field["origin"].as_str().unwrap();
                assert!(origin.contains(".pki/cluster.yaml:"), "{path}: {origin}");
            }
        }
    }
    let yaml = tree
        .pki(&["config", "show", "-o", "yaml", "--cluster-name", "other"])
        .ok();
    let same: Value = serde_saphyr::from_str(&yaml.stdout).unwrap();
    assert_eq!(same, shown);
}

#[test]
fn flags_override_the_file_as_a_whole() {
    let tree = TestTree::empty();
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {name: file}\n\
         localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 1111}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: file\n\
         apiServer: {certSANs: [file.example]}\n",
    );
    let flags = [
        "--node-name=flag",
        "--apiserver-advertise-address=192.0.2.2",
        "--apiserver-bind-port=2222",
        "--apiserver-cert-extra-sans=flag.example",
        "--cluster-name=flag",
    ];
    let show = ["config", "show", "-o", "kubeadm", "--config", &config];
    tree.pki(&[&show[..], &flags].concat())
        .exits(0)
        .prints("name: flag\n")
        .prints("advertiseAddress: \"192.0.2.2\"")
        .prints("bindPort: 2222")
        .prints("flag.example")
        .prints("clusterName: flag")
        .does_not_say("file.example")
        .does_not_say("192.0.2.1\"");
}

#[test]
fn kubeadms_documents_are_read_back_as_the_same_configuration() {
    let tree = TestTree::new();
    let kubeadm = tree.pki(&["config", "show", "-o", "kubeadm"]).ok().stdout;
    assert_eq!(kubeadm, tree.text(".pki/cluster.yaml"));
    let file = tree.root().join("again.yaml");
    fs::write(&file, &kubeadm).unwrap();
    let again = tree
        .pki(&[
            "config",
            "show",
            "-o",
            "kubeadm",
            "--config",
            file.to_str().unwrap(),
        ])
        .ok();
    assert_eq!(again.stdout, kubeadm);
}

#[test]
fn the_example_is_commented_and_accepted() {
    let tree = TestTree::empty();
    let example = sane(run(pki().args(["config", "example"])))
        .ok()
        .says_nothing();
    assert!(
        example
            .stdout
            .lines()
            .filter(|line| line.trim_start().starts_with('#'))
            .count()
            > 10
    );
    let file = tree.root().join("example.yaml");
    fs::write(&file, &example.stdout).unwrap();
    let shown = tree
        .pki(&["config", "show", "--config", file.to_str().unwrap()])
        .ok()
        .says_nothing();
    // Every field that can be shown is in the example, if only as a comment.
    for line in shown.stdout.lines().skip(1) {
        let path = line.split_whitespace().next().unwrap();
        let field = path.rsplit('.').next().unwrap();
        assert!(example.stdout.contains(&format!("{field}:")), "{path}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_and_not_shown() {
    let tree = TestTree::new();
    tree.pki(&["config", "show", "--service-cidr", "10.96.0.0/33"])
        .refused("--service-cidr: `10.96.0.0/33` is not a network; want address and prefix length, such as `10.96.0.0/12`")
        .exits(3)
        .prints_nothing();
}
