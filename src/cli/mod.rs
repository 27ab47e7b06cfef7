//! The types of the command line, for clap; nothing is looked up here.
//!
//! One file for each command group; `shared` has common arguments, `row_name` the names of rows, and `usage_hints` answers common
//! mistakes.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

mod ca;
mod certs;
mod check_expiration;
mod config;
mod csr;
mod deferred;
mod help;
mod history;
mod init;
mod join;
mod kubeconfig;
mod renew;
mod row_name;
mod secret_text;
mod served;
mod shared;
mod show;
mod template;
mod usage_hints;
mod verify;

use clap::{Parser, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use ca::{CaArgs, CaCommand, NewCaArgs};
pub use certs::{CertsArgs, CertsCommand};
pub use check_expiration::{CheckExpirationArgs, ExpirationFormat, OnlyState, SortOrder};
pub use config::{ConfigCommand, ConfigCommandArgs, ConfigFormat, ConfigShowArgs};
pub use csr::{CsrArgs, CsrCommand, CsrFormat, GenerateArgs, ImportArgs, NewCsrArgs, SignArgs};
pub use deferred::Deferred;
pub use help::{CompletionsArgs, HelpArgs, VersionArgs};
pub use history::{HistoryArgs, LedgerArgs, RecoverArgs, RollbackArgs};
pub use init::InitArgs;
pub use join::{
    BootstrapTokenArgs, BootstrapTokenCommand, CertificateKeyArgs, DiscoveryHashArgs,
    DownloadCertsArgs, GivenKeyArgs, GivenTokenArgs, JoinCommandArgs, NewTokenArgs,
    UploadCertsArgs,
};
pub use kubeconfig::{
    BootstrapArgs, KubeProxyArgs, KubeconfigArgs, KubeconfigCommand, NewKubeconfigArgs, UserArgs,
    UserTokenArgs,
};
pub use renew::RenewArgs;
pub use row_name::ALL;
pub use secret_text::SecretText;
pub use served::ServedArgs;
pub use shared::{
    CaPassphraseArgs, ClusterArgs, ConfigArgs, KeepArgs, ListFormat, ManifestFormat, NamedTreeArgs,
    OutputFormat, TreeArgs, WriteArgs,
};
pub use show::ShowArgs;
pub use template::{Template, TemplateArgs};
pub use usage_hints::{parse, wrong_usage};
pub use verify::{SeverityName, VerifyArgs};

/// What stands below the help of `pki`: the exit codes of all commands.
pub const COMMON_HELP: &str = "\
Exit codes:
  0  done; or checked, and nothing needs attention
  1  failed; the message says whether files were changed
  2  wrong usage
  3  invalid configuration or input; nothing was touched
  4  something expires within --warn (default 30d), or a commit is pending
  5  something is expired, missing or broken, or could not be renewed
  6  another `pki` run holds the lock
  129, 130, 143  ended by SIGHUP, SIGINT or SIGTERM before the commit

Topics for `pki help TOPIC`:
  files          the files of a tree, and who reads them
  writing        how files are replaced, and what a crash leaves
  kubeadm        differences from kubeadm
  findings       what a check reports, and what to do
  configuration  where the values of the configuration come from
  join           nodes that join, and what control-plane nodes share
  scheduling     cron, systemd timers and alerts
  csr            certification requests, and CAs whose key is elsewhere
  walkthroughs   CAs and certificates outside a tree, beside the commands of openssl and cfssl
  dependencies   the libraries that pki is built with

Examples:
  pki init --config cluster.yaml
  pki check-expiration
  pki verify
  pki renew all --dry-run
  pki served";

/// Bootstrap, check and renew the PKI of a Kubernetes cluster
#[derive(Debug, Parser)]
#[command(name = "pki", version, after_help = COMMON_HELP, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Take this for the current time (RFC 3339); for tests
    #[arg(long, global = true, hide = true, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<OffsetDateTime>,

    /// With --version: also print the commit, the cryptography library and the target
    #[arg(short, long, requires = "version")]
    pub verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "a run has one command")]
