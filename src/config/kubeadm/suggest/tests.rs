//! Tests of the module above.

#![allow(clippy::unwrap_used)]

use super::super::read;

/// Returns what a document with these fields, from line 3 on, is warned of, and what is wrong with it.
fn diagnostics(version: &str, kind: &str, fields: &str) -> Vec<String> {
    let text = format!("apiVersion: kubeadm.k8s.io/{version}\nkind: {kind}\n{fields}\n");
    let found = match read("f", text.as_bytes()) {
        Ok(reading) => reading.warnings,
        Err(problems) => problems.0,
    };
    found
        .iter()
        .map(ToString::to_string)
        .filter(|text| !text.contains("is deprecated"))
        .collect()
}

#[track_caller]
fn check(kind: &str, fields: &str, expected: &[&str]) {
    assert_eq!(diagnostics("v1beta4", kind, fields), expected, "{fields}");
}

#[track_caller]
fn check_cluster(fields: &str, expected: &str) {
    let expected = format!("f:3: {expected}");
    check("ClusterConfiguration", fields, &[&expected]);
}

#[track_caller]
fn check_init(fields: &str, expected: &str) {
    let expected = format!("f:3: {expected}");
    check("InitConfiguration", fields, &[&expected]);
}

/// Every field of kubeadm's reference documentation.
const INIT: &str = "\
bootstrapTokens:
- {token: 9a08jv.c0izixklcxtmnze7, description: d, ttl: 24h, usages: [authentication], groups: [g]}
- {token: 783bde.3f89s0fje9f38fhf, expires: '2030-01-01T00:00:00Z'}
dryRun: false
nodeRegistration:
  name: cp1
  criSocket: unix:///var/run/containerd/containerd.sock
  taints:
  - {key: k, value: v, effect: NoSchedule, timeAdded: null}
  kubeletExtraArgs: ARGUMENTS
  ignorePreflightErrors: [IsPrivilegedUser]
  imagePullPolicy: IfNotPresent
  imagePullSerial: true
localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 6443}
certificateKey: e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204
skipPhases: [preflight]
patches: {directory: /p}
timeouts:
  controlPlaneComponentHealthCheck: 60s
  kubeletHealthCheck: 40s
  kubernetesAPICall: 1m
  etcdAPICall: 2m
  tlsBootstrap: 5m
  discovery: 5m
  upgradeManifests: 5m
";

const CLUSTER: &str = "\
etcd:
  local:
    imageRepository: r
    imageTag: t
    dataDir: /var/lib/etcd
    extraArgs: ARGUMENTS
    extraEnvs: [{name: n, value: v}]
    serverCertSANs: [a]
    peerCertSANs: [a]
networking: {serviceSubnet: 10.96.0.0/16, podSubnet: 10.244.0.0/24, dnsDomain: cluster.local}
kubernetesVersion: v1.36.0
controlPlaneEndpoint: 10.100.0.1:6443
apiServer:
  extraArgs: ARGUMENTS
  extraVolumes: [{name: n, hostPath: /h, mountPath: /m, readOnly: false, pathType: File}]
  extraEnvs:
  - name: n
    valueFrom:
      fieldRef: {apiVersion: v1, fieldPath: p}
      resourceFieldRef: {containerName: c, resource: r, divisor: 1}
      configMapKeyRef: {name: n, key: k, optional: true}
      secretKeyRef: {name: n, key: k, optional: true}
      fileKeyRef: {volumeName: v, path: p, key: k, optional: true}
  certSANs: [a]
controllerManager: {extraArgs: ARGUMENTS, extraVolumes: [], extraEnvs: []}
scheduler: {extraArgs: ARGUMENTS, extraVolumes: [], extraEnvs: []}
dns: {imageRepository: r, imageTag: t, disabled: false}
proxy: {disabled: false}
certificatesDir: /etc/kubernetes/pki
imageRepository: registry.k8s.io
featureGates: {NodeLocalCRISocket: true}
clusterName: c
encryptionAlgorithm: ECDSA-P256
certificateValidityPeriod: 8760h
caCertificateValidityPeriod: 87600h
";

