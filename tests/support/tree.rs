//! A directory of a test's own, with a tree in `etc/kubernetes`.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    output::{assert_no_secret, sane, secrets_below},
    rows::KUBECONFIGS,
    run::{Run, pki, run, run_with_input},
    shared::made_tree,
    snapshot::{Snapshot, snapshot},
};

/// The default time of runs; the fixtures of 1.36 were made shortly before.
pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 00:21:28 UTC);

/// [`NOW`], as an argument.
pub(crate) const NOW_ARGUMENT: &str = "2026-11-22T00:21:28Z";

/// The flags of all trees that `pki init` makes here: a name and an address of each kind.
pub(crate) const FLAGS: [&str; 5] = [
    "--node-name=cp-1",
    "--apiserver-advertise-address=192.0.2.11",
    "--control-plane-endpoint=api.example.net:6443",
    "--apiserver-cert-extra-sans=*.apps.example.net,2001:db8::7",
    "--service-dns-domain=k8s.example.net",
];

/// The smallest tree that kubeadm made, with ECDSA keys.
pub(crate) const EXTERNAL_ETCD: &str = "kubeadm-1.36/external-etcd";

/// A directory with a tree in `etc/kubernetes`.
pub(crate) struct TestTree {
    root: PathBuf,
    /// Removes the directory; shared trees are removed by a later process instead.
    _temporary: Option<TempDir>,
}

// Making trees.

impl TestTree {
    /// Copies the tree that `pki init` made at [`NOW`] of [`FLAGS`], with ECDSA keys.
    pub(crate) fn new() -> TestTree {
        TestTree::empty().filled_with("cluster")
    }

    /// Copies the tree of another cluster, which was made of the same flags.
    pub(crate) fn of_another_cluster() -> TestTree {
        TestTree::empty().filled_with("another-cluster")
    }

    /// The same as [`TestTree::new`], on the file system of temporary files instead of one in memory.
    pub(crate) fn on_disk() -> TestTree {
        TestTree::in_directory(TempDir::new().unwrap()).filled_with("cluster")
    }

    /// Makes a directory with nothing in it: in memory where that is possible, since thousands of trees are made and synced.
    pub(crate) fn empty() -> TestTree {
        let directory = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
        TestTree::in_directory(directory.unwrap())
    }

    /// Makes an empty root directory inside a directory of the test's own, for files outside the root.
    pub(crate) fn nested() -> TestTree {
        let TestTree { root, _temporary } = TestTree::empty();
        let root = root.join("root");
        fs::create_dir(&root).unwrap();
        TestTree { root, _temporary }
    }

    /// Copies a tree of `tests/fixtures`, with the modes that kubeadm gave it; version control does not keep them.
    pub(crate) fn fixture(name: &str) -> TestTree {
        let tree = TestTree::empty();
        copy_fixture(&fixtures().join(name), &tree.path(""));
        tree
    }

    /// Has `pki init` make a tree of these flags at the time of the machine: for programs that cannot be told another time.
    pub(crate) fn made_now(flags: &[&str]) -> TestTree {
        let tree = TestTree::empty();
        run(pki()
            .arg("init")
            .arg("--rootfs")
            .arg(&tree.root)
            .args(flags))
        .ok();
        tree
    }

    /// The tree in a directory that somebody else removes.
    pub(super) fn at(root: PathBuf) -> TestTree {
        TestTree {
            root,
            _temporary: None,
        }
    }

    fn in_directory(directory: TempDir) -> TestTree {
        TestTree {
            root: directory.path().to_owned(),
            _temporary: Some(directory),
        }
    }

    fn filled_with(self, shared: &str) -> TestTree {
        // Only `etc`: other tests unpack kubeconfigs beside it.
        let from = made_tree(shared, NOW_ARGUMENT).root().join("etc");
        copy(&from, &self.root.join("etc"));
        self
    }

    /// Returns what to call it in messages.
    pub(crate) fn name(&self) -> String {
        let name = self.root.file_name().unwrap();
        name.to_string_lossy().into_owned()
    }
}

// Files.

