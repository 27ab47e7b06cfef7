//! What is declared, as text and with its origin: the common form of a file, of flags and of what was recorded.

use super::problem::Declared;

/// What a configuration declares, as text; every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `localAPIEndpoint.advertiseAddress`.
    pub advertise_address: Option<Declared<String>>,
    /// `localAPIEndpoint.bindPort`.
    pub bind_port: Option<Declared<String>>,
    /// `nodeRegistration.name`.
    pub node_name: Option<Declared<String>>,
    /// The last `cert-dir` among `nodeRegistration.kubeletExtraArgs`, an absolute path.
    pub kubelet_cert_dir: Option<Declared<String>>,
    /// `clusterName`.
    pub cluster_name: Option<Declared<String>>,
    /// `controlPlaneEndpoint`.
    pub control_plane_endpoint: Option<Declared<String>>,
    /// `certificatesDir`.
    pub certificates_dir: Option<Declared<String>>,
    /// `networking.serviceSubnet`.
    pub service_subnet: Option<Declared<String>>,
    /// `networking.dnsDomain`.
    pub dns_domain: Option<Declared<String>>,
    /// `apiServer.certSANs`.
    pub apiserver_cert_sans: Option<Vec<Declared<String>>>,
    /// The presence of `etcd.local`.
    pub etcd_local: Option<Declared<()>>,
    /// `etcd.local.dataDir`.
    pub etcd_data_dir: Option<Declared<String>>,
    /// `etcd.local.serverCertSANs`.
    pub etcd_server_cert_sans: Option<Vec<Declared<String>>>,
    /// `etcd.local.peerCertSANs`.
    pub etcd_peer_cert_sans: Option<Vec<Declared<String>>>,
    /// `etcd.external`.
    pub etcd_external: Option<Declared<ExternalEtcdSettings>>,
    /// `encryptionAlgorithm`.
    pub encryption_algorithm: Option<Declared<String>>,
    /// `certificateValidityPeriod`.
    pub certificate_validity: Option<Declared<String>>,
    /// `caCertificateValidityPeriod`.
    pub ca_certificate_validity: Option<Declared<String>>,
    /// `featureGates.PublicKeysECDSA`.
    pub public_keys_ecdsa: Option<Declared<String>>,
}

/// What a configuration declares of an external etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalEtcdSettings {
    /// `endpoints`.
    pub endpoints: Option<Vec<Declared<String>>>,
    /// `httpEndpoints`.
    pub http_endpoints: Option<Vec<Declared<String>>>,
    /// `caFile`.
    pub ca_file: Option<Declared<String>>,
    /// `certFile`.
    pub cert_file: Option<Declared<String>>,
    /// `keyFile`.
    pub key_file: Option<Declared<String>>,
}

impl Settings {
    /// Returns these settings, and `fallback`'s where these declare nothing: flags over file over recorded.
    ///
    /// Lists are taken as a whole, and a declared kind of etcd hides every field of the other kind.
    pub fn or(self, fallback: Settings) -> Settings {
        let etcd_kind_declared = self.etcd_local.is_some() || self.etcd_external.is_some();
        let (local, external) = match (etcd_kind_declared, self.etcd_external.is_some()) {
            (false, _) => (true, true),
            (true, external) => (!external, false),
        };
        Settings {
            advertise_address: self.advertise_address.or(fallback.advertise_address),
            bind_port: self.bind_port.or(fallback.bind_port),
            node_name: self.node_name.or(fallback.node_name),
            kubelet_cert_dir: self.kubelet_cert_dir.or(fallback.kubelet_cert_dir),
            cluster_name: self.cluster_name.or(fallback.cluster_name),
            control_plane_endpoint: self
                .control_plane_endpoint
                .or(fallback.control_plane_endpoint),
            certificates_dir: self.certificates_dir.or(fallback.certificates_dir),
            service_subnet: self.service_subnet.or(fallback.service_subnet),
            dns_domain: self.dns_domain.or(fallback.dns_domain),
            apiserver_cert_sans: self.apiserver_cert_sans.or(fallback.apiserver_cert_sans),
            etcd_local: self.etcd_local.or(fallback.etcd_local.filter(|_| local)),
            etcd_data_dir: self
                .etcd_data_dir
                .or(fallback.etcd_data_dir.filter(|_| local)),
            etcd_server_cert_sans: self
                .etcd_server_cert_sans
                .or(fallback.etcd_server_cert_sans.filter(|_| local)),
            etcd_peer_cert_sans: self
                .etcd_peer_cert_sans
                .or(fallback.etcd_peer_cert_sans.filter(|_| local)),
            etcd_external: self
                .etcd_external
                .or(fallback.etcd_external.filter(|_| external)),
            encryption_algorithm: self.encryption_algorithm.or(fallback.encryption_algorithm),
            certificate_validity: self.certificate_validity.or(fallback.certificate_validity),
            ca_certificate_validity: self
                .ca_certificate_validity
                .or(fallback.ca_certificate_validity),
            public_keys_ecdsa: self.public_keys_ecdsa.or(fallback.public_keys_ecdsa),
        }
    }
}
