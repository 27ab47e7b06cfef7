//! Tests of the module above.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::catalog::{SanRule, Server};
use crate::config::cluster::first_address;
use crate::config::read;

const STACKED: &str = r#"apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.168.10.11, bindPort: 6443}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
certificatesDir: /etc/kubernetes/pki
networking: {serviceSubnet: 10.96.0.0/12, dnsDomain: cluster.local}
"#;

const HA: &str = r#"apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 2001:db8::11
  bindPort: 8443
nodeRegistration:
  name: cp-2.prod.example
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: prod-eu
kubernetesVersion: v1.36.2
certificatesDir: /etc/kubernetes/pki
controlPlaneEndpoint: api.prod.example:443
encryptionAlgorithm: ECDSA-P384
certificateValidityPeriod: 2160h
caCertificateValidityPeriod: 43800h
apiServer:
  certSANs: [api.internal.example, 198.51.100.7, "*.prod.example", "2001:db8:0:0::7", api.internal.example]
etcd:
  local:
    serverCertSANs: [etcd.prod.example, 198.51.100.8]
    peerCertSANs: [etcd-peer.prod.example]
networking:
  serviceSubnet: fd00:10:96::/112,10.96.0.0/16
  podSubnet: fd00:10:97::/64,10.97.0.0/16
  dnsDomain: k8s.prod.example
"#;

const EXTERNAL_ETCD: &str = r#"apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 192.168.10.21
nodeRegistration:
  name: cp1
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
certificatesDir: /etc/kubernetes/pki
controlPlaneEndpoint: lb.example.com
encryptionAlgorithm: ECDSA-P256
etcd:
  external:
    endpoints: [https://192.168.10.31:2379]
    caFile: /etc/etcd/ca.crt
    certFile: /etc/etcd/client.crt
    keyFile: /etc/etcd/client.key
"#;

const EXTERNAL_CA: &str = r#"apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.168.10.11, bindPort: 6443}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
certificatesDir: /etc/kubernetes/pki
encryptionAlgorithm: RSA-3072
networking: {serviceSubnet: 10.96.0.0/12, dnsDomain: cluster.local}
"#;

fn host() -> Host {
    Host {
        node_name: Some("node1".into()),
        addresses: vec!["192.0.2.1".parse().unwrap()],
    }
}

fn resolve(text: &str) -> Result<Resolved, Problems> {
    Cluster::resolve(read("f", text.as_bytes())?.settings, &host())
}

fn resolved(text: &str) -> Cluster {
    resolve(text).unwrap().cluster
}

/// Returns both documents with these fields; the first one's begin on line 3.
fn config(init: &str, cluster: &str) -> String {
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n{init}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{cluster}"
    )
}

/// Checks that one field of the `ClusterConfiguration`, in line 6, is refused.
fn check_refused(fields: &str, problem: &str) {
    let Problems(problems) = resolve(&config("", fields)).unwrap_err();
    let shown: Vec<_> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(shown, [problem], "{fields}");
}

/// Checks that one field of the `InitConfiguration`, in line 3, is refused.
fn check_init_refused(fields: &str, problem: &str) {
    let Problems(problems) = resolve(&config(fields, "")).unwrap_err();
    let shown: Vec<_> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(shown, [problem], "{fields}");
}

fn check_warnings(text: &str, warnings: &[&str]) {
    let shown: Vec<_> = resolve(text)
        .unwrap()
        .warnings
        .iter()
        .map(Problem::to_string)
        .collect();
    assert_eq!(shown, warnings, "{text}");
}

/// Checks a certificate's SANs, spelled as `openssl x509 -ext subjectAltName` does, but addresses in canonical form.
fn check_sans(cluster: &Cluster, rule: SanRule, sans: &str) {
    let shown: Vec<_> = cluster.sans(rule).iter().map(San::to_string).collect();
    assert_eq!(shown.join(", "), sans);
}

/// kubeadm: TestGetAPIServerAltNames / empty name -> names present, bad ones dropped; stricter: exact and in order; a bad one is an error
#[test]
fn stacked_cluster_has_the_sans_of_kubeadms_certificates() {
    for text in [STACKED, EXTERNAL_CA] {
        let cluster = resolved(text);
        check_sans(
            &cluster,
            SanRule::ApiServer,
            "DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, IP:10.96.0.1, IP:192.168.10.11",
        );
        let etcd = "DNS:cp1, DNS:localhost, IP:192.168.10.11, IP:127.0.0.1, IP:::1";
        check_sans(&cluster, SanRule::EtcdServer, etcd);
        check_sans(&cluster, SanRule::EtcdPeer, etcd);
        for server in [Server::ControlPlane, Server::Local] {
            assert_eq!(cluster.server_url(server), "https://192.168.10.11:6443");
        }
    }
    assert_eq!(resolved(STACKED).algorithm, None);
    assert_eq!(resolved(EXTERNAL_CA).algorithm, Some(Algorithm::Rsa3072));
}