impl TestTree {
    /// Returns the directory; the argument of `--rootfs`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of a file or directory below `etc/kubernetes`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join("etc/kubernetes").join(name)
    }

    /// Returns the path of a file in the directory of certificates.
    pub(crate) fn pki_file(&self, name: &str) -> PathBuf {
        self.path("pki").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Writes a file; one that is there keeps its mode, a new one gets kubeadm's.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        let is_new = !path.exists();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        if is_new {
            set_kubeadms_mode(&path);
        }
    }

    /// Makes a huge sparse file.
    pub(crate) fn write_zeroes(&self, name: &str, length: u64) {
        let file = fs::File::create(self.path(name)).unwrap();
        file.set_len(length).unwrap();
    }

    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        self.write(name, edit(self.text(name)));
    }

    pub(crate) fn edit_bytes(&self, name: &str, edit: impl FnOnce(&[u8]) -> Vec<u8>) {
        self.write(name, edit(&self.read(name)));
    }

    /// Replaces text that occurs exactly once in a file.
    #[track_caller]
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {name}");
        self.write(name, text.replace(from, to));
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        self.write(to, self.read(from));
    }

    /// Copies certificate and key of one pair over those of another one: `etcd/server`, `apiserver`.
    pub(crate) fn copy_pair(&self, from: &str, to: &str) {
        for end in ["crt", "key"] {
            self.copy(&format!("pki/{from}.{end}"), &format!("pki/{to}.{end}"));
        }
    }

    /// Copies certificate and key of a pair of another tree.
    pub(crate) fn take_pair(&self, other: &TestTree, base: &str) {
        for end in ["crt", "key"] {
            let name = format!("pki/{base}.{end}");
            self.write(&name, other.read(&name));
        }
    }

    pub(crate) fn append(&self, from: &str, to: &str) {
        self.write(to, [self.read(to), self.read(from)].concat());
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    pub(crate) fn remove_all(&self, names: &[impl AsRef<str>]) {
        names.iter().for_each(|name| self.remove(name.as_ref()));
    }

    /// Removes the files of rows.
    pub(crate) fn remove_rows(&self, rows: &[&str]) {
        for name in rows.iter().flat_map(|row| super::rows::files_of(row)) {
            self.remove(&name);
        }
    }

    /// Removes `pki`'s own state, as if kubeadm had made the tree.
    pub(crate) fn forget_configuration(&self) {
        fs::remove_dir_all(self.path(".pki")).unwrap();
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Returns the names of those that are there.
    pub(crate) fn present<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        let there = names.iter().copied().filter(|name| self.exists(name));
        there.collect()
    }

    pub(crate) fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Returns the permission bits of a file.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        self.path(name).symlink_metadata().unwrap().mode() & 0o7777
    }

    /// Writes a file beside the tree, and returns its path as an argument.
    pub(crate) fn beside(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.root.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Returns the decoded value of the one field of that name in a kubeconfig, such as `client-key-data`.
    pub(crate) fn embedded(&self, kubeconfig: &str, field: &str) -> Vec<u8> {
        let text = self.text(kubeconfig);
        let values: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(field)?.strip_prefix(": "))
            .collect();
        assert_eq!(values.len(), 1, "{kubeconfig}: {field}");
        STANDARD.decode(values[0].trim()).unwrap()
    }

    /// Puts the base64 of these bytes into that field.
    pub(crate) fn embed(&self, kubeconfig: &str, field: &str, bytes: impl AsRef<[u8]>) {
        let old = STANDARD.encode(self.embedded(kubeconfig, field));
        let new = STANDARD.encode(bytes);
        self.edit(kubeconfig, |text| {
            text.replace(&format!("{field}: {old}"), &format!("{field}: {new}"))
        });
    }

    /// Has every kubeconfig trust what is in `ca.crt`.
    pub(crate) fn embed_ca(&self) {
        let ca = self.read("pki/ca.crt");
        for kubeconfig in KUBECONFIGS {
            self.embed(kubeconfig, "certificate-authority-data", &ca);
        }
    }

    /// Writes the certificate, key and CA of a kubeconfig into files outside the tree, and returns their paths.
    pub(crate) fn unpacked(&self, kubeconfig: &str) -> [PathBuf; 3] {
        let folder = self.root.join("unpacked");
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&folder)
            .unwrap();
        [
            ("client-certificate-data", "crt"),
            ("client-key-data", "key"),
            ("certificate-authority-data", "ca"),
        ]
        .map(|(field, extension)| {
            let path = folder.join(format!("{kubeconfig}.{extension}"));
            // By renaming: other tests may be reading the same file of a shared tree.
            let mut file = NamedTempFile::new_in(&folder).unwrap();
            file.write_all(&self.embedded(kubeconfig, field)).unwrap();
            file.persist(&path).unwrap();
            path
        })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        snapshot(&self.root)
    }
}

