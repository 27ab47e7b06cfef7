//! Arguments that several commands take: the tree, the configuration, what writing commands have in common, formats.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::store::transaction::DEFAULT_GENERATIONS;
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;

#[derive(Clone, Debug, Default, Args)]
pub struct TreeArgs {
    /// Directory of the certificates [default: the configuration's, else /etc/kubernetes/pki]
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = path())]
    pub cert_dir: Option<PathBuf>,

    /// Directory of the kubeconfigs and of pki's own state [default: the parent of --cert-dir if given, else /etc/kubernetes]
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = path())]
    pub kubeconfig_dir: Option<PathBuf>,

    /// Directory of the kubelet's own certificate; never written [default: /var/lib/kubelet/pki]
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = path())]
    pub kubelet_cert_dir: Option<PathBuf>,

    /// Root directory of the tree, as with chroot: default paths and paths in files are below it
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = path())]
    pub rootfs: Option<PathBuf>,
}

/// Trees that are named as directories, archives, kubeconfigs or certificates, instead of the tree of this host.
#[derive(Clone, Debug, Default, Args)]
pub struct NamedTreeArgs {
    /// Copies of /etc/kubernetes, tar archives of them, kubeconfigs, or certificates in PEM or DER [default: the tree of this host]
    #[arg(value_name = "TREE", value_parser = path(), conflicts_with_all = ONE_TREE)]
    pub trees: Vec<PathBuf>,

    /// Find the trees in this directory
    #[arg(long, help_heading = "Trees", value_name = "DIR", value_parser = path(), conflicts_with_all = ONE_TREE)]
    pub recursive: Vec<PathBuf>,

    /// Read the names of trees from this file, one on each line; `-` reads standard input
    #[arg(long, help_heading = "Trees", value_name = "FILE", value_parser = path(), conflicts_with_all = ONE_TREE)]
    pub trees_from: Option<PathBuf>,
}

/// What finds one tree.
const ONE_TREE: [&str; 5] = [
    "config",
    "cert_dir",
    "kubeconfig_dir",
    "kubelet_cert_dir",
    "rootfs",
];

impl NamedTreeArgs {
    /// Returns whether no trees are named.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty() && self.recursive.is_empty() && self.trees_from.is_none()
    }
}

#[derive(Debug, Args)]
pub struct NewFilesArgs {
    /// Directory for these files [default: the current one]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out_dir: Option<PathBuf>,
}

impl NewFilesArgs {
    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        self.out_dir.as_deref().unwrap_or(Path::new("."))
    }
}

#[derive(Clone, Debug, Args)]
pub struct WriteArgs {
    /// Show what would change and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print nothing if there is nothing to do
    #[arg(short, long)]
    pub quiet: bool,

    /// Format of the report
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

#[derive(Clone, Debug, Args)]
pub struct KeepArgs {
    /// Keep the files that the last N runs replaced
    #[arg(long, value_name = "N", default_value_t = DEFAULT_GENERATIONS)]
    pub keep: usize,
}

#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// kubeadm configuration (v1beta1 to v1beta4) or kubeadm-config ConfigMap; `-` reads standard input
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Returns whether the configuration is read from standard input.
    pub fn reads_stdin(&self) -> bool {
        is_stdin(self.config.as_deref())
    }
}

#[derive(Clone, Debug, Default, Args)]
pub struct CaPassphraseArgs {
    /// File with the passphrase of encrypted CA keys, existing and new; `-` reads standard input [default: the systemd credential pki-ca-passphrase, else the terminal]
    #[arg(long, help_heading = "CA", value_name = "FILE", value_parser = path())]
    pub ca_passphrase_file: Option<PathBuf>,
}

impl CaPassphraseArgs {
    /// Returns whether the passphrase is read from standard input.
    pub fn reads_stdin(&self) -> bool {
        self.ca_passphrase_file.as_deref() == Some(Path::new("-"))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ClusterArgs {
    /// Address that the API server advertises [default: the address of the default route]
    #[arg(long, help_heading = "Cluster", value_name = "IP")]
    pub apiserver_advertise_address: Option<String>,

    /// Port that the API server listens on [default: 6443]
    #[arg(long, help_heading = "Cluster", value_name = "PORT")]
    pub apiserver_bind_port: Option<String>,

    /// More names and addresses for the API server's certificate, separated by commas
    #[arg(
        long,
        help_heading = "Cluster",
        value_name = "SANS",
        value_delimiter = ','
    )]
    pub apiserver_cert_extra_sans: Option<Vec<String>>,

    /// Stable address of the control plane: host or host:port
    #[arg(long, help_heading = "Cluster", value_name = "ENDPOINT")]
    pub control_plane_endpoint: Option<String>,

    /// Network of services, or two of different families separated by a comma [default: 10.96.0.0/12]
    #[arg(long, help_heading = "Cluster", value_name = "CIDR")]
    pub service_cidr: Option<String>,

    /// DNS domain of services [default: cluster.local]
    #[arg(long, help_heading = "Cluster", value_name = "DOMAIN")]
    pub service_dns_domain: Option<String>,

    /// Name of this node [default: the host name]
    #[arg(long, help_heading = "Cluster", value_name = "NAME")]
    pub node_name: Option<String>,

    /// Name of the cluster in kubeconfigs [default: kubernetes]
    #[arg(long, help_heading = "Cluster", value_name = "NAME")]
    pub cluster_name: Option<String>,

    /// RSA-2048, RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384 [default: RSA-2048]
    #[arg(long, help_heading = "Cluster", value_name = "ALGORITHM")]
    pub encryption_algorithm: Option<String>,

    /// How long certificates are valid [default: 8760h]
    #[arg(long, help_heading = "Cluster", value_name = "DURATION")]
    pub certificate_validity_period: Option<String>,

    /// How long CAs are valid [default: 87600h]
    #[arg(long, help_heading = "Cluster", value_name = "DURATION")]
    pub ca_certificate_validity_period: Option<String>,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Tables for people
    Text,
    /// JSON for programs
    Json,
    /// The same in YAML
    Yaml,
}

/// Formats of Kubernetes objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// YAML documents
    Yaml,
    /// JSON: the object, or a list of the objects
    Json,
}

/// Formats of a report about one or more trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
    /// JSON, one line for each tree
    Jsonl,
    /// The JSON document in YAML
    Yaml,
}

/// Returns whether a file is standard input.
pub(super) fn is_stdin(file: Option<&Path>) -> bool {
    file == Some(Path::new("-"))
}

/// Parses how long something is valid.
pub(super) fn lifetime(text: &str) -> Result<Period, String> {
    let period = Period::parse(text)?;
    match period.length().as_secs() {
        0 => Err("it is shorter than a second".to_owned()),
        _ => Ok(period),
    }
}

/// Parses the algorithm of a new key, by kubeadm's names.
pub(super) fn key_algorithm(text: &str) -> Result<Algorithm, String> {
    let names = || Algorithm::CONFIGURABLE.map(Algorithm::name).join(", ");
    Algorithm::from_config(text).ok_or_else(|| format!("want one of {}", names()))
}

/// Parses a path, byte for byte.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text| match text.is_empty() {
        true => Err("the path is empty"),
        false => Ok(PathBuf::from(text)),
    })
}
