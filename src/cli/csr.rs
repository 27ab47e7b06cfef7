//! `pki csr`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::row_name::RowName;
use super::shared::{
    CaPassphraseArgs, ClusterArgs, ConfigArgs, KeepArgs, NewFilesArgs, TreeArgs, WriteArgs,
    key_algorithm, lifetime, path,
};
use crate::catalog::signers::{
    MIN_EXPIRATION_SECONDS, SIGNERS, SignerRule, USAGE_WORDS, find_signer, usage_of_word,
};
use crate::objects::csr::{parse_object_name, parse_signer_name};
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;
use crate::x509::usage::Purpose;

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki csr generate
  pki csr new --common-name web --san web.example.com --name web
  pki csr sign apiserver.csr > apiserver.crt
  pki csr import apiserver.crt admin.crt";

pub(super) const GENERATE_AFTER_HELP: &str = "\
`pki help csr` has the way of a request through openssl, cfssl, certtool and easy-rsa.

Examples:
  pki csr generate --dry-run
  pki csr generate apiserver admin.conf
  pki csr generate --csr-dir /tmp/requests
  pki csr generate apiserver --new-key     # the new key waits beside the request";

const IMPORT_AFTER_HELP: &str = "\
Exit codes (the others are in `pki --help`):
  4  installed, but one of these certificates expires soon
  5  installed, but one of these rows has another problem

