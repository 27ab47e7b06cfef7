//! What openssl reads in a certificate: an implementation that shares nothing with ours.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::sandbox::{KUBECONFIGS, LEAVES, Sandbox};
use crate::support::{Run, peer, run};

pub(crate) const SAN: &str = "X509v3 Subject Alternative Name";
pub(crate) const KEY_USAGE: &str = "X509v3 Key Usage: critical";
pub(crate) const USAGES: &str = "X509v3 Extended Key Usage";

/// The program, with a folder for what it reads and writes.
pub(crate) struct Openssl {
    program: PathBuf,
    folder: TempDir,
}

/// What a certificate holds, in openssl's words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// RFC 2253, with the string types.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
    /// PEM.
    pub(crate) public_key: String,
    /// Kind and size of the key.
    pub(crate) algorithm: String,
    /// By openssl's name, which ends in `: critical` where the extension is.
    pub(crate) extensions: BTreeMap<String, String>,
}

impl Openssl {
    /// Returns the program where it is installed; where it is not, the test has to return.
    pub(crate) fn find() -> Option<Openssl> {
        Some(Openssl {
            program: peer("openssl")?,
            folder: TempDir::new().unwrap(),
        })
    }

    /// Runs it in its folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        run(Command::new(&self.program)
            .args(arguments)
            .current_dir(self.folder.path()))
    }

    /// Writes a file into its folder, and returns the path as an argument.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Reads a file in its folder.
    pub(crate) fn output(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Returns what the first certificate of a PEM file holds.
    pub(crate) fn facts(&self, path: &Path) -> Facts {
        let options = [
            "x509",
            "-noout",
            "-subject",
            "-issuer",
            "-serial",
            "-dates",
            "-dateopt",
            "iso_8601",
            "-nameopt",
            "RFC2253,show_type",
            "-pubkey",
            "-text",
            "-in",
        ];
        let printed = run(Command::new(&self.program).args(options).arg(path))
            .ok()
            .stdout;
        let field = |name: &str| {
            printed
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_else(|| panic!("no {name} in {printed}"))
                .to_owned()
        };
        let line = |name: &str| {
            printed
                .lines()
                .find_map(|line| line.trim_start().strip_prefix(name))
                .unwrap_or_else(|| panic!("no {name} in {printed}"))
        };
        let end = "-----END PUBLIC KEY-----\n";
        let key_begins = printed.find("-----BEGIN PUBLIC KEY-----").unwrap();
        let key_ends = printed.find(end).unwrap() + end.len();
        Facts {
            subject: field("subject="),
            issuer: field("issuer="),
            serial: field("serial="),
            not_before: moment(&field("notBefore=")),
            not_after: moment(&field("notAfter=")),
            public_key: printed[key_begins..key_ends].to_owned(),
            algorithm: format!(
                "{} {}",
                line("Public Key Algorithm: "),
                line("Public-Key: ")
            ),
            extensions: extensions(&printed),
        }
    }

    /// Returns what a certificate given as PEM holds.
    pub(crate) fn facts_of(&self, pem: impl AsRef<[u8]>) -> Facts {
        let path = self.file("certificate.pem", pem);
        self.facts(Path::new(&path))
    }

    /// Returns what each leaf and kubeconfig that is there holds, by name.
    pub(crate) fn tree(&self, sandbox: &Sandbox) -> BTreeMap<&'static str, Facts> {
        let leaves = LEAVES
            .iter()
            .map(|(name, base, _)| (*name, sandbox.path(&format!("pki/{base}.crt"))))
            .filter(|(_, path)| path.exists())
            .map(|(name, path)| (name, self.facts(&path)));
        let clients = KUBECONFIGS
            .iter()
            .filter(|name| sandbox.exists(name))
            .map(|name| {
                let certificate = sandbox.embedded(name, "client-certificate-data");
                (*name, self.facts_of(certificate))
            });
        leaves.chain(clients).collect()
    }

    /// Returns the public half of a private key, PEM.
    pub(crate) fn public_half(&self, key: impl AsRef<[u8]>) -> String {
        let path = self.file("private.pem", key);
        self.run(&["pkey", "-pubout", "-in", &path]).ok().stdout
    }

    /// Verifies a certificate (PEM) against one CA at a time; `options` say for which purpose and name.
    pub(crate) fn verify(
        &self,
        ca: &Path,
        certificate: impl AsRef<[u8]>,
        now: OffsetDateTime,
        options: &[&str],
    ) -> Run {
        let certificate = self.file("verified.pem", certificate);
        let at = now.unix_timestamp().to_string();
        let arguments = [
            &["verify", "-no-CApath", "-no-CAstore", "-attime", &at],
            options,
            &["-CAfile", ca.to_str().unwrap(), &certificate],
        ];
        self.run(&arguments.concat())
    }

    /// Makes an ECDSA P-256 key and has a CA sign a leaf with that subject and those extensions; returns certificate and key.
    ///
    /// `subject` is as for `openssl req -subj`, `extensions` are lines of an openssl extension file.
    pub(crate) fn leaf(
        &self,
        sandbox: &Sandbox,
        ca: &str,
        subject: &str,
        extensions: &str,
    ) -> (Vec<u8>, Vec<u8>) {
        let ca = |extension: &str| {
            let path = sandbox.path(&format!("pki/{ca}.{extension}"));
            path.to_str().unwrap().to_owned()
        };
        self.file("extensions", extensions);
        self.file("database", "");
        self.file("serial", "0123456789ABCDEF\n");
        self.file(
            "ca.conf",
            "oid_section = oids\n[oids]\n[ca]\ndefault_ca = issuer\n[issuer]\ndatabase = database\nserial = serial\n\
             new_certs_dir = .\ndefault_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = optional\n",
        );
        self.run(&[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            "leaf.key",
        ])
        .ok();
        let request = [
            "req",
            "-new",
            "-batch",
            "-utf8",
            "-multivalue-rdn",
            "-key",
            "leaf.key",
            "-subj",
            subject,
            "-out",
            "leaf.csr",
        ];
        self.run(&request).ok();
        let (certificate, key) = (ca("crt"), ca("key"));
        self.run(&[
            "ca",
            "-batch",
            "-notext",
            "-preserveDN",
            "-config",
            "ca.conf",
            "-cert",
            &certificate,
            "-keyfile",
            &key,
            "-startdate",
            "20261122002037Z",
            "-enddate",
            "20271122002037Z",
            "-extfile",
            "extensions",
            "-in",
            "leaf.csr",
            "-out",
            "leaf.crt",
        ])
        .ok();
        (self.output("leaf.crt"), self.output("leaf.key"))
    }
}

fn moment(text: &str) -> OffsetDateTime {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    PrimitiveDateTime::parse(text, format).unwrap().assume_utc()
}

/// Reads the indented block under `X509v3 extensions`: names at twelve columns, their values deeper.
fn extensions(printed: &str) -> BTreeMap<String, String> {
    let block = printed
        .lines()
        .skip_while(|line| line.trim() != "X509v3 extensions:")
        .skip(1)
        .take_while(|line| line.starts_with("            "));
    let mut extensions = BTreeMap::new();
    let mut current = String::new();
    for line in block {
        if line.starts_with("             ") {
            let value: &mut String = extensions.get_mut(&current).unwrap();
            value.push_str(line.trim());
        } else {
            line.trim().trim_end_matches(':').clone_into(&mut current);
            assert!(
                extensions.insert(current.clone(), String::new()).is_none(),
                "{current} is there twice"
            );
        }
    }
    extensions
}
