//! The command line as it is typed: clap types only, nothing looked up.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::catalog;
use crate::util::duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; or checked, and nothing needs attention
  1  failed; the message says in what state the tree is
  2  wrong usage
  3  invalid configuration or input; nothing was touched
  4  something expires within --warn, or a cut-off transaction waits to be finished
  5  something is expired, missing or broken
  6  another `pki` run holds the lock";

/// Bootstrap, check and renew the PKI of a Kubernetes cluster
#[derive(Debug, Parser)]
#[command(name = "pki", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Take this for the current time (RFC 3339); for tests
    #[arg(long, global = true, hide = true, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<OffsetDateTime>,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub enum Command {
    /// Make whatever is missing: CAs, certificates, keys and kubeconfigs
    ///
    /// Keeps what is there and usable; refuses, and writes nothing, if something there is not.
    #[command(after_help = EXIT_CODES)]
    Init(InitArgs),
    /// Show when everything expires; the exit code is for cron
    #[command(after_help = EXIT_CODES)]
    CheckExpiration(CheckExpirationArgs),
    /// Reissue certificates in place, all or nothing
    ///
    /// Renews whatever it is asked to, however long it is still valid; `--due` leaves out what is not due.
    #[command(after_help = EXIT_CODES)]
    Renew(RenewArgs),
    /// List the kept generations: what each transaction replaced
    #[command(after_help = EXIT_CODES)]
    History(HistoryArgs),
    /// Put the files of a kept generation back, all or nothing
    ///
    /// Without a name, undoes the last transaction that replaced files. Files that a later transaction replaced come back as well, so that the
    /// tree is as it was before. A rollback can itself be rolled back.
    #[command(after_help = EXIT_CODES)]
    Rollback(RollbackArgs),
    /// List every certificate ever issued for this tree
    #[command(after_help = EXIT_CODES)]
    Ledger(LedgerArgs),
    /// Show the configuration that commands go by, or print an example of one
    #[command(after_help = EXIT_CODES)]
    Config(ConfigCommandArgs),
    /// Print a manifest or another text that goes with the tree
    #[command(after_help = EXIT_CODES)]
    Template(TemplateArgs),
}

/// Where the tree lies.
#[derive(Clone, Debug, Default, Args)]
pub struct TreeArgs {
    /// Directory of the certificates [default: the configuration's, /etc/kubernetes/pki]
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = parse_path)]
    pub cert_dir: Option<PathBuf>,

    /// Directory of the kubeconfigs and of pki's own state [default: the parent of --cert-dir]
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = parse_path)]
    pub kubeconfig_dir: Option<PathBuf>,

    /// Directory of the kubelet's own certificate, only read [default: /var/lib/kubelet/pki]
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = parse_path)]
    pub kubelet_cert_dir: Option<PathBuf>,

    /// Put this before every path that is not given on the command line
    #[arg(long, help_heading = "Tree", value_name = "DIR", value_parser = parse_path)]
    pub rootfs: Option<PathBuf>,
}

/// What every command that writes takes.
#[derive(Clone, Debug, Args)]
pub struct WriteArgs {
    /// Print what would be done, field by field, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Keep the files that this many transactions replaced
    #[arg(long, value_name = "N", default_value_t = crate::store::transaction::DEFAULT_GENERATIONS)]
    pub keep: usize,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// kubeadm's configuration (v1beta4, v1beta3, or the kubeadm-config ConfigMap); - reads standard input
    #[arg(long, value_name = "FILE", value_parser = parse_path)]
    pub config: Option<PathBuf>,
}

/// kubeadm's flags for single fields of the configuration; they override the file.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ClusterArgs {
    /// Address that the API server advertises [default: that of the default route]
    #[arg(long, help_heading = "Cluster", value_name = "IP")]
    pub apiserver_advertise_address: Option<String>,

    /// Port that the API server listens on [default: 6443]
    #[arg(long, help_heading = "Cluster", value_name = "PORT")]
    pub apiserver_bind_port: Option<String>,

    /// Further names and addresses of the API server, separated by commas
    #[arg(
        long,
        help_heading = "Cluster",
        value_name = "SANS",
        value_delimiter = ','
    )]
    pub apiserver_cert_extra_sans: Option<Vec<String>>,

    /// Stable address of the control plane: host, or host:port
    #[arg(long, help_heading = "Cluster", value_name = "ENDPOINT")]
    pub control_plane_endpoint: Option<String>,

    /// Addresses of services: one network, or two of different families, separated by a comma [default: 10.96.0.0/12]
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

/// `pki init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    pub write: WriteArgs,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki check-expiration`.
#[derive(Debug, Args)]
pub struct CheckExpirationArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,

    /// Format of the output; json and yaml are kubeadm's CertificateExpirationInfo
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,

    /// Exit with 4 if something expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_duration)]
    pub warn: time::Duration,

    /// Exit with 5 if something expires within this time, and not only when it has
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub critical: time::Duration,

    /// Print only what needs attention, the most urgent last; nothing if nothing does
    #[arg(short, long)]
    pub quiet: bool,
}

/// `pki renew`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).args(["names", "due"]))]
pub struct RenewArgs {
    /// Certificates and kubeconfigs to renew, by kubeadm's names, or all
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(renewable_names()))]
    pub names: Vec<String>,

    /// Renew what expires within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub due: Option<time::Duration>,

    #[command(flatten)]
    pub write: WriteArgs,

    /// Keep each key instead of making a new one
    #[arg(long)]
    pub reuse_key: bool,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The generation, by its name in `pki history` [default: the last one]
    #[arg(value_name = "GENERATION")]
    pub generation: Option<String>,

    /// Put it back even if it has expired or its CA is another one by now
    #[arg(long)]
    pub allow_invalid: bool,

    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki ledger`.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `pki config`.
#[derive(Debug, Args)]
pub struct ConfigCommandArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `pki config` can do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub enum ConfigCommand {
    /// Print the resolved configuration, and where each value comes from
    ///
    /// Flags go over the file of --config, which goes over what `init` recorded. Where there is neither, what the tree's
    /// certificates and kubeconfigs tell is taken, then the machine's own name and address, then kubeadm's defaults.
    #[command(after_help = EXIT_CODES)]
    Show(ConfigShowArgs),
    /// Print a commented configuration to start from
    #[command(after_help = EXIT_CODES)]
    Example,
}

/// `pki config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = ConfigFormat::Text)]
    pub output: ConfigFormat,

    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// Formats of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// A table for people
    Text,
    /// JSON for programs
    Json,
    /// The same in YAML
    Yaml,
    /// kubeadm's own documents, for --config
    Kubeadm,
}

/// `pki template`.
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// Which one
    #[arg(value_enum)]
    pub template: Template,
}

/// The texts that `pki template` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// The RBAC that the tree's identities need, for `kubectl --kubeconfig super-admin.conf apply -f -`
    Rbac,
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

/// The word that selects every row.
pub const ALL: &str = "all";

fn renewable_names() -> Vec<&'static str> {
    std::iter::once(ALL)
        .chain(catalog::renewable().map(|row| row.name))
        .collect()
}

fn parse_path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("the path is empty".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

fn parse_duration(text: &str) -> Result<time::Duration, String> {
    if text == "0" || text == "0s" {
        return Ok(time::Duration::ZERO);
    }
    time::Duration::try_from(duration::parse(text)?).map_err(|error| error.to_string())
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())
}