/// kubeadm: TestGetEtcdAltNames / each -> node, localhost, extra; addresses; stricter: exact and in order
/// kubeadm: TestGetEtcdPeerAltNames / each
#[test]
fn ha_cluster_has_the_sans_of_kubeadms_certificates() {
    let cluster = resolved(HA);
    check_sans(
        &cluster,
        SanRule::ApiServer,
        "DNS:*.prod.example, DNS:api.internal.example, DNS:api.prod.example, DNS:cp-2.prod.example, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.k8s.prod.example, IP:fd00:10:96::1, IP:2001:db8::11, IP:198.51.100.7, IP:2001:db8::7",
    );
    check_sans(
        &cluster,
        SanRule::EtcdServer,
        "DNS:cp-2.prod.example, DNS:etcd.prod.example, DNS:localhost, IP:2001:db8::11, IP:127.0.0.1, IP:::1, IP:198.51.100.8",
    );
    check_sans(
        &cluster,
        SanRule::EtcdPeer,
        "DNS:cp-2.prod.example, DNS:etcd-peer.prod.example, DNS:localhost, IP:2001:db8::11, IP:127.0.0.1, IP:::1",
    );
    check_sans(&cluster, SanRule::Empty, "");
    assert_eq!(
        cluster.server_url(Server::ControlPlane),
        "https://api.prod.example:443"
    );
    assert_eq!(
        cluster.server_url(Server::Local),
        "https://[2001:db8::11]:8443"
    );
    assert_eq!(cluster.cluster_name, "prod-eu");
    assert_eq!(cluster.algorithm, Some(Algorithm::EcdsaP384));
    assert_eq!(
        cluster.certificate_validity.length(),
        Duration::from_secs(2160 * 3600)
    );
    assert_eq!(
        cluster.ca_certificate_validity.length(),
        Duration::from_secs(43800 * 3600)
    );
    check_warnings(HA, &[]);
}

#[test]
fn external_etcd_cluster_has_the_sans_of_kubeadms_certificates() {
    let cluster = resolved(EXTERNAL_ETCD);
    check_sans(
        &cluster,
        SanRule::ApiServer,
        "DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, DNS:lb.example.com, IP:10.96.0.1, IP:192.168.10.21",
    );
    assert_eq!(
        cluster.server_url(Server::ControlPlane),
        "https://lb.example.com:6443"
    );
    assert_eq!(
        cluster.server_url(Server::Local),
        "https://192.168.10.21:6443"
    );
    assert!(matches!(cluster.etcd, Etcd::External(external) if external.endpoints.len() == 1));
}

#[test]
fn defaults_are_kubeadms() {
    let Resolved { cluster, warnings } = Cluster::resolve(Settings::default(), &host()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(
        cluster,
        Cluster {
            cluster_name: "kubernetes".into(),
            node_name: "node1".into(),
            advertise_address: "192.0.2.1".parse().unwrap(),
            bind_port: 6443,
            control_plane_endpoint: None,
            service_subnets: vec!["10.96.0.0/12".parse().unwrap()],
            dns_domain: "cluster.local".into(),
            apiserver_sans: Vec::new(),
            etcd_server_sans: Vec::new(),
            etcd_peer_sans: Vec::new(),
            etcd: Etcd::Local,
            algorithm: None,
            certificate_validity: Period::parse("8760h").unwrap(),
            ca_certificate_validity: Period::parse("87600h").unwrap(),
            certificates_dir: "/etc/kubernetes/pki".into(),
            kubelet_cert_dir: None,
        }
    );
}

#[test]
fn the_table_of_fields_has_the_defaults() {
    let cluster = Cluster::resolve(Settings::default(), &host())
        .unwrap()
        .cluster;
    for field in fields::FIELDS {
        if let fields::Fallback::Value(default) = field.default {
            assert_eq!((field.show)(&cluster).unwrap(), [default], "{}", field.path);
        }
    }
    let lengths = [
        cluster.certificate_validity,
        cluster.ca_certificate_validity,
    ];
    assert_eq!(
        lengths.map(|period| period.length()),
        [
            fields::DEFAULT_CERTIFICATE_VALIDITY,
            fields::DEFAULT_CA_CERTIFICATE_VALIDITY
        ]
    );
}

#[test]
fn flags_set_the_field_of_the_table() {
    for field in fields::FIELDS {
        let Some(flag) = field.flag else { continue };
        let mut settings = Settings::default();
        settings.declare(flag, vec!["192.0.2.7".to_owned()]);
        assert_eq!((field.origin)(&settings), Some(&Origin::Flag(flag)));
    }
}

#[test]
fn unknown_facts_are_asked_for() {
    let problems = Cluster::resolve(Settings::default(), &Host::default()).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "host name: not known; give `--node-name` or `nodeRegistration.name`\n\
             advertise address: no default route; give `--apiserver-advertise-address` or `localAPIEndpoint.advertiseAddress`"
    );
}

#[test]
fn unspecified_advertise_address_means_the_detected_one() {
    for address in ["0.0.0.0", "'::'"] {
        let text = config(
            &format!("localAPIEndpoint: {{advertiseAddress: {address}}}\n"),
            "",
        );
        assert_eq!(resolved(&text).advertise_address.to_string(), "192.0.2.1");
    }
}

