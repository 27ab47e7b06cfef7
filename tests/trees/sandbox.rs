//! A root directory of a test's own, with a tree in `etc/kubernetes`, and what changed in it.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{Run, pki, run};

/// The time of every run that a test does not give another one; the fixtures of 1.36 were made just before.
pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 00:21:28 UTC);

/// A configuration that is the same on every machine, with keys that are made fast.
pub(crate) const FLAGS: [&str; 6] = [
    "--node-name=cp1",
    "--apiserver-advertise-address=192.0.2.11",
    "--encryption-algorithm=ECDSA-P256",
    "--control-plane-endpoint=api.example.net",
    "--service-cidr=10.96.0.0/12",
    "--service-dns-domain=cluster.local",
];

/// The configuration that the external-etcd tree of 1.36 was made from; the smallest tree there is.
pub(crate) const EXTERNAL_ETCD: &str = "kubeadm-1.36/external-etcd";

pub(crate) const KUBECONFIGS: [&str; 5] = [
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

/// Name, path without extension and CA of every leaf, once more: the catalog must not judge itself.
pub(crate) const LEAVES: [(&str, &str, &str); 7] = [
    ("apiserver", "apiserver", "ca"),
    ("apiserver-kubelet-client", "apiserver-kubelet-client", "ca"),
    ("front-proxy-client", "front-proxy-client", "front-proxy-ca"),
    ("etcd-server", "etcd/server", "etcd/ca"),
    ("etcd-peer", "etcd/peer", "etcd/ca"),
    (
        "etcd-healthcheck-client",
        "etcd/healthcheck-client",
        "etcd/ca",
    ),
    ("apiserver-etcd-client", "apiserver-etcd-client", "etcd/ca"),
];

/// Everything that no renewal may touch.
pub(crate) const AUTHORITIES: [&str; 8] = [
    "pki/ca.crt",
    "pki/ca.key",
    "pki/front-proxy-ca.crt",
    "pki/front-proxy-ca.key",
    "pki/etcd/ca.crt",
    "pki/etcd/ca.key",
    "pki/sa.key",
    "pki/sa.pub",
];

/// A root directory with a tree in `etc/kubernetes`.
pub(crate) struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    /// Makes one without a tree.
    pub(crate) fn empty() -> Sandbox {
        let root = TempDir::new().unwrap();
        fs::create_dir_all(root.path().join("etc/kubernetes/pki/etcd")).unwrap();
        Sandbox { root }
    }

    /// Makes one with the tree that `pki init` makes of [`FLAGS`].
    pub(crate) fn made() -> Sandbox {
        let sandbox = Sandbox::empty();
        sandbox.init(&[]).ended_with(0);
        sandbox
    }

    /// Makes one with a copy of a tree in `tests/fixtures`, modes as kubeadm left them.
    pub(crate) fn fixture(name: &str) -> Sandbox {
        let sandbox = Sandbox::empty();
        copy_tree(&fixtures().join(name), &sandbox.path(""));
        sandbox
    }

    /// Returns the argument of `--rootfs`.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Returns the path of a file or directory of the tree.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join("etc/kubernetes").join(relative)
    }

    /// Runs `pki` on the tree at [`NOW`].
    pub(crate) fn pki(&self, arguments: &[&str]) -> Run {
        self.pki_at(NOW, arguments)
    }

    /// Runs `pki` on the tree.
    pub(crate) fn pki_at(&self, now: OffsetDateTime, arguments: &[&str]) -> Run {
        run(pki()
            .args(arguments)
            .arg("--rootfs")
            .arg(self.root())
            .arg("--now")
            .arg(now.format(&Rfc3339).unwrap()))
    }

    /// Runs `pki init` with [`FLAGS`] and these on top.
    pub(crate) fn init(&self, arguments: &[&str]) -> Run {
        self.pki(&[&["init"], &FLAGS[..], arguments].concat())
    }

    /// Runs `pki check-expiration -o json`, and returns what it printed.
    pub(crate) fn expiration(&self, now: OffsetDateTime) -> Value {
        let run = self.pki_at(now, &["check-expiration", "-o", "json"]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
    }

    /// Reads a file of the tree.
    pub(crate) fn read(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    /// Reads a text file of the tree.
    pub(crate) fn text(&self, relative: &str) -> String {
        String::from_utf8(self.read(relative)).unwrap()
    }

    /// Writes a file of the tree; kubeadm's mode.
    pub(crate) fn write(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        set_mode(&path);
    }

    /// Removes files of the tree.
    pub(crate) fn remove(&self, relative: &[&str]) {
        for name in relative {
            fs::remove_file(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    /// Copies one file of the tree over another.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        self.write(to, self.read(from));
    }

    /// Returns whether a file or directory of the tree is there.
    pub(crate) fn exists(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }

    /// Returns the names of those that are there.
    pub(crate) fn present<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        names
            .iter()
            .copied()
            .filter(|name| self.exists(name))
            .collect()
    }

    /// Returns the permission bits of a file of the tree.
    pub(crate) fn mode(&self, relative: &str) -> u32 {
        fs::metadata(self.path(relative)).unwrap().mode() & 0o7777
    }

    /// Writes a file beside the tree, and returns its path as an argument.
    pub(crate) fn beside(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.root().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Returns the decoded value of the one field of that name in a kubeconfig, such as `client-certificate-data`.
    pub(crate) fn embedded(&self, kubeconfig: &str, field: &str) -> Vec<u8> {
        let text = self.text(kubeconfig);
        let values: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(field)?.strip_prefix(": "))
            .collect();
        assert_eq!(
            values.len(),
            1,
            "{kubeconfig}: {field} should be there once"
        );
        STANDARD.decode(values[0]).unwrap()
    }

    /// Replaces the value of the one field of that name in a kubeconfig by the base64 of `bytes`.
    pub(crate) fn embed(&self, kubeconfig: &str, field: &str, bytes: impl AsRef<[u8]>) {
        let old = STANDARD.encode(self.embedded(kubeconfig, field));
        let new = self.text(kubeconfig).replace(
            &format!("{field}: {old}"),
            &format!("{field}: {}", STANDARD.encode(bytes)),
        );
        self.write(kubeconfig, new);
    }

    /// Takes note of every file and directory below the root: bytes, mode, inode and time of the last change.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut entries = BTreeMap::new();
        note(self.root(), self.root(), &mut entries);
        Snapshot(entries)
    }
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

/// Returns a moment at which everything in a folder of fixtures is valid.
pub(crate) fn made_at(version: &str) -> OffsetDateTime {
    let text = fs::read_to_string(fixtures().join(version).join("MADE_AT")).unwrap();
    OffsetDateTime::parse(text.trim(), &Rfc3339).unwrap()
}

/// Returns a number of days.
pub(crate) fn days(count: i64) -> Duration {
    Duration::days(count)
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy_tree(&from, &to);
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        } else {
            // Not `fs::copy`, which takes the mode along: version control does not keep it.
            fs::write(&to, fs::read(&from).unwrap()).unwrap();
            set_mode(&to);
        }
    }
}

