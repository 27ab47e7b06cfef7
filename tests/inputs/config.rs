//! Configuration files: refused values with their messages, and accepted values.
//!
//! A row is a text and all its messages. This file tests values, `text` and `documents` test the files and documents
//! around them, and `names` tests names and addresses.

mod documents;
mod text;

use std::fs;

use super::table::{Bench, Ends, Row, errors, rows, warnings, words};
use crate::support::{pki, run};

/// The document with the values that the host would provide.
const NODE: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {name: cp-1}
localAPIEndpoint: {advertiseAddress: 192.0.2.11}
";

/// Returns a configuration whose `ClusterConfiguration` has these fields, from line 3 on.
pub(super) fn cluster(fields: &str) -> String {
    format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{fields}\n---\n{NODE}")
}

/// Returns a configuration whose `InitConfiguration` has these fields, from line 3 on.
pub(super) fn init(fields: &str) -> String {
    let mut text =
        format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n{fields}\n");
    for line in NODE.lines().skip(2) {
        let field = line.split(':').next().unwrap();
        if !text.contains(&format!("\n{field}")) {
            text += &format!("{line}\n");
        }
    }
    text
}

/// Returns a `ClusterConfiguration` alone.
fn bare(fields: &str) -> String {
    format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{fields}\n")
}

fn row(file: impl Into<Vec<u8>>, says: Vec<String>, ends: Ends) -> Row {
    let arguments = words(match ends {
        Ends::Refused => "init --config cluster.yaml",
        Ends::Accepted(_) => "init --config cluster.yaml --dry-run",
    });
    Row {
        file: Some(file.into()),
        input: String::new(),
        arguments,
        says,
        ends,
    }
}

pub(super) fn refused(file: impl Into<Vec<u8>>, problems: &[&str]) -> Row {
    row(file, errors(problems), Ends::Refused)
}

pub(super) fn accepted(file: impl Into<Vec<u8>>, says: &[&str], prints: &[&str]) -> Row {
    let prints = prints.iter().map(ToString::to_string).collect();
    row(file, warnings(says), Ends::Accepted(prints))
}

/// What an accepted row prints when nothing else matters.
pub(super) const NAMED: &str = "subject: CN=system:node:cp-1,O=system:nodes";