#[test]
fn a_wildcard_address_keeps_its_family() {
    let host = Host {
        addresses: ["192.0.2.1", "2001:db8::1"]
            .map(|it| it.parse().unwrap())
            .to_vec(),
        ..host()
    };
    for (wildcard, subnet, detected) in [
        ("0.0.0.0", "10.96.0.0/12", "192.0.2.1"),
        ("'::'", "fd00::/112", "2001:db8::1"),
        ("''", "10.96.0.0/12", "192.0.2.1"),
    ] {
        let text = config(
            &format!("localAPIEndpoint: {{advertiseAddress: {wildcard}}}\n"),
            &format!("networking: {{serviceSubnet: '{subnet}'}}\n"),
        );
        let settings = read("f", text.as_bytes()).unwrap().settings;
        assert!(settings.needs_host());
        let cluster = Cluster::resolve(settings, &host).unwrap().cluster;
        assert_eq!(cluster.advertise_address.to_string(), detected);
    }
}

#[test]
fn advertise_address_is_one_hosts_own() {
    for (address, reason) in [
        (
            "224.0.0.1",
            "is a multicast address, which no single host has",
        ),
        (
            "169.254.1.1",
            "is a link-local address, which is not routed",
        ),
        (
            "fe80::1",
            "is a link-local address, which needs a zone to be reached",
        ),
        ("example.com", "is not an IP address"),
        ("fe80::1%eth0", "is not an IP address"),
        ("192.0.2.1/24", "is not an IP address"),
    ] {
        check_init_refused(
            &format!("localAPIEndpoint: {{advertiseAddress: '{address}'}}\n"),
            &format!("f:3: localAPIEndpoint.advertiseAddress: `{address}` {reason}"),
        );
    }
    check_warnings(
        &config("localAPIEndpoint: {advertiseAddress: 127.0.0.1}\n", ""),
        &[
            "f:3: localAPIEndpoint.advertiseAddress: `127.0.0.1` is a loopback address, which no other host can reach",
        ],
    );
    let mapped = config(
        "localAPIEndpoint: {advertiseAddress: '::ffff:192.0.2.7'}\n",
        "",
    );
    assert_eq!(resolved(&mapped).advertise_address.to_string(), "192.0.2.7");
}

#[test]
fn ports_are_numbers_from_1_to_65535() {
    for port in ["00", "65536", "-1", "+1", "0x1F", "a", "6443.0"] {
        check_init_refused(
            &format!("localAPIEndpoint: {{bindPort: {port}}}\n"),
            &format!("f:3: localAPIEndpoint.bindPort: `{port}` is not a port; want 1 to 65535"),
        );
    }
}

#[test]
fn port_0_is_the_default() {
    let text = config(
        "localAPIEndpoint: {bindPort: 0}\n",
        "controlPlaneEndpoint: lb\n",
    );
    let cluster = resolved(&text);
    assert_eq!(cluster.bind_port, 6443);
    assert_eq!(cluster.control_plane_endpoint.unwrap().port, 6443);
    check_warnings(
        &text,
        &["f:3: localAPIEndpoint.bindPort: 0 means the default, 6443"],
    );
}

#[test]
fn node_names_are_trimmed_and_lower_cased() {
    let text = config("nodeRegistration: {name: ' CP1.Example '}\n", "");
    assert_eq!(resolved(&text).node_name, "cp1.example");
    let detected = Host {
        node_name: Some("CP1\n".into()),
        ..host()
    };
    let resolved = Cluster::resolve(Settings::default(), &detected).unwrap();
    assert_eq!(resolved.cluster.node_name, "cp1");
}

#[test]
fn node_names_are_kubernetes_names() {
    for (name, reason) in [
        ("../../etc/x", "`/` is not allowed"),
        ("$(id)", "`$` is not allowed"),
        ("a_b", "`_` is not allowed"),
        ("a b", "spaces are not allowed"),
        ("*.a", "`*` must be the whole first label"),
        ("-", "its label `-` begins or ends with `-`"),
        (" ", "it is empty"),
        ("192.0.2.256", "its last label is a number"),
        ("\u{212a}", "it is not ASCII; give its A-label (`xn--...`)"),
    ] {
        check_init_refused(
            &format!("nodeRegistration: {{name: '{name}'}}\n"),
            &format!("f:3: nodeRegistration.name: `{name}` is not a node name: {reason}"),
        );
    }
}

#[test]
fn node_names_longer_than_a_common_name_warn() {
    let text = |name| config(&format!("nodeRegistration: {{name: {name}}}\n"), "");
    let name = "a".repeat(52);
    assert_eq!(resolved(&text(name.as_str())).node_name, name);
    check_warnings(&text(name.as_str()), &[]);
    let name = "a".repeat(53);
    assert_eq!(resolved(&text(name.as_str())).node_name, name);
    check_warnings(
        &text(name.as_str()),
        &[&format!(
            "f:3: nodeRegistration.name: `{name}` makes the kubelet's common name `system:node:...` 65 characters long; Kubernetes accepts it, but RFC 5280 allows 64, and OpenSSL refuses longer ones"
        )],
    );
    let label = "a".repeat(64);
    check_init_refused(
        &format!("nodeRegistration: {{name: {label}}}\n"),
        &format!(
            "f:3: nodeRegistration.name: `{label}` is not a node name: its label `{label}` has 64 characters, at most 63 are allowed"
        ),
    );
}