pub enum Command {
    /// Create missing CAs, certificates, keys and kubeconfigs
    ///
    /// Keeps every valid file. If a file is invalid, `init` reports it, writes nothing and exits with 3.
    #[command(after_help = init::AFTER_HELP)]
    Init(Deferred<InitArgs>),
    /// Show when certificates and kubeconfigs expire
    ///
    /// Also checks that each certificate is signed by its CA, has the right usage and is trusted by the kubeconfigs. Reads no private key
    /// and takes no lock.
    #[command(alias = "check", alias = "list", after_help = check_expiration::AFTER_HELP)]
    CheckExpiration(Deferred<CheckExpirationArgs>),
    /// Report everything that is wrong with a tree
    ///
    /// Compares certificates, keys, kubeconfigs and their modes with the rules of Kubernetes and with the recorded configuration. Reads
    /// private keys, writes nothing and takes no lock.
    #[command(after_help = verify::AFTER_HELP)]
    Verify(Deferred<VerifyArgs>),
    /// Compare what the components serve and have loaded with the files
    ///
    /// Connects to each component of this host and reads the certificate that it shows and the CAs whose clients it accepts. Needs no
    /// credential. Says which components have to be restarted, such as after a renewal.
    #[command(after_help = served::AFTER_HELP)]
    Served(Deferred<ServedArgs>),
    /// Show what files hold, such as certificates, keys, requests and kubeconfigs
    ///
    /// Reads PEM, DER, and Secrets, ConfigMaps and CertificateSigningRequests in YAML or JSON. Says which component a certificate is
    /// for, and as which user it authenticates. Never shows a private key. Exits with 3 if something cannot be read, or
    /// with 1 if permission to read a file is denied; the rest is shown.
    #[command(after_help = show::AFTER_HELP)]
    Show(Deferred<ShowArgs>),
    /// Renew certificates and kubeconfigs in one transaction
    ///
    /// Renews everything that is named, even if it is valid for a long time; `--due` selects by expiry. Replaces either
    /// all files or none. The old files are kept: `pki rollback` puts them back.
    #[command(after_help = renew::AFTER_HELP)]
    Renew(Deferred<RenewArgs>),
    /// Make and sign certification requests, and install certificates
    #[command(after_help = csr::AFTER_HELP)]
    Csr(Deferred<CsrArgs>),
    /// Make a CA outside any tree
    #[command(after_help = ca::AFTER_HELP)]
    Ca(Deferred<CaArgs>),
    /// List the kept generations: the files that earlier runs replaced
    #[command(after_help = history::HISTORY_AFTER_HELP)]
    History(Deferred<HistoryArgs>),
    /// Put back the files that earlier runs replaced, in one transaction
    ///
    /// Without a name, undoes the last run that replaced files. Repeated, it undoes the run before that, and so on. With a name, undoes that
    /// run and all later ones, so that the tree is as it was before. `--redo` undoes the last rollback.
    #[command(after_help = history::ROLLBACK_AFTER_HELP)]
    Rollback(Deferred<RollbackArgs>),
    /// Finish or discard an interrupted commit
    ///
    /// Usually, the next command that writes finishes a commit that was interrupted. If a file was changed in the meantime, it refuses to do
    /// so. Then choose with `recover` what happens to the files.
    #[command(after_help = history::RECOVER_AFTER_HELP)]
    Recover(Deferred<RecoverArgs>),
    /// List every certificate that was issued for this tree
    #[command(after_help = history::LEDGER_AFTER_HELP)]
    Ledger(Deferred<LedgerArgs>),
    /// Make a kubeconfig for a user, for kube-proxy, or for a node that joins
    #[command(after_help = kubeconfig::AFTER_HELP)]
    Kubeconfig(Deferred<KubeconfigArgs>),
    /// Make a certificate key, which encrypts the files that control-plane nodes share
    #[command(after_help = join::CERTIFICATE_KEY_AFTER_HELP)]
    CertificateKey(Deferred<CertificateKeyArgs>),
    /// Print the files that control-plane nodes share, encrypted, for kubectl to apply
    ///
    /// Prints the Secret `kubeadm-certs` that `pki download-certs` and `kubeadm join --certificate-key` read, and the
    /// objects that let a joining node read it. Without a certificate key, makes one and prints it on standard error.
    #[command(after_help = join::UPLOAD_CERTS_AFTER_HELP)]
    UploadCerts(Deferred<UploadCertsArgs>),
    /// Write the files that control-plane nodes share, in one transaction
    ///
    /// Reads the Secret `kubeadm-certs` of `pki upload-certs` or kubeadm, and checks every file before the first one is written. On a
    /// host that belongs to another cluster, it refuses to replace a CA or a service-account key.
    #[command(after_help = join::DOWNLOAD_CERTS_AFTER_HELP)]
    DownloadCerts(Deferred<DownloadCertsArgs>),
    /// Make a bootstrap token, with which nodes join
    #[command(after_help = join::BOOTSTRAP_TOKEN_AFTER_HELP)]
    BootstrapToken(Deferred<BootstrapTokenArgs>),
    /// Print the hash of the cluster CA that joining nodes verify
    ///
    /// `kubeadm join --discovery-token-ca-cert-hash` takes it. While a CA is being replaced, prints one line for each CA of the file;
    /// one that matches is enough.
    #[command(after_help = join::DISCOVERY_HASH_AFTER_HELP)]
    DiscoveryHash(Deferred<DiscoveryHashArgs>),
    /// Print the `kubeadm join` commands for a worker and for a control-plane node
    #[command(after_help = join::JOIN_COMMAND_AFTER_HELP)]
    JoinCommand(Deferred<JoinCommandArgs>),
    /// Show the configuration of this tree, or print an example file
    #[command(after_help = config::AFTER_HELP)]
    Config(Deferred<ConfigCommandArgs>),
    /// Print manifests, systemd units, cron jobs and alert rules for this tree
    #[command(after_help = template::AFTER_HELP)]
    Template(Deferred<TemplateArgs>),
    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS_AFTER_HELP)]
    Completions(Deferred<CompletionsArgs>),
    /// Print help for a command or a topic
    #[command(after_help = help::AFTER_HELP)]
    Help(Deferred<HelpArgs>),
    /// Print the version
    #[command(after_help = help::VERSION_AFTER_HELP)]
    Version(Deferred<VersionArgs>),
    /// Run commands by kubeadm's spelling, such as `certs renew`
    #[command(hide = true, after_help = certs::AFTER_HELP)]
    Certs(Deferred<CertsArgs>),
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())
}
