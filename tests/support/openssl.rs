//! Reads and signs certificates with openssl, an implementation that shares no code with ours.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::{
    peers::peer,
    rows::{KUBECONFIGS, LEAVES},
    run::{Run, run},
    tree::{NOW, TestTree, days},
};

pub(crate) const SAN: &str = "X509v3 Subject Alternative Name";
pub(crate) const KEY_USAGE: &str = "X509v3 Key Usage: critical";
pub(crate) const USAGES: &str = "X509v3 Extended Key Usage";

/// The program, with a folder for what it reads and writes.
pub(crate) struct Openssl {
    program: PathBuf,
    folder: TempDir,
}

/// The contents of a certificate, as openssl prints them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CertificateFacts {
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
    pub(crate) fn facts(&self, path: &Path) -> CertificateFacts {
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
        CertificateFacts {
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
    pub(crate) fn facts_of(&self, pem: impl AsRef<[u8]>) -> CertificateFacts {
        let path = self.file("certificate.pem", pem);
        self.facts(Path::new(&path))
    }

    /// Returns what each leaf and kubeconfig that is there holds, by name.
    pub(crate) fn tree(&self, tree: &TestTree) -> BTreeMap<&'static str, CertificateFacts> {
        let leaves = LEAVES
            .iter()
            .map(|(name, base, _)| (*name, tree.path(&format!("pki/{base}.crt"))))
            .filter(|(_, path)| path.exists())
            .map(|(name, path)| (name, self.facts(&path)));
        let clients = KUBECONFIGS
            .iter()
            .filter(|name| tree.exists(name))
            .map(|name| {
                let certificate = tree.embedded(name, "client-certificate-data");
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

    /// Makes an ECDSA P-256 key and has a CA of the tree sign a leaf; returns certificate and key.
    ///
    /// `subject` is as for `openssl req -subj`, `extensions` are lines of an openssl extension file.
    pub(crate) fn leaf(
        &self,
        tree: &TestTree,
        ca: &str,
        subject: &str,
        extensions: &str,
    ) -> (Vec<u8>, Vec<u8>) {
        let generate = ["ecparam", "-genkey", "-noout", "-name", "prime256v1"];
        self.run(&[&generate[..], &["-out", "leaf.key"]].concat())
            .ok();
        let [certificate, key] = ["crt", "key"].map(|end| tree.pki_file(&format!("{ca}.{end}")));
        let [own, certificate, key] = [self.folder.path().join("leaf.key"), certificate, key]
            .map(|path| path.to_str().unwrap().to_owned());
        let signer = Signer::Ca(&certificate, &key);
        let pem = certify(&own, subject, extensions, signer, UTF8, &[]);
        (pem.into_bytes(), self.output("leaf.key"))
    }
}

/// What a CA has to have.
pub(crate) const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,digitalSignature\nsubjectKeyIdentifier=hash\n";

/// Who signs a certificate.
#[derive(Clone, Copy)]
enum Signer<'a> {
    /// The key of the certificate itself.
    Itself,
    /// A CA: paths of its certificate and key.
    Ca(&'a str, &'a str),
}

/// Certificates that openssl signs: they are valid from five minutes before [`NOW`], for CAs nearly ten years, else 300 days.
impl TestTree {
    /// Runs openssl in `etc/kubernetes`.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new("openssl");
        run(command.current_dir(self.path("")).args(arguments)).ok()
    }

    /// Has a CA of the tree sign another certificate for `<leaf>.key` with these extensions.
    pub(crate) fn sign(&self, leaf: &str, ca: &str, extensions: &str, options: &[&str]) {
        let pem = self.signed_by(
            &format!("pki/{ca}"),
            &format!("pki/{leaf}.key"),
            "/CN=kube-apiserver",
            extensions,
            options,
        );
        self.write(&format!("pki/{leaf}.crt"), pem);
    }

    /// Signs another self-signed certificate for `<ca>.key`, of the same name.
    pub(crate) fn resign_ca(&self, ca: &str, extensions: &str, options: &[&str]) {
        let name = match ca {
            "ca" => "kubernetes".to_owned(),
            _ => ca.replace('/', "-"),
        };
        let pem = self.self_signed(
            &format!("pki/{ca}.key"),
            &format!("/CN={name}"),
            extensions,
            options,
        );
        self.write(&format!("pki/{ca}.crt"), pem);
    }

    /// Makes a self-signed CA with a key of its own beside the tree: `<name>.crt` and `<name>.key`, in `../..`.
    pub(crate) fn make_ca(&self, name: &str, subject: &str, extensions: &str) {
        let [crt, key] = ["crt", "key"].map(|end| format!("../../{name}.{end}"));
        let generate = ["ecparam", "-genkey", "-noout", "-name", "prime256v1"];
        self.openssl(&[&generate[..], &["-out", &key]].concat());
        let pem = self.self_signed(&key, subject, extensions, &[]);
        fs::write(self.path(&crt), pem).unwrap();
    }

    /// Returns a certificate for a key, in PEM, signed by the CA in `<ca>.crt` and `<ca>.key`.
    pub(crate) fn signed_by(
        &self,
        ca: &str,
        key: &str,
        subject: &str,
        extensions: &str,
        options: &[&str],
    ) -> String {
        let [ca_crt, ca_key] = ["crt", "key"].map(|end| self.argument(&format!("{ca}.{end}")));
        let signer = Signer::Ca(&ca_crt, &ca_key);
        certify(
            &self.argument(key),
            subject,
            extensions,
            signer,
            PRINTABLE_OR_UTF8,
            options,
        )
    }

    /// Returns a certificate for a key, in PEM, signed by the key itself.
    pub(crate) fn self_signed(
        &self,
        key: &str,
        subject: &str,
        extensions: &str,
        options: &[&str],
    ) -> String {
        let key = self.argument(key);
        certify(
            &key,
            subject,
            extensions,
            Signer::Itself,
            PRINTABLE_OR_UTF8,
            options,
        )
    }

    fn argument(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Returns the API server's names as an openssl extension.
    pub(crate) fn apiserver_names(&self) -> String {
        let words = [
            "x509",
            "-in",
            "pki/apiserver.crt",
            "-noout",
            "-ext",
            "subjectAltName",
        ];
        let text = self.openssl(&words).stdout;
        let names = text.lines().nth(1).unwrap().trim();
        format!("subjectAltName={}\n", names.replace("IP Address:", "IP:"))
    }
}

/// PrintableString where that is enough, as in our own certificates: names are compared byte by byte.
const PRINTABLE_OR_UTF8: &str = "MASK:0x2002";

const UTF8: &str = "utf8only";

/// Returns a certificate for a key, in PEM; `strings` is openssl's `string_mask`, `options` are further ones of `openssl ca`.
fn certify(
    key: &str,
    subject: &str,
    extensions: &str,
    signer: Signer<'_>,
    strings: &str,
    options: &[&str],
) -> String {
    let scratch = TempDir::new().unwrap();
    let openssl = |words: &[&str]| {
        let mut command = Command::new("openssl");
        run(command.current_dir(scratch.path()).args(words)).ok()
    };
    for (name, text) in [
        ("extensions", extensions),
        ("database", ""),
        ("serial", "0123456789ABCDEF\n"),
        (
            "req.conf",
            &format!("[req]\ndistinguished_name=none\nstring_mask={strings}\n[none]\n"),
        ),
        (
            "ca.conf",
            "oid_section=oids\n[oids]\n[ca]\ndefault_ca=issuer\n[issuer]\ndatabase=database\nserial=serial\n\
             new_certs_dir=.\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=optional\n",
        ),
    ] {
        fs::write(scratch.path().join(name), text).unwrap();
    }
    let request = [
        "req", "-new", "-batch", "-utf8", "-config", "req.conf", "-key", key,
    ];
    openssl(
        &[
            &request[..],
            &["-subj", subject, "-multivalue-rdn", "-out", "csr"],
        ]
        .concat(),
    );
    let is_ca = extensions.contains("CA:TRUE") || matches!(signer, Signer::Itself);
    let lifetime = if is_ca { 3000 } else { 300 };
    let (start, end) = (
        utc_time(NOW - Duration::minutes(5)),
        utc_time(NOW + days(lifetime)),
    );
    let sign = [
        "ca",
        "-batch",
        "-notext",
        "-preserveDN",
        "-config",
        "ca.conf",
    ];
    let dates = ["-startdate", &start, "-enddate", &end];
    let files = ["-extfile", "extensions", "-in", "csr", "-out", "crt"];
    let by = match signer {
        Signer::Itself => vec!["-selfsign", "-keyfile", key],
        Signer::Ca(certificate, key) => vec!["-cert", certificate, "-keyfile", key],
    };
    openssl(&[&sign[..], &dates, &by, options, &files].concat());
    fs::read_to_string(scratch.path().join("crt")).unwrap()
}

/// Returns a time as UTCTime.
pub(crate) fn utc_time(time: OffsetDateTime) -> String {
    let format = format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    time.format(format).unwrap()
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