#[test]
fn endpoints_are_host_and_port() {
    for (text, host, text_in_url) in [
        ("lb.example", "DNS:lb.example", "lb.example:6443"),
        ("LB.example:8443", "DNS:lb.example", "lb.example:8443"),
        ("192.0.2.9", "IP:192.0.2.9", "192.0.2.9:6443"),
        ("192.0.2.9:1", "IP:192.0.2.9", "192.0.2.9:1"),
        ("2001:DB8::9", "IP:2001:db8::9", "[2001:DB8::9]:6443"),
        (
            "[2001:db8::9]:65535",
            "IP:2001:db8::9",
            "[2001:db8::9]:65535",
        ),
    ] {
        let cluster = resolved(&config("", &format!("controlPlaneEndpoint: '{text}'\n")));
        let url = format!("https://{text_in_url}");
        assert_eq!(cluster.server_url(Server::ControlPlane), url);
        assert_eq!(
            cluster.control_plane_endpoint.unwrap().host.to_string(),
            host
        );
    }
    let text = config(
        "localAPIEndpoint: {bindPort: 7443}\n",
        "controlPlaneEndpoint: lb\n",
    );
    assert_eq!(resolved(&text).control_plane_endpoint.unwrap().port, 7443);
}

#[test]
fn endpoints_are_one_host() {
    let bracketed = "is not an address in brackets with a port; write an IPv6 address as `address` or `[address]:port`";
    for (endpoint, message) in [
        (
            "https://lb:6443",
            "`https://lb:6443` is a URL; give `host` or `host:port`",
        ),
        ("[::1]", &format!("`[::1]` {bracketed}")),
        ("[lb]:6443", &format!("`[lb]:6443` {bracketed}")),
        ("lb:", "`lb:` has no port after its colon"),
        ("lb:0", "`0` is not a port; want 1 to 65535"),
        ("lb:http", "`http` is not a port; want 1 to 65535"),
        (":6443", "`:6443` has no host before its colon"),
        (
            "*.example:6443",
            "`*.example:6443` is a wildcard; an endpoint is one host",
        ),
        (
            "a_b",
            "`a_b` is neither an IP address nor a DNS name: `_` is not allowed",
        ),
        (
            "0.0.0.0:6443",
            "`0.0.0.0` is the unspecified address, which no client connects to",
        ),
    ] {
        check_refused(
            &format!("controlPlaneEndpoint: '{endpoint}'\n"),
            &format!("f:6: controlPlaneEndpoint: {message}"),
        );
    }
}

#[test]
fn service_subnets_are_networks_of_a_fitting_size() {
    let family = "like the advertise address `192.0.2.1`";
    for (subnet, message) in [
        (
            "10.96.0.0",
            "`10.96.0.0` is not a network; want address and prefix length, such as `10.96.0.0/12`",
        ),
        (
            "foo",
            "`foo` is not a network; want address and prefix length, such as `10.96.0.0/12`",
        ),
        (
            "10.96.0.0/33",
            "`10.96.0.0/33` is not a network; want address and prefix length, such as `10.96.0.0/12`",
        ),
        (
            "10.96.0.0/32",
            "`10.96.0.0/32` has too few addresses for services; want at least a `/28`",
        ),
        (
            "10.96.0.0/29",
            "`10.96.0.0/29` has too few addresses for services; want at least a `/28`",
        ),
        (
            "10.32.0.0/11",
            "`10.32.0.0/11` has more addresses than the API server can manage; want at most a `/12`",
        ),
        (
            "fd00::/107",
            "`fd00::/107` has more addresses than the API server can manage; want at most a `/108`",
        ),
        (
            "10.96.0.0/16,10.97.0.0/16",
            "`10.96.0.0/16,10.97.0.0/16` has two networks of one family; want one IPv4 and one IPv6",
        ),
        (
            "10.96.0.0/16,fd00::/112,fd01::/112",
            "`10.96.0.0/16,fd00::/112,fd01::/112` has 3 networks; want one, or two of different families",
        ),
        (
            "fd00::/112",
            &format!(
                "the first service subnet must be IPv4, {family}; put a subnet of that family first"
            ),
        ),
        (
            "fd00::/112,10.96.0.0/16",
            &format!("the first service subnet must be IPv4, {family}; swap the two subnets"),
        ),
    ] {
        check_refused(
            &format!("networking: {{serviceSubnet: '{subnet}'}}\n"),
            &format!("f:6: networking.serviceSubnet: {message}"),
        );
    }
    for subnet in ["10.96.0.0/28", "10.96.0.0/12", "10.96.0.0/16,fd00::/108"] {
        resolved(&config(
            "",
            &format!("networking: {{serviceSubnet: '{subnet}'}}\n"),
        ));
    }
}