#[test]
fn every_field_of_the_new_version_is_known() {
    for (kind, fields) in [
        ("InitConfiguration", INIT),
        ("ClusterConfiguration", CLUSTER),
    ] {
        let fields = fields.replace("ARGUMENTS", "[{name: a, value: b}]");
        check(kind, &fields, &[]);
    }
    let external = "etcd: {external: {endpoints: [https://e:2379], httpEndpoints: [https://e:2381], caFile: /a, certFile: /b, keyFile: /c}}";
    check("ClusterConfiguration", external, &[]);
}

/// What came with the new version, and what its arguments look like in the old one.
#[test]
fn every_field_of_the_old_version_is_known_and_no_other() {
    let added = |line: &&str| {
        [
            "dryRun",
            "imagePullSerial",
            "timeouts",
            "  controlPlaneComponent",
            "  kubeletHealth",
            "  kubernetesAPI",
            "  etcdAPI",
            "  tlsBootstrap",
            "  discovery",
            "  upgradeManifests",
            "    extraEnvs",
            "proxy",
            "encryptionAlgorithm",
            "certificateValidity",
            "caCertificateValidity",
            "  extraEnvs",
            "  - name",
            "    valueFrom",
            "      ",
        ]
        .iter()
        .any(|name| line.starts_with(name) || line.trim_start().starts_with("imagePullSerial"))
    };
    for (kind, fields) in [
        ("InitConfiguration", INIT),
        ("ClusterConfiguration", CLUSTER),
    ] {
        let fields = fields
            .replace("ARGUMENTS", "{a: b}")
            .replace(", extraEnvs: []", "")
            .replace(", disabled: false", "");
        let kept: Vec<_> = fields.lines().filter(|line| !added(line)).collect();
        assert_eq!(diagnostics("v1beta3", kind, &kept.join("\n")), [""; 0]);
        let warned = diagnostics("v1beta3", kind, &fields);
        assert!(warned.len() >= 3, "{warned:?}");
        assert!(
            warned
                .iter()
                .all(|text| text.ends_with("; it is a field of `v1beta4`")),
            "{warned:?}"
        );
    }
    assert_eq!(
        diagnostics(
            "v1beta3",
            "ClusterConfiguration",
            "apiServer: {timeoutForControlPlane: 4m0s}"
        ),
        [""; 0]
    );
    check_cluster(
        "apiServer: {timeoutForControlPlane: 4m0s}",
        "apiServer.timeoutForControlPlane: is not a known field and is ignored; it is a field of `v1beta3`",
    );
}

#[test]
fn unknown_fields_are_found_at_every_level() {
    let unknown = |path: &str| format!("{path}: is not a known field and is ignored");
    for (fields, path) in [
        ("zzz: 1", "zzz"),
        (
            "bootstrapTokens: [{token: a}, {zzz: b}]",
            "bootstrapTokens[1].zzz",
        ),
        (
            "nodeRegistration: {taints: [{zzz: 1}]}",
            "nodeRegistration.taints[0].zzz",
        ),
        (
            "nodeRegistration: {kubeletExtraArgs: [{name: a, zzz: b}]}",
            "nodeRegistration.kubeletExtraArgs[0].zzz",
        ),
        ("timeouts: {zzz: 1}", "timeouts.zzz"),
        ("patches: {zzz: 1}", "patches.zzz"),
        ("localAPIEndpoint: {zzz: 1}", "localAPIEndpoint.zzz"),
    ] {
        check_init(fields, &unknown(path));
    }
    for (fields, path) in [
        (
            "apiServer: {extraVolumes: [{zzz: 1}]}",
            "apiServer.extraVolumes[0].zzz",
        ),
        (
            "apiServer: {extraEnvs: [{valueFrom: {secretKeyRef: {zzz: 1}}}]}",
            "apiServer.extraEnvs[0].valueFrom.secretKeyRef.zzz",
        ),
        ("controllerManager: {zzz: 1}", "controllerManager.zzz"),
        (
            "scheduler: {extraArgs: [{zzz: 1}]}",
            "scheduler.extraArgs[0].zzz",
        ),
        ("dns: {zzz: 1}", "dns.zzz"),
        ("proxy: {zzz: 1}", "proxy.zzz"),
        ("etcd: {zzz: 1}", "etcd.zzz"),
        ("etcd: {local: {zzz: 1}}", "etcd.local.zzz"),
        (
            "etcd: {external: {endpoints: [https://e], zzz: 1}}",
            "etcd.external.zzz",
        ),
        ("networking: {zzz: 1}", "networking.zzz"),
    ] {
        check_cluster(fields, &unknown(path));
    }
}