// Runs.

impl TestTree {
    /// Returns our binary with these arguments, on this tree, at [`NOW`] unless `--now` is among them.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pki();
        command.args(arguments).arg("--rootfs").arg(&self.root);
        if !arguments.contains(&"--now") {
            command.args(["--now", NOW_ARGUMENT]);
        }
        command
    }

    /// Runs our binary with these arguments; see [`TestTree::command`] and [`TestTree::watch`].
    #[track_caller]
    pub(crate) fn pki(&self, arguments: &[&str]) -> Run {
        self.watch(&mut self.command(arguments))
    }

    /// The same with `input` as standard input.
    #[track_caller]
    pub(crate) fn pki_with_input(&self, arguments: &[&str], input: &str) -> Run {
        self.watch_with_input(&mut self.command(arguments), input)
    }

    /// Runs our binary at another time.
    #[track_caller]
    pub(crate) fn pki_at(&self, now: OffsetDateTime, arguments: &[&str]) -> Run {
        let now = now.format(&Rfc3339).unwrap();
        self.pki(&[arguments, &["--now", &now]].concat())
    }

    /// Runs `pki init` with [`FLAGS`], ECDSA keys, and these arguments.
    #[track_caller]
    pub(crate) fn init(&self, arguments: &[&str]) -> Run {
        let algorithm = ["--encryption-algorithm=ECDSA-P256"];
        self.pki(&[&["init"], &FLAGS[..], &algorithm, arguments].concat())
    }

    /// Runs our binary, with what changes below the root.
    ///
    /// No run may panic, print control characters or a secret of the tree, or print a message in an unusual form.
    #[track_caller]
    pub(crate) fn watch(&self, command: &mut Command) -> Run {
        self.watch_with_input(command, "")
    }

    /// The same with `input` as standard input.
    #[track_caller]
    pub(crate) fn watch_with_input(&self, command: &mut Command, input: &str) -> Run {
        let mut secrets = secrets_below(&self.root);
        let run = sane(self.observe_with_input(command, input));
        secrets.extend(secrets_below(&self.root));
        assert_no_secret(&run, &secrets);
        run
    }

    /// Runs a program and records what changes below the root. Makes no demands on the run.
    pub(crate) fn observe(&self, command: &mut Command) -> Run {
        self.observe_with_input(command, "")
    }

    fn observe_with_input(&self, command: &mut Command, input: &str) -> Run {
        let before = self.snapshot();
        let mut run = run_with_input(command, input);
        run.changes = Some(before.changes(&self.snapshot()));
        run
    }

    /// Checks that the whole tree can be used: a check finds nothing, and `init` keeps everything.
    #[track_caller]
    pub(crate) fn assert_healthy(&self) {
        self.pki(&["check-expiration"]).exits(0).changed_nothing();
        self.pki(&["init"]).exits(0).changed_files(&[""; 0]);
    }

    /// Runs `pki check-expiration -o json`, and returns what it printed.
    #[track_caller]
    pub(crate) fn expiration(&self, now: OffsetDateTime) -> Value {
        let run = self.pki_at(now, &["check-expiration", "-o", "json"]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
    }
}

/// Returns a number of days.
pub(crate) fn days(count: i64) -> Duration {
    Duration::days(count)
}

/// Returns the directory of the trees that kubeadm made.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns the path of a fixture's `kubeadm.yaml`, as an argument.
pub(crate) fn config_of(fixture: &str) -> String {
    let path = fixtures().join(fixture).join("kubeadm.yaml");
    path.to_str().unwrap().to_owned()
}

/// Returns a moment at which everything in a fixture is valid.
pub(crate) fn made_at(fixture: &str) -> OffsetDateTime {
    let version = fixture.split('/').next().unwrap();
    let text = fs::read_to_string(fixtures().join(version).join("MADE_AT")).unwrap();
    OffsetDateTime::parse(text.trim(), &Rfc3339).unwrap()
}

/// Copies a directory with its modes.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(&from, &to).unwrap()),
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

fn copy_fixture(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy_fixture(&from, &to);
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        } else {
            fs::write(&to, fs::read(&from).unwrap()).unwrap();
            set_kubeadms_mode(&to);
        }
    }
}

fn set_kubeadms_mode(path: &Path) {
    let mode = match path.extension().and_then(|extension| extension.to_str()) {
        Some("key" | "conf" | "pub" | "pem") => 0o600,
        _ => 0o644,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