#[test]
fn host_bits_of_a_service_subnet_are_masked() {
    let text = config(
        "",
        "networking: {serviceSubnet: '10.96.0.1/12,fd00::7/112'}\n",
    );
    let subnets = resolved(&text).service_subnets;
    assert_eq!(
        subnets,
        [
            "10.96.0.0/12".parse().unwrap(),
            "fd00::/112".parse().unwrap()
        ]
    );
    check_warnings(
        &text,
        &[
            "f:6: networking.serviceSubnet: `10.96.0.1/12` has host bits set; the network is `10.96.0.0/12`",
            "f:6: networking.serviceSubnet: `fd00::7/112` has host bits set; the network is `fd00::/112`",
        ],
    );
}

#[test]
fn dns_domain_is_a_subdomain() {
    for (domain, reason) in [
        ("cluster.local.", "it ends with a dot"),
        ("a_b", "`_` is not allowed"),
        ("*.a", "`*` must be the whole first label"),
    ] {
        check_refused(
            &format!("networking: {{dnsDomain: '{domain}'}}\n"),
            &format!("f:6: networking.dnsDomain: `{domain}` is not a DNS domain: {reason}"),
        );
    }
}

#[test]
fn directories_are_absolute_and_plain() {
    for (path, message) in [
        ("pki", "`pki` is not an absolute path"),
        (
            "/etc/../pki",
            "`/etc/../pki` contains `..`; give the path without it",
        ),
    ] {
        check_refused(
            &format!("certificatesDir: '{path}'\n"),
            &format!("f:6: certificatesDir: {message}"),
        );
        check_refused(
            &format!("etcd: {{local: {{dataDir: '{path}'}}}}\n"),
            &format!("f:6: etcd.local.dataDir: {message}"),
        );
    }
    for path in ["/etc", "/etc/", "/./var//lib", "/tmp/."] {
        let name = match path.trim_matches(['/', '.']) {
            "var//lib" => "/var/lib".to_owned(),
            name => format!("/{name}"),
        };
        check_refused(
            &format!("certificatesDir: {path}\n"),
            &format!(
                "f:6: certificatesDir: `{}` is a system directory; want a directory below it",
                name.trim_end_matches('/')
            ),
        );
    }
    resolved(&config("", "certificatesDir: /srv/pki\n"));
    check_refused(
        "certificatesDir: \"/pki\\n\"\n",
        "f:6: certificatesDir: `/pki\\n` has control characters",
    );
    check_refused(
        "clusterName: \"a\\e[31m\"\n",
        "f:6: clusterName: `a\\u{1b}[31m` has control characters",
    );
}

/// kubeadm: TestRSAKeySizeFromAlgorithmType / unknown
/// kubeadm: TestRSAKeySizeFromAlgorithmType / empty -> 2048; other: `init` takes RSA-2048, `renew` the old key's
#[test]
fn algorithms_are_kubeadms() {
    for algorithm in Algorithm::CONFIGURABLE {
        let text = config("", &format!("encryptionAlgorithm: {algorithm}\n"));
        assert_eq!(resolved(&text).algorithm, Some(algorithm));
    }
    for (typed, algorithm) in [
        ("rsa-4096", Algorithm::Rsa4096),
        ("ecdsa-p256", Algorithm::EcdsaP256),
        ("Ecdsa-P384", Algorithm::EcdsaP384),
    ] {
        let text = config("", &format!("encryptionAlgorithm: {typed}\n"));
        assert_eq!(resolved(&text).algorithm, Some(algorithm));
    }
    for unknown in ["RSA-1024", "RSA2048", "ECDSA-P521", "unknown"] {
        check_refused(
            &format!("encryptionAlgorithm: {unknown}\n"),
            &format!(
                "f:6: encryptionAlgorithm: `{unknown}` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`"
            ),
        );
    }
    assert_eq!(
        resolved(&config("", "encryptionAlgorithm: ''\n")).algorithm,
        None
    );
}

#[test]
fn the_gate_overrides_the_algorithm() {
    let gate = |value: &str| {
        config(
            "",
            &format!("featureGates: {{PublicKeysECDSA: {value}}}\nencryptionAlgorithm: RSA-4096\n"),
        )
    };
    assert_eq!(
        resolved(&gate("true")).algorithm,
        Some(Algorithm::EcdsaP256)
    );
    assert_eq!(resolved(&gate("false")).algorithm, Some(Algorithm::Rsa2048));
    check_warnings(
        &gate("true"),
        &[
            "f:6: featureGates.PublicKeysECDSA: this deprecated gate sets the algorithm to ECDSA-P256 instead of RSA-4096; use `encryptionAlgorithm`",
        ],
    );
    check_refused(
        "featureGates: {PublicKeysECDSA: yes}\n",
        "f:6: featureGates.PublicKeysECDSA: `yes` is neither `true` nor `false`",
    );
}

