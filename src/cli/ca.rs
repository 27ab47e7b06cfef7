//! `pki ca`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shared::{
    CaPassphraseArgs, NewFilesArgs, WriteArgs, is_stdin, key_algorithm, lifetime, path,
};
use crate::objects::csr::parse_object_name;
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki ca new --common-name 'Example Root CA' --org Example --name root
  pki ca new --common-name kubernetes --name ca --ca-cert root.crt --ca-key root.key";

const NEW_AFTER_HELP: &str = "\
`pki help walkthroughs` shows the commands of openssl and cfssl that this replaces.

Examples:
  pki ca new --common-name 'Example Root CA' --org Example --name root
  pki ca new --common-name 'Example Root CA' --name root --path-len 1 --validity-period 175200h
  pki ca new --common-name kubernetes --name ca --ca-cert root.crt --ca-key root.key
  pki ca new --common-name kubernetes --name ca --key-passphrase-file ca.pass
  pki ca new ca-csr.json --name ca";

#[derive(Debug, Args)]
pub struct CaArgs {
    #[command(subcommand)]
    pub command: CaCommand,
}

/// The commands about CAs that belong to no tree.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Make a CA outside any tree: a root, or an intermediate that another CA signs
    ///
    /// Writes NAME.key with mode 0600, and then NAME.crt, and never overwrites a file. `pki init` keeps them if you copy them to a tree
    /// as `ca.key` and `ca.crt`. NAME.crt of an intermediate does not contain the CA that signed it, because a cluster that trusts the
    /// company's root accepts every client that the company signs for. No ledger is written, even if the CA of a tree signs.
    #[command(after_help = NEW_AFTER_HELP)]
    New(NewCaArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("asked").required(true).args(["request", "common_name"]))]
pub struct NewCaArgs {
    /// cfssl's JSON request, instead of the flags for subject and key; `-` reads standard input
    #[arg(value_name = "REQUEST", value_parser = path())]
    pub request: Option<PathBuf>,

    /// Common name of the CA
    #[arg(long, value_name = "NAME")]
    pub common_name: Option<String>,

    /// Organization; may be repeated
    #[arg(long, value_name = "ORG", conflicts_with = "request")]
    pub org: Vec<String>,

    /// RSA-2048, RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384 [default: RSA-2048]
    #[arg(long, value_name = "ALGORITHM", value_parser = key_algorithm, conflicts_with = "request")]
    pub key_algorithm: Option<Algorithm>,

    /// How many CAs may be between this one and a leaf [default: that of the request, else what its CA allows]
    #[arg(long, value_name = "N")]
    pub path_len: Option<u8>,

    /// How long the CA is valid, at most as long as the CA that signs it [default: that of the request, else 87600h]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub validity_period: Option<Period>,

    /// Certificate of the CA that signs this one [default: it signs itself]
    #[arg(long, help_heading = "CA", value_name = "FILE", value_parser = path(), requires = "ca_key")]
    pub ca_cert: Option<PathBuf>,

    /// Private key of that CA
    #[arg(long, help_heading = "CA", value_name = "FILE", value_parser = path(), requires = "ca_cert")]
    pub ca_key: Option<PathBuf>,

    /// File with the passphrase of that key; `-` reads standard input [default: the systemd credential pki-ca-passphrase, else the terminal]
    #[arg(long, help_heading = "CA", value_name = "FILE", value_parser = path(), requires = "ca_key")]
    pub ca_passphrase_file: Option<PathBuf>,

    /// Encrypt the new key with a passphrase that is typed at the terminal
    #[arg(long, conflicts_with = "key_passphrase_file")]
    pub encrypt_key: bool,

    /// Encrypt the new key with the passphrase in this file; `-` reads standard input
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub key_passphrase_file: Option<PathBuf>,

    /// Write NAME.key and NAME.crt
    #[arg(long, value_name = "NAME", value_parser = parse_object_name)]
    pub name: String,

    #[command(flatten)]
    pub files: NewFilesArgs,
    #[command(flatten)]
    pub write: WriteArgs,
}

impl NewCaArgs {
    /// Returns where the passphrase of `--ca-key` comes from.
    pub fn ca_passphrase(&self) -> CaPassphraseArgs {
        CaPassphraseArgs {
            ca_passphrase_file: self.ca_passphrase_file.clone(),
        }
    }

    /// Returns for each input whether it is read from standard input.
    pub fn reads_stdin(&self) -> [bool; 3] {
        [
            &self.request,
            &self.ca_passphrase_file,
            &self.key_passphrase_file,
        ]
        .map(|file| is_stdin(file.as_deref()))
    }
}