fn set_mode(path: &Path) {
    let mode = match path.extension().and_then(|extension| extension.to_str()) {
        Some("key" | "conf" | "pub" | "pem") => 0o600,
        _ => 0o644,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What lies below a root directory; see [`Snapshot::changes`].
pub(crate) struct Snapshot(BTreeMap<String, Entry>);

#[derive(PartialEq)]
struct Entry {
    is_directory: bool,
    mode: u32,
    inode: u64,
    changed: (i64, i64),
    bytes: Vec<u8>,
}

fn note(root: &Path, folder: &Path, entries: &mut BTreeMap<String, Entry>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let is_directory = metadata.is_dir();
        let entry = Entry {
            is_directory,
            mode: metadata.mode(),
            inode: metadata.ino(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
            bytes: if is_directory {
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            },
        };
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        entries.insert(name, entry);
        if is_directory {
            note(root, &path, entries);
        }
    }
}

impl Snapshot {
    /// Returns every path that is not what it was, with a word why; directories too.
    pub(crate) fn changes(&self, later: &Snapshot) -> Vec<String> {
        let gone = self.0.keys().filter(|name| !later.0.contains_key(*name));
        let gone = gone.map(|name| format!("{name}: removed"));
        let other = later.0.iter().filter_map(|(name, entry)| {
            let old = self.0.get(name);
            let what = match old {
                None => "made",
                Some(old) if old.bytes != entry.bytes => "other contents",
                Some(old) if old.mode != entry.mode => "other mode",
                Some(old) if old != entry => "written again",
                Some(_) => return None,
            };
            Some(format!("{name}: {what}"))
        });
        gone.chain(other).collect()
    }

    /// Returns the same for files only.
    pub(crate) fn file_changes(&self, later: &Snapshot) -> Vec<String> {
        let is_file = |name: &str| {
            [later, self]
                .iter()
                .find_map(|snapshot| snapshot.0.get(name))
                .is_some_and(|entry| !entry.is_directory)
        };
        let mut changes = self.changes(later);
        changes.retain(|change| is_file(change.rsplit_once(": ").unwrap().0));
        changes
    }
}

impl Debug for Snapshot {
    /// Names only: some of the bytes are private keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What tests expect of a run beyond [`Run::ok`] and [`Run::refused`].
pub(crate) trait Ended {
    /// Returns the run if its exit code is this one.
    fn ended_with(self, code: i32) -> Run;
    /// Returns the run if it, on either stream, says this.
    fn says(self, text: &str) -> Run;
    /// Returns the run if it says this on neither stream.
    fn does_not_say(self, text: &str) -> Run;
}

impl Ended for Run {
    #[track_caller]
    fn ended_with(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Run {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "should say {text:?}: {self}"
        );
        self
    }

    #[track_caller]
    fn does_not_say(self, text: &str) -> Run {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "should not say {text:?}: {self}"
        );
        self
    }
}

/// Runs `pki` on a tree and demands that it refuses with exit code 3, says each of these, and leaves every byte alone.
#[track_caller]
pub(crate) fn refused_untouched(sandbox: &Sandbox, arguments: &[&str], reasons: &[&str]) {
    refused_untouched_at(sandbox, NOW, arguments, reasons);
}

/// [`refused_untouched`] at another time.
#[track_caller]
pub(crate) fn refused_untouched_at(
    sandbox: &Sandbox,
    now: OffsetDateTime,
    arguments: &[&str],
    reasons: &[&str],
) {
    let before = sandbox.snapshot();
    let mut run = sandbox.pki_at(now, arguments).ended_with(3);
    for reason in reasons {
        run = run.says(reason);
    }
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0], "{run}");
}