#[test]
fn unknown_fields_get_a_suggestion() {
    let ignored = "is not a known field and is ignored";
    for (fields, path, meant) in [
        (
            "certSANs: [a]",
            "certSANs",
            "did you mean `apiServer.certSANs`?",
        ),
        (
            "certsans: [a]",
            "certsans",
            "did you mean `apiServer.certSANs`?",
        ),
        ("extraSANs: [a]", "extraSANs", ""),
        (
            "etcd: {local: {certSANs: [a]}}",
            "etcd.local.certSANs",
            "did you mean `serverCertSANs`, `peerCertSANs` or `apiServer.certSANs`?",
        ),
        (
            "apiServer: {serverCertSANs: [a]}",
            "apiServer.serverCertSANs",
            "did you mean `etcd.local.serverCertSANs`?",
        ),
        (
            "apiserver: {}",
            "apiserver",
            "kubeadm spells it `apiServer`",
        ),
        (
            "dnsDomain: a",
            "dnsDomain",
            "did you mean `networking.dnsDomain`?",
        ),
        (
            "serviceSubnet: a",
            "serviceSubnet",
            "did you mean `networking.serviceSubnet`?",
        ),
        (
            "networking: {serviceSubnets: a}",
            "networking.serviceSubnets",
            "did you mean `serviceSubnet`?",
        ),
        (
            "networking: {serviceCIDR: a}",
            "networking.serviceCIDR",
            "did you mean `serviceSubnet`?",
        ),
        (
            "controlPlaneEndPoint: a",
            "controlPlaneEndPoint",
            "kubeadm spells it `controlPlaneEndpoint`",
        ),
        (
            "controlPlanEndpoint: a",
            "controlPlanEndpoint",
            "did you mean `controlPlaneEndpoint`?",
        ),
        (
            "certificateDir: /a",
            "certificateDir",
            "did you mean `certificatesDir`?",
        ),
        (
            "encryptionAlgoritm: a",
            "encryptionAlgoritm",
            "did you mean `encryptionAlgorithm`?",
        ),
        (
            "endpoints: []",
            "endpoints",
            "did you mean `etcd.external.endpoints`?",
        ),
        ("name: a", "name", "did you mean `clusterName`?"),
        (
            "nodeRegistration: {}",
            "nodeRegistration",
            "did you mean `nodeRegistration` of the `InitConfiguration`?",
        ),
        (
            "advertiseAddress: a",
            "advertiseAddress",
            "did you mean `localAPIEndpoint.advertiseAddress` of the `InitConfiguration`?",
        ),
        (
            "'clusterName:a': ",
            "clusterName:…",
            "a space is missing after the colon",
        ),
        (
            "featuregates: {}",
            "featuregates",
            "kubeadm spells it `featureGates`",
        ),
    ] {
        let meant = match meant {
            "" => format!("{path}: {ignored}"),
            _ => format!("{path}: {ignored}; {meant}"),
        };
        check_cluster(fields, &meant);
    }
    for (fields, path, meant) in [
        (
            "clusterName: a",
            "clusterName",
            "did you mean `clusterName` of the `ClusterConfiguration`?",
        ),
        (
            "certSANs: []",
            "certSANs",
            "did you mean `apiServer.certSANs` of the `ClusterConfiguration`?",
        ),
        ("name: cp1", "name", "did you mean `nodeRegistration.name`?"),
        (
            "nodeRegistration: {nodeName: a}",
            "nodeRegistration.nodeName",
            "",
        ),
        (
            "nodeRegistration: {Name: a}",
            "nodeRegistration.Name",
            "kubeadm spells it `name`",
        ),
        (
            "localApiEndpoint: {}",
            "localApiEndpoint",
            "kubeadm spells it `localAPIEndpoint`",
        ),
        (
            "localAPIEndpoint: {port: 1}",
            "localAPIEndpoint.port",
            "did you mean `bindPort`?",
        ),
        (
            "bootstrapTokens: [{tokn: a}]",
            "bootstrapTokens[0].tokn",
            "did you mean `token`?",
        ),
    ] {
        let meant = match meant {
            "" => format!("{path}: {ignored}"),
            _ => format!("{path}: {ignored}; {meant}"),
        };
        check_init(fields, &meant);
    }
}