Examples:
  pki csr import apiserver.crt --dry-run
  pki csr import signed/*.crt
  pki csr import - < admin.crt";

#[derive(Debug, Args)]
pub struct CsrArgs {
    #[command(subcommand)]
    pub command: CsrCommand,
}

/// The commands about certification requests.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "a run has one command")]
pub enum CsrCommand {
    /// Make requests for certificates that an external CA signs
    ///
    /// Without a name, makes one for every certificate and kubeconfig of the tree. Each asks for the subject, the names and the usages of
    /// its row. The key that is there is used. Without one, a new key is made, and kubeconfigs are made without their
    /// certificate. Requests are kept beside the certificates, as FILE.csr, until `pki csr import`.
    #[command(after_help = GENERATE_AFTER_HELP)]
    Generate(GenerateArgs),
    /// Make a key and a request for anything else, such as a web server or a webhook
    ///
    /// Takes the names from flags, or from cfssl's JSON request. Writes NAME.key with mode 0600, and then NAME.csr, and never overwrites
    /// a file. For Kubernetes, prints a CertificateSigningRequest instead of NAME.csr. Refuses what the signer would refuse.
    #[command(after_help = NEW_AFTER_HELP)]
    New(NewCsrArgs),
    /// Sign certification requests with a CA of this tree or another one
    ///
    /// Takes requests in PEM or DER, and CertificateSigningRequest objects of Kubernetes in YAML or JSON. Checks each against a profile:
    /// a row of the tree, a signer of kube-controller-manager, or a list of usages. Signs all of them, or none. A certificate goes to
    /// standard output if it is the only one, else to FILE.crt; objects go to standard output, with `status.certificate`.
    /// Every signature by a CA of the tree is in its ledger before it is given out.
    #[command(after_help = SIGN_AFTER_HELP)]
    Sign(SignArgs),
    /// Install certificates that an external CA has signed
    ///
    /// Takes certificates in PEM with their intermediates, in DER, and signed CertificateSigningRequest objects of Kubernetes.
    /// Finds the key that each certificate belongs to, and checks that its CA is the one of the tree and that it has what its request asks
    /// for. Installs all certificates in one transaction, or none. The old files are kept: `pki rollback` puts them back.
    #[command(after_help = IMPORT_AFTER_HELP)]
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Certificates and kubeconfigs by kubeadm's names [default: all]
    #[arg(value_name = "NAME", value_parser = RowName::One)]
    pub names: Vec<String>,

    /// Make new keys, except where one waits already; a key in use stays until the import
    #[arg(long)]
    pub new_key: bool,

    /// Also write each request into this directory, as NAME.csr
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub csr_dir: Option<PathBuf>,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

const SIGN_AFTER_HELP: &str = "\
Examples:
  pki csr sign apiserver.csr > apiserver.crt
  pki csr sign *.csr --out-dir signed --config cluster.yaml
  pki csr sign node.csr --signer-name kubernetes.io/kubelet-serving > node.crt
  pki csr sign web.csr --usages 'digital signature,server auth' --ca-cert ca.crt --ca-key ca.key
  kubectl get csr X -o yaml | pki csr sign - | kubectl replace --raw /apis/certificates.k8s.io/v1/certificatesigningrequests/X/status -f -";

#[derive(Debug, Args)]
pub struct SignArgs {
    /// Requests or CertificateSigningRequest objects; `-` reads standard input
    #[arg(value_name = "FILE", required = true, value_parser = path())]
    pub files: Vec<PathBuf>,

    /// CA of the tree that signs [default: the CA of the row, else ca]
    #[arg(long, help_heading = "CA", value_name = "NAME", value_parser = ["ca", "front-proxy-ca", "etcd-ca"])]
    pub ca: Option<String>,

    /// Certificate of another CA; nothing is written in a tree, and no ledger
    #[arg(long, help_heading = "CA", value_name = "FILE", value_parser = path(), requires = "ca_key", conflicts_with = "ca")]
    pub ca_cert: Option<PathBuf>,

    /// Private key of that CA
    #[arg(long, help_heading = "CA", value_name = "FILE", value_parser = path(), requires = "ca_cert")]
    pub ca_key: Option<PathBuf>,

    #[command(flatten)]
    pub passphrase: CaPassphraseArgs,

    /// Sign for this certificate or kubeconfig [default: what signer name, subject or file name say]
    #[arg(long, help_heading = "Profile", value_name = "NAME", value_parser = RowName::One, group = "profile_choice")]
    pub profile: Option<String>,

    /// Sign by the rules of this signer of kube-controller-manager
    #[arg(long, help_heading = "Profile", value_name = "SIGNER", value_parser = signer, group = "profile_choice")]
    pub signer_name: Option<&'static SignerRule>,

    /// Sign for these usages, in Kubernetes' words, separated by commas
    #[arg(long, help_heading = "Profile", value_name = "USAGES", value_delimiter = ',', value_parser = usage, group = "profile_choice")]
    pub usages: Option<Vec<Purpose>>,

    /// Allow the group system:masters, whose members no RBAC rule limits
    #[arg(long, help_heading = "Profile")]
    pub allow_system_masters: bool,

    /// How long certificates are valid at most; at least 600s for a signer of kube-controller-manager
    #[arg(long, value_name = "DURATION", value_parser = lifetime, default_value = "8760h")]
    pub validity_period: Period,

    /// Directory for the certificates [default: standard output for one request, else beside each]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out_dir: Option<PathBuf>,

    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}

fn signer(name: &str) -> Result<&'static SignerRule, String> {
    let names = || {
        SIGNERS
            .iter()
            .map(|signer| signer.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    find_signer(name).ok_or_else(|| format!("want one of {}", names()))
}

fn usage(word: &str) -> Result<Purpose, String> {
    let words = || USAGE_WORDS.map(|(word, _)| word).join(", ");
    usage_of_word(word.trim()).ok_or_else(|| format!("want some of {}", words()))
}

const NEW_AFTER_HELP: &str = "\
`pki help walkthroughs` shows the commands of openssl and cfssl that this replaces.

Examples:
  pki csr new --common-name web --san web.example.com,192.0.2.10 --usages 'server auth' --name web
  pki csr new n1.json --format kubernetes --signer-name kubernetes.io/kubelet-serving --name n1
  pki csr new request.json --name web --key old.key
  pki csr new request.json --format cfssl | cfssljson -bare web";

/// What `csr new` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CsrFormat {
    /// A key and a request in PEM
    Pem,
    /// cfssl's JSON with request and new key, on standard output
    Cfssl,
    /// A key in PEM, and a CertificateSigningRequest on standard output, in YAML or, with `-o json`, in JSON
    Kubernetes,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("asked").required(true).multiple(true).args(["request", "common_name", "org", "san"]))]
pub struct NewCsrArgs {
    /// cfssl's JSON request, instead of the flags for names and key; `-` reads standard input
    #[arg(value_name = "REQUEST", value_parser = path(), conflicts_with_all = ["common_name", "org", "san", "key_algorithm"])]
    pub request: Option<PathBuf>,

    /// Common name; in Kubernetes, the user
    #[arg(long, value_name = "NAME")]
    pub common_name: Option<String>,

    /// Organization; may be repeated; in Kubernetes, the groups
    #[arg(long, value_name = "ORG")]
    pub org: Vec<String>,

    /// DNS names, IP addresses, e-mail addresses and URIs, separated by commas; may be repeated
    #[arg(long, value_name = "SAN", value_delimiter = ',')]
    pub san: Vec<String>,

    /// Usages in Kubernetes' words, separated by commas [default: those that --signer-name requires, else none]
    #[arg(long, value_name = "USAGES", value_delimiter = ',', value_parser = usage)]
    pub usages: Option<Vec<Purpose>>,

    /// RSA-2048, RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384 [default: RSA-2048]
    #[arg(long, value_name = "ALGORITHM", value_parser = key_algorithm, conflicts_with = "key")]
    pub key_algorithm: Option<Algorithm>,

    /// Use the private key in this file instead of a new one
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub key: Option<PathBuf>,

    /// Signer that the request is for, one of kube-controller-manager's or another one
    #[arg(long, help_heading = "Kubernetes", value_name = "SIGNER", value_parser = parse_signer_name)]
    pub signer_name: Option<String>,

    /// How long the certificate should be valid, 600 seconds or more [default: the signer decides]
    #[arg(long, help_heading = "Kubernetes", value_name = "SECONDS", value_parser = expiration_seconds)]
    pub expiration_seconds: Option<u32>,

    /// Allow the group system:masters, whose members no RBAC rule limits
    #[arg(long, help_heading = "Kubernetes")]
    pub allow_system_masters: bool,

    /// What to make
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = CsrFormat::Pem)]
    pub format: CsrFormat,

    /// Write NAME.key and NAME.csr; also the name of the CertificateSigningRequest
    #[arg(long, value_name = "NAME", value_parser = parse_object_name)]
    pub name: Option<String>,

    #[command(flatten)]
    pub files: NewFilesArgs,
    #[command(flatten)]
    pub write: WriteArgs,
}

/// Parses `spec.expirationSeconds`, as the API server does.
fn expiration_seconds(text: &str) -> Result<u32, String> {
    let most = i32::MAX.unsigned_abs();
    match text.parse() {
        Ok(seconds) if u64::from(seconds) >= MIN_EXPIRATION_SECONDS && seconds <= most => {
            Ok(seconds)
        }
        _ => Err(format!(
            "want {MIN_EXPIRATION_SECONDS} to {most} seconds; the API server refuses others"
        )),
    }
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Certificates in PEM or DER, or CertificateSigningRequest objects with theirs; `-` reads standard input
    #[arg(value_name = "FILE", required = true, value_parser = path())]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub keep: KeepArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub tree: TreeArgs,
}
