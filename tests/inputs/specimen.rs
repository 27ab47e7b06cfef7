//! A tree of its own for one test, to be spoiled and then given to the binary; and what every run has to keep to.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use crate::support::{Run, pki, run, run_with_input, shared_tree};

/// Every row that has a certificate or kubeconfig of its own, as reports name it.
pub(crate) const LEAVES: [&str; 12] = [
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-client",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

/// The CAs, as reports name them.
pub(crate) const AUTHORITIES: [&str; 3] = ["ca", "front-proxy-ca", "etcd-ca"];

/// What the cluster CA signs.
pub(crate) const OF_CA: &[&str] = &[
    "apiserver",
    "apiserver-kubelet-client",
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

/// What the etcd CA signs.
pub(crate) const OF_ETCD_CA: &[&str] = &[
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
];

/// The kubeconfigs.
pub(crate) const KUBECONFIGS: [&str; 5] = [
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

/// What a file or directory is, as far as a test can tell one from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What lies there: the bytes of a file, the target of a link, or a word.
    pub(crate) what: What,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum What {
    File(Vec<u8>),
    Large(u64),
    Link(PathBuf),
    Directory,
    Other,
}

impl std::fmt::Debug for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // It may hold a key.
            What::File(bytes) => write!(f, "file of {} bytes", bytes.len()),
            What::Large(length) => write!(f, "file of {length} bytes"),
            What::Link(target) => write!(f, "link to {}", target.display()),
            What::Directory => f.write_str("directory"),
            What::Other => f.write_str("something else"),
        }
    }
}

/// Everything below a folder, by path.
pub(crate) type Snapshot = BTreeMap<PathBuf, Entry>;

/// A folder with a tree in `etc/kubernetes`.
pub(crate) struct Specimen {
    folder: TempDir,
    slowest: Cell<Duration>,
}

impl Specimen {
    /// Copies the shared tree.
    pub(crate) fn new() -> Specimen {
        Specimen::empty().filled()
    }

    /// Copies the shared tree to where temporary files usually lie.
    pub(crate) fn on_disk() -> Specimen {
        Specimen::of(TempDir::new().unwrap()).filled()
    }

    fn filled(self) -> Specimen {
        // Only `etc`: other tests unpack kubeconfigs beside it.
        run(Command::new("cp")
            .arg("-a")
            .arg(shared_tree("ECDSA-P256").root().join("etc"))
            .arg(self.folder()))
        .ok();
        self
    }

    /// A folder in which there is nothing.
    pub(crate) fn empty() -> Specimen {
        Specimen::of(Specimen::place())
    }

    /// Makes a folder, in memory where there is a place for it: hundreds of renewals would wait for the disk.
    pub(super) fn place() -> TempDir {
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
        folder.unwrap()
    }

    /// Forgets how long the runs so far have taken.
    pub(super) fn begin(&self) {
        self.slowest.set(Duration::ZERO);
    }

    fn of(folder: TempDir) -> Specimen {
        Specimen {
            folder,
            slowest: Cell::new(Duration::ZERO),
        }
    }