#[test]
fn validities_are_positive() {
    let units = "is not a duration; write `30d` or `720h`";
    for (text, message) in [
        ("0h", "`0h` is too short; want at least `1s`".to_owned()),
        ("0.5s", "`0.5s` is too short; want at least `1s`".to_owned()),
        ("-1h", "`-1h` is negative".to_owned()),
        ("1y", format!("`1y` {units}")),
        ("8760", format!("`8760` {units}")),
        ("101y", format!("`101y` {units}")),
        (
            "40000d",
            "`40000d` is longer than 100 years (`36525d`)".to_owned(),
        ),
    ] {
        for field in ["certificateValidityPeriod", "caCertificateValidityPeriod"] {
            check_refused(
                &format!("{field}: {text}\n"),
                &format!("f:6: {field}: {message}"),
            );
        }
    }
}

#[test]
fn validities_beyond_default_or_ca_warn() {
    check_warnings(
        &config(
            "",
            "certificateValidityPeriod: 10d\ncaCertificateValidityPeriod: 5d\n",
        ),
        &[
            "f:6: certificateValidityPeriod: leaf certificates would be valid for 10d, longer than their CA (5d); they will end with the CA",
        ],
    );
    check_warnings(
        &config("", "caCertificateValidityPeriod: 5d\n"),
        &[
            "f:6: caCertificateValidityPeriod: leaf certificates would be valid for 8760h, longer than their CA (5d); they will end with the CA",
        ],
    );
    check_warnings(
        &config("", "certificateValidityPeriod: 366d\n"),
        &["f:6: certificateValidityPeriod: `366d` is longer than kubeadm's default of 8760h"],
    );
}

#[test]
fn external_etcd_is_reachable() {
    let check = |fields: &str, message: &str| {
        check_refused(&format!("etcd: {{external: {{{fields}}}}}\n"), message);
    };
    let tls = "caFile: /ca, certFile: /crt, keyFile: /key";
    check(
        tls,
        "f:6: etcd.external: an external etcd needs at least one entry in `endpoints`",
    );
    check(
        &format!("endpoints: [https://a, http://b], {tls}"),
        "f:6: etcd.external.endpoints[1]: `http://b` must use `https`, because TLS files are given",
    );
    check(
        "endpoints: ['192.0.2.1:2379']",
        "f:6: etcd.external.endpoints[0]: `192.0.2.1:2379` is not a URL, such as `https://192.0.2.1:2379`",
    );
    check(
        "endpoints: [https://a], caFile: /ca, certFile: /crt",
        "f:6: etcd.external: `certFile` and `keyFile` must be given together",
    );
    check(
        "endpoints: [https://a], certFile: /crt, keyFile: /key",
        "f:6: etcd.external: `certFile` and `keyFile` need a `caFile`",
    );
    check(
        "endpoints: [https://a], caFile: ca",
        "f:6: etcd.external.caFile: `ca` is not an absolute path",
    );
    check_refused(
        "etcd: {local: {}, external: {endpoints: [http://a]}}\n",
        "f:6: etcd.external: etcd is declared both `local` and `external`; choose one",
    );
    resolved(&config("", "etcd: {external: {endpoints: [http://a]}}\n"));
}

/// kubeadm: TestGetAPIServerAltNames / empty name
/// kubeadm: TestAppendSANsToAltNames / (4) to (7) `**.abc`, `a.*.bc`, `a*.bc`
#[test]
fn sans_of_every_list_are_judged_alike() {
    for list in [
        ("apiServer: {certSANs: [a, B_]}\n", "apiServer.certSANs[1]"),
        (
            "etcd: {local: {serverCertSANs: [a, B_]}}\n",
            "etcd.local.serverCertSANs[1]",
        ),
        (
            "etcd: {local: {peerCertSANs: [a, B_]}}\n",
            "etcd.local.peerCertSANs[1]",
        ),
    ] {
        check_refused(
            list.0,
            &format!(
                "f:6: {}: `B_` is neither an IP address nor a DNS name: `_` is not allowed",
                list.1
            ),
        );
    }
    let text = config("", "etcd: {local: {serverCertSANs: [ETCD.example]}}\n");
    assert_eq!(
        resolved(&text).etcd_server_sans,
        [San::Dns("etcd.example".into())]
    );
}

#[test]
fn flags_are_named_by_their_name() {
    let settings = Settings {
        service_subnet: Some(Setting::by_flag("--service-cidr", "x".into())),
        bind_port: Some(Setting::by_flag("--apiserver-bind-port", String::new())),
        ..Settings::default()
    };
    assert_eq!(
        Cluster::resolve(settings, &host()).unwrap_err().to_string(),
        "--apiserver-bind-port: is empty\n\
             --service-cidr: `x` is not a network; want address and prefix length, such as `10.96.0.0/12`"
    );
}

/// kubeadm's own table for `RemoveDuplicateAltNames`, and its order.
///
/// kubeadm: TestRemoveDuplicateAltNames / (1) to (4) -> one each; same
#[test]
fn sans_are_sorted_and_never_twice() {
    let sans = "[kubernetes, b, a, b, 192.0.2.1, 203.0.113.9, '::ffff:203.0.113.9', 127.0.0.1]";
    let cluster = resolved(&config("", &format!("apiServer: {{certSANs: {sans}}}\n")));
    check_sans(
        &cluster,
        SanRule::ApiServer,
        "DNS:a, DNS:b, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, DNS:node1, IP:10.96.0.1, IP:192.0.2.1, IP:203.0.113.9, IP:127.0.0.1",
    );
}

