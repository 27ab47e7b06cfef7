//! Configurations: an accepted mutant must have the values that an independent parser reads.

use pki::{
    catalog::CATALOG,
    check::expected,
    config::{self, Cluster, Etcd, Host, Problems},
    x509::san::San,
};
use serde_json::{Value, json};

use super::{
    mutant::{Mutant, assert_none_wrong, sweep},
    script,
};
use crate::support::{peer, say, shared_tree};

const FILE: &str = "cluster.yaml";

/// Every field that matters, in every style of YAML that people write.
pub(super) const RICH: &str = r#"apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.11, bindPort: 6444}
nodeRegistration:
  name: "cp-1"
---
# The cluster.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: prod-eu
certificatesDir: /srv/pki
controlPlaneEndpoint: api.example.net:443
encryptionAlgorithm: ECDSA-P256
certificateValidityPeriod: 90d
caCertificateValidityPeriod: 43800h0m0s
apiServer:
  certSANs: [api.example.org, 198.51.100.7, "*.apps.example.net", '2001:db8::7']
etcd:
  local:
    serverCertSANs:
    - etcd.example.net
    peerCertSANs:
    - 198.51.100.8
networking:
  serviceSubnet: 10.96.0.0/16,fd00:10:96::/112
  dnsDomain: k8s.example.net
"#;

/// As kubectl prints it, of a cluster whose etcd runs elsewhere.
const CONFIG_MAP: &str = r#"apiVersion: v1
data:
  ClusterConfiguration: |
    apiServer:
      certSANs:
      - api.example.org
    apiVersion: kubeadm.k8s.io/v1beta3
    certificatesDir: /etc/kubernetes/pki
    clusterName: kubernetes
    controlPlaneEndpoint: '[2001:db8::1]:6443'
    etcd:
      external:
        caFile: /e/ca.crt
        certFile: /e/client.crt
        endpoints:
        - https://192.0.2.31:2379
        keyFile: /e/client.key
    featureGates:
      PublicKeysECDSA: true
    kind: ClusterConfiguration
    kubernetesVersion: v1.30.2
    networking:
      dnsDomain: cluster.local
      serviceSubnet: 10.96.0.0/12
    scheduler: {}
kind: ConfigMap
metadata:
  name: kubeadm-config
  namespace: kube-system
"#;

/// Returns what the host is taken to be, for what a configuration leaves open.
pub(crate) fn host() -> Host {
    Host {
        node_name: Some("host-1".to_owned()),
        addresses: vec![[192, 0, 2, 99].into()],
    }
}

/// Returns what a cluster is, field by field, as `reading.py` says it.
pub(crate) fn facts(cluster: &Cluster) -> Value {
    let texts = |sans: &[San]| sans.iter().map(San::to_string).collect::<Vec<_>>();
    let path =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    json!({
        "clusterName": cluster.cluster_name,
        "nodeName": cluster.node_name,
        "advertiseAddress": cluster.advertise_address.to_string(),
        "bindPort": cluster.bind_port,
        "endpoint": cluster.control_plane_endpoint.as_ref().map(|endpoint| {
            json!([endpoint.host.to_string(), endpoint.host_text, endpoint.port])
        }),
        "serviceSubnets": cluster.service_subnets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "dnsDomain": cluster.dns_domain,
        "apiserverSans": texts(&cluster.apiserver_sans),
        "etcdServerSans": texts(&cluster.etcd_server_sans),
        "etcdPeerSans": texts(&cluster.etcd_peer_sans),
        "externalEtcd": match &cluster.etcd {
            Etcd::Local => Value::Null,
            Etcd::External(external) => json!({
                "endpoints": external.endpoints,
                "httpEndpoints": external.http_endpoints,
                "files": [path(&external.ca_file), path(&external.cert_file), path(&external.key_file)],
            }),
        },
        "algorithm": cluster.algorithm.map(|algorithm| algorithm.name()),
        "validity": cluster.certificate_validity.length().as_nanos().to_string(),
        "caValidity": cluster.ca_certificate_validity.length().as_nanos().to_string(),
        "certificatesDir": cluster.certificates_dir.display().to_string(),
    })
}