    /// Returns the argument of `--rootfs`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a file below `etc/kubernetes`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join("etc/kubernetes").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Puts other bytes into a file, which keeps its mode.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        self.write(name, edit(self.text(name)));
    }

    pub(crate) fn edit_bytes(&self, name: &str, edit: impl FnOnce(&[u8]) -> Vec<u8>) {
        self.write(name, edit(&self.read(name)));
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        self.write(to, self.read(from));
    }

    pub(crate) fn append(&self, from: &str, to: &str) {
        self.write(to, [self.read(to), self.read(from)].concat());
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        self.path(name).symlink_metadata().unwrap().mode() & 0o7777
    }

    /// Returns the decoded value of a field in a kubeconfig, such as `client-key-data`.
    pub(crate) fn embedded(&self, kubeconfig: &str, field: &str) -> Vec<u8> {
        let text = self.text(kubeconfig);
        let mut values = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(field)?.strip_prefix(": "));
        STANDARD.decode(values.next().unwrap()).unwrap()
    }

    /// Puts the base64 of these bytes into a field of a kubeconfig.
    pub(crate) fn embed(&self, kubeconfig: &str, field: &str, bytes: impl AsRef<[u8]>) {
        let old = STANDARD.encode(self.embedded(kubeconfig, field));
        let new = STANDARD.encode(bytes);
        self.edit(kubeconfig, |text| text.replace(&old, &new));
    }

    /// Has every kubeconfig trust what is in `ca.crt`.
    pub(crate) fn embed_ca(&self) {
        let ca = self.read("pki/ca.crt");
        for kubeconfig in KUBECONFIGS {
            self.embed(kubeconfig, "certificate-authority-data", &ca);
        }
    }

    /// Returns our binary with this tree and these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pki();
        command.args(arguments).arg("--rootfs").arg(self.folder());
        command
    }

    /// Runs our binary on this tree; it must not panic, steer a terminal, or say anything of a key, old or new.
    #[track_caller]
    pub(crate) fn pki(&self, arguments: &[&str]) -> Run {
        let mut secrets = self.secrets();
        let start = Instant::now();
        let run = sane(run(&mut self.command(arguments)));
        self.slowest.set(self.slowest.get().max(start.elapsed()));
        secrets.extend(self.secrets());
        assert!(!tells(&run, &secrets), "a secret is in the output: {run}");
        run
    }

    /// Returns how long the slowest run on this tree has taken.
    pub(crate) fn slowest(&self) -> Duration {
        self.slowest.get()
    }

    /// Returns the base64 of every private key in the tree, and every token and password.
    fn secrets(&self) -> BTreeSet<String> {
        let entries = self.snapshot();
        let files = entries.values().filter_map(|entry| match &entry.what {
            What::File(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        });
        files.flat_map(|text| secrets(&text)).collect()
    }

    /// Runs openssl in `etc/kubernetes`, with `input` on its standard input.
    pub(crate) fn openssl(&self, arguments: &[&str], input: &str) -> Run {
        run_with_input(
            Command::new("openssl")
                .current_dir(self.path(""))
                .args(arguments),
            input,
        )
        .ok()
    }

    /// Signs another certificate for `<leaf>.key` with these extensions.
    pub(crate) fn sign(&self, leaf: &str, ca: &str, extensions: &str, options: &[&str]) {
        let key = format!("pki/{leaf}.key");
        let [ca_crt, ca_key] = ["crt", "key"].map(|extension| format!("pki/{ca}.{extension}"));
        let options = [
            &["-days", "300", "-CA", &ca_crt, "-CAkey", &ca_key],
            options,
        ];
        let pem = self.certify(&key, "/CN=kube-apiserver", extensions, &options.concat());
        self.write(&format!("pki/{leaf}.crt"), pem);
    }

    /// Signs another self-signed certificate for `<ca>.key`, of the same name.
    pub(crate) fn resign_ca(&self, ca: &str, extensions: &str, options: &[&str]) {
        let key = format!("pki/{ca}.key");
        let options = [&["-days", "3000", "-signkey", &key], options].concat();
        let name = match ca {
            "ca" => "kubernetes",
            _ => &ca.replace('/', "-"),
        };
        let pem = self.certify(&key, &format!("/CN={name}"), extensions, &options);
        self.write(&format!("pki/{ca}.crt"), pem);
    }

    /// Makes a self-signed CA with a key of its own beside the tree: `<name>.crt` and `<name>.key`.
    pub(crate) fn make_ca(&self, name: &str, subject: &str, extensions: &str) {
        let [crt, key] = ["crt", "key"].map(|extension| format!("../../{name}.{extension}"));
        self.openssl(
            &[
                "ecparam",
                "-name",
                "prime256v1",
                "-genkey",
                "-noout",
                "-out",
                &key,
            ],
            "",
        );
        let options = ["-days", "3000", "-signkey", &key];
        let pem = self.certify(&key, subject, extensions, &options);
        fs::write(self.path(&crt), pem).unwrap();
    }

    /// Returns a certificate for a key, in PEM; the options say who signs it.
    pub(crate) fn certify(
        &self,
        key: &str,
        subject: &str,
        extensions: &str,
        options: &[&str],
    ) -> String {
        let scratch = TempDir::new().unwrap();
        let paths = ["csr", "ext", "conf"].map(|name| scratch.path().join(name));
        let [request, file, config] = paths.each_ref().map(|path| path.to_str().unwrap());
        fs::write(file, extensions).unwrap();
        // PrintableString where that is enough, else UTF8String: names are compared byte by byte.
        fs::write(
            config,
            "[req]\ndistinguished_name=none\nstring_mask=MASK:0x2002\n[none]\n",
        )
        .unwrap();
        let new = ["req", "-new", "-utf8", "-config", config, "-key", key];
        self.openssl(
            &[&new[..], &["-subj", subject, "-out", request]].concat(),
            "",
        );
        let sign = ["x509", "-req", "-in", request, "-extfile", file];
        self.openssl(&[&sign[..], options].concat(), "").stdout
    }

    /// Returns the API server's names as an openssl extension.
    pub(crate) fn apiserver_names(&self) -> String {
        let text = self
            .openssl(
                &[
                    "x509",
                    "-in",
                    "pki/apiserver.crt",
                    "-noout",
                    "-ext",
                    "subjectAltName",
                ],
                "",
            )
            .stdout;
        let names = text.lines().nth(1).unwrap().trim();
        format!("subjectAltName={}\n", names.replace("IP Address:", "IP:"))
    }

    /// Returns what lies below the folder.
    pub(crate) fn snapshot(&self) -> Snapshot {
        snapshot(self.folder())
    }

    /// Returns the bytes that hold each leaf: certificate and key, or kubeconfig. Nothing for what is not a file.
    pub(crate) fn leaves(&self) -> BTreeMap<&'static str, Vec<u8>> {
        LEAVES
            .into_iter()
            .map(|row| {
                let names = files_of(row);
                // A FIFO would block, and a device never end.
                let read = |name: &String| match self.path(name) {
                    path if path.is_file() => fs::read(path).unwrap(),
                    _ => Vec::new(),
                };
                (row, names.iter().flat_map(read).collect())
            })
            .collect()
    }

    /// Fails unless everything is as it was.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &Snapshot, run: &Run) {
        assert_eq!(
            differences(before, &self.snapshot()),
            "",
            "something was written by {run}"
        );
    }
}