#[test]
fn shapes_that_kubeadm_refuses_are_refused_wherever_they_are() {
    for (fields, problem) in [
        (
            "bootstrapTokens: a",
            "bootstrapTokens: is a single value, want a list of mappings",
        ),
        (
            "bootstrapTokens: ['token:9a08jv.c0izixklcxtmnze7']",
            "bootstrapTokens[0]: is a single value, want a mapping",
        ),
        ("dryRun: {}", "dryRun: is a mapping, want `true` or `false`"),
        (
            "skipPhases: preflight",
            "skipPhases: is a single value, want a list of strings",
        ),
        (
            "skipPhases: [[a]]",
            "skipPhases[0]: is a list, want a string",
        ),
        (
            "timeouts: {discovery: [5m]}",
            "timeouts.discovery: is a list, want a string",
        ),
        (
            "localAPIEndpoint: {bindPort: []}",
            "localAPIEndpoint.bindPort: is a list, want a number",
        ),
        (
            "nodeRegistration: []",
            "nodeRegistration: is a list, want a mapping",
        ),
        (
            "nodeRegistration: {kubeletExtraArgs: {cert-dir: /a}}",
            "nodeRegistration.kubeletExtraArgs: is a mapping, want a list of `name` and `value`; only versions before `v1beta4` have a mapping",
        ),
        (
            "nodeRegistration: {kubeletExtraArgs: v=1}",
            "nodeRegistration.kubeletExtraArgs: is a single value, want a list of `name` and `value`",
        ),
    ] {
        check_init(fields, problem);
    }
    for (fields, problem) in [
        (
            "featureGates: [PublicKeysECDSA]",
            "featureGates: is a list, want a mapping",
        ),
        (
            "scheduler: x",
            "scheduler: is a single value, want a mapping",
        ),
        (
            "apiServer: {extraVolumes: {a: b}}",
            "apiServer.extraVolumes: is a mapping, want a list of mappings",
        ),
        (
            "apiServer: {extraVolumes: [a]}",
            "apiServer.extraVolumes[0]: is a single value, want a mapping",
        ),
    ] {
        check_cluster(fields, problem);
    }
    for (fields, problem) in [
        (
            "apiServer: {extraArgs: [{name: a, value: b}]}",
            "f:3: apiServer.extraArgs: is a list, want a mapping from name to value; only `v1beta4` has a list",
        ),
        (
            "apiServer: {extraArgs: a}",
            "f:3: apiServer.extraArgs: is a single value, want a mapping from name to value",
        ),
        (
            "apiServer: {extraArgs: {a: [b]}}",
            "f:3: apiServer.extraArgs.a: is a list, want a string",
        ),
    ] {
        assert_eq!(
            diagnostics("v1beta3", "ClusterConfiguration", fields),
            [problem]
        );
    }
}

#[test]
fn null_is_an_absent_value_of_any_kind() {
    for fields in [
        "bootstrapTokens: [~]",
        "nodeRegistration: {taints: null}",
        "skipPhases: [~]",
        "timeouts: ~",
    ] {
        check("InitConfiguration", fields, &[]);
    }
}