/// Returns what an independent reader makes of texts that were accepted; none where it is not installed.
pub(crate) fn read_again<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Vec<Value>> {
    let Host {
        node_name,
        addresses,
    } = host();
    let request = json!({
        "host": {"name": node_name, "address": addresses.first()},
        "texts": texts.collect::<Vec<_>>(),
    });
    Some(serde_json::from_value(script("reading.py", &request)?).unwrap())
}

/// Returns the cluster that a text describes, or why it is refused.
fn resolve(text: &[u8]) -> Result<Cluster, Problems> {
    let settings = config::read(FILE, text)?.settings;
    Ok(Cluster::resolve(settings, &host())?.cluster)
}

fn judge(bytes: &[u8]) -> Result<Option<Value>, String> {
    let cluster = match resolve(bytes) {
        Ok(cluster) => cluster,
        Err(Problems(problems)) => {
            for problem in &problems {
                let text = problem.to_string();
                if !text.starts_with(FILE) || text.contains(char::is_control) {
                    return Err(format!(
                        "a message without its file, or not in one line: {text}"
                    ));
                }
            }
            return if problems.is_empty() {
                Err("refused for nothing".to_owned())
            } else {
                Ok(None)
            };
        }
    };
    for row in CATALOG {
        if let Some(Err(error)) = expected::contents(row, &cluster) {
            return Err(format!(
                "accepted, and `{}` cannot be made: {error}",
                row.name
            ));
        }
    }
    Ok(Some(facts(&cluster)))
}

fn check(what: &str, original: &str) {
    if peer("python").is_none() {
        return;
    }
    let original = original.as_bytes();
    assert!(
        matches!(judge(original), Ok(Some(_))),
        "{what}: {:?}",
        judge(original)
    );
    let (mut accepted, mut wrong) = (Vec::new(), Vec::new());
    let swept = sweep(original, &Mutant::all(original.len()), |_, bytes| {
        judge(bytes)
    });
    let total = swept.len();
    for (mutant, verdict) in swept {
        match verdict {
            Ok(Some(facts)) => accepted.push((mutant, facts)),
            Ok(None) => {}
            Err(why) => wrong.push((mutant, why)),
        }
    }
    let texts: Vec<_> = accepted
        .iter()
        .map(|(mutant, _)| String::from_utf8(mutant.of(original)).unwrap())
        .collect();
    let again = read_again(texts.iter().map(String::as_str)).unwrap();
    assert_eq!(again.len(), accepted.len());
    for ((mutant, ours), theirs) in accepted.iter().zip(&again) {
        if ours != theirs {
            wrong.push((*mutant, difference(ours, theirs)));
        }
    }
    say(&format!(
        "{what}: {total} mutants, {} are accepted\n",
        accepted.len()
    ));
    assert_none_wrong(what, total, &wrong);
}

/// Returns the fields in which two readings differ.
pub(crate) fn difference(ours: &Value, theirs: &Value) -> String {
    if let Some(error) = theirs.get("error") {
        return format!("the other reader says {error}");
    }
    let fields = ours.as_object().unwrap().iter();
    fields
        .filter(|(name, value)| theirs.get(name) != Some(value))
        .map(|(name, value)| format!("{name} is {value}, the other reader says {}", theirs[name]))
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn mutants_of_a_configuration_are_refused_or_read_as_others_read_them() {
    check("a configuration", RICH);
}

#[test]
fn mutants_of_a_config_map_are_refused_or_read_as_others_read_them() {
    check("a ConfigMap", CONFIG_MAP);
}

#[test]
fn mutants_of_the_recorded_configuration_are_refused_or_read_as_others_read_them() {
    let path = shared_tree("ECDSA-P256").path(".pki/cluster.yaml");
    check(
        "the recorded configuration",
        &std::fs::read_to_string(path).unwrap(),
    );
}