/// kubeadm's own cases for `GetAPIServerAltNames`.
///
/// kubeadm: TestGetAPIServerAltNames / ControlPlaneEndpoint IP -> among the IPs; same
#[test]
fn the_endpoint_is_among_the_api_servers_sans() {
    let by_address = resolved(&config("", "controlPlaneEndpoint: 203.0.113.1:6443\n"));
    assert!(
        by_address
            .sans(SanRule::ApiServer)
            .contains(&parse_san("203.0.113.1").unwrap())
    );
    let by_name = resolved(&config("", "controlPlaneEndpoint: api.example:6443\n"));
    assert!(
        by_name
            .sans(SanRule::ApiServer)
            .contains(&parse_san("api.example").unwrap())
    );
}

#[test]
fn a_thousand_sans_are_fine() {
    let sans: Vec<_> = (0..1000).map(|n| format!("n{n}.example")).collect();
    let cluster = resolved(&config(
        "",
        &format!("apiServer: {{certSANs: [{}]}}\n", sans.join(", ")),
    ));
    assert_eq!(cluster.sans(SanRule::ApiServer).len(), 1000 + 5 + 2);
}

#[test]
fn names_that_do_not_fit_a_certificate_are_refused() {
    let names = |count: usize| {
        let names: Vec<_> = (0..count).map(|n| format!("n{n:05}.example")).collect();
        format!("apiServer: {{certSANs: [{}]}}\n", names.join(","))
    };
    resolved(&config("", &names(3_700)));
    check_refused(
        &names(3_800),
        "f:6: apiServer.certSANs: has 3800 names and addresses, which take 60800 bytes in a certificate; at most 60000 fit",
    );
    // The same name counts once.
    let same = vec!["a"; 20_000].join(",");
    resolved(&config("", &format!("apiServer: {{certSANs: [{same}]}}\n")));
}

#[test]
fn first_address_follows_the_networks_own() {
    for (network, address) in [
        ("10.96.0.0/12", "10.96.0.1"),
        ("fd00:10:96::/112", "fd00:10:96::1"),
    ] {
        assert_eq!(
            first_address(&network.parse().unwrap()).to_string(),
            address
        );
    }
}