/// A field of the `ClusterConfiguration`, in line 3 => the message.
const CLUSTER: &str = r#"
clusterName: [a] => clusterName: is a list, want a string
clusterName: {a: b} => clusterName: is a mapping, want a string
clusterName: "a\e[31mb" => clusterName: `a\u{1b}[31mb` has control characters
clusterName: "a\u202eb" => clusterName: `a\u{202e}b` has invisible characters
clusterName: "a\nb" => clusterName: `a\nb` has control characters
certificatesDir: pki => certificatesDir: `pki` is not an absolute path
certificatesDir: ./pki => certificatesDir: `./pki` is not an absolute path
certificatesDir: ~/pki => certificatesDir: `~/pki` is not an absolute path
certificatesDir: /etc/../pki => certificatesDir: `/etc/../pki` contains `..`; give the path without it
certificatesDir: /.. => certificatesDir: `/..` contains `..`; give the path without it
certificatesDir: / => certificatesDir: `/` is the root directory; want a directory below it
certificatesDir: /etc => certificatesDir: `/etc` is a system directory; want a directory below it
certificatesDir: /var/lib/ => certificatesDir: `/var/lib` is a system directory; want a directory below it
certificatesDir: // => certificatesDir: `//` is the root directory; want a directory below it
certificatesDir: /./ => certificatesDir: `/./` is the root directory; want a directory below it
certificatesDir: "/etc/\u0007" => certificatesDir: `/etc/\u{7}` has control characters
certificatesDir: C:\pki => certificatesDir: `C:\\pki` is not an absolute path
certificatesDir: file:///etc/kubernetes/pki => certificatesDir: `file:///etc/kubernetes/pki` is not an absolute path
certificatesDir: '$HOME/pki' => certificatesDir: `$HOME/pki` is not an absolute path
certificatesDir: ' /etc/kubernetes/pki' => certificatesDir: ` /etc/kubernetes/pki` is not an absolute path
certificateValidityPeriod: 0h => certificateValidityPeriod: `0h` is too short; want at least `1s`
certificateValidityPeriod: 0 => certificateValidityPeriod: `0` is too short; want at least `1s`
certificateValidityPeriod: -1h => certificateValidityPeriod: `-1h` is negative
certificateValidityPeriod: 1y => certificateValidityPeriod: `1y` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 8760 => certificateValidityPeriod: `8760` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 1 year => certificateValidityPeriod: `1 year` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 1h30 => certificateValidityPeriod: `1h30` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 1e3h => certificateValidityPeriod: `1e3h` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 999999999h => certificateValidityPeriod: `999999999h` is longer than 100 years (`36525d`)
certificateValidityPeriod: 99999999999999999999999999h => certificateValidityPeriod: `99999999999999999999999999h` is longer than 100 years (`36525d`)
certificateValidityPeriod: 100ms => certificateValidityPeriod: `100ms` is too short; want at least `1s`
certificateValidityPeriod: P1Y => certificateValidityPeriod: `P1Y` is not a duration; write `30d` or `720h`
certificateValidityPeriod: inf => certificateValidityPeriod: `inf` is not a duration; write `30d` or `720h`
certificateValidityPeriod: ' 1h' => certificateValidityPeriod: ` 1h` is not a duration; write `30d` or `720h`
certificateValidityPeriod: ++1h => certificateValidityPeriod: `++1h` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 1H => certificateValidityPeriod: `1H` is not a duration; write `30d` or `720h`
certificateValidityPeriod: 0.5s => certificateValidityPeriod: `0.5s` is too short; want at least `1s`
certificateValidityPeriod: {hours: 1} => certificateValidityPeriod: is a mapping, want a string
caCertificateValidityPeriod: 0s => caCertificateValidityPeriod: `0s` is too short; want at least `1s`
caCertificateValidityPeriod: 101y => caCertificateValidityPeriod: `101y` is not a duration; write `30d` or `720h`
encryptionAlgorithm: RSA-1024 => encryptionAlgorithm: `RSA-1024` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
encryptionAlgorithm: RSA2048 => encryptionAlgorithm: `RSA2048` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
encryptionAlgorithm: ECDSA-P521 => encryptionAlgorithm: `ECDSA-P521` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
encryptionAlgorithm: Ed25519 => encryptionAlgorithm: `Ed25519` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
encryptionAlgorithm: ML-DSA-44 => encryptionAlgorithm: `ML-DSA-44` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
encryptionAlgorithm: [RSA-2048] => encryptionAlgorithm: is a list, want a string
encryptionAlgorithm: ' RSA-2048' => encryptionAlgorithm: ` RSA-2048` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
featureGates: {PublicKeysECDSA: yes} => featureGates.PublicKeysECDSA: `yes` is neither `true` nor `false`
featureGates: {PublicKeysECDSA: 1} => featureGates.PublicKeysECDSA: `1` is neither `true` nor `false`
featureGates: {PublicKeysECDSA: ''} => featureGates.PublicKeysECDSA: is empty
featureGates: {PublicKeysECDSA: ~} => featureGates.PublicKeysECDSA: is null, want `true` or `false`
featureGates: {PublicKeysECDSA: [true]} => featureGates.PublicKeysECDSA: is a list, want `true` or `false`
featureGates: {PublicKeyECDSA: true} => featureGates.PublicKeyECDSA: is not a feature gate of kubeadm; did you mean `PublicKeysECDSA`?
featureGates: {publickeysecdsa: true} => featureGates.publickeysecdsa: is not a feature gate of kubeadm; did you mean `PublicKeysECDSA`?
featureGates: {ECDSA: true} => featureGates.ECDSA: is not a feature gate of kubeadm
featureGates: PublicKeysECDSA=true => featureGates: is a single value, want a mapping
featureGates: [PublicKeysECDSA] => featureGates: is a list, want a mapping
featureGates: {SidecarContainers: true} => featureGates.SidecarContainers: is not a feature gate of kubeadm
featureGates: {EtcdLearnerMode: on} => featureGates.EtcdLearnerMode: `on` is neither `true` nor `false`
networking: {serviceSubnet: "abc"} => networking.serviceSubnet: `abc` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0"} => networking.serviceSubnet: `10.96.0.0` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/33"} => networking.serviceSubnet: `10.96.0.0/33` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/-1"} => networking.serviceSubnet: `10.96.0.0/-1` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/32"} => networking.serviceSubnet: `10.96.0.0/32` has too few addresses for services; want at least a `/28`
networking: {serviceSubnet: "10.96.0.0/29"} => networking.serviceSubnet: `10.96.0.0/29` has too few addresses for services; want at least a `/28`
networking: {serviceSubnet: "10.0.0.0/8"} => networking.serviceSubnet: `10.0.0.0/8` has more addresses than the API server can manage; want at most a `/12`
networking: {serviceSubnet: "10.96.0.0/11"} => networking.serviceSubnet: `10.96.0.0/11` has more addresses than the API server can manage; want at most a `/12`
networking: {serviceSubnet: "0.0.0.0/0"} => networking.serviceSubnet: `0.0.0.0/0` has more addresses than the API server can manage; want at most a `/12`
networking: {serviceSubnet: "fd00::/64"} => networking.serviceSubnet: `fd00::/64` has more addresses than the API server can manage; want at most a `/108`
networking: {serviceSubnet: "fd00::/108"} => networking.serviceSubnet: the first service subnet must be IPv4, like the advertise address `192.0.2.11`; put a subnet of that family first
networking: {serviceSubnet: "fd00::/125"} => networking.serviceSubnet: `fd00::/125` has too few addresses for services; want at least a `/124`
networking: {serviceSubnet: "fd00::1/112"} => networking.serviceSubnet: the first service subnet must be IPv4, like the advertise address `192.0.2.11`; put a subnet of that family first
networking: {serviceSubnet: "fd00::/112,10.96.0.0/16"} => networking.serviceSubnet: the first service subnet must be IPv4, like the advertise address `192.0.2.11`; swap the two subnets
networking: {serviceSubnet: "fd00::/112"} => networking.serviceSubnet: the first service subnet must be IPv4, like the advertise address `192.0.2.11`; put a subnet of that family first
networking: {serviceSubnet: "10.96.0.0/16,10.97.0.0/16"} => networking.serviceSubnet: `10.96.0.0/16,10.97.0.0/16` has two networks of one family; want one IPv4 and one IPv6
networking: {serviceSubnet: "10.96.0.0/16,fd00::/112,10.98.0.0/16"} => networking.serviceSubnet: `10.96.0.0/16,fd00::/112,10.98.0.0/16` has 3 networks; want one, or two of different families
networking: {serviceSubnet: "10.96.0.0/16,"} => networking.serviceSubnet: `10.96.0.0/16,` has nothing before or after a comma
networking: {serviceSubnet: "10.96.0.0/16, fd00::/112"} => networking.serviceSubnet: ` fd00::/112` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/16;fd00::/112"} => networking.serviceSubnet: `10.96.0.0/16;fd00::/112` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: ","} => networking.serviceSubnet: `,` has nothing before or after a comma
networking: {serviceSubnet: "::ffff:10.96.0.0/112"} => networking.serviceSubnet: `::ffff:10.96.0.0/112` is an IPv4 network written as IPv6
networking: {serviceSubnet: "127.0.0.0/16"} => networking.serviceSubnet: `127.0.0.0/16` is a loopback network, which every host has
networking: {serviceSubnet: "224.0.0.0/16"} => networking.serviceSubnet: `224.0.0.0/16` is a multicast network
networking: {serviceSubnet: "0.0.0.0/16"} => networking.serviceSubnet: `0.0.0.0/16` is a network of addresses that no host has
networking: {serviceSubnet: "::/112"} => networking.serviceSubnet: `::/112` is a loopback network, which every host has
networking: {serviceSubnet: "ff02::/112"} => networking.serviceSubnet: `ff02::/112` is a multicast network
networking: {serviceSubnet: "10.96.0.0-10.96.255.255"} => networking.serviceSubnet: `10.96.0.0-10.96.255.255` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "010.96.0.0/12"} => networking.serviceSubnet: `010.96.0.0/12` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/012"} => networking.serviceSubnet: `10.96.0.0/012` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/255.240.0.0"} => networking.serviceSubnet: `10.96.0.0/255.240.0.0` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: " 10.96.0.0/12"} => networking.serviceSubnet: ` 10.96.0.0/12` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "10.96.0.0/12\n"} => networking.serviceSubnet: `10.96.0.0/12\n` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: "1.2.3.4.5/12"} => networking.serviceSubnet: `1.2.3.4.5/12` is not a network; want address and prefix length, such as `10.96.0.0/12`
networking: {serviceSubnet: [10.96.0.0/16, fd00::/112]} => networking.serviceSubnet: is a list, want a string
networking: 10.96.0.0/12 => networking: is a single value, want a mapping
apiServer: {certSANs: a.example} => apiServer.certSANs: is a single value, want a list of strings
apiServer: {certSANs: [~]} => apiServer.certSANs[0]: is null, want a string
apiServer: {certSANs: ['']} => apiServer.certSANs[0]: is empty; want an IP address or a DNS name
apiServer: {certSANs: [a, [b]]} => apiServer.certSANs[1]: is a list, want a string
apiServer: {certSANs: [{dns: a}]} => apiServer.certSANs[0]: is a mapping, want a string
apiServer: {certSANs: {a: b}} => apiServer.certSANs: is a mapping, want a list of strings
apiServer: [a] => apiServer: is a list, want a mapping
etcd: {local: {dataDir: data}} => etcd.local.dataDir: `data` is not an absolute path
etcd: {local: {dataDir: /a/../b}} => etcd.local.dataDir: `/a/../b` contains `..`; give the path without it
etcd: {local: {serverCertSANs: [a_b]}} => etcd.local.serverCertSANs[0]: `a_b` is neither an IP address nor a DNS name: `_` is not allowed
etcd: {local: {peerCertSANs: ['']}} => etcd.local.peerCertSANs[0]: is empty; want an IP address or a DNS name
etcd: {local: [a]} => etcd.local: is a list, want a mapping
etcd: stacked => etcd: is a single value, want a mapping
etcd: {local: {}, external: {endpoints: [https://e:2379]}} => etcd.external: etcd is declared both `local` and `external`; choose one
etcd: {external: {}} => etcd.external: an external etcd needs at least one entry in `endpoints`
etcd: {external: {endpoints: []}} => etcd.external: an external etcd needs at least one entry in `endpoints`
etcd: {external: {endpoints: ~}} => etcd.external: an external etcd needs at least one entry in `endpoints`
etcd: {external: {endpoints: https://e:2379}} => etcd.external.endpoints: is a single value, want a list of strings
etcd: {external: {endpoints: ['']}} => etcd.external.endpoints[0]: is empty
etcd: {external: {endpoints: [e:2379]}} => etcd.external.endpoints[0]: `e:2379` is not a URL, such as `https://192.0.2.1:2379`
etcd: {external: {endpoints: ['https://']}} => etcd.external.endpoints[0]: `https://` is not a URL, such as `https://192.0.2.1:2379`
etcd: {external: {endpoints: ['https://a b']}} => etcd.external.endpoints[0]: `https://a b` is not a URL, such as `https://192.0.2.1:2379`
etcd: {external: {endpoints: ['https://user:pass@e:2379']}} => etcd.external.endpoints[0]: contains a user name, which etcd ignores
etcd: {external: {endpoints: [http://e:2379], caFile: /a}} => etcd.external.endpoints[0]: `http://e:2379` must use `https`, because TLS files are given
etcd: {external: {endpoints: [https://e:2379], certFile: /a}} => etcd.external: `certFile` and `keyFile` must be given together
etcd: {external: {endpoints: [https://e:2379], keyFile: /a}} => etcd.external: `certFile` and `keyFile` must be given together
etcd: {external: {endpoints: [https://e:2379], certFile: /a, keyFile: /b}} => etcd.external: `certFile` and `keyFile` need a `caFile`
etcd: {external: {endpoints: [https://e:2379], httpEndpoints: [x]}} => etcd.external.httpEndpoints[0]: `x` is not a URL, such as `https://192.0.2.1:2379`
"#;

/// A field of the `InitConfiguration`, in line 3 => the message.
const INIT: &str = r#"
nodeRegistration: [] => nodeRegistration: is a list, want a mapping
nodeRegistration: cp-1 => nodeRegistration: is a single value, want a mapping
nodeRegistration: {name: [a]} => nodeRegistration.name: is a list, want a string
nodeRegistration: {name: cp-1, kubeletExtraArgs: {cert-dir: /a}} => nodeRegistration.kubeletExtraArgs: is a mapping, want a list of `name` and `value`; only versions before `v1beta4` have a mapping
nodeRegistration: {name: cp-1, kubeletExtraArgs: [{name: cert-dir, value: pki}]} => nodeRegistration.kubeletExtraArgs[0].value: `pki` is not an absolute path
nodeRegistration: {name: cp-1, kubeletExtraArgs: [cert-dir=/a]} => nodeRegistration.kubeletExtraArgs[0]: is a single value, want a mapping
nodeRegistration: {name: cp-1, taints: NoSchedule} => nodeRegistration.taints: is a single value, want a list of mappings
localAPIEndpoint: 192.0.2.11 => localAPIEndpoint: is a single value, want a mapping
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: -1} => localAPIEndpoint.bindPort: `-1` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: 65536} => localAPIEndpoint.bindPort: `65536` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: 6443.5} => localAPIEndpoint.bindPort: `6443.5` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: 0x192b} => localAPIEndpoint.bindPort: `0x192b` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: https} => localAPIEndpoint.bindPort: `https` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: '6443 '} => localAPIEndpoint.bindPort: `6443 ` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: +6443} => localAPIEndpoint.bindPort: `+6443` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: [6443]} => localAPIEndpoint.bindPort: is a list, want a number
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: '８443'} => localAPIEndpoint.bindPort: `８443` is not a port; want 1 to 65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: 1e3} => localAPIEndpoint.bindPort: `1e3` is not a port; want 1 to 65535
bootstrapTokens: [9a08jv.c0izixklcxtmnze7] => bootstrapTokens[0]: is a single value, want a mapping
bootstrapTokens: {token: 9a08jv.c0izixklcxtmnze7} => bootstrapTokens: is a mapping, want a list of mappings
bootstrapTokens: [{token: [9a08jv.c0izixklcxtmnze7]}] => bootstrapTokens[0].token: is a list, want a string
skipPhases: certs => skipPhases: is a single value, want a list of strings
timeouts: 5m => timeouts: is a single value, want a mapping
"#;

#[test]
fn values_are_refused_with_line_and_field() {
    let mut bench = Bench::new();
    for (fields, problem) in rows(CLUSTER) {
        bench.row(
            &fields,
            &refused(cluster(&fields), &[&format!("cluster.yaml:3: {problem}")]),
        );
    }
    for (fields, problem) in rows(INIT) {
        bench.row(
            &fields,
            &refused(init(&fields), &[&format!("cluster.yaml:3: {problem}")]),
        );
    }
    bench.assert_kept(146);
}

#[test]
fn secrets_are_never_shown_in_messages() {
    let mut bench = Bench::new();
    let (key, token) = ("0123456789abcdef".repeat(4), "9a08jv.c0izixklcxtmnze7");
    let digit = "certificateKey: has a character that is not a hexadecimal digit; want 64 of them, for 32 bytes";
    for (fields, problem) in [
        (
            format!("certificateKey: {}", &key[1..]),
            "certificateKey: has 63 hexadecimal digits, want 64, for 32 bytes",
        ),
        (
            format!("certificateKey: {key}ab"),
            "certificateKey: has 66 hexadecimal digits, want 64, for 32 bytes",
        ),
        (format!("certificateKey: 0x{}", &key[2..]), digit),
        (format!("certificateKey: ' {key}'"), digit),
        (
            format!("certificateKey: [{key}]"),
            "certificateKey: is a list, want a string",
        ),
        (
            format!("certificateKey:{key}"),
            "is not valid YAML: simple key expected ':'",
        ),
        (
            format!("bootstrapTokens: [{token}]"),
            "bootstrapTokens[0]: is a single value, want a mapping",
        ),
        (
            format!("bootstrapTokens: {{token: {token}}}"),
            "bootstrapTokens: is a mapping, want a list of mappings",
        ),
        (
            format!("bootstrapTokens: [{{token: [{token}]}}]"),
            "bootstrapTokens[0].token: is a list, want a string",
        ),
    ] {
        assert!(!problem.contains(&key[1..]) && !problem.contains(token));
        bench.row(
            problem,
            &refused(init(&fields), &[&format!("cluster.yaml:3: {problem}")]),
        );
    }
    let ignored = "is not a known field and is ignored";
    for (fields, warning) in [
        (
            format!("CertificateKey: {key}"),
            format!("CertificateKey: {ignored}; kubeadm spells it `certificateKey`"),
        ),
        (
            format!("bootstrapTokens: [{{tokn: {token}}}]"),
            format!("bootstrapTokens[0].tokn: {ignored}; did you mean `token`?"),
        ),
        (
            format!("bootstrapTokens: [{{token:{token}}}]"),
            format!("bootstrapTokens[0].token:…: {ignored}; a space is missing after the colon"),
        ),
    ] {
        bench.row(
            &warning,
            &accepted(
                init(&fields),
                &[&format!("cluster.yaml:3: {warning}")],
                &[NAMED],
            ),
        );
    }
    bench.row(
        "a good one",
        &accepted(init(&format!("certificateKey: {key}")), &[], &[NAMED]),
    );
    bench.assert_kept(13);
}

#[test]
fn all_problems_are_reported_together_in_the_order_of_the_file() {
    let file = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: CP_1
  kubeletExtraArgs: {cert-dir: /var/lib/kubelet/pki}
localAPIEndpoint:
  advertiseAddress: 10.0.0.256
  bindPort: 66443
certificateKey: s3cret
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: [prod]
controlPlaneEndpoint: https://lb.example
certificatesDir: pki
certificateValidityPeriod: 1y
encryptionAlgorithm: RSA
featureGates: {PublicKeyECDSA: true}
networking:
  serviceSubnet: 10.96.0.0/33
  dnsDomain: cluster_local
apiServer:
  certSANs: [ok.example, '', a b, 10.0.0.0/8]
etcd:
  local: {serverCertSANs: [x_y]}
  external: {endpoints: [e]}
clusterName: twice
---
- a
---
a: [
";
    let problems = [
        "cluster.yaml:4: nodeRegistration.name: `CP_1` is not a node name: `_` is not allowed",
        "cluster.yaml:5: nodeRegistration.kubeletExtraArgs: is a mapping, want a list of `name` and `value`; only versions before `v1beta4` have a mapping",
        "cluster.yaml:7: localAPIEndpoint.advertiseAddress: `10.0.0.256` is not an IP address",
        "cluster.yaml:8: localAPIEndpoint.bindPort: `66443` is not a port; want 1 to 65535",
        "cluster.yaml:9: certificateKey: has a character that is not a hexadecimal digit; want 64 of them, for 32 bytes",
        "cluster.yaml:13: clusterName: is a list, want a string",
        "cluster.yaml:14: controlPlaneEndpoint: `https://lb.example` is a URL; give `host` or `host:port`",
        "cluster.yaml:15: certificatesDir: `pki` is not an absolute path",
        "cluster.yaml:16: certificateValidityPeriod: `1y` is not a duration; write `30d` or `720h`",
        "cluster.yaml:17: encryptionAlgorithm: `RSA` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`",
        "cluster.yaml:18: featureGates.PublicKeyECDSA: is not a feature gate of kubeadm; did you mean `PublicKeysECDSA`?",
        "cluster.yaml:20: networking.serviceSubnet: `10.96.0.0/33` is not a network; want address and prefix length, such as `10.96.0.0/12`",
        "cluster.yaml:21: networking.dnsDomain: `cluster_local` is not a DNS domain: `_` is not allowed",
        "cluster.yaml:23: apiServer.certSANs[1]: is empty; want an IP address or a DNS name",
        "cluster.yaml:23: apiServer.certSANs[2]: `a b` is neither an IP address nor a DNS name: spaces are not allowed",
        "cluster.yaml:23: apiServer.certSANs[3]: `10.0.0.0/8` is neither an IP address nor a DNS name: it is a network; give single addresses",
        "cluster.yaml:25: etcd.local.serverCertSANs[0]: `x_y` is neither an IP address nor a DNS name: `_` is not allowed",
        "cluster.yaml:26: etcd.external: etcd is declared both `local` and `external`; choose one",
        "cluster.yaml:26: etcd.external.endpoints[0]: `e` is not a URL, such as `https://192.0.2.1:2379`",
        "cluster.yaml:27: clusterName: is given twice, first on line 13",
        "cluster.yaml:29: the document is a list, want a mapping",
        "cluster.yaml:31: a[0]: is not valid YAML: unclosed bracket '['",
    ];
    let mut bench = Bench::new();
    bench.row("at once", &refused(file, &problems));
    let many = format!("apiServer:\n  certSANs:\n{}", "  - a_b\n".repeat(5_000));
    let mut problems: Vec<_> = (0..100)
        .map(|n| {
            format!(
                "cluster.yaml:{}: apiServer.certSANs[{n}]: is a list, want a string",
                n + 5
            )
        })
        .collect();
    problems.push("cluster.yaml: has more than 100 problems; the others are not listed".to_owned());
    let problems: Vec<_> = problems.iter().map(String::as_str).collect();
    bench.row(
        "thousands",
        &refused(cluster(&many.replace("a_b", "[a]")), &problems),
    );
    for command in ["check-expiration", "renew all", "renew --due 30d"] {
        let mut row = refused(
            cluster("clusterName: []"),
            &["cluster.yaml:3: clusterName: is a list, want a string"],
        );
        row.arguments = words(&format!("{command} --config cluster.yaml"));
        bench.row(command, &row);
    }
    bench.assert_kept(5);
}

/// A field of the `ClusterConfiguration` => the value that `config show` prints, without messages.
const PRINTS: &str = r#"
# a¶clusterName: c # d¶# e => CN=system:node:cp-1,
clusterName: c¶	¶  => CN=system:node:cp-1,
clusterName: c¶... => CN=system:node:cp-1,
clusterName: ¶networking: null¶etcd: ~ => DNS:kubernetes.default.svc.cluster.local, IP:10.96.0.1,
certificatesDir: ''¶encryptionAlgorithm: '' => /etc/kubernetes/pki, kubeconfigs in
apiServer: {certSANs: &s [a.example]}¶etcd: {local: {serverCertSANs: *s, peerCertSANs: *s}} => SANs: DNS:a.example, DNS:cp-1, DNS:localhost
networking: !!map {dnsDomain: !!str a.example} => DNS:kubernetes.default.svc.a.example
networking:¶  dnsDomain: >-¶    a.example => DNS:kubernetes.default.svc.a.example
networking:¶  dnsDomain: |-¶    a.example => DNS:kubernetes.default.svc.a.example
networking: {dnsDomain: "\x61.example"} => DNS:kubernetes.default.svc.a.example
networking: {dnsDomain:¶	a.example} => DNS:kubernetes.default.svc.a.example
? networking¶: ? dnsDomain¶  : a.example => DNS:kubernetes.default.svc.a.example
networking: {serviceSubnet: 10.96.0.0/28} => IP:10.96.0.1,
networking: {serviceSubnet: '10.96.0.0/12,fd00::/108'} => IP:10.96.0.1, IP:192.0.2.11
networking: {serviceSubnet: 10.255.0.0/16} => IP:10.255.0.1,
etcd: {external: {endpoints: [http://e:2379]}} => CN=system:node:cp-1,
etcd: {external: {endpoints: ['https://[2001:db8::1]:2379'], caFile: /ca.crt}} => CN=system:node:cp-1,
certificateValidityPeriod: 30d => CN=system:node:cp-1,
certificateValidityPeriod: 1h30m => CN=system:node:cp-1,
encryptionAlgorithm: ecdsa-p256 => key of each: new ECDSA-P256
certificateValidityPeriod: +1h => CN=system:node:cp-1,
encryptionAlgorithm: ECDSA-P384 => key of each: new ECDSA-P384
featureGates: {SelfHosting: false, IPv6DualStack: true, EtcdLearnerMode: FALSE} => CN=system:node:cp-1,
apiServer: {extraArgs: [{name: v, value: '4'}], extraEnvs: [{name: TZ, value: UTC}]} => CN=system:node:cp-1,
"#;

/// The same of the `InitConfiguration`.
const INIT_PRINTS: &str = r#"
nodeRegistration: {name: no} => CN=system:node:no,
nodeRegistration: {name: On} => CN=system:node:on,
nodeRegistration: {name: true} => CN=system:node:true,
nodeRegistration: {name: 0x1F} => CN=system:node:0x1f,
nodeRegistration: {name: 1e3} => CN=system:node:1e3,
nodeRegistration: {name: 2026-01-01} => CN=system:node:2026-01-01,
nodeRegistration: {name: inf} => CN=system:node:inf,
nodeRegistration: {name: cp-1, taints: ~, kubeletExtraArgs: [{name: cert-dir, value: pki}, {name: cert-dir, value: /k}]} => CN=system:node:cp-1,
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: 65535} => https://192.0.2.11:65535
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: '8443'} => https://192.0.2.11:8443
"#;

/// An accepted field of the `ClusterConfiguration`, in line 3 => the warning.
const WARNS: &str = r#"
certSANs: [a] => certSANs: is not a known field and is ignored; did you mean `apiServer.certSANs`?
networkin: {} => networkin: is not a known field and is ignored; did you mean `networking`?
apiServer: {certSans: [a]} => apiServer.certSans: is not a known field and is ignored; kubeadm spells it `certSANs`
apiServer: {extraVolumes: [{hostpath: /a}]} => apiServer.extraVolumes[0].hostpath: is not a known field and is ignored; kubeadm spells it `hostPath`
"a\e[31mb": c => a\u{1b}[31mb: is not a known field and is ignored
nodeRegistration: {name: cp-2} => nodeRegistration: is not a known field and is ignored; did you mean `nodeRegistration` of the `InitConfiguration`?
networking: {serviceSubnet: 10.96.0.1/12} => networking.serviceSubnet: `10.96.0.1/12` has host bits set; the network is `10.96.0.0/12`
certificateValidityPeriod: 8761h => certificateValidityPeriod: `8761h` is longer than kubeadm's default of 8760h
featureGates: {PublicKeysECDSA: true} => featureGates.PublicKeysECDSA: this deprecated gate sets the algorithm to ECDSA-P256; use `encryptionAlgorithm`
featureGates: {PublicKeysECDSA: True}¶encryptionAlgorithm: RSA-4096 => featureGates.PublicKeysECDSA: this deprecated gate sets the algorithm to ECDSA-P256 instead of RSA-4096; use `encryptionAlgorithm`
featureGates: {PublicKeysECDSA: false}¶encryptionAlgorithm: ECDSA-P384 => featureGates.PublicKeysECDSA: this deprecated gate sets the algorithm to RSA-2048 instead of ECDSA-P384; use `encryptionAlgorithm`
"#;

#[test]
fn unusual_but_valid_values_are_accepted() {
    let mut bench = Bench::new();
    for (fields, prints) in rows(PRINTS) {
        bench.row(&fields, &accepted(cluster(&fields), &[], &[&prints]));
    }
    for (fields, prints) in rows(INIT_PRINTS) {
        bench.row(&fields, &accepted(init(&fields), &[], &[&prints]));
    }
    for (fields, warning) in rows(WARNS) {
        let prints = match fields.contains("{PublicKeysECDSA: false}") {
            true => "key of each: new RSA-2048",
            false if fields.contains("PublicKeysECDSA") => "key of each: new ECDSA-P256",
            false => NAMED,
        };
        let warning = format!("cluster.yaml:3: {warning}");
        bench.row(&fields, &accepted(cluster(&fields), &[&warning], &[prints]));
    }
    for (name, file) in [
        ("CRLF", cluster("clusterName: c").replace('\n', "\r\n")),
        ("a byte-order mark", format!("\u{feff}{}", cluster(""))),
        ("a directive", format!("%YAML 1.2\n---\n{}", cluster(""))),
        ("one document", init("")),
        (
            "1000 names",
            cluster(&format!(
                "apiServer:\n  certSANs:\n{}",
                (0..1000)
                    .map(|n| format!("  - host-{n}.example\n"))
                    .collect::<String>()
            )),
        ),
    ] {
        bench.row(name, &accepted(file, &[], &[NAMED]));
    }
    bench.assert_kept(44);
}

/// There are more warnings, one for each certificate.
#[test]
fn a_warning_says_that_a_leaf_ends_with_its_ca() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cluster.yaml");
    for (fields, says) in [
        (
            "certificateValidityPeriod: 20h\ncaCertificateValidityPeriod: 10h",
            ":3: certificateValidityPeriod: leaf certificates would be valid for 20h, longer than their CA (10h); they will end with the CA",
        ),
        (
            "caCertificateValidityPeriod: 1h",
            ":3: caCertificateValidityPeriod: leaf certificates would be valid for 8760h, longer than their CA (1h); they will end with the CA",
        ),
    ] {
        fs::write(&file, cluster(fields)).unwrap();
        let run = run(pki()
            .args(["init", "--dry-run", "--config"])
            .arg(&file)
            .arg("--rootfs")
            .arg(folder.path()))
        .ok();
        assert!(
            run.stderr.starts_with("warning: ")
                && run.stderr.lines().next().unwrap().ends_with(says),
            "{run}"
        );
    }
}
