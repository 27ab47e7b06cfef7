//! The words of each input format, which mutation alone would take long to spell.

use x509_cert::der::Encode;
use x509_cert::der::asn1::ObjectIdentifier;

/// Returns the labels and headers of PEM, and the object identifiers of keys, certificates and requests.
pub(crate) fn pem() -> Vec<Vec<u8>> {
    let identifiers = IDENTIFIERS
        .iter()
        .filter_map(|text| ObjectIdentifier::new(text).ok()?.to_der().ok());
    words(LABELS).into_iter().chain(identifiers).collect()
}

/// Returns the fields of a kubeconfig and the marks of YAML.
pub(crate) fn kubeconfig() -> Vec<Vec<u8>> {
    [words(KUBECONFIG), words(YAML)].concat()
}

/// Returns the fields and values of kubeadm's configuration and the marks of YAML.
pub(crate) fn config() -> Vec<Vec<u8>> {
    [words(CONFIG), words(YAML)].concat()
}

/// Returns the fields and values of the objects that commands take, and the marks of YAML.
pub(crate) fn object() -> Vec<Vec<u8>> {
    [words(OBJECT), words(YAML)].concat()
}

/// Returns the fields and values of journals, manifests and ledgers, names that could lead elsewhere, and the fields of the
/// recorded configuration.
pub(crate) fn state() -> Vec<Vec<u8>> {
    [words(STATE), config()].concat()
}

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

const OBJECT: &[&str] = &[
    "apiVersion",
    "certificates.k8s.io/v1",
    "kind",
    "CertificateSigningRequest",
    "CertificateSigningRequestList",
    "List",
    "Secret",
    "items",
    "metadata",
    "name",
    "namespace",
    "kube-system",
    "kubeadm-certs",
    "bootstrap-token-abcdef",
    "spec",
    "request",
    "signerName",
    "usages",
    "expirationSeconds",
    "status",
    "certificate",
    "conditions",
    "Approved",
    "Denied",
    "data",
    "stringData",
    "ca.crt",
    "token-id",
    "token-secret",
    "expiration",
    "usage-bootstrap-authentication",
    "dHJ1ZQ==",
];

const LABELS: &[&str] = &[
    "-----BEGIN ",
    "-----END ",
    "-----\n",
    "\r\n",
    "CERTIFICATE",
    "X509 CRL",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "EC PARAMETERS",
    "ENCRYPTED PRIVATE KEY",
    "PRIVATE KEY",
    "PUBLIC KEY",
    "NEW CERTIFICATE REQUEST",
    "Proc-Type: 4,ENCRYPTED\n",
    "DEK-Info: AES-128-CBC,00\n\n",
];

/// Keys, curves, signatures; attributes of names; extensions; usages; attributes of requests.
const IDENTIFIERS: &[&str] = &[
    "1.2.840.113549.1.1.1",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.10",
    "1.2.840.113549.1.1.11",
    "1.2.840.10045.2.1",
    "1.2.840.10045.3.1.7",
    "1.3.132.0.10",
    "1.3.132.0.34",
    "1.3.132.0.35",
    "1.2.840.10045.4.1",
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
    "1.3.101.112",
    "2.5.4.3",
    "2.5.4.10",
    "2.5.4.11",
    "1.2.840.113549.1.9.1",
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.35",
    "2.5.29.37",
    "2.5.29.37.0",
    "1.3.6.1.5.5.7.3.1",
    "1.3.6.1.5.5.7.3.2",
    "1.2.840.113549.1.9.7",
    "1.2.840.113549.1.9.14",
];

const YAML: &[&str] = &[
    "\n---\n",
    "\n...\n",
    "\n- ",
    "\n  ",
    ": ",
    " #",
    "|\n  ",
    "|-\n  ",
    ">\n  ",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!str ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "\\u0000",
    "\\x1b",
    "%YAML 1.2\n",
    "%TAG ! a\n",
    "null",
    "~",
    "true",
    "no",
    "0x1f",
    "0o17",
    "017",
    "1_000",
    ".inf",
    ".nan",
    "-0.0",
    "1e999",
    "\u{feff}",
    "\t",
    "\u{2028}",
    "\u{85}",
];

const KUBECONFIG: &[&str] = &[
    "apiVersion: v1\n",
    "kind: Config\n",
    "clusters:\n",
    "contexts:\n",
    "users:\n",
    "current-context: ",
    "name: ",
    "cluster:",
    "context:",
    "user:",
    "server: ",
    "certificate-authority-data: ",
    "certificate-authority: ",
    "client-certificate-data: ",
    "client-certificate: ",
    "client-key-data: ",
    "client-key: ",
    "token: ",
    "exec:",
    "LS0tLS1CRUdJTi",
    "preferences: {}",
    "extensions:",
];

const CONFIG: &[&str] = &[
    "apiVersion: kubeadm.k8s.io/v1beta4\n",
    "apiVersion: kubeadm.k8s.io/v1beta3\n",
    "kind: InitConfiguration\n",
    "kind: ClusterConfiguration\n",
    "kind: ConfigMap\n",
    "data:\n",
    "  ClusterConfiguration: |\n",
    "localAPIEndpoint:",
    "advertiseAddress: ",
    "bindPort: ",
    "nodeRegistration:",
    "name: ",
    "clusterName: ",
    "controlPlaneEndpoint: ",
    "certificatesDir: ",
    "networking:",
    "serviceSubnet: ",
    "dnsDomain: ",
    "apiServer:",
    "certSANs:",
    "etcd:",
    "local:",
    "external:",
    "dataDir: ",
    "serverCertSANs:",
    "peerCertSANs:",
    "endpoints:",
    "httpEndpoints:",
    "caFile: ",
    "certFile: ",
    "keyFile: ",
    "encryptionAlgorithm: ",
    "ECDSA-P256",
    "RSA-2048",
    "certificateValidityPeriod: ",
    "caCertificateValidityPeriod: ",
    "8760h0m0s",
    "featureGates:",
    "PublicKeysECDSA: ",
    "https://",
    "[::1]:",
    "::ffff:",
    "10.96.0.0/12",
    "fd00::/108",
    "*.",
    "xn--",
];

const STATE: &[&str] = &[
    "\"version\": 2",
    "\"sequence\": ",
    "\"command\": ",
    "\"time\": ",
    "\"kubeconfigs\": ",
    "\"certificates\"",
    "\"state\"",
    "\"kubelet\"",
    "\"generation\": ",
    "\"files\": ",
    "\"file\": ",
    "\"root\": ",
    "\"path\": ",
    "\"old\": ",
    "\"new\": ",
    "\"stored\": ",
    "\"change\": ",
    "\"rollback\"",
    "\"after_rollback_to\": ",
    "\"to\": ",
    "null",
    "\"..\"",
    "../",
    "../../victim",
    "/victim",
    "./",
    "//",
    "\\u0000",
    "\\u001b[31m",
    "\\ud800",
    "apiserver.crt",
    "etcd/server.key",
    "admin.conf",
    "cluster.yaml",
    "manifest.json",
    "ledger-0.jsonl",
    "ledger-18446744073709551615.jsonl",
    "18446744073709551615",
    "20261123T000000Z-renew",
    ".new",
    ".old-",
    ".pki-new",
    ".pki-old",
];