#[track_caller]
fn check_round_trip(cluster: &Cluster) {
    let text = cluster.to_yaml();
    let reading = read("recorded", text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(reading.warnings, [], "{text}");
    let resolved = Cluster::resolve(reading.settings, &Host::default())
        .unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(&resolved.cluster, cluster, "{text}");
}

#[test]
fn fixtures_survive_the_round_trip() {
    for text in [STACKED, HA, EXTERNAL_ETCD, EXTERNAL_CA] {
        check_round_trip(&resolved(text));
    }
}

#[test]
fn the_record_keeps_durations_as_typed() {
    let cluster = resolved(&config("", "certificateValidityPeriod: 30d\n"));
    let record = cluster.to_record();
    assert!(record.contains("\ncertificateValidityPeriod: 30d\n"));
    assert!(record.contains("\ncaCertificateValidityPeriod: 87600h\n"));
    assert_eq!(resolved(&record).certificate_validity.to_string(), "30d");
    let kubeadm = "\ncertificateValidityPeriod: 720h\n";
    assert!(cluster.to_yaml().contains(kubeadm));
}

#[test]
fn written_configuration_is_kubeadms() {
    insta::assert_snapshot!(resolved(EXTERNAL_ETCD).to_yaml(), @r#"
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: InitConfiguration
        localAPIEndpoint:
          advertiseAddress: "192.168.10.21"
          bindPort: 6443
        nodeRegistration:
          name: cp1
        ---
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        clusterName: kubernetes
        certificatesDir: /etc/kubernetes/pki
        controlPlaneEndpoint: lb.example.com:6443
        networking:
          serviceSubnet: 10.96.0.0/12
          dnsDomain: cluster.local
        etcd:
          external:
            endpoints:
            - https://192.168.10.31:2379
            caFile: /etc/etcd/ca.crt
            certFile: /etc/etcd/client.crt
            keyFile: /etc/etcd/client.key
        encryptionAlgorithm: ECDSA-P256
        certificateValidityPeriod: 8760h
        caCertificateValidityPeriod: 87600h
        "#);
    insta::assert_snapshot!(resolved(HA).to_yaml(), @r#"
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: InitConfiguration
        localAPIEndpoint:
          advertiseAddress: 2001:db8::11
          bindPort: 8443
        nodeRegistration:
          name: cp-2.prod.example
        ---
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        clusterName: prod-eu
        certificatesDir: /etc/kubernetes/pki
        controlPlaneEndpoint: api.prod.example:443
        networking:
          serviceSubnet: fd00:10:96::/112,10.96.0.0/16
          dnsDomain: k8s.prod.example
        apiServer:
          certSANs:
          - api.internal.example
          - "198.51.100.7"
          - "*.prod.example"
          - 2001:db8::7
          - api.internal.example
        etcd:
          local:
            serverCertSANs:
            - etcd.prod.example
            - "198.51.100.8"
            peerCertSANs:
            - etcd-peer.prod.example
        encryptionAlgorithm: ECDSA-P384
        certificateValidityPeriod: 2160h
        caCertificateValidityPeriod: 43800h
        "#);
}

fn san() -> impl Strategy<Value = San> {
    prop_oneof![
        "(\\*\\.)?[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?\\.[a-z]{1,5}".prop_map(San::Dns),
        any::<[u8; 3]>().prop_map(|[a, b, c]| San::Ip(IpAddr::from([10, a, b, c]))),
        any::<u64>().prop_map(|n| San::Ip(IpAddr::from(
            (0xfd00_u128 << 112 | u128::from(n)).to_be_bytes()
        ))),
    ]
}

fn etcd() -> impl Strategy<Value = (Etcd, Vec<San>, Vec<San>)> {
    let file = |name: &'static str| proptest::option::of(Just(PathBuf::from(name)));
    let sans = || proptest::collection::vec(san(), 0..4);
    prop_oneof![
        (sans(), sans()).prop_map(|(server, peer)| (Etcd::Local, server, peer)),
        file("/ca: #crt").prop_map(|ca_file| {
            let external = ExternalEtcd {
                endpoints: vec!["https://192.0.2.1:2379".into()],
                http_endpoints: vec!["http://[2001:db8::1]:2381".into()],
                cert_file: ca_file.clone(),
                key_file: ca_file.clone(),
                ca_file,
            };
            (Etcd::External(external), Vec::new(), Vec::new())
        }),
    ]
}

prop_compose! {
    fn any_cluster()(
        cluster_name in prop_oneof!["[^\\pC\\p{Zl}\\p{Zp}]{1,20}", "no|1\\.10|0x1F|~|null|'|\"|-|<<|a: b|#a| a |true|010|2026-01-01|1:20"],
        node_name in "[a-z0-9]{0,8}[a-z]",
        bind_port in 1u16..,
        endpoint in proptest::option::of((san(), 1u16..)),
        dual in any::<bool>(),
        apiserver_sans in proptest::collection::vec(san(), 0..8),
        (etcd, etcd_server_sans, etcd_peer_sans) in etcd(),
        algorithm in proptest::option::of(proptest::sample::select(&Algorithm::CONFIGURABLE[..])),
        seconds in 1u64..3_000_000_000,
        certificates_dir in "/\\PC{0,20}a",
        kubelet_cert_dir in proptest::option::of("/[a-z/]{0,20}a"),
    ) -> Cluster {
        let mut service_subnets: Vec<IpNet> = vec!["fd00:1::/112".parse().unwrap()];
        if dual {
            service_subnets.push("10.96.0.0/12".parse().unwrap());
        }
        let control_plane_endpoint = endpoint.map(|(host, port)| match host {
            San::Dns(name) => {
                let name = name.trim_start_matches("*.").to_owned();
                Endpoint { host: San::Dns(name.clone()), host_text: name, port }
            }
            San::Ip(address) => Endpoint { host, host_text: address.to_string(), port },
        });
        Cluster {
            cluster_name,
            node_name,
            advertise_address: "2001:db8::1".parse().unwrap(),
            bind_port,
            control_plane_endpoint,
            service_subnets,
            dns_domain: "cluster.local".into(),
            apiserver_sans,
            etcd_server_sans,
            etcd_peer_sans,
            etcd,
            algorithm,
            certificate_validity: Period::from(Duration::from_secs(seconds)),
            ca_certificate_validity: Period::from(Duration::from_secs(seconds)),
            certificates_dir: PathBuf::from(certificates_dir.replace("..", ".")),
            kubelet_cert_dir: kubelet_cert_dir.map(PathBuf::from),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(cluster in any_cluster()) {
        check_round_trip(&cluster);
    }

    #[test]
    fn no_text_panics(text in "(\\PC|[\\n :\\[\\]{}&*!|>'\"%@`#,-]){0,200}") {
        if let Err(problems) = resolve(&config("", &text)) {
            prop_assert!(problems.0.iter().all(|p| !p.message.contains(char::is_control)));
        }
    }
}

#[test]
fn a_node_that_is_named_by_its_address_has_it_as_an_address() {
    let text = config("nodeRegistration: {name: 10.0.0.5}\n", "");
    let cluster = resolve(&text).unwrap().cluster;
    assert_eq!(cluster.node_name, "10.0.0.5");
    for rule in [SanRule::ApiServer, SanRule::EtcdServer, SanRule::EtcdPeer] {
        let sans = cluster.sans(rule);
        assert!(
            sans.contains(&San::Ip("10.0.0.5".parse().unwrap())),
            "{sans:?}"
        );
        assert!(!sans.contains(&San::Dns("10.0.0.5".to_owned())), "{sans:?}");
    }
}