/// Returns the files of a row, below `etc/kubernetes`.
pub(crate) fn files_of(row: &str) -> Vec<String> {
    if row.ends_with(".conf") {
        return vec![row.to_owned()];
    }
    if row == "sa" {
        return ["pki/sa.pub", "pki/sa.key"].map(str::to_owned).into();
    }
    let base = match row.strip_prefix("etcd-") {
        Some(name) => format!("pki/etcd/{name}"),
        None => format!("pki/{row}"),
    };
    vec![format!("{base}.crt"), format!("{base}.key")]
}

/// Returns the run if it ended by itself, without a panic, and said nothing but lines of text in the form that all have.
#[track_caller]
pub(crate) fn sane(run: Run) -> Run {
    assert!(run.code.is_some_and(|code| code != 101), "{run}");
    assert!(!run.stderr.contains("panicked"), "{run}");
    for text in [&run.stdout, &run.stderr] {
        let stray = text.chars().find(|character| steers(*character));
        assert!(stray.is_none(), "{stray:?} is in the output: {run}");
        assert!(!text.contains("-----BEGIN "), "PEM is in the output: {run}");
    }
    // Wrong usage is answered by clap.
    if run.code != Some(2) {
        let bad = run.stderr.lines().find(|line| !is_well_formed(line));
        assert!(bad.is_none(), "{bad:?} is no message: {run}");
    }
    run
}

/// What a line of a message begins with, unless it is a plain sentence.
const LABELS: [&str; 4] = ["error: ", "warning: ", "hint: ", "note: "];

/// No message is longer, whatever was found in a file.
const LONGEST: usize = 1000;

/// Returns whether a line is a message: it says something, begins in lower case or with a name, does not end in a stop, and
/// shows nothing as Rust would print it for a programmer.
fn is_well_formed(line: &str) -> bool {
    let said = LABELS
        .iter()
        .find_map(|label| line.strip_prefix(label))
        .unwrap_or(line);
    let is_capital = said.starts_with(|first: char| first.is_uppercase());
    let begins = !is_capital || said.starts_with("CA `");
    let ends = !said.trim().is_empty() && !said.ends_with(['.', ':', ' ']);
    // What stands in backticks comes from a file or from the command line.
    let own = said.split('`').step_by(2).collect::<String>();
    let is_for_people = !own.replace("'{'", "").contains(['{', '}', '"']);
    begins && ends && is_for_people && line.len() < LONGEST
}

