//! Writes a [`Cluster`] as kubeadm's `v1beta4` documents.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::cluster::{Cluster, Etcd, host_port};
use super::fields::{san_texts, texts};
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;

impl Cluster {
    /// Returns the configuration in the form that kubeadm reads, with every default written out.
    ///
    /// On any host, [`read`](super::read) and [`Cluster::resolve`] turn the text back into an equal cluster.
    pub fn to_yaml(&self) -> String {
        self.documents(Period::to_go)
    }

    /// Returns the configuration as `init` records it: like [`to_yaml`](Cluster::to_yaml), with durations as typed.
    pub fn to_record(&self) -> String {
        self.documents(Period::to_string)
    }

    #[allow(clippy::expect_used)]
    fn documents(&self, duration: fn(&Period) -> String) -> String {
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let [init, cluster] =
            [self.init_document(), self.cluster_document(duration)].map(|mut value| {
                remove_empty(&mut value);
                // YAML can hold every string, number and list, and writing to memory cannot fail.
                serde_saphyr::to_string_with_options(&value, options.clone())
                    .expect("plain values are representable")
            });
        format!("{init}---\n{cluster}")
    }

    fn init_document(&self) -> Value {
        let cert_dir = |directory: &PathBuf| json!({"name": "cert-dir", "value": directory.display().to_string()});
        json!({
            "apiVersion": API_VERSION,
            "kind": "InitConfiguration",
            "localAPIEndpoint": {
                "advertiseAddress": self.advertise_address.to_string(),
                "bindPort": self.bind_port,
            },
            "nodeRegistration": {
                "name": self.node_name,
                "kubeletExtraArgs": self.kubelet_cert_dir.iter().map(cert_dir).collect::<Vec<_>>(),
            },
        })
    }

    fn cluster_document(&self, duration: fn(&Period) -> String) -> Value {
        let endpoint = self.control_plane_endpoint.as_ref();
        json!({
            "apiVersion": API_VERSION,
            "kind": "ClusterConfiguration",
            "clusterName": self.cluster_name,
            "certificatesDir": self.certificates_dir.display().to_string(),
            "controlPlaneEndpoint": endpoint.map(|it| host_port(&it.host_text, it.port)),
            "networking": {
                "serviceSubnet": texts(&self.service_subnets).join(","),
                "dnsDomain": self.dns_domain,
            },
            "apiServer": {"certSANs": san_texts(&self.apiserver_sans)},
            "etcd": self.etcd_object(),
            "encryptionAlgorithm": self.algorithm.map(Algorithm::name),
            "certificateValidityPeriod": duration(&self.certificate_validity),
            "caCertificateValidityPeriod": duration(&self.ca_certificate_validity),
        })
    }

    fn etcd_object(&self) -> Value {
        let file = |path: &Option<PathBuf>| match path {
            Some(path) => path.display().to_string(),
            None => String::new(),
        };
        match &self.etcd {
            Etcd::Local => json!({"local": {
                "serverCertSANs": san_texts(&self.etcd_server_sans),
                "peerCertSANs": san_texts(&self.etcd_peer_sans),
            }}),
            Etcd::External(external) => json!({"external": {
                "endpoints": external.endpoints,
                "httpEndpoints": external.http_endpoints,
                "caFile": file(&external.ca_file),
                "certFile": file(&external.cert_file),
                "keyFile": file(&external.key_file),
            }}),
        }
    }
}

const API_VERSION: &str = "kubeadm.k8s.io/v1beta4";

/// Removes fields that are null, an empty list or an empty mapping.
fn remove_empty(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(remove_empty);
        fields.retain(|_, value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => true,
        });
    }
}
