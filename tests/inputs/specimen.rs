//! A tree of its own for one test, to be spoiled and then given to the binary.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::{Run, pki, run, run_with_input, tree};

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
}

impl Specimen {
    /// Copies the shared tree.
    pub(crate) fn new() -> Specimen {
        Specimen::empty().filled()
    }

    /// Copies the shared tree to where temporary files usually lie.
    pub(crate) fn on_disk() -> Specimen {
        let folder = TempDir::new().unwrap();
        Specimen { folder }.filled()
    }

    fn filled(self) -> Specimen {
        // Only `etc`: other tests unpack kubeconfigs beside it.
        run(Command::new("cp")
            .arg("-a")
            .arg(tree("ECDSA-P256").rootfs().join("etc"))
            .arg(self.folder()))
        .ok();
        self
    }

    /// A folder in which there is nothing.
    pub(crate) fn empty() -> Specimen {
        // In memory where there is a place for it: hundreds of renewals would wait for the disk.
        let folder = TempDir::new_in("/dev/shm")
            .or_else(|_| TempDir::new())
            .unwrap();
        Specimen { folder }
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

    /// Returns our binary with this tree and these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pki();
        command.args(arguments).arg("--rootfs").arg(self.folder());
        command
    }

    /// Runs our binary on this tree; it must not panic.
    pub(crate) fn pki(&self, arguments: &[&str]) -> Run {
        sane(run(&mut self.command(arguments)))
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
        let [key, crt] = ["key", "crt"].map(|extension| format!("pki/{leaf}.{extension}"));
        let [ca_key, ca_crt] = ["key", "crt"].map(|extension| format!("pki/{ca}.{extension}"));
        let scratch = TempDir::new().unwrap();
        let [request, file] = ["csr", "ext"].map(|name| scratch.path().join(name));
        let [request, file] = [request.to_str().unwrap(), file.to_str().unwrap()];
        fs::write(file, extensions).unwrap();
        self.openssl(
            &[
                "req",
                "-new",
                "-key",
                &key,
                "-subj",
                "/CN=kube-apiserver",
                "-out",
                request,
            ],
            "",
        );
        let arguments = [
            "x509", "-req", "-in", request, "-out", &crt, "-CA", &ca_crt, "-CAkey", &ca_key,
            "-days", "300", "-extfile", file,
        ];
        self.openssl(&[&arguments, options].concat(), "");
    }

    /// Signs another self-signed certificate for `<ca>.key`, of the same name.
    pub(crate) fn resign_ca(&self, ca: &str, extensions: &str, options: &[&str]) {
        let [key, crt] = ["key", "crt"].map(|extension| format!("pki/{ca}.{extension}"));
        let scratch = TempDir::new().unwrap();
        let [request, file] = ["csr", "ext"].map(|name| scratch.path().join(name));
        let [request, file] = [request.to_str().unwrap(), file.to_str().unwrap()];
        fs::write(file, extensions).unwrap();
        self.openssl(
            &[
                "req",
                "-new",
                "-key",
                &key,
                "-subj",
                "/CN=kubernetes",
                "-out",
                request,
            ],
            "",
        );
        let arguments = [
            "x509", "-req", "-in", request, "-out", &crt, "-signkey", &key, "-days", "3000",
            "-extfile", file,
        ];
        self.openssl(&[&arguments, options].concat(), "");
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

    /// Fails unless everything but the lock is as it was.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &Snapshot, run: &Run) {
        let mut after = self.snapshot();
        let lock = Path::new("etc/kubernetes/.pki/lock");
        // Who held it last is written into it; nothing else may appear with it.
        if let (Some(old), Some(_)) = (before.get(lock), after.get(lock)) {
            after.insert(lock.to_owned(), old.clone());
        }
        assert_eq!(
            differences(before, &after),
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
    let base = match row.strip_prefix("etcd-") {
        Some(name) => format!("pki/etcd/{name}"),
        None => format!("pki/{row}"),
    };
    vec![format!("{base}.crt"), format!("{base}.key")]
}

/// Returns the run if it ended by itself and without a panic.
#[track_caller]
pub(crate) fn sane(run: Run) -> Run {
    assert!(run.code.is_some_and(|code| code != 101), "{run}");
    assert!(!run.stderr.contains("panicked"), "{run}");
    run
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