/// Returns whether a terminal would act on a character, or hide it, or show what follows in another order.
fn steers(character: char) -> bool {
    let is_hidden = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    is_hidden || (character.is_control() && character != '\n')
}

/// So much of a key's base64 in a row is no coincidence.
const PIECE: usize = 40;

/// Returns whether an output holds a piece of a secret, even across lines.
fn tells(run: &Run, secrets: &BTreeSet<String>) -> bool {
    let in_one_line = |text: &str| text.split_whitespace().collect::<String>();
    let texts = [&run.stdout, &run.stderr];
    let joined = texts.map(|text| in_one_line(text));
    let pieces: BTreeSet<&[u8]> = texts
        .into_iter()
        .chain(&joined)
        .flat_map(|text| text.split(|character| !is_base64(character)))
        .flat_map(|word| word.as_bytes().windows(PIECE))
        .collect();
    let is_told = |secret: &String| match secret.len() {
        ..PIECE => texts.iter().any(|text| text.contains(secret.as_str())),
        _ => secret
            .as_bytes()
            .windows(PIECE)
            .any(|piece| pieces.contains(piece)),
    };
    secrets.iter().any(is_told)
}

fn is_base64(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=".contains(character)
}

/// Returns the base64 of the private keys in a file, in whatever form, and the tokens and passwords.
fn secrets(text: &str) -> Vec<String> {
    let mut secrets = keys(text);
    // However a value is folded, quoted or indented.
    let packed: String = text
        .chars()
        .filter(|character| !character.is_whitespace() && !"\"'|>".contains(*character))
        .collect();
    for after in packed.split("client-key-data:").skip(1) {
        let value: String = after.chars().take_while(|c| is_base64(*c)).collect();
        let decoded = STANDARD.decode(&value).unwrap_or_default();
        secrets.extend(keys(&String::from_utf8_lossy(&decoded)));
        secrets.push(value);
    }
    for line in text.lines() {
        let field = line.trim_start().trim_start_matches("- ");
        let value = ["token: ", "password: "]
            .iter()
            .find_map(|name| field.strip_prefix(name));
        secrets.extend(value.map(|value| value.trim_matches(['"', '\'']).to_owned()));
    }
    secrets.retain(|secret| secret.len() >= 8);
    secrets
}

/// Returns the base64 of the private keys in PEM text.
fn keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("-----BEGIN") {
            current = line.contains("PRIVATE KEY").then(String::new);
        } else if line.starts_with("-----END") {
            keys.extend(current.take());
        } else if let Some(key) = current.as_mut().filter(|_| line.chars().all(is_base64)) {
            key.push_str(line);
        }
    }
    // One that has no end is still a key.
    keys.extend(current);
    keys
}

/// Returns everything below a folder; links are not followed.
pub(crate) fn snapshot(folder: &Path) -> Snapshot {
    let mut entries = Snapshot::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = metadata.file_type();
            let what = if kind.is_symlink() {
                What::Link(fs::read_link(&path).unwrap())
            } else if kind.is_dir() {
                folders.push(path.clone());
                What::Directory
            } else if kind.is_fifo() || !kind.is_file() {
                What::Other
            } else if metadata.len() > 1 << 20 {
                What::Large(metadata.len())
            } else {
                What::File(fs::read(&path).unwrap())
            };
            let entry = Entry {
                what,
                mode: metadata.mode() & 0o7777,
                owner: (metadata.uid(), metadata.gid()),
            };
            entries.insert(path.strip_prefix(folder).unwrap().to_owned(), entry);
        }
    }
    entries
}

/// Returns what differs, one path a line.
pub(crate) fn differences(before: &Snapshot, after: &Snapshot) -> String {
    let paths = before
        .keys()
        .chain(after.keys().filter(|path| !before.contains_key(*path)));
    paths
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| {
            format!(
                "{}: {:?} -> {:?}\n",
                path.display(),
                before.get(path),
                after.get(path)
            )
        })
        .collect()
}
