//! kubeadm's configuration files.

use std::io;

use pki::catalog::{CATALOG, SanRule, Server};
use pki::check::expected;
use pki::config::{self, Cluster, Host, Problems, parse_san};
use pki::x509::san::San;

use crate::certificate::OWN;
use crate::{Seed, assert_printable, files, fixtures, has_extension, odd};

/// Rows whose certificates say what the cluster decides: names, addresses, the node.
const ISSUED: [&str; 2] = ["apiserver", "kubelet.conf"];

const FILE: &str = "cluster.yaml";

pub(crate) fn check(data: &[u8]) {
    let reading = match config::read(FILE, data) {
        Ok(reading) => reading,
        Err(problems) => return check_problems(&problems),
    };
    for warning in &reading.warnings {
        assert_printable(warning);
    }
    let host = Host {
        node_name: Some("cp-1".to_owned()),
        addresses: vec!["192.0.2.11".parse().unwrap()],
    };
    // Without a host less can be right, never more.
    let alone = Cluster::resolve(reading.settings.clone(), &Host::default());
    match Cluster::resolve(reading.settings, &host) {
        Ok(resolved) => {
            for warning in &resolved.warnings {
                assert_printable(warning);
            }
            check_cluster(&resolved.cluster);
        }
        Err(problems) => {
            assert!(alone.is_err());
            check_problems(&problems);
        }
    }
    if let Err(problems) = alone {
        check_problems(&problems);
    }
}

fn check_problems(Problems(problems): &Problems) {
    assert!(!problems.is_empty());
    for problem in problems {
        assert_printable(problem);
        assert!(!problem.to_string().contains('\n'), "{problem}");
    }
}

fn check_cluster(cluster: &Cluster) {
    let text = cluster.to_yaml();
    let again = config::read(FILE, text.as_bytes()).unwrap();
    assert!(again.warnings.is_empty(), "{:?}", again.warnings);
    let again = Cluster::resolve(again.settings, &Host::default()).unwrap();
    assert_eq!(&again.cluster, cluster);

    for rule in [
        SanRule::Empty,
        SanRule::ApiServer,
        SanRule::EtcdServer,
        SanRule::EtcdPeer,
    ] {
        let sans = cluster.sans(rule);
        for (index, san) in sans.iter().enumerate() {
            assert!(!sans[..index].contains(san), "{san} is there twice");
            let text = match san {
                San::Dns(name) => name.clone(),
                San::Ip(address) => address.to_string(),
            };
            // A node may be named as no other name may be, such as `0x1f`.
            if text != cluster.node_name {
                assert_eq!(parse_san(&text).as_ref(), Ok(san));
            }
        }
    }
    for server in [Server::ControlPlane, Server::Local] {
        let url = cluster.server_url(server);
        assert!(url.starts_with("https://"), "{url}");
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
    }
    for row in CATALOG {
        match expected::contents(row, cluster) {
            // The others say nothing that these do not; signing takes the most of the time.
            Some(contents) if ISSUED.contains(&row.name) => {
                OWN.issue_for(&contents.unwrap(), row.usages());
            }
            Some(contents) => drop(contents.unwrap()),
            None => assert!(row.signer().is_none()),
        }
    }
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let mut seeds = files(&fixtures(), &|path| {
        path.file_name().is_some_and(|name| name == "kubeadm.yaml")
    })?;
    let examples = fixtures().join("../../examples");
    seeds.extend(files(&examples, &|path| has_extension(path, "yaml"))?);
    let odd_ones = [
        "",
        EXTERNAL,
        &EXTERNAL.replace("v1beta4", "v1beta3"),
        &format!(
            "kind: ConfigMap\napiVersion: v1\ndata:\n  ClusterConfiguration: |\n    {}\n",
            EXTERNAL.replace('\n', "\n    ")
        ),
        "{\"apiVersion\": \"kubeadm.k8s.io/v1beta4\", \"kind\": \"InitConfiguration\", \"localAPIEndpoint\": {\"advertiseAddress\": \"::1\", \"bindPort\": 1}}",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b]\n",
        &"[".repeat(4000),
        &"a: {".repeat(4000),
        &"---\n".repeat(4000),
        &format!(
            "{EXTERNAL}apiServer:\n  certSANs: [{}]\n",
            "a.example, ".repeat(300)
        ),
        &format!(
            "{EXTERNAL}apiServer:\n  certSANs: [{}]\n",
            "-, ".repeat(300)
        ),
    ];
    seeds.extend(odd(odd_ones));
    // A mutation of a short document hits something; so there is one for every field.
    let fields = |kind: &str, fields: &[&str]| -> Vec<String> {
        let header = format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: {kind}\n");
        fields
            .iter()
            .map(|field| format!("{header}{field}\n"))
            .collect()
    };
    let documents = [
        fields("InitConfiguration", INIT),
        fields("ClusterConfiguration", CLUSTER),
    ];
    for (index, document) in documents.concat().into_iter().enumerate() {
        seeds.push((format!("field-{index}"), document.into_bytes()));
    }
    Ok(seeds)
}

const INIT: &[&str] = &[
    "localAPIEndpoint: {advertiseAddress: 10.0.0.1}",
    "localAPIEndpoint: {advertiseAddress: 'fe80::1'}",
    "localAPIEndpoint: {bindPort: 443}",
    "nodeRegistration: {name: Node-1.example}",
];

const CLUSTER: &[&str] = &[
    "clusterName: a",
    "controlPlaneEndpoint: a.example:443",
    "controlPlaneEndpoint: '[::1]'",
    "certificatesDir: /a/b",
    "networking: {serviceSubnet: 10.0.0.0/8}",
    "networking: {serviceSubnet: 'fd00::/108,10.0.0.0/24'}",
    "networking: {dnsDomain: a.b}",
    "apiServer: {certSANs: [a.b, 10.0.0.1, '::1', '*.c', A.B]}",
    "etcd: {local: {dataDir: /a, serverCertSANs: [a], peerCertSANs: [b]}}",
    "etcd: {external: {endpoints: [http://a:1]}}",
    "etcd: {external: {endpoints: ['https://[::1]:1'], httpEndpoints: [http://a], caFile: /a}}",
    "encryptionAlgorithm: ECDSA-P384",
    "certificateValidityPeriod: 1h2m3.5s",
    "caCertificateValidityPeriod: 100000h",
    "featureGates: {PublicKeysECDSA: false}",
];

const EXTERNAL: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
controlPlaneEndpoint: '[2001:db8::1]:443'
certificatesDir: /srv/pki
encryptionAlgorithm: ECDSA-P256
featureGates: {PublicKeysECDSA: true}
certificateValidityPeriod: 1h30m
networking: {serviceSubnet: 'fd00::/108,10.0.0.0/24', dnsDomain: a.b}
etcd:
  external:
    endpoints: [https://192.0.2.1:2379, 'https://[2001:db8::2]:2379']
    caFile: /a
    certFile: /b
    keyFile: /c
";
