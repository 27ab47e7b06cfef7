//! Reads the configuration of the kubelet: where it answers, and with which files.

use std::path::Path;

use serde::Deserialize;

use crate::fs::file::Contents;
use crate::tree::manifests::ManifestError;
use crate::tree::overlay::Tree;
use crate::util::yaml;

/// The name of the file, beside the kubelet's certificate directory.
const FILE_NAME: &str = "config.yaml";

/// The largest number of nodes in its YAML; kubeadm's has about fifty.
const MAX_NODES: usize = 25_000;

/// The fields of a `KubeletConfiguration` that are used (Kubernetes `kubelet.config.k8s.io/v1beta1`). An empty field is one that
/// is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeletConfiguration {
    /// The address that it listens on.
    pub address: String,
    /// The port that it listens on; zero is the usual one.
    pub port: u16,
    /// The certificate that it serves.
    pub tls_cert_file: String,
    authentication: KubeletAuthentication,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct KubeletAuthentication {
    x509: KubeletX509,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct KubeletX509 {
    #[serde(rename = "clientCAFile")]
    client_ca_file: String,
}

impl KubeletConfiguration {
    /// Returns the path of the file on the host.
    pub fn path(tree: &Tree) -> Option<String> {
        let directory = tree.layout.kubelet.parent()?;
        directory.join(FILE_NAME).to_str().map(str::to_owned)
    }

    /// Reads the configuration of the kubelet; `None` if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read, or is not the configuration of a kubelet.
    pub fn read(tree: &Tree) -> Result<Option<KubeletConfiguration>, ManifestError> {
        let Some(path) = KubeletConfiguration::path(tree) else {
            return Ok(None);
        };
        let contents: Option<Contents> = tree.read_named(&path).map_err(ManifestError::File)?;
        contents
            .map(|contents| KubeletConfiguration::parse(&contents.bytes))
            .transpose()
    }

    fn parse(bytes: &[u8]) -> Result<KubeletConfiguration, ManifestError> {
        let invalid = |reason: &str| ManifestError::Invalid(reason.to_owned());
        let text = str::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))?;
        serde_saphyr::from_str_with_options(text, yaml::options(MAX_NODES))
            .map_err(|_| invalid("it is not the configuration of a kubelet"))
    }

    /// Returns the file with the CAs whose clients it accepts.
    pub fn client_ca_file(&self) -> Option<&str> {
        let file = self.authentication.x509.client_ca_file.as_str();
        Some(file).filter(|file| Path::new(file).is_absolute())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn address_and_files_are_read_and_the_rest_is_ignored() {
        let text = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\naddress: 192.0.2.1\nport: 10251\nauthentication:\n  anonymous: {enabled: false}\n  x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt\ntlsCertFile: /etc/kubelet/server.crt\n";
        let read = KubeletConfiguration::parse(text.as_bytes()).unwrap();
        assert_eq!((read.address.as_str(), read.port), ("192.0.2.1", 10251));
        assert_eq!(read.tls_cert_file, "/etc/kubelet/server.crt");
        assert_eq!(read.client_ca_file(), Some("/etc/kubernetes/pki/ca.crt"));
        let kubeadms = KubeletConfiguration::parse(b"kind: KubeletConfiguration\n").unwrap();
        assert_eq!(kubeadms, KubeletConfiguration::default());
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for text in ["port: a", "authentication: 3", "- a"] {
            let error = KubeletConfiguration::parse(text.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "it is not the configuration of a kubelet",
                "{text}"
            );
        }
    }
}
